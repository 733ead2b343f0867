"""Values of primitive types. Source: FHIR R4, datatypes.html#primitive (regular expressions of the R4 tables)."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from dui_fhir.definitions.elements import element_table
from dui_fhir.domain.dates import interval

_TEXT_BYTES_MAX = 1024 * 1024
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_QUICK_TEXT = re.compile(r"[^\s\x00-\x1f][^\x00-\x08\x0b\x0c\x0e-\x1f]{0,999}")
"""Texts of the usual length that start with a character: what is shorter or longer, blank or strange is left to ``_text``."""
_STRINGS = frozenset({"string", "markdown"})
_DATES = frozenset({"date", "dateTime", "instant"})


@cache
def value_check(type: str) -> Callable[[Any], str | None]:
    """Return a function from a JSON value to None, or to what is wrong with it (technical English).

    ``JSON kind`` faults are told by :func:`json_kind`; here only values of the right kind are looked at.
    """
    if type in _STRINGS:
        return _text
    if type == "base64Binary":
        return _base64
    if type in _DATES:
        return _dated(_pattern(type))
    if type == "boolean":
        return _nothing
    if type in ("integer", "positiveInt", "unsignedInt"):
        return _ranged({"integer": -(2**31), "positiveInt": 1, "unsignedInt": 0}[type])
    if type == "decimal":
        return _nothing
    if type == "xhtml":
        return _nothing
    return _matching(_pattern(type))


def quick_test(type: str) -> Callable[[str], object] | None:
    """Return a test that only sound texts pass, cheaper than :func:`value_check`; None where there is none."""
    if type in _STRINGS:
        return _QUICK_TEXT.fullmatch
    if type in ("date", "dateTime"):
        return _whole_day(_pattern(type))
    if json_kind(type) is not str or type in ("instant", "base64Binary", "xhtml"):
        return None
    return _pattern(type).fullmatch


def _whole_day(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    match, size = pattern.fullmatch, len("2026-01-01")

    def is_day(value: str) -> bool:
        if len(value) != size or not match(value):
            return False
        try:
            date.fromisoformat(value)
        except ValueError:
            return False
        return True

    return is_day


def json_kind(type: str) -> type:
    """Return the Python class that JSON text of this primitive type gives (float stands for int or float)."""
    return {"boolean": bool, "integer": int, "positiveInt": int, "unsignedInt": int, "decimal": float}.get(type, str)


@cache
def _pattern(type: str) -> re.Pattern[str]:
    regex = next(t.regex for t in element_table(type).elements[f"{type}.value"].types)
    return re.compile(regex or r"[\s\S]+")


def _nothing(value: Any) -> str | None:
    return None


def _text(value: str) -> str | None:
    if not value or value.isspace():
        return "empty or blank"
    if len(value) > _TEXT_BYTES_MAX and len(value.encode()) > _TEXT_BYTES_MAX:
        return "longer than 1 MiB"
    return "control character" if _CONTROL.search(value) else None


def _base64(value: str) -> str | None:
    try:
        base64.b64decode("".join(value.split()) if any(c in value for c in " \n\r\t") else value, validate=True)
    except (binascii.Error, ValueError):
        return "not base64"
    return None if value else "empty"


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    match = pattern.fullmatch

    def check(value: str) -> str | None:
        return None if value and match(value) else "does not match its pattern"

    return check


def _dated(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    match = pattern.fullmatch

    def check(value: str) -> str | None:
        if not match(value):
            return "does not match its pattern"
        try:
            interval(value)
        except ValueError:
            return "no such date"
        return None

    return check


def _ranged(minimum: int) -> Callable[[int], str | None]:
    def check(value: int) -> str | None:
        return None if minimum <= value <= 2**31 - 1 else "out of range"

    return check
