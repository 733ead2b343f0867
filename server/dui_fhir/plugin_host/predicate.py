"""JSON Schema as a plain Python predicate: is it valid, yes or no.

Most resources break no rule, and ``jsonschema`` walks its keyword table again for each of them (0.1 to 0.9 ms for rules of
this project). The usual keywords are compiled once to closures, about ten times faster; a schema with any other keyword is
left to ``jsonschema``, which also says where the fault is. A property test compares the two.
Source: JSON Schema 2020-12, core and validation vocabularies.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Predicate: TypeAlias = Callable[[Any], bool]


class Unsupported(Exception):
    """The schema uses a keyword that is not compiled here, or uses one wrongly."""


def compile_schema(schema: Any) -> Predicate:
    """Return the predicate of a schema, which is thereby known to be correct.

    Raises: Unsupported; then the schema may still be correct.
    """
    if isinstance(schema, bool):
        return lambda value: schema
    if not isinstance(schema, dict):
        raise Unsupported("not a schema")
    tests = []
    for keyword, argument in schema.items():
        if keyword not in _ARGUMENTS or not _ARGUMENTS[keyword](argument):
            raise Unsupported(keyword)
        if keyword in _KEYWORDS:
            tests.append(_KEYWORDS[keyword](argument, schema))
    return _every(tests)


def _every(tests: Sequence[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        return lambda value: first(value) and second(value)

    def holds(value: Any) -> bool:
        for test in tests:  # noqa: SIM110 (half the time of ``all`` over a generator)
            if not test(value):
                return False
        return True

    return holds


def _required(names: Sequence[str], schema: Mapping[str, Any]) -> Predicate:
    if len(names) == 1:
        name = names[0]
        return lambda value: not isinstance(value, dict) or name in value
    return lambda value: not isinstance(value, dict) or all(name in value for name in names)


def _properties(properties: Mapping[str, Any], schema: Mapping[str, Any]) -> Predicate:
    tests = [(name, compile_schema(part)) for name, part in properties.items()]

    def holds(value: Any) -> bool:
        if isinstance(value, dict):
            for name, test in tests:
                if name in value and not test(value[name]):
                    return False
        return True

    return holds


def _additional(part: Any, schema: Mapping[str, Any]) -> Predicate:
    if "patternProperties" in schema:
        raise Unsupported("patternProperties")
    known, test = frozenset(schema.get("properties", ())), compile_schema(part)
    return lambda value: not isinstance(value, dict) or all(test(v) for name, v in value.items() if name not in known)


def _items(part: Any, schema: Mapping[str, Any]) -> Predicate:
    if "prefixItems" in schema:
        raise Unsupported("prefixItems")
    test = compile_schema(part)
    return lambda value: not isinstance(value, list) or all(test(item) for item in value)


def _contains(part: Any, schema: Mapping[str, Any]) -> Predicate:
    test = compile_schema(part)
    low, high = schema.get("minContains", 1), schema.get("maxContains")
    if low == 1 and high is None:
        return lambda value: not isinstance(value, list) or any(test(item) for item in value)

    def holds(value: Any) -> bool:
        if not isinstance(value, list):
            return True
        count = sum(test(item) for item in value)
        return bool(low <= count and (high is None or count <= high))

    return holds


def _all_of(parts: Sequence[Any], schema: Mapping[str, Any]) -> Predicate:
    return _every([compile_schema(part) for part in parts])


def _any_of(parts: Sequence[Any], schema: Mapping[str, Any]) -> Predicate:
    tests = [compile_schema(part) for part in parts]
    return lambda value: any(test(value) for test in tests)


def _one_of(parts: Sequence[Any], schema: Mapping[str, Any]) -> Predicate:
    tests = [compile_schema(part) for part in parts]
    return lambda value: sum(test(value) for test in tests) == 1


def _not(part: Any, schema: Mapping[str, Any]) -> Predicate:
    test = compile_schema(part)
    return lambda value: not test(value)


def _if(part: Any, schema: Mapping[str, Any]) -> Predicate:
    test, then, other = (compile_schema(p) for p in (part, schema.get("then", True), schema.get("else", True)))
    return lambda value: then(value) if test(value) else other(value)


def _const(expected: Any, schema: Mapping[str, Any]) -> Predicate:
    if isinstance(expected, str):
        return lambda value: bool(value == expected)
    return lambda value: _same(value, expected)


def _enum(expected: Sequence[Any], schema: Mapping[str, Any]) -> Predicate:
    if all(isinstance(item, str) for item in expected):
        texts = frozenset(expected)
        return lambda value: isinstance(value, str) and value in texts
    return lambda value: any(_same(value, item) for item in expected)


def _same(left: Any, right: Any) -> bool:
    """JSON equality: unlike Python's, a boolean is no number."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


_TYPES: Mapping[str, Predicate] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        isinstance(value, int) and not isinstance(value, bool) or isinstance(value, float) and value.is_integer()
    ),
}


def _type(names: str | Sequence[str], schema: Mapping[str, Any]) -> Predicate:
    if isinstance(names, str):
        return _TYPES[names]
    tests = [_TYPES[name] for name in names]
    return lambda value: any(test(value) for test in tests)


def _unique(wanted: bool, schema: Mapping[str, Any]) -> Predicate:
    if not wanted:
        return lambda value: True
    return lambda value: (
        not isinstance(value, list)
        or not any(_same(item, other) for i, item in enumerate(value) for other in value[:i])
    )


def _pattern(text: str, schema: Mapping[str, Any]) -> Predicate:
    try:
        search = re.compile(text).search
    except re.error:
        raise Unsupported("pattern") from None
    return lambda value: not isinstance(value, str) or search(value) is not None


def _at_least(kind: type[Any]) -> Callable[[int, Mapping[str, Any]], Predicate]:
    return lambda limit, schema: lambda value: not isinstance(value, kind) or len(value) >= limit


def _at_most(kind: type[Any]) -> Callable[[int, Mapping[str, Any]], Predicate]:
    return lambda limit, schema: lambda value: not isinstance(value, kind) or len(value) <= limit


_KEYWORDS: Mapping[str, Callable[[Any, Mapping[str, Any]], Predicate]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "uniqueItems": _unique,
    "contains": _contains,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "pattern": _pattern,
    "minItems": _at_least(list),
    "maxItems": _at_most(list),
    "minLength": _at_least(str),
    "maxLength": _at_most(str),
    "minProperties": _at_least(dict),
    "maxProperties": _at_most(dict),
}


def _is_schema(value: Any) -> bool:
    return isinstance(value, bool | dict)


def _are_schemas(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(map(_is_schema, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_type(value: Any) -> bool:
    names = [value] if isinstance(value, str) else value
    return names != [] and _are_names(names) and all(name in _TYPES for name in names)


_ARGUMENTS: Mapping[str, Predicate] = {
    **dict.fromkeys(("$comment", "title", "description", "pattern"), _is_text),
    **dict.fromkeys(("items", "contains", "not", "if", "additionalProperties"), _is_schema),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _are_schemas),
    **{
        f"{bound}{what}": _is_size for bound in ("min", "max") for what in ("Items", "Length", "Properties", "Contains")
    },
    "$schema": lambda value: value == "https://json-schema.org/draft/2020-12/schema",
    "$id": lambda value: isinstance(value, str) and value.startswith("urn:dui-fhir:"),
    "default": lambda value: True,
    "const": lambda value: True,
    "enum": lambda value: isinstance(value, list),
    "type": _is_type,
    "required": _are_names,
    "uniqueItems": lambda value: isinstance(value, bool),
    "properties": lambda value: isinstance(value, dict),
    "then": lambda value: _is_sound(value),
    "else": lambda value: _is_sound(value),
}
"""What the argument of each keyword must be; a keyword absent here is not compiled."""


def _is_sound(schema: Any) -> bool:
    compile_schema(schema)  # so that a wrong ``then`` shows even where no ``if`` reads it
    return True
