"""The host: loads the plugins of a deployment and answers the service's questions with them."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Change, Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.dossier import ClockRule
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.operation import Operation
from dui_fhir.domain.query import Node
from dui_fhir.domain.structure import Structure
from dui_fhir.hookspecs import Remark
from dui_fhir.plugin_host.calls import Calls
from dui_fhir.plugin_host.documents import DocumentType, type_of
from dui_fhir.plugin_host.fault import Fault, PluginFailed
from dui_fhir.plugin_host.finder import Source, find
from dui_fhir.plugin_host.loading import Loaded, load_all
from dui_fhir.plugin_host.plugin import Plugin
from dui_fhir.plugin_host.reads import NotedReader
from dui_fhir.plugin_host.rules import RANK, Check, Rule, issue_of
from dui_fhir.ports import Connector, Stores
from dui_fhir.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Additions:
    """What the plugins add to a transaction. ``reads``: ``Type/id`` → version they relied on (0 = absent)."""

    resources: tuple[Resource, ...] = ()
    jobs: tuple[Job, ...] = ()
    reads: Mapping[str, int] = field(default_factory=dict)


class PluginHost:
    """The plugins of one deployment. Immutable once loaded; safe to use from several threads."""

    def __init__(self, loaded: Loaded) -> None:
        self.plugins: tuple[Plugin, ...] = loaded.plugins
        self._loaded = loaded
        self._calls = Calls.of(loaded.manager, list(loaded.contents))
        self._rules = {rule.id: rule for plugin in loaded.plugins for rule in plugin.rules}
        self._checks: dict[str, tuple[Check, ...]] = {}
        self._always = frozenset(plugin.id for plugin in loaded.plugins if plugin.always)

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Find, check and load the plugins named in the settings.

        Raises: ConfigurationError (``plugin-invalid``), one issue per fault, all of them, each naming plugin and file.
        """
        return cls.from_sources(*find(settings))

    @classmethod
    def from_sources(cls, sources: Sequence[Source], faults: Mapping[str, Sequence[Fault]] | None = None) -> Self:
        """Load plugins already found, with what was wrong in finding them. Raises: ConfigurationError, as :meth:`load`."""
        loaded = load_all(sources)
        found = [*(faults or {}).items(), *loaded.faults.items()]
        if found:
            raise ConfigurationError([fault.as_issue(id) for id, those in found for fault in those])
        return cls(loaded)

    # ---------------------------------------------------------------------------------------------- checks

    def check(self, change: Change, context: Context) -> tuple[Issue, ...]:
        """Return what the rules of the plugins in force say of one change.

        Raises: PluginFailed (``plugin-failed``, ``plugin-answer``, ``plugin-rule-undeclared``): nothing may be written.
        """
        active = self.active(context)
        if change.after is None:
            return tuple(self._hook_issues("check_delete", change.before or {}, change, active, context, change=change))
        found = list(self._declarative(change.after, change, active, context))
        found += self._hook_issues("check_resource", change.after, change, active, context, change=change)
        return tuple(found)

    def check_sending(self, document: Resource, channel: str, context: Context) -> tuple[Issue, ...]:
        """Return what forbids, or remarks on, sending a DocumentReference. Raises: PluginFailed."""
        kind = self.choose_document(document, context)
        context = replace(context, document=kind.as_kind() if kind else None)
        change = Change(interaction="update", type=document["resourceType"], id=document.get("id", ""), after=document)
        active = self.active(context)
        return tuple(
            self._hook_issues("check_sending", document, change, active, context, document=document, channel=channel)
        )

    def check_access(self, interaction: str, resource: Resource, context: Context) -> tuple[Issue, ...]:
        """Return what forbids the access; never opens any. Raises: PluginFailed."""
        arguments = {"interaction": interaction, "resource": resource, "context": context}
        return tuple(i for _, i in self._calls.collect("check_access", Issue, self.active(context), **arguments))

    def _declarative(
        self, resource: Resource, change: Change, active: Collection[str], context: Context
    ) -> Iterator[Issue]:
        for check in self._checks_of(change.type):
            if check.rule.plugin in active:
                try:
                    issue = check.issue(resource, change, context)
                except Exception as error:
                    raise _rule_failed(check.rule, error) from error
                if issue is not None:
                    yield issue

    def _checks_of(self, type: str) -> tuple[Check, ...]:
        if type not in self._checks:
            self._checks[type] = tuple(c for c in self._loaded.checks if c.rule.concerns(type))
        return self._checks[type]

    def _hook_issues(
        self,
        hook: str,
        resource: Resource,
        change: Change,
        active: Collection[str],
        context: Context,
        /,
        **arguments: Any,
    ) -> Iterator[Issue]:
        for plugin, issue in self._calls.collect(hook, Issue, active, context=context, **arguments):
            rule = self._rules.get(issue.id)
            if rule is None or rule.plugin != plugin:
                raise _undeclared(plugin, hook, issue.id)
            severity = rule.severity_for(resource, context)
            if severity is not None:
                weaker = min(severity, issue.severity, key=RANK.__getitem__)
                shown = issue_of(rule, weaker, rule.paths, change, issue.text, issue.diagnostics)
                yield replace(shown, code=issue.code, expression=_expression(issue, shown, change))

    # ---------------------------------------------------------------------------------- additions, after the fact

    def add(
        self,
        changes: Sequence[Change],
        context: Context,
        found: Mapping[str, Sequence[Issue]] | None = None,
    ) -> Additions:
        """Return what the plugins add to the transaction of ``changes``.

        ``found``: the issues of :meth:`check` by ``Type/id``; not given = the checks are run again.
        Raises: PluginFailed: nothing may be written.
        """
        active = self.active(context)
        reader = NotedReader(context.reader)
        noted = replace(context, reader=reader)
        remarks: tuple[Remark, ...] = ()
        if any(True for _ in self._calls.each("add_resources", active)):
            remarks = tuple(self._remarks(changes, context, found))
        arguments = {"changes": tuple(changes), "context": noted}
        added = self._calls.collect("add_resources", dict, active, remarks=remarks, **arguments)
        jobs = self._calls.collect("add_jobs", Job, active, **arguments)
        resources = _distinct(added)
        return Additions(resources=resources, jobs=tuple(job for _, job in jobs), reads=dict(reader.reads))

    def _remarks(
        self, changes: Sequence[Change], context: Context, found: Mapping[str, Sequence[Issue]] | None
    ) -> Iterator[Remark]:
        for change in changes:
            reference = f"{change.type}/{change.id}"
            issues = self.check(change, context) if found is None else found.get(reference, ())
            for issue in issues:
                rule = self._rules.get(issue.id)
                yield Remark(reference=reference, issue=issue, task=rule is not None and rule.task)

    def committed(self, changes: Sequence[Change], context: Context) -> None:
        """Tell the observers what was written; whoever raises is logged and counted, the others still run."""
        self._calls.isolated("on_committed", self.active(context), changes=tuple(changes), context=context)

    def audited(self, event: Resource, context: Context) -> None:
        """Tell the observers of an AuditEvent; isolated as :meth:`committed`."""
        self._calls.isolated("on_audit", self.active(context), event=event, context=context)

    @property
    def failures(self) -> Counter[tuple[str, str]]:
        """Isolated failures so far, by (plugin, hook)."""
        return self._calls.failures

    # -------------------------------------------------------------------------------------------- limits, choices

    def limit_search(self, type: str, context: Context) -> tuple[Node, ...]:
        """Return the criteria that every result must also satisfy. Raises: PluginFailed: nothing may be shown."""
        found = []
        for implementation in self._calls.each("limit_search", self.active(context)):
            node = self._calls.strictly(implementation, type=type, context=context)
            if node is None:
                continue
            if not isinstance(node, Node):
                raise _wrong(implementation.plugin, "limit_search")
            found.append(node)
        return tuple(found)

    def limit_elements(self, resource: Resource, context: Context) -> frozenset[str]:
        """Return the top-level elements to hide. Raises: PluginFailed: nothing may be shown."""
        arguments = {"resource": resource, "context": context}
        return frozenset(e for _, e in self._calls.collect("limit_elements", str, self.active(context), **arguments))

    def choose_profiles(self, resource: Resource, context: Context) -> tuple[str, ...]:
        """Return the profiles a resource must satisfy besides those it claims. Raises: PluginFailed."""
        chosen = self._calls.first("choose_profiles", self.active(context), resource=resource, context=context)
        return () if chosen is None else tuple(chosen[1])

    def choose_document(self, document: Resource, context: Context) -> DocumentType | None:
        """Return the type of a DocumentReference: a plugin's choice, else what its codes say. Raises: PluginFailed."""
        active = self.active(context)
        chosen = self._calls.first("choose_document", active, document=document, context=context)
        if chosen is None:
            return self.document_of(document, active)
        found = next((t for t in self.documents(active) if t.id == chosen[1]), None)
        if found is None:
            raise _wrong(chosen[0], "choose_document")
        return found

    def choose_store(self, settings: Settings) -> Stores | None:
        """Return the stores a plugin brings, None for the built-in ones. Raises: PluginFailed."""
        chosen = self._calls.first("choose_store", None, settings=settings)
        return None if chosen is None else chosen[1]

    def choose_actor(self, headers: Mapping[str, str], tenant: str) -> Actor | None:
        """Return who a plugin recognises. Raises: PluginFailed, Unauthorized, Forbidden."""
        chosen = self._calls.first("choose_actor", None, headers=headers, tenant=tenant)
        if chosen is not None and not isinstance(chosen[1], Actor):
            raise _wrong(chosen[0], "choose_actor")
        return None if chosen is None else chosen[1]

    # ---------------------------------------------------------------------------------------------- declarations

    def active(self, context: Context) -> frozenset[str]:
        """Return the plugins in force for a request: those of its corridors, and the trunk."""
        return self._always | context.corridors

    def rules(self) -> tuple[Rule, ...]:
        """Return all rules, by plugin then id."""
        return tuple(rule for plugin in self.plugins for rule in sorted(plugin.rules, key=lambda r: r.id))

    def rule(self, id: str) -> Rule | None:
        """Return the declaration of a rule, None where no plugin in force has it."""
        return self._rules.get(id)

    def declarative(self, id: str) -> Check:
        """Return the compiled check of a rule written in JSON. Raises: KeyError."""
        return {check.rule.id: check for check in self._loaded.checks}[id]

    def clock_rules(self, corridors: Iterable[str]) -> tuple[ClockRule, ...]:
        """Return the daily rules of these corridors and of the trunk."""
        wanted = self._always | frozenset(corridors)
        return tuple(clock_rule for plugin, clock_rule in self._loaded.clock_rules if plugin in wanted)

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations of the plugins."""
        return self._loaded.operations

    def connectors(self) -> tuple[Connector, ...]:
        """Return the connectors of the plugins."""
        return self._loaded.connectors

    def commands(self) -> tuple[Any, ...]:
        """Return the click commands of the plugins."""
        return self._loaded.commands

    def definitions(self) -> tuple[Resource, ...]:
        """Return the conformance resources of the plugins: profiles, terminology, questionnaires, parameters…"""
        return self._loaded.definitions

    def search_parameters(self) -> tuple[Resource, ...]:
        """Return the SearchParameters of the plugins."""
        return tuple(d for d in self._loaded.definitions if d["resourceType"] == "SearchParameter")

    def access_rules(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Return the rows of the habilitation matrix, each with the id of its plugin."""
        return self._loaded.access

    def indicators(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Return the indicators, each with the id of its plugin."""
        return self._loaded.indicators

    def documents(self, corridors: Iterable[str]) -> tuple[DocumentType, ...]:
        """Return the document types of these corridors and of the trunk, those of the trunk last."""
        wanted = self._always | frozenset(corridors)
        chosen = [plugin for plugin in self.plugins if plugin.id in wanted]
        return tuple(d for plugin in sorted(chosen, key=lambda p: p.always) for d in plugin.documents)

    def document_of(self, document: Resource, corridors: Iterable[str]) -> DocumentType | None:
        """Return the type that the codes of a DocumentReference say, None where no corridor knows it."""
        return type_of(document, self.documents(corridors))

    def corridors_for(self, category: str) -> tuple[str, ...]:
        """Return the plugins declared for a FINESS category; more than one or none = an explicit choice (D13)."""
        return tuple(plugin.id for plugin in self.plugins if category in plugin.categories)

    def parameters(self, structure: Structure | None = None) -> Mapping[str, Any]:
        """Return ``<plugin>.<name>`` → value, severities of the rules included; the same for every structure today."""
        return self._parameters

    @cached_property
    def _parameters(self) -> Mapping[str, Any]:
        values: dict[str, Any] = {rule.severity_key: rule.severity for rule in self._rules.values()}
        for plugin in self.plugins:
            values |= {f"{plugin.id}.{name}": value for name, value in plugin.parameters.items()}
        return MappingProxyType(values | self._loaded.settings)


def _expression(issue: Issue, shown: Issue, change: Change) -> tuple[str, ...]:
    from dui_fhir.plugin_host.rules import located

    return tuple(located(path, change) for path in issue.expression) or shown.expression


def _distinct(added: Sequence[tuple[str, Resource]]) -> tuple[Resource, ...]:
    seen: set[tuple[str, str]] = set()
    for plugin, resource in added:
        key = (resource.get("resourceType", ""), resource.get("id", ""))
        if not all(key) or key in seen:
            raise _wrong(plugin, "add_resources")
        seen.add(key)
    return tuple(resource for _, resource in added)


def _wrong(plugin: str, hook: str) -> PluginFailed:
    return PluginFailed.of(
        "plugin-answer",
        f"Le couloir « {plugin} » a donné une réponse incorrecte : rien n'a été fait. Prévenez l'exploitant.",
        f"{hook} of plugin {plugin} answered what docs/hooks.md forbids",
    )


def _undeclared(plugin: str, hook: str, id: str) -> PluginFailed:
    return PluginFailed.of(
        "plugin-rule-undeclared",
        f"Le couloir « {plugin} » invoque une règle qu'il ne déclare pas : rien n'a été fait. Prévenez l'exploitant.",
        f"{hook} of plugin {plugin} gave the issue {id}, which no rule of this plugin declares",
    )


def _rule_failed(rule: Rule, error: Exception) -> PluginFailed:
    return PluginFailed.of(
        "plugin-failed",
        f"La règle {rule.id} est en panne : rien n'a été fait. Prévenez l'exploitant.",
        f"rule {rule.id} ({rule.file}) of plugin {rule.plugin} raised {type(error).__name__}",
    )
