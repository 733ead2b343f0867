"""The filter ``when`` of a rule, compiled once to plain functions (docs/fr/format-du-couloir.md)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from dui_fhir.domain.change import Change, Resource
from dui_fhir.domain.context import Context

Filter: TypeAlias = Callable[[Resource, Change, Context], bool]
Test: TypeAlias = Callable[[Resource], bool]

_SEGMENT = re.compile(r"extension\(([^)]+)\)|([A-Za-z]+)")

FINAL_STATES: Mapping[str, tuple[str, frozenset[str]]] = {
    "QuestionnaireResponse": ("status", frozenset({"completed", "amended"})),
    "Composition": ("status", frozenset({"final", "amended"})),
    "CarePlan": ("status", frozenset({"active", "on-hold", "completed"})),
    "Contract": ("status", frozenset({"executed", "amended", "appended", "renewed", "resolved", "terminated"})),
    "DocumentReference": ("docStatus", frozenset({"final", "amended"})),
}
"""Types that have drafts: the element that tells, and the values from which rules ask for completeness (decision D8).
States that can only follow the final one count as final."""


def is_draft(resource: Resource) -> bool:
    """Return True where the type has drafts and this resource is one."""
    found = FINAL_STATES.get(resource["resourceType"])
    if found is None:
        return False
    state = resource.get(found[0])
    return not (isinstance(state, str) and state in found[1])


def compile_when(when: Mapping[str, Any] | None) -> Filter:
    """Return the function that tells whether a rule looks at a resource; None = at all of them."""
    if not when:
        return lambda resource, change, context: True
    filters = [build(when[key]) for key, build in _BUILDERS.items() if key in when]
    return lambda resource, change, context: all(f(resource, change, context) for f in filters)


def _profile(urls: Sequence[str]) -> Filter:
    wanted = frozenset(urls)

    def claims(resource: Resource, change: Change, context: Context) -> bool:
        meta = resource.get("meta")
        given = meta.get("profile") if isinstance(meta, dict) else None
        return any(isinstance(url, str) and url.split("|", 1)[0] in wanted for url in _items(given))

    return claims


def _status(values: Sequence[str]) -> Filter:
    wanted = frozenset(values)

    def has(resource: Resource, change: Change, context: Context) -> bool:
        element = "docStatus" if resource["resourceType"] == "DocumentReference" else "status"
        state = resource.get(element)
        return isinstance(state, str) and state in wanted

    return has


def _structure(categories: Sequence[str]) -> Filter:
    wanted = frozenset(categories)
    return lambda resource, change, context: context.structure is not None and context.structure.category in wanted


def _interaction(names: Sequence[str]) -> Filter:
    wanted = frozenset(names)
    return lambda resource, change, context: change.interaction in wanted


def _all(conditions: Sequence[Mapping[str, Any]]) -> Filter:
    tests = [compile_condition(c) for c in conditions]
    return lambda resource, change, context: all(test(resource) for test in tests)


def _any(conditions: Sequence[Mapping[str, Any]]) -> Filter:
    tests = [compile_condition(c) for c in conditions]
    return lambda resource, change, context: any(test(resource) for test in tests)


_BUILDERS: Mapping[str, Callable[[Any], Filter]] = {
    "interaction": _interaction,
    "structure": _structure,
    "profile": _profile,
    "status": _status,
    "all": _all,
    "any": _any,
}
"""In order of cost: the cheapest test runs first."""


def compile_condition(condition: Mapping[str, Any]) -> Test:
    """Return the test of one condition on elements; a profile claimed with its version counts as the profile."""
    values = compile_path(condition["path"])
    if condition["path"] == "meta.profile":
        values = _unversioned(values)
    if "exists" in condition:
        expected = condition["exists"]
        return lambda resource: (next(values(resource), None) is not None) == expected
    if "coding" in condition:
        matches = _coding(condition["coding"])
        return lambda resource: any(matches(value) for value in values(resource))
    if "in" in condition:
        wanted = condition["in"]
        return lambda resource: any(value in wanted for value in values(resource))
    unwanted = condition["not_in"]
    return lambda resource: not any(value in unwanted for value in values(resource))


def _unversioned(values: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    return lambda resource: (v.split("|", 1)[0] if isinstance(v, str) else v for v in values(resource))


def compile_path(path: str) -> Callable[[Any], Iterator[Any]]:
    """Return the function that walks a path of JSON names through lists; ``extension(url)`` filters by url."""
    steps = [(url, name) for url, name in _SEGMENT.findall(path)]

    def walk(value: Any, depth: int = 0) -> Iterator[Any]:
        if isinstance(value, list):
            for item in value:
                yield from walk(item, depth)
        elif depth == len(steps):
            if value is not None:
                yield value
        elif isinstance(value, dict):
            url, name = steps[depth]
            if url:
                for extension in _items(value.get("extension")):
                    if isinstance(extension, dict) and extension.get("url") == url:
                        yield from walk(extension, depth + 1)
            else:
                yield from walk(value.get(name), depth + 1)

    return walk


def _coding(wanted: Mapping[str, Any]) -> Test:
    system = wanted.get("system")
    codes = frozenset([wanted["code"]] if isinstance(wanted["code"], str) else wanted["code"])

    def one(coding: Any) -> bool:
        if not isinstance(coding, dict):
            return False
        code = coding.get("code")
        return isinstance(code, str) and code in codes and system in (None, coding.get("system"))

    def matches(value: Any) -> bool:
        return one(value) or (isinstance(value, dict) and any(one(c) for c in _items(value.get("coding"))))

    return matches


def _items(value: Any) -> list[Any]:
    """The items of a list; nothing where a client sent something else: that is for the validation to say."""
    return value if isinstance(value, list) else []
