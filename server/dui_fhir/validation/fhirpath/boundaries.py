"""The least and the greatest value that a value of limited precision may stand for. Source: FHIRPath, lowBoundary, highBoundary."""

import calendar
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

from dui_fhir.validation.fhirpath.moments import Moment
from dui_fhir.validation.fhirpath.values import Quantity

_DECIMALS_MAX = 31
_DIGITS = {"Date": (4, 6, 8), "DateTime": (4, 6, 8, 10, 12, 17), "Time": (2, 4, 9)}


def boundary(value: Any, digits: int | None, *, high: bool) -> Any:
    """Return the boundary with so many digits after the point (numbers) or in all (dates); None where there is none."""
    if isinstance(value, int | Decimal) and value.__class__ is not bool:
        return _number(Decimal(value), 8 if digits is None else digits, high)
    if value.__class__ is Quantity:
        found = _number(value.value, 8 if digits is None else digits, high)
        return None if found is None else Quantity(found, value.unit, calendar=value.calendar)
    return _moment(value, digits, high) if value.__class__ is Moment else None


def precision(value: Any) -> int | None:
    """Return the digits after the point of a number, or all digits of a date."""
    if isinstance(value, int | Decimal) and value.__class__ is not bool:
        return max(0, -int(Decimal(value).as_tuple().exponent))
    if value.__class__ is not Moment:
        return None
    written = sum(c.isdigit() for c in value.text.partition("T")[0])
    if value.kind == "Time":
        return sum(c.isdigit() for c in value.text)
    clock = value.text.partition("T")[2].split("+")[0].split("-")[0]
    return written + sum(c.isdigit() for c in clock)


def _number(value: Decimal, places: int, high: bool) -> Decimal | None:
    if not 0 <= places <= _DECIMALS_MAX:
        return None
    half = Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    with localcontext() as context:
        context.prec = 60
        return (value + half if high else value - half).quantize(
            Decimal(1).scaleb(-places), ROUND_CEILING if high else ROUND_FLOOR
        )


def _moment(value: Moment, digits: int | None, high: bool) -> Moment | None:
    sizes = _DIGITS[value.kind]
    wanted = sizes[-1] if digits is None else digits
    if wanted not in sizes:
        return None
    count = sizes.index(wanted) + 1
    parts = [int(p) for p in value.parts]
    if value.kind == "Time":
        text = _clock(parts, count, high)
    else:
        date = _date(parts[:3], high)
        text = "-".join(date[: min(count, 3)])
        if count > 3:
            # a time always has minutes in FHIR, so that an hour alone is that hour and no minute
            clock = parts[3:] + [0] if len(parts) == 4 else parts[3:]
            text += "T" + _clock(clock, count - 3, high) + _zone(value, high)
    return Moment.read(text, value.kind)


def _date(parts: list[int], high: bool) -> list[str]:
    year = parts[0]
    month = parts[1] if len(parts) > 1 else 12 if high else 1
    day = parts[2] if len(parts) > 2 else calendar.monthrange(year, month)[1] if high else 1
    return [f"{year:04d}", f"{month:02d}", f"{day:02d}"]


def _clock(parts: list[int], count: int, high: bool) -> str:
    full = parts + [(23, 59, 59)[i] if high else 0 for i in range(len(parts), 3)]
    texts = [f"{p:02d}" for p in full]
    texts[2] += ".999" if high else ".000"
    return ":".join(texts[:count])


def _zone(value: Moment, high: bool) -> str:
    if value.zone_min is None:
        return "-12:00" if high else "+14:00"
    sign = "-" if value.zone_min < 0 else "+"
    return f"{sign}{abs(value.zone_min) // 60:02d}:{abs(value.zone_min) % 60:02d}"
