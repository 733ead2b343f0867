"""Expansion and validation of value sets that Hypothesis makes up."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.terminology import Registry, Terminology, requests
from dui_fhir.terminology.registry import Loaded

SYSTEM = "urn:test:system"
SET = "urn:test:set"
NOW = "2026-01-01T00:00:00Z"
CODES = [f"c{i}" for i in range(8)]


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """A code system of eight codes, each under an earlier one or at the top, some inactive or abstract."""
    concepts: list[dict[str, Any]] = []
    for position, code in enumerate(CODES):
        rows: list[dict[str, Any]] = []
        parent = draw(st.integers(-1, position - 1)) if position else -1
        if parent >= 0:
            rows.append({"code": "parent", "valueCode": CODES[parent]})
        rows.append({"code": "inactive", "valueBoolean": draw(st.booleans())})
        rows.append({"code": "kind", "valueCode": draw(st.sampled_from(["a", "b"]))})
        concepts.append({"code": code, "display": f"Libellé {code}", "property": rows})
    return {"resourceType": "CodeSystem", "url": SYSTEM, "version": "1", "content": "complete", "concept": concepts}


@st.composite
def parts(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["all", "list", "filter"]))
    part: dict[str, Any] = {"system": SYSTEM}
    if kind == "list":
        part["concept"] = [{"code": c} for c in draw(st.lists(st.sampled_from(CODES), unique=True, min_size=1))]
    elif kind == "filter":
        op = draw(st.sampled_from(["is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf"]))
        rows = [{"property": "concept", "op": op, "value": draw(st.sampled_from(CODES))}]
        if draw(st.booleans()):
            rows.append({"property": "kind", "op": "=", "value": "a"})
        part["filter"] = rows
    return part


@st.composite
def value_sets(draw: st.DrawFn) -> dict[str, Any]:
    compose: dict[str, Any] = {"include": draw(st.lists(parts(), min_size=1, max_size=3))}
    excluded = draw(st.lists(parts(), max_size=2))
    if excluded:
        compose["exclude"] = excluded
    if draw(st.booleans()):
        compose["inactive"] = False
    return {"resourceType": "ValueSet", "url": SET, "version": "1", "status": "active", "compose": compose}


def flat(rows: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    for row in rows:
        found += [row["code"], *flat(row.get("contains", []))]
    return found


def codes(registry: Registry, **parameters: Any) -> list[str]:
    answer = requests.expand(registry, {"url": SET, **parameters}, NOW)
    return flat(answer["expansion"].get("contains", []))


@settings(max_examples=40, deadline=None)
@given(trees(), value_sets(), st.integers(1, 5))
def test_expand__pages__make_up_the_whole(system: dict[str, Any], value_set: dict[str, Any], count: int) -> None:
    registry = Registry([Loaded([system, value_set])])
    whole = codes(registry, excludeNested=True)
    paged = [c for offset in range(0, 9, count) for c in codes(registry, offset=offset, count=count)]
    assert paged == whole
    assert len(set(whole)) == len(whole)


@settings(max_examples=40, deadline=None)
@given(trees(), value_sets())
def test_expand__tree__has_the_codes_of_the_flat_one(system: dict[str, Any], value_set: dict[str, Any]) -> None:
    registry = Registry([Loaded([system, value_set])])
    assert sorted(codes(registry)) == sorted(codes(registry, excludeNested=True))


@settings(max_examples=40, deadline=None)
@given(trees(), value_sets())
def test_validate__any_code__agrees_with_the_expansion(system: dict[str, Any], value_set: dict[str, Any]) -> None:
    registry = Registry([Loaded([system, value_set])])
    terminology = Terminology([], registry)
    members = set(codes(registry))
    assert {code for _, code in terminology.expand(SET)} == members
    for code in [*CODES, "other"]:
        expected = "valid" if code in members else "invalid"
        assert terminology.validate(SET, SYSTEM, code) == expected
        assert terminology.validate(SET, None, code) == expected
        rows = requests.validate_in_set(registry, {"url": SET, "system": SYSTEM, "code": code})["parameter"]
        assert next(r["valueBoolean"] for r in rows if r["name"] == "result") is (code in members)


@settings(max_examples=40, deadline=None)
@given(trees(), st.sampled_from(CODES), st.sampled_from(CODES))
def test_subsumes__two_codes__agrees_with_below_and_above(system: dict[str, Any], a: str, b: str) -> None:
    registry = Registry([Loaded([system])])
    terminology = Terminology([], registry)
    outcome = requests.compare(registry, {"system": SYSTEM, "codeA": a, "codeB": b})["parameter"][0]["valueCode"]
    assert ((SYSTEM, b) in list(terminology.subsumed(SYSTEM, a))) is (outcome in ("equivalent", "subsumes"))
    assert ((SYSTEM, b) in list(terminology.subsuming(SYSTEM, a))) is (outcome in ("equivalent", "subsumed-by"))
