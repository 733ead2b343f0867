"""Filters of a value set on a code system. Source: FHIR R4, valueset.html#ValueSet.compose.include.filter.

A filter is compiled once to a predicate. Regular expressions are matched on the whole value, with a bound on the length of
what they see and without those that backtrack without end.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from dui_fhir.terminology import faults
from dui_fhir.terminology.concepts import CodeSystem, Concept, Resource

Test: TypeAlias = Callable[[Concept], bool]

_NESTED = re.compile(r"\((?:[^()\\]|\\.)*(?:[*+]|\{[0-9]+,[0-9]*\})(?:[^()\\]|\\.)*\)(?:[*+]|\{[0-9]+,[0-9]*\})")
REGEX_CHARS_MAX = 200
VALUE_CHARS_MAX = 1000


def compile_filter(system: CodeSystem, row: Resource, value_set: str) -> Test:
    """Return the predicate of one filter. Raises: Unusable (no value, not understood)."""
    name, op, value = row.get("property", ""), row.get("op", ""), row.get("value", "")
    if value == "":
        raise faults.filter_without_value(system.url, name, op)
    make = _OPERATORS.get(op)
    test = make(system, name, value) if make is not None else None
    if test is None:
        raise faults.filter_unknown(value_set, system.url, name, op, value)
    return test


def _values(system: CodeSystem, name: str) -> Callable[[Concept], list[str]]:
    """Return how to read a property of a concept as texts, those that every concept has included."""
    if name in ("concept", "code"):
        return lambda c: [c.code]
    if name in ("display", "definition"):
        return lambda c: [text] if (text := getattr(c, name)) else []
    if name == "parent":
        return lambda c: c.parents
    if name == "child":
        return lambda c: c.children
    if name == "inactive":
        return lambda c: ["true" if system.inactive(c) else "false"]
    return lambda c: [_text(v) for v in system.values(c, name)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.get("code", "")) if isinstance(value, dict) else str(value)


def _equal(system: CodeSystem, name: str, value: str) -> Test:
    values = _values(system, name)
    return lambda c: value in values(c)


def _in(system: CodeSystem, name: str, value: str) -> Test:
    values, wanted = _values(system, name), {v.strip() for v in value.split(",")}
    return lambda c: not wanted.isdisjoint(values(c))


def _not_in(system: CodeSystem, name: str, value: str) -> Test:
    values, refused = _values(system, name), {v.strip() for v in value.split(",")}
    return lambda c: refused.isdisjoint(values(c))


def _exists(system: CodeSystem, name: str, value: str) -> Test:
    values, wanted = _values(system, name), value == "true"
    return lambda c: bool(values(c)) is wanted


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str] | None:
    if len(text) > REGEX_CHARS_MAX or _NESTED.search(text):
        return None
    try:
        return re.compile(text)
    except re.error:
        return None


def _regex(system: CodeSystem, name: str, value: str) -> Test | None:
    pattern = _pattern(value)
    if pattern is None:
        return None
    values = _values(system, name)
    return lambda c: any(len(v) <= VALUE_CHARS_MAX and pattern.fullmatch(v) is not None for v in values(c))


def _among(codes: set[str]) -> Test:
    return lambda c: c.code in codes


def _is_a(system: CodeSystem, name: str, value: str) -> Test | None:
    return _among({value, *system.descendants(value)}) if name in ("concept", "code") else None


def _descendent_of(system: CodeSystem, name: str, value: str) -> Test | None:
    return _among(set(system.descendants(value))) if name in ("concept", "code") else None


def _is_not_a(system: CodeSystem, name: str, value: str) -> Test | None:
    if name not in ("concept", "code"):
        return None
    refused = {value, *system.descendants(value)}
    return lambda c: c.code not in refused


def _generalizes(system: CodeSystem, name: str, value: str) -> Test | None:
    return _among({value, *system.ancestors(value)}) if name in ("concept", "code") else None


def _child_of(system: CodeSystem, name: str, value: str) -> Test | None:
    found = system.find(value)
    return _among(set(found.children) if found else set()) if name in ("concept", "code") else None


def _descendent_leaf(system: CodeSystem, name: str, value: str) -> Test | None:
    below = _descendent_of(system, name, value)
    return None if below is None else lambda c: not c.children and below(c)


_OPERATORS: dict[str, Callable[[CodeSystem, str, str], Test | None]] = {
    "=": _equal,
    "in": _in,
    "not-in": _not_in,
    "exists": _exists,
    "regex": _regex,
    "is-a": _is_a,
    "descendent-of": _descendent_of,
    "is-not-a": _is_not_a,
    "generalizes": _generalizes,
    "child-of": _child_of,
    "descendent-leaf": _descendent_leaf,
}
