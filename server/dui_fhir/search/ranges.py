"""Prefixes, and the interval that a number, a date or a quantity written in a search stands for.

Source: FHIR R4, search.html#prefix, #number, #date, #quantity. Bounds are inclusive: the upper bound of a half-open interval
of numbers is the float just below it.
"""

import re
from datetime import tzinfo
from fractions import Fraction
from math import inf, nextafter
from typing import NamedTuple, cast, get_args

from dui_fhir.domain.dates import MS_MAX, MS_MIN, interval
from dui_fhir.domain.query import Comparator

_COMPARATORS = frozenset(get_args(Comparator))
# 40 digits and 10^250 at most: floats go to 10^308
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_EXPONENT_MAX = 250
_OFFSET_SPACE = re.compile(r"(T[\d:.]+) (\d\d:\d\d)")
_RANGES = ("eq", "ne", "ap")
"""Prefixes for which the precision of the value counts; for the others it is taken as infinitely precise."""


class NumberRange(NamedTuple):
    """``low ≤ v < high`` where ``half_open``, else ``low ≤ v ≤ high``, exactly."""

    comparator: Comparator
    low: Fraction
    high: Fraction
    half_open: bool

    def floats(self, low: float, high: float) -> tuple[float, float]:
        """Return the inclusive bounds, given both ends as floats (of this range, or of its conversion)."""
        return low, nextafter(high, -inf) if self.half_open else high


def prefixed(text: str) -> tuple[Comparator, str]:
    """Split ``ge2020`` into ``ge`` and ``2020``; no prefix means ``eq``."""
    if text[:2] in _COMPARATORS:
        return cast(Comparator, text[:2]), text[2:]
    return "eq", text


def number(text: str) -> NumberRange:
    """Return the range of a number: ``100`` is 99.5 to 100.5, ``1e2`` 95 to 105, ``ap100`` 90 to 110.

    Raises: ValueError.
    """
    comparator, digits = prefixed(text)
    match = _NUMBER.fullmatch(digits)
    if match is None:
        raise ValueError("not a decimal")
    exponent = int(match[2] or 0)
    if abs(exponent) > _EXPONENT_MAX:
        raise ValueError("exponent out of range")
    value = Fraction(digits)
    if comparator not in _RANGES:
        return NumberRange(comparator, value, value, half_open=False)
    half = Fraction(10) ** (exponent - len(match[1] or "")) / 2
    if match[2] is not None:
        half /= 10  # the page's own example: 1e2 is [95, 105)
    if comparator == "ap":
        half = max(half, abs(value) / 10)
        return NumberRange(comparator, value - half, value + half, half_open=False)
    return NumberRange(comparator, value - half, value + half, half_open=True)


def date(text: str, zone: tzinfo, now_ms: int) -> tuple[Comparator, int, int]:
    """Return ``(comparator, low, high)`` in epoch milliseconds; ``ap`` widens by a tenth of the time between it and now.

    Raises: ValueError.
    """
    comparator, moment = prefixed(text)
    if not moment.isascii():
        raise ValueError("not a FHIR date")
    # a + that the client did not encode arrives as a space
    low, high = interval(_OFFSET_SPACE.sub(r"\1+\2", moment), zone)
    if comparator == "ap":
        margin = abs(now_ms - (low + high) // 2) // 10
        low, high = max(low - margin, MS_MIN), min(high + margin, MS_MAX)
    return comparator, low, high
