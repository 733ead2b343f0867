"""Search parameters that a tenant adds: whether they can be, and what else a write of one changes in its transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dui_fhir.definitions import SearchParameter, SearchRegistry
from dui_fhir.domain import marker
from dui_fhir.domain.change import Change
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import MatchesAre, Precondition, Put
from dui_fhir.domain.query import Query
from dui_fhir.search.extract import fault
from dui_fhir.search.indexing import ABSTRACT, IndexState
from dui_fhir.service.drafts import Draft
from dui_fhir.service.engine import Call
from dui_fhir.service.guided import RESERVED, SAMPLES, clashes
from dui_fhir.service.tuning import TYPE, is_empty

REINDEX: Final = "reindex"
"""``Job.kind`` of the work of indexing again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adopted:
    """The state after the plan; ``changes``: it is another one. ``preconditions``: bases found empty still are."""

    state: IndexState
    changes: bool = True
    preconditions: tuple[Precondition, ...] = ()
    jobs: tuple[Job, ...] = ()


# what a client writes


def issues(call: Call, change: Change) -> tuple[Issue, ...]:
    """Return what keeps a SearchParameter from being in force, or the remark that it adds nothing."""
    if change.after is None or change.after.get("status") != "active":
        return ()
    place = change.path or TYPE
    try:
        parameter = call.engine.tunings.in_force(change.after, call.tuned.guided)
    except ConfigurationError as error:
        return (_invalid(place, error.issues[0].diagnostics),)
    if parameter is None:
        return (_copy(place),)
    return tuple(_faults(call, change.id, parameter, place))


def _faults(call: Call, id: str, parameter: SearchParameter, place: str) -> Iterator[Issue]:
    own = {key: p for key, p in call.tuned.own.items() if key != id}
    registry = SearchRegistry([*call.engine.registry, *call.tuned.guided, *own.values()])
    if any(c in parameter.code for c in RESERVED):
        yield _invalid(place, f"code with one of {RESERVED}")
        return
    if parameter.type == "special":
        yield _invalid(place, "type special has no values to index")
        return
    clash = next(clashes(parameter, registry), None)
    if clash is not None:
        yield _clash(place, parameter.code, clash.url)
        return
    if len(own) >= call.engine.settings.search_parameters_max:
        yield _too_many(place, call.engine.settings.search_parameters_max)
    for base in parameter.base:
        reason = fault(parameter, SAMPLES.get(base, base), registry)
        if reason is not None:
            yield _invalid(f"{place}.expression", f"{base}: {reason}")


def _invalid(place: str, reason: str) -> Issue:
    return Issue(
        severity="error",
        code="not-supported",
        id="search-parameter-invalid",
        text="Ce paramètre de recherche ne peut pas être indexé (voir le diagnostic) : corrigez-le, ou donnez-lui le statut draft.",
        diagnostics=reason,
        expression=(place,),
    )


def _clash(place: str, code: str, url: str) -> Issue:
    return Issue(
        severity="error",
        code="duplicate",
        id="search-parameter-clash",
        text=f"Le code « {code} » est déjà celui d'un autre paramètre de recherche de ce type : choisissez-en un autre.",
        diagnostics=f"code taken by {url}",
        expression=(f"{place}.code",),
    )


def _too_many(place: str, most: int) -> Issue:
    return Issue(
        severity="error",
        code="too-costly",
        id="search-parameter-limit",
        text=f"L'organisme a déjà {most} paramètres de recherche : retirez-en (statut retired), ou élevez search_parameters_max.",
        diagnostics=f"over {most} search parameters",
        expression=(place,),
    )


def _copy(place: str) -> Issue:
    return Issue(
        severity="information",
        code="informational",
        id="search-parameter-copy",
        text="Le serveur a déjà ce paramètre de recherche (même url) : cette ressource est conservée, sans autre effet.",
        diagnostics="the canonical is that of a parameter of the server",
        expression=(f"{place}.url",),
    )


# what its transaction changes besides


def mark(call: Call, state: IndexState) -> Put:
    """Return the marker with a state, as an operation of the plan."""
    content = marker.resource(state.extensions())
    return marker.put(content, call.engine.extractor.extract(content))


def adopted(call: Call, drafts: Sequence[Draft]) -> Adopted:
    """Return the state after a plan that writes these drafts, and the work that it asks for."""
    tuned = call.tuned
    ours = [draft for draft in drafts if draft.type == TYPE]
    if not ours and not tuned.outdated:
        return Adopted(state=tuned.state, changes=False)
    own = dict(tuned.own)
    for draft in ours:
        own.pop(draft.id, None)
        if draft.resource is not None:
            parameter = call.engine.tunings.in_force(draft.resource, tuned.guided)
            if parameter is not None:
                own[draft.id] = parameter
    added = call.engine.tunings.with_own((*tuned.guided, *own.values()))
    written = {draft.type for draft in drafts}
    new = {one.base for one in tuned.state.pending(added)}
    empty = [base for base in sorted(new - written - ABSTRACT) if is_empty(base, call.store)]
    state = tuned.state.moved(tuned.added, added, empty)
    return Adopted(
        state=state,
        preconditions=tuple(MatchesAre(query=Query(types=(base,), limit=1), ids=()) for base in empty),
        jobs=(start(tuned.version + 1),) if state.to_do(added) else (),
    )


def start(version: int) -> Job:
    """Return the job that begins to index again what the marker of that version leaves to do."""
    return Job(id=new_id(), kind=REINDEX, key=f"{REINDEX}|{version}", payload={}, stream=REINDEX)
