"""The persons of a structure over a period, found by their stays (decision D1), and those of whom something was written."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from dui_fhir.domain.calendar import day_of
from dui_fhir.domain.change import Resource
from dui_fhir.domain.query import AllOf, AnyOf, LastUpdatedIs, Missing, Node, Not, Query, ReferenceIs, TokenIs, TypeIn
from dui_fhir.domain.reference import Reference
from dui_fhir.domain.structure import Structure
from dui_fhir.domain.version import Version
from dui_fhir.indicators.period import Period
from dui_fhir.ports import Store, every
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import parse
from dui_fhir.service.structures import TAG_SYSTEM

PAGE: Final = 500
STAY_IDENTIFIER: Final = "https://identifiant-medicosocial-sejour.esante.gouv.fr"
STAY_PROFILE: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-encounter-sejour"
STRUCTURE: Final = "_dui_structure"
OWNER: Final = "_dui_patient"
_STAYS: Final = (
    ("EpisodeOfCare", None),
    ("Encounter", ("identifier", f"{STAY_IDENTIFIER}|")),
    ("Encounter", ("_profile", STAY_PROFILE)),
)
_NEVER: Final = frozenset({"entered-in-error", "cancelled", "planned", "waitlist"})
_OVER: Final = frozenset({"finished", "unknown"})
_NOT_USE: Final = ("AuditEvent", "Provenance", "MeasureReport", "Measure", "Subscription")
_OURS: Final = ("outbox", "work-list")
_RELIABILITY: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"


@dataclass(kw_only=True, slots=True)
class Person:
    """``Patient/id`` and his stays there, as (first day, last day or None)."""

    reference: str
    stays: list[tuple[date, date | None]] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)

    @property
    def entered(self) -> date:
        """First day."""
        return min(start for start, _ in self.stays)

    @property
    def left(self) -> date | None:
        """Last day; None while some stay runs."""
        ends = [end for _, end in self.stays]
        return None if None in ends else max(e for e in ends if e is not None)


def of_structure(structure: Structure) -> Node:
    """Return what the resources of a structure satisfy."""
    return ReferenceIs(STRUCTURE, "Organization", f"finess-{structure.finess}")


def of_structure_or_none(structure: Structure) -> Node:
    """The same, with those of which no structure is known: what the server writes about a sending names none."""
    return AnyOf((of_structure(structure), Missing(STRUCTURE, "reference", True)))


def accompanied(store: Store, structure: Structure, period: Period, options: SearchOptions) -> dict[str, Person]:
    """Return the persons with a stay that touches the period, by reference: real ones, each counted once."""
    found: dict[str, Person] = {}
    seen: set[tuple[str, str]] = set()
    for type, criterion in _STAYS:
        parsed = parse(type, [criterion] if criterion else [], options).within(of_structure(structure))
        for version in every(store, parsed.query):
            if (type, version.id) not in seen:
                seen.add((type, version.id))
                _add(found, version.resource(), period)
    return _counted(store, found)


def _add(found: dict[str, Person], stay: Resource, period: Period) -> None:
    bounds = _bounds(stay)
    reference = local(stay.get("subject") or stay.get("patient"), "Patient")
    if bounds is None or not reference:
        return
    start, end = bounds
    if start <= period.end and (end is None or end >= period.start):
        person = found.setdefault(reference, Person(reference=reference))
        person.stays.append(bounds)
        person.resources.append(stay)


def _bounds(stay: Resource) -> tuple[date, date | None] | None:
    """Return first and last day of a stay that ran or runs; None for one that never did, or of which that is not known."""
    start, end = (day_of(stay.get("period", {}).get(name)) for name in ("start", "end"))
    if start is None or stay.get("status") in _NEVER or (end is None and stay.get("status") in _OVER):
        return None
    return start, end


def _counted(store: Store, found: dict[str, Person]) -> dict[str, Person]:
    """Leave out who is no real person, and count a merged file under the one that replaces it."""
    kept: dict[str, Person] = {}
    references = sorted(found)
    for first in range(0, len(references), PAGE):
        some = references[first : first + PAGE]
        versions = store.read_many([("Patient", r.removeprefix("Patient/")) for r in some])
        for reference in some:
            version = versions.get(("Patient", reference.removeprefix("Patient/")))
            patient = version.resource() if version is not None and not version.deleted else None
            if patient is None or _unreal(patient):
                continue
            name = _survivor(patient) or reference
            person = kept.setdefault(name, Person(reference=name))
            person.stays += found[reference].stays
            person.resources += found[reference].resources
    return kept


def _unreal(patient: Resource) -> bool:
    tags = {t.get("code") for t in patient.get("meta", {}).get("tag", ()) if t.get("system") == TAG_SYSTEM}
    if tags & {"demo", "test"}:
        return True
    parts = [p for e in patient.get("extension", ()) if e.get("url") == _RELIABILITY for p in e.get("extension", ())]
    codes = {str(c.get("code", "")) for p in parts for c in _codings(p)}
    return any(code.startswith("FICT") for code in codes)


def _codings(part: Resource) -> list[Resource]:
    concept = part.get("valueCodeableConcept", {})
    return [part.get("valueCoding", {}), *concept.get("coding", ())]


def _survivor(patient: Resource) -> str:
    links = [e for e in patient.get("link", ()) if e.get("type") == "replaced-by"]
    return local(links[0].get("other"), "Patient") if links else ""


def local(element: object, type: str) -> str:
    """Return ``Type/id`` of a Reference to a resource of this server; empty for anything else."""
    text = element.get("reference") if isinstance(element, dict) else None
    target = Reference.parse(text) if isinstance(text, str) else None
    return str(target) if target is not None and target.base is None and target.type == type else ""


class Activity:
    """Whether something was written about a person during a period, by index; by history where a later write hides it."""

    def __init__(self, store: Store, structure: Structure, bounds_ms: tuple[int, int]) -> None:
        self._store, self._low, self._high = store, *bounds_ms
        tags = AnyOf(tuple(TokenIs("_tag", TAG_SYSTEM, tag) for tag in _OURS))
        ours = AllOf((TypeIn(("Task",)), tags))
        self._base = (of_structure_or_none(structure), Not(TypeIn(_NOT_USE)), Not(ours))

    def within(self, persons: dict[str, Person]) -> frozenset[str]:
        """Return those of whom something was written."""
        return frozenset(r for r in persons if self._written(r))

    def _written(self, reference: str) -> bool:
        owner = ReferenceIs(OWNER, "Patient", reference.removeprefix("Patient/"))
        during = (LastUpdatedIs("ge", self._low, self._low), LastUpdatedIs("le", self._high, self._high))
        query = Query(types=(), where=AllOf((owner, *self._base, *during)), limit=1)
        if self._store.search(query).matches:
            return True
        later = LastUpdatedIs("gt", self._high, self._high)
        changed = Query(types=(), where=AllOf((owner, *self._base, later)))
        # a first version has nothing before it: after an import, that is nearly all of them
        return any(v.version > 1 and self._had_version(v) for v in every(self._store, changed))

    def _had_version(self, version: Version) -> bool:
        page = self._store.history(type=version.type, id=version.id, since_ms=self._low, limit=PAGE)
        return any(self._low <= v.instant_ms <= self._high for v in page.versions)
