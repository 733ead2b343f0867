"""Values against the fixed values and the patterns of a profile. Source: FHIR R4, elementdefinition.html#fixed, #pattern."""

from typing import Any


def same(expected: Any, value: Any) -> bool:
    """Return whether two JSON values are the same: keys in any order, arrays in theirs, no number equal to a boolean."""
    if expected.__class__ is dict and value.__class__ is dict:
        return expected.keys() == value.keys() and all(same(v, value[k]) for k, v in expected.items())
    if expected.__class__ is list and value.__class__ is list:
        return len(expected) == len(value) and all(same(a, b) for a, b in zip(expected, value, strict=True))
    return bool(expected == value) and isinstance(expected, bool) == isinstance(value, bool)


def fits(pattern: Any, value: Any) -> bool:
    """Return whether a value holds at least what a pattern holds; each item of an array is looked for among the items."""
    kind = pattern.__class__
    if kind is str:  # the commonest by far
        return value.__class__ is str and bool(pattern == value)
    if kind is dict:
        return value.__class__ is dict and _fits_object(pattern, value)
    if kind is list:
        return value.__class__ is list and all(any(fits(p, v) for v in value) for p in pattern)
    return same(pattern, value)


def _fits_object(pattern: dict[str, Any], value: dict[str, Any]) -> bool:
    for name, expected in pattern.items():  # noqa: SIM110  (a generator costs twice as much here)
        if name not in value or not fits(expected, value[name]):
            return False
    return True
