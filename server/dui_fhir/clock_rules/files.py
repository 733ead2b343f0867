"""The files of a tenant: one person in one structure, found by his stays (decision D1)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dui_fhir import ports
from dui_fhir.domain.calendar import day_of
from dui_fhir.domain.change import Resource
from dui_fhir.domain.encounters import STAY_IDENTIFIER, STAY_PROFILE
from dui_fhir.domain.reference import Reference
from dui_fhir.domain.structure import Structure
from dui_fhir.ports import Store
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import parse
from dui_fhir.service.structures import TAG_SYSTEM, finess_of

PAGE: Final = 500
_BUSINESS: Final = re.compile(r"3([0-9][0-9AB][0-9]{7})/")
_SEARCHES: Final = (
    ("Encounter", ("identifier", f"{STAY_IDENTIFIER}|")),
    ("Encounter", ("_profile", STAY_PROFILE)),
    ("EpisodeOfCare", None),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """The stays of one person in one structure (None = none that is declared), oldest first."""

    person: str
    structure: Structure | None
    stays: tuple[Resource, ...]

    @property
    def key(self) -> str:
        """Name of the file in the tasks about it."""
        return f"{self.structure.finess if self.structure else ''}/{self.person.removeprefix('Patient/')}"


def files_of(store: Store, structures: Sequence[Structure], options: SearchOptions) -> list[File]:
    """Return the files of a tenant that are not archived, by structure then person. Raises: Unavailable."""
    by_finess = {s.finess: s for s in structures}
    organizations: dict[str, str | None] = {}
    stays: dict[tuple[str, str], list[Resource]] = {}
    for stay in _stays(store, options):
        person = _reference(stay.get("subject") or stay.get("patient"), "Patient")
        if person:
            holder = _reference(stay.get("serviceProvider") or stay.get("managingOrganization"), "Organization")
            finess = _finess(holder, store, organizations) or _named(stay)
            stays.setdefault((finess, person), []).append(stay)
    return [
        File(person=person, structure=by_finess.get(finess), stays=tuple(sorted(some, key=_order)))
        for (finess, person), some in sorted(stays.items())
        if not all(_is_archived(stay) for stay in some)
    ]


def every(store: Store, type: str, criterion: tuple[str, str] | None, options: SearchOptions) -> Iterator[Resource]:
    """Yield all matches of a search, however many."""
    query = replace(parse(type, [criterion] if criterion else [], options).query, limit=PAGE)
    yield from (version.resource() for version in ports.every(store, query))


def _stays(store: Store, options: SearchOptions) -> Iterator[Resource]:
    seen: set[str] = set()
    for type, criterion in _SEARCHES:
        for stay in every(store, type, criterion, options):
            reference = f"{type}/{stay['id']}"
            if reference not in seen and stay.get("status") != "entered-in-error":
                seen.add(reference)
                yield stay


def _finess(reference: str, store: Store, known: dict[str, str | None]) -> str | None:
    if reference not in known:
        found = store.read("Organization", reference.partition("/")[2]) if reference else None
        known[reference] = finess_of(found.resource()) if found is not None and not found.deleted else None
    return known[reference]


def _named(stay: Resource) -> str:
    """Return the FINESS in the business identifier of a stay (``3`` + FINESS + ``/`` + number)."""
    identifiers = stay.get("identifier", ())
    found = (_BUSINESS.match(str(i.get("value", ""))) for i in identifiers if i.get("system") == STAY_IDENTIFIER)
    return next((match[1] for match in found if match), "")


def _reference(element: object, type: str) -> str:
    text = element.get("reference") if isinstance(element, dict) else None
    target = Reference.parse(text) if isinstance(text, str) else None
    return str(target) if target is not None and target.base is None and target.type == type else ""


def _order(stay: Resource) -> tuple[str, str]:
    return str(day_of(stay.get("period", {}).get("start")) or ""), str(stay["id"])


def _is_archived(stay: Resource) -> bool:
    return any(
        t.get("system") == TAG_SYSTEM and t.get("code") == "archive" for t in stay.get("meta", {}).get("tag", ())
    )
