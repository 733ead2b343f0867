"""When a prescription says that a medication is taken: the doses of one day. Pure.

Read: ``Timing.event``; ``Timing.repeat`` with ``frequency``/``period``, ``timeOfDay``, ``when``, ``dayOfWeek``, ``boundsPeriod``,
``boundsDuration`` from the day of the prescription; the usual ``Timing.code``. What else is written is said, never guessed.
Source: FHIR R4, datatypes.html#Timing, v3-GTSAbbreviation, v3-TimingEvent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo
from typing import Any, Final

from dui_fhir.api import Resource, add_days, add_months, day_of, interval, to_ms

_REPEAT: Final = frozenset(
    {"frequency", "period", "periodUnit", "timeOfDay", "when", "dayOfWeek", "boundsPeriod", "boundsDuration", "id"}
)
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CODES: Final[Mapping[str, Mapping[str, Any]]] = {
    "QD": {"frequency": 1, "period": 1, "periodUnit": "d"},
    "BID": {"frequency": 2, "period": 1, "periodUnit": "d"},
    "TID": {"frequency": 3, "period": 1, "periodUnit": "d"},
    "QID": {"frequency": 4, "period": 1, "periodUnit": "d"},
    "QOD": {"frequency": 1, "period": 2, "periodUnit": "d"},
    "Q4H": {"frequency": 1, "period": 4, "periodUnit": "h"},
    "Q6H": {"frequency": 1, "period": 6, "periodUnit": "h"},
    "Q8H": {"frequency": 1, "period": 8, "periodUnit": "h"},
    "AM": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN"]},
    "PM": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["AFT"]},
    "BED": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]},
    "WK": {"frequency": 1, "period": 1, "periodUnit": "wk"},
    "MO": {"frequency": 1, "period": 1, "periodUnit": "mo"},
}
_UNITS: Final = {"d": "jours", "wk": "semaines", "mo": "mois"}
_ROUND_THE_CLOCK: Final = 24


class Unread(ValueError):
    """A way of writing when to take a medication that is not read here; the text says which, in French."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """Hours of a structure: ``times`` by number of doses a day, ``moments`` by code of v3-TimingEvent, in ``zone``."""

    times: Mapping[str, list[str]]
    moments: Mapping[str, str]
    zone: tzinfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Dose:
    """One dose: ``at`` in epoch milliseconds, None where it is taken as needed; ``instruction`` is its Dosage."""

    at: int | None
    instruction: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What the instruction says, for people: its text, else the quantity."""
        said = str(self.instruction.get("text") or self.instruction.get("patientInstruction") or "")
        return said or " ".join(filter(None, map(_quantity, self.instruction.get("doseAndRate", ()))))

    def local(self, habits: Habits) -> str:
        """Return ``at`` as people read it there, with its offset; empty where as needed."""
        return "" if self.at is None else datetime.fromtimestamp(self.at / 1000, habits.zone).isoformat()


def _quantity(rate: Mapping[str, Any]) -> str:
    quantity = rate.get("doseQuantity", {})
    return f"{quantity.get('value', '')} {quantity.get('unit', '')}".strip()


def doses(request: Resource, instruction: Mapping[str, Any], day: date, habits: Habits) -> list[Dose]:
    """Return the doses of one instruction on a local day, in order. Raises: Unread."""
    if instruction.get("asNeededBoolean") or "asNeededCodeableConcept" in instruction:
        return [Dose(at=None, instruction=instruction)]
    times = sorted({*_times(request, instruction.get("timing") or {}, day, habits)})
    return [Dose(at=at, instruction=instruction) for at in times]


def _times(request: Resource, timing: Mapping[str, Any], day: date, habits: Habits) -> Iterator[int]:
    for event in timing.get("event", ()):
        yield from _event(event, day, habits)
    repeat = timing.get("repeat") or _of_code(timing)
    if repeat is None:
        if not timing.get("event"):
            raise Unread("aucun horaire")
        return
    yield from (_ms(day, at, habits) for at in _repeated(request, repeat, day, habits))


def _event(event: Any, day: date, habits: Habits) -> Iterator[int]:
    if "T" not in str(event):
        raise Unread("un jour sans heure")
    try:
        at = interval(event)[0]
    except (TypeError, ValueError) as error:
        raise Unread("une date illisible") from error
    if datetime.fromtimestamp(at / 1000, habits.zone).date() == day:
        yield at


def _of_code(timing: Mapping[str, Any]) -> Mapping[str, Any] | None:
    codes = [str(c.get("code")) for c in (timing.get("code") or {}).get("coding", ())]
    if not codes:
        if (timing.get("code") or {}).get("text"):
            raise Unread("un rythme écrit en toutes lettres")
        return None
    known = next((_CODES[c] for c in codes if c in _CODES), None)
    if known is None:
        raise Unread(f"le code {codes[0]}")
    return known


def _repeated(request: Resource, repeat: Mapping[str, Any], day: date, habits: Habits) -> list[time]:
    unread = sorted(set(repeat) - _REPEAT)
    if unread:
        raise Unread(f"l’élément {unread[0]}")
    start, end = _bounds(request, repeat)
    first = start or _written(request)
    if (first and day < first) or (end and day > end) or not _on_day(repeat, day, first):
        return []
    return _hours(repeat, habits)


def _written(request: Resource) -> date | None:
    return day_of(request.get("authoredOn"))


def _bounds(request: Resource, repeat: Mapping[str, Any]) -> tuple[date | None, date | None]:
    """Return the first and last days, None where open."""
    period, length = repeat.get("boundsPeriod") or {}, repeat.get("boundsDuration")
    if not length:
        return day_of(period.get("start")), day_of(period.get("end"))
    start = _written(request)
    value, unit = length.get("value"), length.get("code") or length.get("unit")
    if start is None or unit not in _UNITS or not _whole(value):
        raise Unread("une durée sans début connu")
    return start, add_days(_later(start, int(value), str(unit)), -1)


def _later(start: date, count: int, unit: str) -> date:
    return add_months(start, count) if unit == "mo" else add_days(start, count * (len(_WEEK) if unit == "wk" else 1))


def _whole(value: Any) -> bool:
    try:
        return int(value) == value and int(value) > 0
    except (TypeError, ValueError):
        return False


def _on_day(repeat: Mapping[str, Any], day: date, first: date | None) -> bool:
    """True where the rhythm falls on the day; one of several days, weeks or months runs from the first day."""
    days = repeat.get("dayOfWeek")
    if days:
        if repeat.get("periodUnit", "wk") not in ("d", "wk") or repeat.get("period", 1) != 1:
            raise Unread("des jours de la semaine une semaine sur plusieurs")
        return _WEEK[day.weekday()] in days
    unit, every = repeat.get("periodUnit", "d"), repeat.get("period", 1)
    if unit == "h" or (unit == "d" and every == 1):
        return True
    if unit not in _UNITS or not _whole(every) or first is None:
        raise Unread("un rythme dont le premier jour n’est pas dit")
    if unit == "mo":
        months = (day.year - first.year) * 12 + day.month - first.month
        return months % int(every) == 0 and add_months(first, months) == day
    step = int(every) * (len(_WEEK) if unit == "wk" else 1)
    return (day - first).days % step == 0


def _hours(repeat: Mapping[str, Any], habits: Habits) -> list[time]:
    if repeat.get("timeOfDay"):
        return [_clock(text) for text in repeat["timeOfDay"]]
    if repeat.get("when"):
        return [_moment(code, habits) for code in repeat["when"]]
    if repeat.get("periodUnit") == "h":
        return _every(repeat, habits)
    weekly = repeat.get("dayOfWeek") and repeat.get("periodUnit", "wk") == "wk"
    # so many times a week, on so many days: once on each
    count = _shared(repeat) if weekly else repeat.get("frequency", 1)
    named = habits.times.get(str(count))
    if named is None:
        raise Unread(f"{count} prises par jour sans heures")
    if repeat.get("periodUnit", "d") in ("wk", "mo") and not repeat.get("dayOfWeek") and count != 1:
        raise Unread("plusieurs prises par semaine ou par mois sans jours")
    return [_clock(text) for text in named]


def _shared(repeat: Mapping[str, Any]) -> int:
    frequency, days = repeat.get("frequency", len(repeat["dayOfWeek"])), len(repeat["dayOfWeek"])
    if frequency not in (1, days):
        raise Unread("un nombre de prises qui n’est pas celui des jours")
    return 1


def _every(repeat: Mapping[str, Any], habits: Habits) -> list[time]:
    """Every so many hours, from the first hour of the structure."""
    every = repeat.get("period", 1)
    if not _whole(every) or _ROUND_THE_CLOCK % int(every) or repeat.get("frequency", 1) != 1:
        raise Unread("un rythme en heures qui ne tombe pas juste dans la journée")
    first = _clock(habits.times["1"][0])
    hours = sorted((first.hour + n) % _ROUND_THE_CLOCK for n in range(0, _ROUND_THE_CLOCK, int(every)))
    return [time(hour, first.minute) for hour in hours]


def _moment(code: str, habits: Habits) -> time:
    if code not in habits.moments:
        raise Unread(f"le moment {code}")
    return _clock(habits.moments[code])


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise Unread("une heure illisible") from error


def _ms(day: date, at: time, habits: Habits) -> int:
    return to_ms(datetime.combine(day, at, habits.zone))
