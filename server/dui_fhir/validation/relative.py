"""Limits that move with the clock: ``minValueDuration`` counts back from now, ``maxValueDuration`` forward."""

import datetime as dt
from decimal import Decimal
from typing import Any

from dui_fhir.validation.fhirpath.errors import FhirPathError
from dui_fhir.validation.fhirpath.moments import Moment, add, compare

_UNITS = {"a": "year", "mo": "month", "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second"}


def outside_duration(value: str, low: Any, high: Any) -> bool:
    """Return whether a date is earlier than ``low`` ago, or later than ``high`` from now; False where it cannot be told."""
    moment = Moment.read(value, "DateTime")
    if moment is None:
        return False
    least, most = _shifted(low, -1), _shifted(high, 1)
    return (least is not None and _order(moment, least) == -1) or (most is not None and _order(moment, most) == 1)


def _shifted(duration: Any, sign: int) -> Moment | None:
    if not isinstance(duration, dict):
        return None
    unit, amount = _UNITS.get(str(duration.get("code"))), duration.get("value")
    if unit is None or not isinstance(amount, int | float):
        return None
    today = Moment.literal(dt.datetime.now(dt.UTC).date().isoformat())
    try:
        return add(today, sign * Decimal(str(amount)), unit)
    except FhirPathError:
        return None


def _order(left: Moment, right: Moment) -> int | None:
    size = min(len(left.parts), len(right.parts))
    return compare(Moment("Date", left.parts[:size], None, ""), Moment("Date", right.parts[:size], None, ""))
