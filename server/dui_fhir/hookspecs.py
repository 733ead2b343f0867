"""Every hook, in the order of a server's life: start-up, choices, checks, limits, additions, after the fact.

The first word of a name is its contract (docs/hooks.md):

============  ==============================  =================================  ==========================================
``declare_``  once, at start-up               all, concatenated                  the server refuses to start
``choose_``   start-up or request             first that is not None             refused start, or 500 and nothing written
``check_``    before a write or an answer     all issues, one error stops        fail closed: 500, nothing written
``limit_``    before a read or a search       all; can only narrow               fail closed: 500, nothing shown
``add_``      before submission               all, committed with the change     500, nothing written
``on_``       after the commit                none                               isolated: logged, counted, others run
============  ==============================  =================================  ==========================================

An implementation may take any subset of the parameters, by name; it never changes an argument. Only those of the plugins
active for the request are called (``context.corridors``). Wrappers are refused: no plugin controls another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Change, Interaction, Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.dossier import ClockRule
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.operation import Operation
from dui_fhir.domain.query import Node
from dui_fhir.ports import Connector, Stores
from dui_fhir.settings import Setting, Settings

if TYPE_CHECKING:
    import click

PROJECT = "dui_fhir"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """An issue that a rule left on a resource being written, for those who turn it into work.

    ``reference`` is ``Type/id`` of the resource; ``task`` tells that the rule asks for a task in the work-list.
    """

    reference: str
    issue: Issue
    task: bool = False


# ---------------------------------------------------------------------------------------------------------- start-up


@hookspec
def declare_definitions() -> Sequence[Resource]:  # type: ignore[empty-body]
    """Add conformance resources that are computed rather than written in the plugin's folder.

    When: once, at start-up.
    Returns: FHIR JSON of StructureDefinition, ValueSet, CodeSystem, ConceptMap, SearchParameter or Questionnaire, each
        with ``url``.
    Combined: concatenated after the files of the folders; a ``url`` given twice is refused.
    If it raises: the server does not start; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_definitions() -> list[Resource]:
            return [{"resourceType": "ValueSet", "url": "https://exemple.fr/vs/gir", "status": "active"}]
    """


@hookspec
def declare_rules() -> Sequence[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Declare rules that are generated (one per row of a table, for example) rather than written one per file.

    When: once, at start-up.
    Returns: mappings with the fields of ``rules/*.rule.json``; the checks themselves are in ``check_resource``.
    Combined: concatenated after the files of the folders; an id given twice is refused.
    If it raises: the server does not start; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_rules() -> list[dict[str, Any]]:
            return [{"id": "XYZ-20", "title": "Le champ A est attendu.", "resource": "Goal", "severity": "warning", "source": "J"}]
    """


@hookspec
def declare_clock_rules() -> Sequence[ClockRule]:  # type: ignore[empty-body]
    """Say how the rules of kind ``P`` are checked, every day, in each file of the structures of the plugin.

    When: once, at start-up; each function then runs once a day per file (or per structure).
    Returns: the id of a rule declared by this plugin and its pure function, which yields the deadlines not met yet; the server
        opens a task the day after each, and closes it once the function no longer yields it.
    Combined: concatenated; a second function for one rule is refused, as one for a rule that the plugin does not declare.
    If it raises: the server does not start; plugin and file are named. An exception of a function is isolated: logged,
        counted, the tasks of that rule in that file stay as they are.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_clock_rules() -> list[ClockRule]:
            return [ClockRule(id="XYZ-11", find=contract_to_sign)]
    """


@hookspec
def declare_documents() -> Sequence[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Declare document types that ``documents.json`` cannot hold.

    When: once, at start-up.
    Returns: mappings with the fields of an entry of ``documents.json``.
    Combined: concatenated after the files of the folders; an id given twice by one plugin is refused.
    If it raises: the server does not start; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_documents() -> list[dict[str, Any]]:
            return [note_type(code) for code in NOTES]
    """


@hookspec
def declare_access_rules() -> Sequence[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Declare rows of the habilitation matrix that ``access.json`` cannot hold.

    When: once, at start-up.
    Returns: mappings with the fields of an entry of ``access.json``.
    Combined: concatenated after the files of the folders; a second row for one role, category and scope of a plugin is
        refused.
    If it raises: the server does not start; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_access_rules() -> list[dict[str, Any]]:
            return [{"role": "cadre", "category": c, "rights": "R", "scope": "structure", "source": "J"} for c in CATEGORIES]
    """


@hookspec
def declare_operations() -> Sequence[Operation]:  # type: ignore[empty-body]
    """Add FHIR operations (``$name``).

    When: once, at start-up.
    Returns: definition and function of each; the function writes nothing itself, it answers with what is to be written.
    Combined: concatenated; a second operation of the same code on the same type is refused.
    If it raises: the server does not start; plugin and file are named. An exception of the function itself is a 500, and
        nothing is written.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_operations() -> list[Operation]:
            return [Operation(definition=DEFINITION, run=compute_gir)]
    """


@hookspec
def declare_connectors() -> Sequence[Connector]:  # type: ignore[empty-body]
    """Add a service to which jobs of the outbox can be sent.

    When: once, at start-up of the worker.
    Returns: objects with ``kind`` and ``deliver``; delivering the same job twice must be harmless.
    Combined: concatenated; a ``kind`` given twice is refused.
    If it raises: the server does not start; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_connectors() -> list[Connector]:
            return [DepartmentConnector()]
    """


@hookspec
def declare_indicators() -> Sequence[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Declare indicators that ``indicators.json`` cannot hold.

    When: once, at start-up.
    Returns: mappings with the fields of an entry of ``indicators.json``; one that counts ``points`` adds ``value``, a pure
        function from a resource and the parameters in force to its points (None = it does not count).
    Combined: concatenated after the files of the folders; an id given twice is refused.
    If it raises: the server does not start; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_indicators() -> list[dict[str, Any]]:
            return [{"id": "gir-1", "title": "Part des GIR 1", "numerator": "Personnes en GIR 1",
                     "denominator": "Personnes évaluées", "source": "J", "status": "jugement"}]
    """


@hookspec
def declare_settings() -> Sequence[Setting]:  # type: ignore[empty-body]
    """Declare settings of the deployment (an address, a switch); business values belong in ``parameters.json``.

    When: once, at start-up.
    Returns: settings whose names start with the plugin's id and an underscore. They are read from the environment
        (``DUI_FHIR_<NAME>``), with the declared default, and found in ``context.parameters`` as ``<plugin>.<rest>``.
    Combined: concatenated; a name given twice is refused.
    If it raises: the server does not start; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_settings() -> list[Setting]:
            return [Setting("xyz_portal_url", str, "", "Adresse du portail du département.")]
    """


@hookspec
def declare_commands() -> "Sequence[click.Command]":  # type: ignore[empty-body]
    """Add sub-commands to ``dui-fhir``.

    When: when the command line lists or runs commands.
    Returns: click commands, each with a name and a French help text.
    Combined: concatenated; a name given twice is refused.
    If it raises: the command line stops; plugin and file are named.
    Since: 0.1.

    Example::

        @hookimpl
        def declare_commands() -> list[click.Command]:
            return [click.Command("gmp", callback=print_gmp, help="Calcule le GMP d'une structure.")]
    """


# ----------------------------------------------------------------------------------------------------------- choices


@hookspec
def choose_store(settings: Settings) -> Stores | None:
    """Bring another store than the built-in ones.

    When: once, at start-up.
    Parameters: ``settings``: all settings; ``settings.store`` says what was asked for.
    Returns: the stores of the deployment, or None to leave the choice to others.
    Combined: first that is not None, in the order of the setting ``plugins``.
    If it raises: the server does not start; the plugin is named.
    Since: 0.1.

    Example::

        @hookimpl
        def choose_store(settings: Settings) -> Stores | None:
            return ArchiveStores(settings) if settings.store.startswith("archive:") else None
    """


@hookspec
def choose_actor(headers: Mapping[str, str], tenant: str) -> Actor | None:
    """Recognise who is behind a request, where the deployment has its own means.

    When: at each request, before anything is read.
    Parameters: ``headers``: HTTP headers, lower-case names; ``tenant``: the organisme addressed.
    Returns: the actor, or None where this plugin does not recognise the request.
    Combined: first that is not None, in the order of the setting ``plugins``; none = the server's own verifier.
    If it raises: Unauthorized and Forbidden are answered as such, anything else is 500; nothing is read or written.
    Since: 0.1.

    Example::

        @hookimpl
        def choose_actor(headers: Mapping[str, str], tenant: str) -> Actor | None:
            return gateway_actor(headers["x-gateway"]) if "x-gateway" in headers else None
    """


@hookspec
def choose_profiles(resource: Resource, context: Context) -> Sequence[str] | None:
    """Say which profiles a resource must satisfy besides those it claims.

    When: at each write, once the resource is known to be R4; the policy of the tenant says whether a fault refuses it.
    Parameters: ``resource``: as received; ``context``: circumstances of the request.
    Returns: canonical URLs, or None to leave the choice to others.
    Combined: first that is not None, in the order of the setting ``plugins``.
    If it raises: 500, nothing written.
    Since: 0.1.

    Example::

        @hookimpl
        def choose_profiles(resource: Resource, context: Context) -> list[str] | None:
            return [ANONYMOUS_PATIENT] if resource["resourceType"] == "Patient" and is_anonymous(resource) else None
    """


@hookspec
def choose_document(document: Resource, context: Context) -> str | None:
    """Tell the document type of a DocumentReference whose codes do not say it alone.

    When: before a document is made, signed or sent.
    Parameters: ``document``: the DocumentReference; ``context``: circumstances of the request.
    Returns: the ``id`` of an entry of ``documents.json``, or None to leave it to its ``type`` and ``category``.
    Combined: first that is not None, in the order of the setting ``plugins``.
    If it raises: 500, nothing written or sent.
    Since: 0.1.

    Example::

        @hookimpl
        def choose_document(document: Resource, context: Context) -> str | None:
            return "rapport-au-juge" if addressed_to_a_court(document) else None
    """


# ------------------------------------------------------------------------------------------------------------ checks


@hookspec
def check_resource(change: Change, context: Context) -> Sequence[Issue]:  # type: ignore[empty-body]
    """Check what a rule in JSON cannot say about a resource being created or updated.

    When: before each write, after structure, profile and terminology.
    Parameters: ``change``: the resource before and after, and its siblings; ``context``: circumstances and a reader.
    Returns: issues whose ``id`` is declared in ``rules/*.rule.json``. An empty ``text`` takes the title of the rule; the
        severity is the weaker of the issue's and of the rule's, once draft state, structure and reprise are considered.
    Combined: all run, after the declarative rules; one ``error`` stops the write.
    If it raises: fail closed: 500 ``plugin-failed``, nothing written.
    Since: 0.1.

    Example::

        @hookimpl
        def check_resource(change: Change, context: Context) -> list[Issue]:
            if change.type != "Encounter" or not overlaps(change.after, context.reader):
                return []
            return [Issue(severity="error", code="business-rule", id="XYZ-02", text="")]
    """


@hookspec
def check_delete(change: Change, context: Context) -> Sequence[Issue]:  # type: ignore[empty-body]
    """Check whether a resource may be deleted.

    When: before each delete.
    Parameters: ``change``: ``before`` is the resource, ``after`` None; ``context``: circumstances and a reader.
    Returns: issues, as for ``check_resource``.
    Combined: all run; one ``error`` stops the delete.
    If it raises: fail closed: 500 ``plugin-failed``, nothing deleted.
    Since: 0.1.

    Example::

        @hookimpl
        def check_delete(change: Change, context: Context) -> list[Issue]:
            done = change.type == "Encounter" and change.before["status"] == "finished"
            return [Issue(severity="error", code="business-rule", id="DOM-02", text="")] if done else []
    """


@hookspec
def check_sending(document: Resource, channel: str, context: Context) -> Sequence[Issue]:  # type: ignore[empty-body]
    """Check whether a document may leave by a channel.

    When: before a job is queued, and again before it is delivered.
    Parameters: ``document``: the DocumentReference; ``channel``: ``dmp``, ``mssante`` or ``mssante-citoyen``;
        ``context``: circumstances and a reader (patient, consents).
    Returns: issues whose ``id`` is declared with ``"kind": "A"``.
    Combined: all run; one ``error`` forbids the sending.
    If it raises: fail closed: 500 ``plugin-failed``, nothing sent.
    Since: 0.1.

    Example::

        @hookimpl
        def check_sending(document: Resource, channel: str, context: Context) -> list[Issue]:
            refused = channel == "dmp" and shows_protected_address(document)
            return [Issue(severity="error", code="forbidden", id="PDE-13", text="")] if refused else []
    """


@hookspec
def check_access(interaction: str, resource: Resource, context: Context) -> Sequence[Issue]:  # type: ignore[empty-body]
    """Refuse access to one resource for a reason that the matrix cannot say; it can never open what is closed.

    When: after the habilitations allowed the interaction, before anything is shown or written.
    Parameters: ``interaction``: ``read``, ``search``, ``history``, ``create``, ``update``, ``delete`` or ``$operation``;
        ``resource``: the one concerned; ``context``: circumstances.
    Returns: issues; they need no declared rule.
    Combined: all run; one ``error`` refuses.
    If it raises: fail closed: 500 ``plugin-failed``, nothing shown.
    Since: 0.1.

    Example::

        @hookimpl
        def check_access(interaction: str, resource: Resource, context: Context) -> list[Issue]:
            return [SEALED] if is_sealed(resource) and interaction == "read" else []
    """


# ------------------------------------------------------------------------------------------------------------ limits


@hookspec
def limit_search(type: str, context: Context) -> Node | None:
    """Narrow what a search may find.

    When: before each search, at each page.
    Parameters: ``type``: the resource type searched; ``context``: circumstances.
    Returns: a criterion that every result must also satisfy, or None for no limit.
    Combined: all hold together; the result can only shrink.
    If it raises: fail closed: 500 ``plugin-failed``, nothing shown.
    Since: 0.1.

    Example::

        @hookimpl
        def limit_search(type: str, context: Context) -> Node | None:
            return Not(TokenIs("_security", None, "cat-RDR")) if type == "Observation" else None
    """


@hookspec
def limit_elements(resource: Resource, context: Context) -> Collection[str]:  # type: ignore[empty-body]
    """Hide elements of a resource that the reader may otherwise see.

    When: before a resource is shown, by a read or a search.
    Parameters: ``resource``: as stored; ``context``: circumstances.
    Returns: names of the top-level elements to hide (``address``, ``contact``).
    Combined: union; the result can only shrink.
    If it raises: fail closed: 500 ``plugin-failed``, nothing shown.
    Since: 0.1.

    Example::

        @hookimpl
        def limit_elements(resource: Resource, context: Context) -> set[str]:
            return {"address"} if has_secret_address(resource) else set()
    """


# --------------------------------------------------------------------------------------------------------- additions


@hookspec
def add_resources(changes: Sequence[Change], remarks: Sequence[Remark], context: Context) -> Sequence[Resource]:  # type: ignore[empty-body]
    """Add resources to the transaction: a task for the work-list, a computed score.

    When: after the checks, before submission; again, with fresh reads, where the transaction lost a race.
    Parameters: ``changes``: all changes of the transaction; ``remarks``: what the rules left on them; ``context``: its
        reader notes what is read: if that changed meanwhile, the whole is tried again.
    Returns: full resources with ``id``; one that exists is updated. A repeated call must give the same ids.
    Combined: concatenated, written in the same transaction; the same ``Type/id`` given twice is refused.
    If it raises: 500 ``plugin-failed``, nothing written.
    Since: 0.1.

    Example::

        @hookimpl
        def add_resources(changes: Sequence[Change], remarks: Sequence[Remark], context: Context) -> list[Resource]:
            return [work_list_task(remark, context.now) for remark in remarks if remark.task]
    """


@hookspec
def add_jobs(changes: Sequence[Change], context: Context) -> Sequence[Job]:  # type: ignore[empty-body]
    """Add jobs to the outbox, committed with the change that asks for them.

    When: after the checks, before submission.
    Parameters: as for ``add_resources``.
    Returns: jobs with a stable ``key``, so that a repeated call queues nothing twice.
    Combined: concatenated.
    If it raises: 500 ``plugin-failed``, nothing written.
    Since: 0.1.

    Example::

        @hookimpl
        def add_jobs(changes: Sequence[Change], context: Context) -> list[Job]:
            return [notice(change) for change in changes if change.type == "AdverseEvent"]
    """


# ---------------------------------------------------------------------------------------------------- after the fact


@hookspec
def on_committed(changes: Sequence[Change], context: Context) -> None:
    """Observe what was written: a cache, a counter. What must not be lost belongs in ``add_jobs``.

    When: after the commit, in the process that made it.
    Parameters: ``changes``: what was written; ``context``: circumstances.
    Returns: nothing.
    Combined: all run.
    If it raises: isolated: logged, counted, the others still run; the client sees nothing.
    Since: 0.1.

    Example::

        @hookimpl
        def on_committed(changes: Sequence[Change], context: Context) -> None:
            CACHE.forget(change.id for change in changes)
    """


@hookspec
def on_audit(event: Resource, context: Context) -> None:
    """Observe an audit event, once recorded.

    When: after an AuditEvent is safe.
    Parameters: ``event``: the AuditEvent; ``context``: circumstances.
    Returns: nothing.
    Combined: all run.
    If it raises: isolated: logged, counted, the others still run.
    Since: 0.1.

    Example::

        @hookimpl
        def on_audit(event: Resource, context: Context) -> None:
            if is_break_glass(event):
                BELL.ring()
    """


__all__ = ["PROJECT", "Interaction", "Remark", "hookimpl"]
