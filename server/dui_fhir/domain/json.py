"""JSON that keeps decimals as they were written.

FHIR R4 (datatypes.html#decimal) makes the precision of a decimal part of its value: ``1.0`` is not ``1.00``. orjson would
turn both into one float, so bodies that hold a fraction, an exponent or a very long integer take a second road, where
each such number becomes a :class:`Decimal`: a float for whoever computes, the received text for whoever writes.
"""

import json as _json
import re
from typing import Any

import orjson

# Two searches that start with one plain character are four times faster than one that starts with a choice. A string may
# look like a number in an array: that only costs the slow road.
_INEXACT = re.compile(rb'"\s*:\s*(?:-0|-?[0-9]+(?:[.eE]|[0-9]{15}))')
_NUMBERS = re.compile(rb"\[\s*(?:null\s*,\s*)*-?[0-9]")


class Decimal(float):
    """A JSON number with the text it was written with; equal to the float it denotes."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "Decimal":
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[Any, ...]:
        return (Decimal, (self.text,))


def loads(data: bytes | str) -> Any:
    """Parse JSON text; numbers that a float would not keep become :class:`Decimal`.

    Raises: ValueError with a position, for anything that is not one JSON text in UTF-8 (NaN and Infinity included).
    """
    raw = data.encode() if isinstance(data, str) else data
    if _INEXACT.search(raw) is None and _NUMBERS.search(raw) is None:
        return orjson.loads(raw)
    orjson.loads(raw)  # the stricter of the two parsers decides what is JSON
    return _json.loads(raw, parse_float=Decimal, parse_int=_integer)


def dumps(value: Any, *, pretty: bool = False, ordered: bool = False) -> bytes:
    """Serialise to UTF-8 JSON, writing each :class:`Decimal` with its own text; ``ordered``: properties by their names."""
    options = orjson.OPT_PASSTHROUGH_SUBCLASS | (orjson.OPT_INDENT_2 if pretty else 0)
    return orjson.dumps(value, default=_verbatim, option=options | (orjson.OPT_SORT_KEYS if ordered else 0))


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list that a client wrote; nothing where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < 16 and text != "-0" else Decimal(text)


def _verbatim(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(value.text)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"not JSON: {type(value).__name__}")
