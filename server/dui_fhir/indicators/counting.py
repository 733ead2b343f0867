"""Numerators and denominators of one structure over one period. What several indicators share is found once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final

from dui_fhir.domain.calendar import add_days
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import interval
from dui_fhir.domain.dossier import ClockRule, Dossier
from dui_fhir.domain.query import AllOf, DateIs, Node, Not, TokenIs
from dui_fhir.domain.structure import Structure
from dui_fhir.indicators.definition import Count, Criterion, Indicator
from dui_fhir.indicators.period import Period
from dui_fhir.indicators.persons import (
    PAGE,
    Activity,
    Person,
    accompanied,
    local,
    of_structure,
    of_structure_or_none,
)
from dui_fhir.plugin_host import PluginHost
from dui_fhir.ports import Store, every
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import parse
from dui_fhir.service.reader import TrackingReader
from dui_fhir.service.structures import TAG_SYSTEM

_LINKS: Final = ("subject", "patient", "for", "beneficiary")
_THEMSELVES: Final = Criterion(resource="Patient")
_NEVER: Final = frozenset({"entered-in-error"})
_MINUTE_MS: Final = 60_000
_PERIODS: Final = ("period", "executionPeriod", "performedPeriod")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """``value``: the number; ``references``: what was counted (``Type/id``), sorted."""

    value: float
    references: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What a count needs besides the structure and the period. ``now_ms``: what is planned later has not happened yet.

    ``parameters`` gives the parameters of the corridors as a structure of this tenant has them (decision D7).
    """

    store: Store
    host: PluginHost
    parameters: Callable[[Structure], Mapping[str, Any]]
    options: SearchOptions
    now_ms: int


class Counting:
    """The counts of one structure over one period. Memory: the persons of the structure, and what one count keeps."""

    def __init__(self, structure: Structure, period: Period, given: Circumstances, rules: Collection[str] = ()) -> None:
        """``rules``: the clock rules that the counts to come may name."""
        self._structure, self._period, self._given, self._rules = structure, period, given, frozenset(rules)
        self._parameters = given.parameters(structure)
        self._found: dict[Criterion, frozenset[str]] = {}

    def tally(self, indicator: Indicator, count: Count) -> Tally:
        """Return one number and what makes it."""
        persons = self._persons(count)
        if count.what == "persons":
            return Tally(value=len(persons), references=tuple(sorted(persons)))
        if count.what == "days":
            days = {r: self._days(self._accompanied[r], count) for r in persons}
            return Tally(value=sum(days.values()), references=tuple(sorted(days)))
        return self._resources(indicator, count, persons)

    # -------------------------------------------------------------------------------------------------- persons

    @cached_property
    def _accompanied(self) -> dict[str, Person]:
        return accompanied(self._given.store, self._structure, self._period, self._given.options)

    @cached_property
    def _active(self) -> frozenset[str]:
        bounds = self._period.bounds_ms(self._given.options.zone)
        return Activity(self._given.store, self._structure, bounds).within(self._accompanied)

    def _persons(self, count: Count) -> frozenset[str]:
        if frozenset(self._structure.corridors) & count.except_corridors:
            return frozenset()
        kept = self._population(count.population)
        for criterion in count.having:
            kept &= self._with(criterion)
        for criterion in count.without:
            kept -= self._with(criterion)
        if count.in_order:
            kept = frozenset(r for r in kept if not self._overdue[r] & set(count.in_order))
        return kept

    def _population(self, name: str) -> frozenset[str]:
        people, period = self._accompanied, self._period
        if name == "active":
            return self._active
        if name == "entered":
            return frozenset(r for r, p in people.items() if period.start <= p.entered <= period.end)
        if name == "left":
            return frozenset(
                r for r, p in people.items() if p.left is not None and period.start <= p.left <= period.end
            )
        return frozenset(people)

    def _days(self, person: Person, count: Count) -> int:
        """Days of presence in the period, up to today; for who left, days of his whole stay."""
        if count.population == "left":
            return ((person.left or self._period.end) - person.entered).days
        until = min(self._period.end, self._today)
        days: set[int] = set()
        for start, end in person.stays:
            first, last = max(start, self._period.start), min(end or until, until)
            days.update(range(first.toordinal(), last.toordinal() + 1))
        return len(days)

    @cached_property
    def _overdue(self) -> dict[str, frozenset[str]]:
        """The clock rules that ask for something overdue at the end of the period, by person: each file is read once."""
        rules = [r for r in self._given.host.clock_rules(self._structure.corridors) if r.id in self._rules]
        return {reference: self._late(person, rules) for reference, person in self._accompanied.items()}

    def _late(self, person: Person, rules: Sequence[ClockRule]) -> frozenset[str]:
        today = min(self._period.end, self._today)
        dossier = Dossier(
            today=today,
            reader=TrackingReader(self._given.store, self._given.options),
            structure=self._structure,
            person=person.reference,
            stays=tuple(person.resources),
            parameters=self._parameters,
        )
        return frozenset(rule.id for rule in rules if any(deadline.due < today for deadline in rule.find(dossier)))

    @cached_property
    def _today(self) -> date:
        return datetime.fromtimestamp(self._given.now_ms / 1000, UTC).astimezone(self._given.options.zone).date()

    # ------------------------------------------------------------------------------------------------ resources

    def _with(self, criterion: Criterion) -> frozenset[str]:
        if criterion.any:
            return frozenset().union(*map(self._with, criterion.any))
        if criterion not in self._found:
            self._found[criterion] = frozenset(p for r in self._matches(criterion) for p in persons_of(r))
        return self._found[criterion]

    def _patients(self) -> Iterator[Resource]:
        """Yield the persons themselves: known by name, so that not everybody of the tenant is read."""
        ids = sorted(r.removeprefix("Patient/") for r in self._accompanied)
        for first in range(0, len(ids), PAGE):
            found = self._given.store.read_many([("Patient", id) for id in ids[first : first + PAGE]])
            yield from (version.resource() for version in found.values() if not version.deleted)

    def _matches(self, criterion: Criterion, *, anyone: bool = False) -> Iterator[Resource]:
        if criterion == _THEMSELVES:
            yield from self._patients()
            return
        parsed = parse(criterion.resource, criterion.search, self._given.options)
        parsed = parsed.within(of_structure(self._structure) if anyone else of_structure_or_none(self._structure))
        parsed = parsed.within(Not(TokenIs("_tag", TAG_SYSTEM, "demo")))
        if criterion.date:
            parsed = parsed.within(self._dated(criterion))
        for version in every(self._given.store, parsed.query):
            resource = version.resource()
            if resource.get("status") not in _NEVER:
                yield resource

    def _dated(self, criterion: Criterion) -> Node:
        low, high = self._period.bounds_ms(self._given.options.zone)
        until = max(low, min(high, self._given.now_ms))
        if criterion.ever:
            return DateIs(criterion.date, "le", until, until)
        if not criterion.months:
            return DateIs(criterion.date, "ap", low, until)
        # the day itself, that many months ago, is too old: twelve months hold twelve anniversaries, not thirteen
        oldest = add_days(self._period.since(int(self._parameters[criterion.months])).start, 1)
        since = Period(start=oldest, end=self._period.end).bounds_ms(self._given.options.zone)[0]
        begun = Not(DateIs(criterion.date, "lt", since, since))
        return AllOf((DateIs(criterion.date, "le", until, until), begun))

    def _resources(self, indicator: Indicator, count: Count, persons: frozenset[str]) -> Tally:
        assert count.of is not None, "the schema of the file asks for it"
        worth = self._worth(indicator, count.what)
        kept: dict[str, tuple[str, float]] = {}
        for resource in self._matches(count.of, anyone=count.anyone):
            concerned = [reference(resource)] if count.anyone else sorted(persons & frozenset(persons_of(resource)))
            value = worth(resource) if concerned else None
            if value is not None:
                # one line per person where the last one counts, else one per resource
                key = concerned[0] if count.last_of_person else reference(resource)
                if key not in kept or _moment(resource) >= kept[key][0]:
                    kept[key] = (_moment(resource), value)
        return Tally(value=sum(v for _, v in kept.values()), references=tuple(sorted(kept)))

    def _worth(self, indicator: Indicator, what: str) -> Callable[[Resource], float | None]:
        if what == "minutes":
            return minutes
        value, parameters = indicator.value, self._parameters
        if value is None:
            return lambda _: 1
        if what == "points":
            return lambda resource: value(resource, parameters)
        return lambda resource: None if value(resource, parameters) is None else 1


def persons_of(resource: Resource) -> Iterable[str]:
    """Yield the ``Patient/id`` that a resource names as its own; a Patient is his own."""
    if resource["resourceType"] == "Patient":
        yield reference(resource)
    for name in _LINKS:
        if found := local(resource.get(name), "Patient"):
            yield found
    for participant in _participants(resource):
        if found := local(participant.get("actor"), "Patient"):
            yield found


def _participants(resource: Resource) -> list[Mapping[str, Any]]:
    given = resource.get("participant", [])
    return [p for p in given if isinstance(p, dict)] if isinstance(given, list) else []


def reference(resource: Resource) -> str:
    """Return ``Type/id``."""
    return f"{resource['resourceType']}/{resource['id']}"


def minutes(resource: Resource) -> float | None:
    """Return the length of an event in minutes; None where its start or its end is not known to the minute."""
    bounds = next((resource[name] for name in _PERIODS if isinstance(resource.get(name), dict)), resource)
    start, end = (bounds.get(name) for name in ("start", "end"))
    if not (isinstance(start, str) and isinstance(end, str) and "T" in start and "T" in end):
        return None
    return max(0, interval(end)[0] - interval(start)[0]) / _MINUTE_MS


def _moment(resource: Resource) -> str:
    dates = (resource.get(name) for name in ("authored", "date", "lastModified"))
    return str(next((d for d in dates if d), resource.get("meta", {}).get("lastUpdated", "")))
