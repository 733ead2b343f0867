"""Dates, times and instants with the precision they were written with. Source: FHIRPath N1, date and time literals."""

import calendar
import datetime as dt
import re
from decimal import Decimal
from typing import Literal

from dui_fhir.validation.fhirpath.errors import FhirPathError

Kind = Literal["Date", "DateTime", "Time"]
_DATED = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_TIMED = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?")
_ZONE = re.compile(r"(Z|[+-]\d\d:\d\d)$")
UNITS = ("year", "month", "day", "hour", "minute", "second")


class Moment:
    """``parts`` are year, month, day, hour, minute (int) and second (Decimal), as many as were written.

    A time has no date: its parts start at the hour. ``zone_min`` is the offset in minutes, None where none was written.
    """

    __slots__ = ("kind", "parts", "text", "zone_min")

    def __init__(self, kind: Kind, parts: tuple[int | Decimal, ...], zone_min: int | None, text: str) -> None:
        self.kind = kind
        self.parts = parts
        self.zone_min = zone_min
        self.text = text

    @classmethod
    def literal(cls, text: str) -> "Moment":
        """Read a literal without its ``@``. Raises: FhirPathError."""
        found = cls.read(text, "Time" if text.startswith("T") else "DateTime" if "T" in text else "Date")
        if found is None:
            raise FhirPathError("syntax: no such date or time")
        return found

    @classmethod
    def read(cls, text: str, kind: Kind) -> "Moment | None":
        """Read the text of a date, dateTime or time; None where it is none."""
        if kind == "Time":
            time = _time(text.removeprefix("T"))
            return None if not time else cls(kind, time, None, text.removeprefix("T"))
        dated, _, timed = text.partition("T")
        zone = _ZONE.search(timed)
        match = _DATED.fullmatch(dated)
        time = _time(timed[: zone.start()] if zone else timed)
        if match is None or time is None or (kind == "Date" and "T" in text) or (time and match[3] is None):
            return None
        date = tuple(int(p) for p in match.groups() if p)
        if not _exists(date):
            return None
        return cls(kind, date + time, _offset(zone[1]) if zone else None, text)

    def __str__(self) -> str:
        return self.text

    def __hash__(self) -> int:
        return hash((self.kind, self.parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and compare(self, other) == 0


def _time(text: str) -> tuple[int | Decimal, ...] | None:
    if not text:
        return ()
    match = _TIMED.fullmatch(text)
    if match is None or int(match[1]) > 23 or int(match[2] or 0) > 59 or int(match[3] or 0) > 60:
        return None
    parts: list[int | Decimal] = [int(p) for p in match.groups()[:2] if p]
    if match[3]:
        parts.append(Decimal(f"{match[3]}.{match[4]}") if match[4] else Decimal(match[3]))
    return tuple(parts)


def _exists(date: tuple[int, ...]) -> bool:
    try:
        dt.date(*(date + (1, 1))[:3])
    except ValueError:
        return False
    return True


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _in_utc(moment: Moment) -> tuple[int | Decimal, ...]:
    if not moment.zone_min or len(moment.parts) < 5:
        return moment.parts
    year, month, day, hour, minute = (int(p) for p in moment.parts[:5])
    shifted = dt.datetime(year, month, day, hour, minute) - dt.timedelta(minutes=moment.zone_min)
    return (shifted.year, shifted.month, shifted.day, shifted.hour, shifted.minute, *moment.parts[5:])


def compare(left: Moment, right: Moment) -> int | None:
    """Return -1, 0, 1, or None where the precisions, or an unknown zone, do not allow to tell.

    Raises: FhirPathError for a time beside a date.
    """
    if (left.kind == "Time") != (right.kind == "Time"):
        raise FhirPathError("a time is not comparable with a date")
    both_zoned = left.zone_min is not None and right.zone_min is not None
    a, b = (_in_utc(left), _in_utc(right)) if both_zoned else (left.parts, right.parts)
    for x, y in zip(a, b, strict=False):
        if x != y:
            return _unless_zone(-1 if x < y else 1, left, right)
    return 0 if len(a) == len(b) and _unless_zone(0, left, right) is not None else None


def _unless_zone(answer: int, left: Moment, right: Moment) -> int | None:
    if (left.zone_min is None) == (right.zone_min is None) or min(len(left.parts), len(right.parts)) < 4:
        return answer
    if left.kind == "Time":
        return answer
    days = abs(_ordinal(left) - _ordinal(right))
    return answer if days > 1 else None  # zones span less than 27 hours


def _ordinal(moment: Moment) -> int:
    return dt.date(*(int(p) for p in moment.parts[:3])).toordinal()


def add(moment: Moment, amount: Decimal, unit: str) -> Moment:
    """Return a moment some calendar units later. Raises: FhirPathError for a unit that does not fit, or out of range."""
    whole = int(amount)
    first = 3 if moment.kind == "Time" else 0
    last = len(moment.parts) - 1 + first
    if unit == "week":
        whole, unit = whole * 7, "day"
    position = UNITS.index("second" if unit == "millisecond" else unit)
    if moment.kind == "Time" and position < 3:
        raise FhirPathError("a time takes no calendar unit of a date")
    if position > last:
        whole, position = _coarser(whole, position, last)
    parts = list(moment.parts)
    try:
        added = _shift(moment, parts, whole, position, amount, unit)
    except (OverflowError, ValueError):
        raise FhirPathError("date out of range") from None
    return Moment(moment.kind, added, moment.zone_min, _written(moment, added))


def _coarser(whole: int, position: int, last: int) -> tuple[int, int]:
    """2 hours added to a day are 0 days, 24 hours are one: FHIRPath N1 converts down to the precision of the date."""
    for size, at in ((60, 5), (60, 4), (24, 3), (30, 2), (12, 1)):
        if position == at and position > last:
            whole, position = int(whole / size), position - 1
    return whole, position


def _shift(
    moment: Moment, parts: list[int | Decimal], whole: int, position: int, amount: Decimal, unit: str
) -> tuple[int | Decimal, ...]:
    count = len(parts)
    if moment.kind != "Time" and position < 2:
        months = int(parts[0]) * 12 + (int(parts[1]) - 1 if count > 1 else 0) + whole * (12 if position == 0 else 1)
        year, month = divmod(months, 12)
        days = [min(int(parts[2]), calendar.monthrange(year, month + 1)[1])] if count > 2 else []
        return (year, month + 1, *days, *parts[3:])[:count]
    dated: list[int | Decimal] = [1970, 1, 1, *parts] if moment.kind == "Time" else [*parts]
    full = [*dated, *(0,) * (6 - len(dated))]
    second = Decimal(full[5])
    year, month, day, hour, minute = (int(p) for p in full[:5])
    start = dt.datetime(year, month, day, hour, minute) + dt.timedelta(microseconds=int(second * 1_000_000))
    scale = {2: 86400, 3: 3600, 4: 60, 5: 1}[position]
    seconds = Decimal(whole * scale)
    if position == 5:
        seconds = amount / 1000 if unit == "millisecond" else amount
    end = start + dt.timedelta(microseconds=int(seconds * 1_000_000))
    fraction = Decimal(end.second) + (Decimal(end.microsecond) / 1_000_000 if end.microsecond else 0)
    whole_parts = (end.year, end.month, end.day, end.hour, end.minute, fraction)
    return whole_parts[3:][:count] if moment.kind == "Time" else whole_parts[:count]


def _written(moment: Moment, parts: tuple[int | Decimal, ...]) -> str:
    widths = (4, 2, 2, 2, 2) if moment.kind != "Time" else (2, 2)
    texts = [f"{int(p):0{w}d}" for p, w in zip(parts, widths, strict=False)]
    if len(parts) > len(widths):
        second = Decimal(parts[-1])
        texts.append(f"{second:06.3f}" if second % 1 or "." in moment.text else f"{int(second):02d}")
    if moment.kind == "Time":
        return ":".join(texts)
    zone = _ZONE.search(moment.text.partition("T")[2])
    clock = ":".join(texts[3:])
    dated = "-".join(texts[:3])
    return dated if moment.kind == "Date" else f"{dated}T{clock}{zone[1] if zone else ''}"
