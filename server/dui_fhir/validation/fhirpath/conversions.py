"""Conversions between System types. Source: FHIRPath N1, conversion."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dui_fhir.validation.fhirpath.moments import Moment
from dui_fhir.validation.fhirpath.values import Quantity

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)(?:\s*(?:'([^']+)'|([a-z]+)))?")
_WORDS = re.compile(r"(year|month|week|day|hour|minute|second|millisecond)s?")


def _boolean(value: Any) -> bool | None:
    if value.__class__ is bool:
        return bool(value)
    if isinstance(value, int | Decimal):
        return True if value == 1 else False if value == 0 else None
    text = value.lower() if isinstance(value, str) else ""
    return True if text in _TRUE else False if text in _FALSE else None


def _integer(value: Any) -> int | None:
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value) else None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?", value) else None


def to_text(value: Any) -> str | None:
    """Return a System value as text."""
    if value.__class__ is bool:
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, str | int | Moment | Quantity) else None


def _moment(kind: Any) -> Callable[[Any], Moment | None]:
    def convert(value: Any) -> Moment | None:
        if value.__class__ is Moment:
            if value.kind == kind:
                return value
            if "Time" in (kind, value.kind):
                return None
            return Moment.read(value.text.partition("T")[0] if kind == "Date" else value.text, kind)
        text = value if isinstance(value, str) else ""
        if kind == "Date" and "T" in text:
            full = Moment.read(text, "DateTime")
            return None if full is None else Moment.read(text.partition("T")[0], "Date")
        return Moment.read(text, kind)

    return convert


def _quantity(value: Any) -> Quantity | None:
    if value.__class__ is Quantity:
        return value
    if value.__class__ is bool:
        return Quantity(Decimal(int(value)), "1")
    if isinstance(value, int | Decimal):
        return Quantity(Decimal(value), "1")
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    if match[3] is None:
        return Quantity(Decimal(match[1]), match[2] or "1")
    word = _WORDS.fullmatch(match[3])
    return Quantity(Decimal(match[1]), word[1], calendar=True) if word else None


CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "Boolean": _boolean,
    "Integer": _integer,
    "Decimal": _decimal,
    "String": to_text,
    "Date": _moment("Date"),
    "DateTime": _moment("DateTime"),
    "Time": _moment("Time"),
    "Quantity": _quantity,
}
