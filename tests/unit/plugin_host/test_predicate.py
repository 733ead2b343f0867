"""The compiled predicates agree with ``jsonschema``, whatever the schema and the value."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from dui_fhir.plugin_host import json_files
from dui_fhir.plugin_host.predicate import Unsupported, compile_schema

NAMES = st.sampled_from(["a", "b", "code"])
SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 1.0, 1.5, "", "a", "x1", "74207-2"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
SIZES = st.integers(0, 3)


def _schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    types = st.sampled_from(["object", "array", "string", "boolean", "null", "number", "integer"])
    parts: dict[str, st.SearchStrategy[Any]] = {
        "type": types | st.lists(types, min_size=1, max_size=2, unique=True),
        "const": VALUES,
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "properties": st.dictionaries(NAMES, inner, max_size=2),
        "items": inner,
        "additionalProperties": inner,
        "uniqueItems": st.booleans(),
        "contains": inner,
        "minContains": SIZES,
        "maxContains": SIZES,
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": inner,
        "if": inner,
        "then": inner,
        "else": inner,
        "pattern": st.sampled_from(["^a", "[0-9]", "^$"]),
    }
    parts |= {f"{bound}{what}": SIZES for bound in ("min", "max") for what in ("Items", "Length", "Properties")}
    pairs = [st.tuples(st.just(keyword), strategy) for keyword, strategy in parts.items()]
    return st.lists(st.one_of(pairs), max_size=3).map(dict)


SCHEMAS = st.recursive(st.booleans() | st.just({}), _schemas, max_leaves=6)


@given(schema=SCHEMAS, value=VALUES)
@settings(max_examples=400, deadline=None)
def test_predicate__any_schema_and_value__agrees_with_jsonschema(schema, value) -> None:
    assert compile_schema(schema)(value) == Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("schema", [{"$ref": "#/$defs/a"}, {"items": {"prefixItems": [True]}}, {"format": "date"}])
def test_predicate__other_keyword__is_left_to_jsonschema(schema) -> None:
    with pytest.raises(Unsupported):
        compile_schema(schema)


KEYWORDS = st.sampled_from(
    ["type", "enum", "required", "properties", "items", "allOf", "then", "pattern", "minItems", "title"]
)


@given(schema=st.dictionaries(KEYWORDS, VALUES | st.lists(st.dictionaries(KEYWORDS, VALUES, max_size=2)), max_size=3))
@settings(max_examples=150, deadline=None)
def test_predicate__what_is_compiled__is_a_correct_schema(schema) -> None:
    try:
        compile_schema(schema)
    except Unsupported:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("file", sorted(json_files.SCHEMAS.glob("*.schema.json")), ids=lambda f: f.name)
def test_own_schemas__correct_and_compiled__not_left_to_jsonschema(file) -> None:
    name = file.name.removesuffix(".schema.json")
    Draft202012Validator.check_schema(json_files._load(name))

    if name != "declaration":
        compile_schema(json_files.inlined(name))
