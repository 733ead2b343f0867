"""A person's file in one structure on a given day, as clock-driven rules see it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Literal

from dui_fhir.domain.calendar import add_days, add_months, day_of
from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Reader
from dui_fhir.domain.legal_measure import LegalMeasure
from dui_fhir.domain.structure import Structure

_STAYING = frozenset({"arrived", "triaged", "in-progress", "onleave", "active", "onhold"})
_NEVER = frozenset({"entered-in-error", "cancelled", "planned", "waitlist"})
_PERSON = {
    "Appointment": "patient", "AuditEvent": "patient", "Consent": "patient", "Coverage": "beneficiary", "Immunization": "patient",
    "RelatedPerson": "patient", "Task": "patient",
}  # fmt: skip
_NOT_YET = frozenset({"preliminary", "entered-in-error", "draft", "cancelled"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """Something that must be done at the latest on ``due``, and is not done: a task once that day is over.

    ``text``: sentence shown, the rule's title where empty; ``about``: ``Type/id`` of what it concerns, the stay where empty;
    ``key`` tells apart several deadlines of one rule about the same thing (a year).
    """

    due: date
    text: str = ""
    about: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Dossier:
    """One person in one structure. ``stays``: his stays there (Encounter, EpisodeOfCare), oldest first; for the file of a
    structure itself (``scope="structure"``), those of all its files that are not archived, in no order.
    ``parameters`` as in :class:`dui_fhir.domain.context.Context`."""

    today: date
    reader: Reader
    structure: Structure | None = None
    person: str = ""
    stays: tuple[Resource, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    _held: dict[str, tuple[Resource, ...]] = field(default_factory=dict)

    @cached_property
    def patient(self) -> Resource:
        """The Patient, empty where unknown."""
        return (self.reader.read(self.person) if self.person else None) or {}

    @property
    def category(self) -> str:
        """FINESS category of the structure; empty where unknown."""
        return self.structure.category if self.structure else ""

    @property
    def born(self) -> date | None:
        """Day of birth; None where unknown or partial."""
        return day_of(self.patient.get("birthDate"))

    @cached_property
    def current(self) -> Resource | None:
        """The stay that runs today; None where the person is not, or no longer, there."""
        return next((s for s in reversed(self.stays) if _runs(s, self.today)), None)

    @property
    def admission(self) -> date | None:
        """First day of the stay that runs today."""
        return _start(self.current) if self.current else None

    @property
    def exit(self) -> date | None:
        """Last day of the last stay, where none runs today."""
        if self.current is not None:
            return None
        ends = [_end(s) for s in self.stays if s.get("status") not in _NEVER]
        return max((e for e in ends if e is not None and e <= self.today), default=None)

    def resources(self, type: str) -> tuple[Resource, ...]:
        """Return the person's resources of a type, those entered in error left out."""
        if type not in self._held:
            found = self.reader.search(type, [(_PERSON.get(type, "subject"), self.person)]) if self.person else []
            self._held[type] = tuple(r for r in found if r.get("status") != "entered-in-error")
        return self._held[type]

    def of_kind(self, type: str, *codes: str) -> Iterator[Resource]:
        """Yield those whose ``category``, ``type`` or ``code`` has one of these codes."""
        for resource in self.resources(type):
            if _kinds(resource) & set(codes):
                yield resource

    def days_after(self, day: date | None, parameter: str) -> date | None:
        """Return the day that many days after ``day``, the number being a parameter; None without a day."""
        return add_days(day, int(self.parameters[parameter])) if day else None

    def months_after(self, day: date | None, parameter: str) -> date | None:
        """The same in calendar months."""
        return add_months(day, int(self.parameters[parameter])) if day else None

    def years_after(self, day: date | None, parameter: str) -> date | None:
        """The same in years."""
        return add_months(day, 12 * int(self.parameters[parameter])) if day else None

    def days_before(self, day: date | None, parameter: str) -> date | None:
        """Return the day that many days before ``day``."""
        return add_days(day, -int(self.parameters[parameter])) if day else None

    def months_before(self, day: date | None, parameter: str) -> date | None:
        """The same in calendar months."""
        return add_months(day, -int(self.parameters[parameter])) if day else None

    def papers(self, *codes: str) -> Iterator[Resource]:
        """Yield the documents (DocumentReference, Composition) of these types or categories that are no drafts."""
        for type in ("DocumentReference", "Composition"):
            for document in self.of_kind(type, *codes):
                state = document.get("docStatus", document.get("status"))
                if state not in _NOT_YET and document.get("status") != "superseded":
                    yield document

    def last_paper(self, *codes: str) -> date | None:
        """Return the day of the most recent of :meth:`papers`."""
        return last(moment(document) for document in self.papers(*codes))

    @cached_property
    def measures(self) -> tuple[LegalMeasure, ...]:
        """The person's legal measures."""
        found = (LegalMeasure.of(basic) for basic in self.resources("Basic"))
        return tuple(m for m in found if m is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockRule:
    """How a declared rule is checked every day: ``find`` is pure, it yields what is still to be done in a file.

    ``scope``: ``dossier`` = one person in one structure; ``structure`` = the structure itself, once.
    """

    id: str
    find: Callable[[Dossier], Iterable[Deadline]]
    scope: Literal["dossier", "structure"] = "dossier"


def pending(
    due: date | None, *, done: bool = False, text: str = "", about: str = "", key: str = ""
) -> Iterator[Deadline]:
    """Yield the deadline, unless it is met (``done``) or has no day."""
    if due is not None and not done:
        yield Deadline(due=due, text=text, about=about, key=key)


def value(element: Mapping[str, Any], url: str) -> Any:
    """Return ``value[x]`` of the first extension with this URL, whatever x; None where absent."""
    for extension in element.get("extension", ()):
        if extension.get("url") == url:
            return next((v for k, v in extension.items() if k.startswith("value")), None)
    return None


def last(days: Iterable[date | None]) -> date | None:
    """Return the most recent of some days; None where there is none."""
    return max((d for d in days if d is not None), default=None)


def moment(resource: Resource) -> date | None:
    """Return the day that a resource is about: its own date, else the period it covers, else when it was written."""
    for name in ("date", "sent", "authored", "created", "issued", "performedDateTime", "effectiveDateTime", "dateTime"):
        if day_of(resource.get(name)):
            return day_of(resource[name])
    for name in ("period", "effectivePeriod", "performedPeriod"):
        period = resource.get(name)
        if isinstance(period, dict):
            return day_of(period.get("start")) or day_of(period.get("end"))
    return None


def _kinds(resource: Resource) -> set[str]:
    concepts = [resource.get(name) for name in ("category", "type", "code")]
    flat = [c for concept in concepts for c in (concept if isinstance(concept, list) else [concept])]
    codings = [coding for concept in flat if isinstance(concept, dict) for coding in concept.get("coding", ())]
    return {str(coding.get("code")) for coding in codings}


def _start(stay: Resource) -> date | None:
    return day_of(stay.get("period", {}).get("start"))


def _end(stay: Resource) -> date | None:
    return day_of(stay.get("period", {}).get("end"))


def _runs(stay: Resource, today: date) -> bool:
    start, end = _start(stay), _end(stay)
    if start is None or start > today or stay.get("status") in _NEVER:
        return False
    # a stay that ended last week did run before: the day asked for may be in the past
    return stay.get("status") in _STAYING if end is None else today <= end
