"""FHIR dates as intervals of epoch milliseconds.

Source: FHIR R4, datatypes.html#dateTime and search.html#date: a partial date means the whole interval it covers.
Intervals are inclusive at both ends, in UTC milliseconds.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_DATE = re.compile(
    r"(?P<y>\d{4})(?:-(?P<m>\d{2})(?:-(?P<d>\d{2})"
    r"(?:T(?P<H>\d{2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.(?P<f>\d+))?)?(?P<z>Z|[+-]\d{2}:\d{2})?)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS_MIN, MS_MAX = -62_135_596_800_000, 253_402_300_799_999
"""First and last millisecond of the years 1 to 9999: the bounds of an open period."""


def interval(text: str, zone: tzinfo = UTC) -> tuple[int, int]:
    """Return ``(low, high)`` of a FHIR date, dateTime or instant; ``zone`` applies where the text names none.

    Raises: ValueError where the text is no date, or a date that does not exist (2023-02-30).
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a FHIR date")
    year, month, day = int(match["y"]), match["m"], match["d"]
    if month is None:
        return _bounds(datetime(year, 1, 1), datetime(year, 12, 31), zone)
    if day is None:
        last = calendar.monthrange(year, _month(month))[1]
        return _bounds(datetime(year, int(month), 1), datetime(year, int(month), last), zone)
    if match["H"] is None:
        moment = datetime(year, int(month), int(day))
        return _bounds(moment, moment, zone)
    return _time_bounds(match, zone)


def _month(text: str) -> int:
    if not 1 <= int(text) <= 12:
        raise ValueError("month out of range")
    return int(text)


def _bounds(first: datetime, last: datetime, zone: tzinfo) -> tuple[int, int]:
    low = to_ms(first.replace(tzinfo=zone))
    # the end of a local day is the last millisecond before midnight there, whatever the clock changes
    return low, to_ms(last.replace(hour=23, minute=59, second=59, microsecond=999_000, tzinfo=zone))


def _time_bounds(match: re.Match[str], zone: tzinfo) -> tuple[int, int]:
    offset = match["z"]
    where = zone if offset is None else _offset(offset)
    second = match["S"]
    leap = second == "60"
    moment = datetime(
        int(match["y"]), int(match["m"]), int(match["d"]), int(match["H"]), int(match["M"]),
        59 if leap else int(second or 0), tzinfo=where,
    )  # fmt: skip
    low = to_ms(moment)
    if second is None:
        return low, low + 59_999
    fraction = match["f"]
    if fraction is None:
        return low, low + 999
    digits = fraction[:3]
    low += int(digits.ljust(3, "0"))
    return low, low + (10 ** (3 - len(digits)) - 1)


@lru_cache(maxsize=64)
def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError("offset out of range")
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def to_ms(moment: datetime) -> int:
    """Return the epoch milliseconds of an aware datetime (floor)."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000


def instant(ms: int) -> str:
    """Return the FHIR instant of epoch milliseconds, in UTC with three decimals: ``2026-11-24T09:00:00.123Z``."""
    second, rest = divmod(ms, 1000)
    return f"{_second(second)}.{rest:03d}Z"


@lru_cache(maxsize=256)
def _second(second: int) -> str:
    moment = _EPOCH + timedelta(seconds=second)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}"
