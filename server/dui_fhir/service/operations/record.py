"""What belongs to a person, a stay or an episode of care, type by type, and how it is read slice by slice.

Members are told by the compartments of R4 and by the owner computed at write (``_dui_patient``, decision D2). What members
point to and that describes no person (practitioners, organisations, places…) goes with them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from dui_fhir.definitions import compartment, resource_types
from dui_fhir.domain.query import (
    AllOf,
    AnyOf,
    Chain,
    Cursor,
    DateIs,
    IdIn,
    LastUpdatedIs,
    Missing,
    Node,
    Query,
    ReferenceIs,
)
from dui_fhir.domain.version import Version
from dui_fhir.ports import SearchPage, Store
from dui_fhir.service.engine import Call
from dui_fhir.service.owner import IMPERSONAL
from dui_fhir.service.visibility import Visibility

OWNER_PARAM = "_dui_patient"
REFERENCE_ROUNDS = 3
"""Links followed from members: role → practitioner and organisation → parent organisation."""

_DATES = (
    "date", "period", "authored-on", "authoredon", "effective-time", "effective", "whenhandedover", "onset-date",
    "recorded-date", "occurrence", "started", "sent", "created", "birthdate",
)  # fmt: skip

_REFERENCE = re.compile(rb'"reference":"([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^"]+)?"')

Key = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """``members``: by type, what a member satisfies. ``personal``: referenced resources about persons go along."""

    members: Mapping[str, Node]
    personal: bool = False

    def narrowed(self, types: Iterable[str] | None, *nodes: Node) -> "Record":
        """Return the record with fewer types (None = all) and more conditions."""
        kept = self.members if types is None else {t: self.members[t] for t in types if t in self.members}
        return replace(self, members={t: AllOf((node, *nodes)) if nodes else node for t, node in kept.items()})


def of_patient(id: str) -> Record:
    """Return the record of a person."""
    owner: Node = ReferenceIs(OWNER_PARAM, "Patient", id)
    table = compartment("Patient")
    members: dict[str, Node] = {type: owner for type in resource_types()}
    members |= {t: AnyOf((owner, *(ReferenceIs(p, "Patient", id) for p in params))) for t, params in table.items()}
    members["Patient"] = AnyOf((IdIn((id,)), *(ReferenceIs(p, "Patient", id) for p in table.get("Patient", ()))))
    return Record(members=members)


def of_encounter(id: str) -> Record:
    """Return the record of a stay."""
    members: dict[str, Node] = {
        type: AnyOf(tuple(ReferenceIs(p, "Encounter", id) for p in params))
        for type, params in compartment("Encounter").items()
        if params
    }
    mine: Node = IdIn((id,))
    members["Encounter"] = AnyOf((mine, members["Encounter"])) if "Encounter" in members else mine
    return Record(members=members, personal=True)


def of_episode(call: Call, id: str) -> Record:
    """Return the record of an episode of care: what names it, its stays, and what belongs to these."""
    stays: Node = ReferenceIs("episode-of-care", "EpisodeOfCare", id)
    table = compartment("Encounter")
    members: dict[str, Node] = {"EpisodeOfCare": IdIn((id,))}
    for type in sorted(resource_types() - {"EpisodeOfCare"}):
        naming: list[Node] = [
            ReferenceIs(p.code, "EpisodeOfCare", id)
            for p in call.tuned.registry.for_type(type).values()
            if p.type == "reference" and "EpisodeOfCare" in p.target
        ]
        within: list[Node] = [Chain(p, ("Encounter",), stays) for p in table.get(type, ())]
        if naming or within:
            members[type] = AnyOf((*naming, *within))
    return Record(members=members, personal=True)


def updated_since(since_ms: int) -> Node:
    """Return the condition of ``_since``."""
    return LastUpdatedIs("ge", since_ms, since_ms)


def between(call: Call, record: Record, low_ms: int, high_ms: int) -> Record:
    """Return the record without what is dated outside an interval; what has no date of care stays."""
    return replace(record, members={t: _dated(call, t, node, low_ms, high_ms) for t, node in record.members.items()})


def _dated(call: Call, type: str, node: Node, low_ms: int, high_ms: int) -> Node:
    known = call.tuned.registry.for_type(type)
    date = next((d for d in _DATES if d in known and known[d].type == "date" and type != "Patient"), None)
    if date is None:
        return node
    return AllOf((node, AnyOf((Missing(date, "date", True), DateIs(date, "ap", low_ms, high_ms)))))


def seen_by_actor(call: Call, record: Record) -> Record:
    """Return the record without what the actor may not see."""
    visibility = Visibility(call)
    return replace(
        record, members={t: AllOf((node, *limits)) if (limits := visibility.of(t)) else node for t, node in record.members.items()}
    )  # fmt: skip


def page(store: Store, members: Mapping[str, Node], *, after: Cursor | None, limit: int, bytes_max: int) -> SearchPage:
    """Return members after a position (``(type, id)``), in order of type and id: at most ``limit``, about ``bytes_max`` bytes."""
    found: list[Version] = []
    size = 0
    for type in sorted(set(members) & set(store.types())):
        if after is not None and type < str(after[-2]):
            continue
        query = Query(
            types=(type,),
            where=members[type],
            limit=limit + 1 - len(found),
            after=after if after is not None and type == after[-2] else None,
            bytes_max=max(bytes_max - size, 1),
        )
        part = store.search(query)
        found += part.matches
        size += sum(len(v.body or b"") for v in part.matches)
        if len(found) > limit or size > bytes_max or part.next is not None:
            return _cut(found, limit)
    return SearchPage(matches=tuple(found), total=len(found) if after is None else None)


def _cut(found: list[Version], limit: int) -> SearchPage:
    # where the bytes ended the page, what follows is not known yet: the next page may then be empty
    kept = found[:limit]
    return SearchPage(matches=tuple(kept), next=(kept[-1].type, kept[-1].id))


def referenced(
    call: Call, record: Record, members: Iterable[Version], types: Iterable[str] | None
) -> Iterator[Version]:
    """Yield what the members of a page point to, directly or through one another, none of them twice.

    ``types``: those wanted, None = all. What is itself a member comes on its own page. Persons other than the one of the
    record are not followed.
    """
    wanted = None if types is None else frozenset(types)
    fresh = list(members)
    known: set[Key] = {(v.type, v.id) for v in fresh}
    allowed = call.engine.settings.search_includes_max
    for _ in range(REFERENCE_ROUNDS):
        targets = sorted(set().union(*(_named(v.body or b"") for v in fresh)) - known)
        known.update(targets)
        strangers = _not_members(
            call.store, record, [key for key in targets if record.personal or key[0] in IMPERSONAL]
        )
        found = seen(call, strangers[:allowed])
        fresh = [found[key] for key in sorted(found)]
        allowed -= len(fresh)
        yield from (v for v in fresh if wanted is None or v.type in wanted)


def _named(body: bytes) -> set[Key]:
    """Return the local references of a stored body, unparsed: inside a text, a quote would not be bare."""
    return {(type.decode(), id.decode()) for type, id in _REFERENCE.findall(body)}


def _not_members(store: Store, record: Record, keys: list[Key]) -> list[Key]:
    by_type: dict[str, list[str]] = {}
    for type, id in keys:
        by_type.setdefault(type, []).append(id)
    members: set[Key] = set()
    for type, ids in by_type.items():
        node = record.members.get(type)
        if node is not None:
            query = Query(types=(type,), where=AllOf((IdIn(tuple(ids)), node)), limit=len(ids))
            members |= {(v.type, v.id) for v in store.search(query).matches}
    return [key for key in keys if key not in members]


def seen(call: Call, keys: Iterable[Key]) -> dict[Key, Version]:
    """Return those of some resources that are there and that the actor may see."""
    by_type: dict[str, list[str]] = {}
    for type, id in keys:
        by_type.setdefault(type, []).append(id)
    visibility = Visibility(call)
    found: dict[Key, Version] = {}
    for type, ids in by_type.items():
        limits = visibility.of(type)
        if limits:
            query = Query(types=(type,), where=AllOf((IdIn(tuple(ids)), *limits)), limit=len(ids))
            found |= {(v.type, v.id): v for v in call.store.search(query).matches}
        else:
            found |= call.store.read_many((type, id) for id in ids)
    return {key: version for key, version in found.items() if not version.deleted}
