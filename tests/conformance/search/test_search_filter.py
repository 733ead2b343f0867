"""FHIR R4, search_filter.html and search.html#list."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.domain.errors import BadRequest
from dui_fhir.search.filter_syntax import Comparison, FilterSyntax, Logical, Negation, comparisons, parse
from dui_fhir.search.parse import parse as parse_search

LOINC = "http://loinc.org"


@pytest.fixture(scope="module")
def people(world: Any, make: Any) -> Any:
    return world(
        make.patient("1", name=[{"family": "Dubois", "given": ["Éloïse"]}], birthDate="1940-05-03", gender="female"),
        make.patient("2", name=[{"family": "DUBOIS"}], birthDate="1950", gender="male"),
        make.patient("3", name=[{"family": "Petit"}, {"family": "Martin"}], gender="male", active=False),
        make.patient("4", birthDate="1940-06", active=True),
        make.observation("o1", "a", "Patient/1", valueQuantity={"value": 5.4, "unit": "kg"}),
        make.observation("o2", "b", "Patient/2"),
        make.observation("o3", "a", "Patient/3", status="final", effectivePeriod={"start": "2026-01", "end": "2026-03"}),
        {"resourceType": "List", "id": "l1", "entry": [{"item": {"reference": "Patient/1"}}, {"item": {"reference": "Patient/3"}}]},
        {"resourceType": "List", "id": "l2", "entry": [{"item": {"reference": "Patient/2"}}]},
    )  # fmt: skip


def _found(people: Any, type: str, filter: str) -> list[str]:
    return list(people.page(parse_search(type, [("_filter", filter)], people.options).query)[0])


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        ('family co "ubo"', ["1", "2"]),
        ('family sw "dub"', ["1", "2"]),
        ('family ew "BOIS"', ["1", "2"]),
        ('family ew "duboi"', []),
        ('given ew "ïse" and family ew s', ["1"]),
        ('family eq "Dubois"', ["1"]),
        ('given sw "eloise" and birthdate ge 1940-01-01', ["1"]),
        ("gender eq female or gender eq male and active eq false", ["1", "3"]),
        ("(gender eq female or gender eq male) and active eq false", ["3"]),
        ("not (gender eq male)", ["1", "4"]),
        ("not(gender eq male) and not (birthdate pr false)", ["1", "4"]),
        ("gender ne male", ["1"]),
        ("birthdate pr false", ["3"]),
        ("birthdate pr true and gender pr false", ["4"]),
        ("birthdate eq 1940", ["1", "4"]),
        ("birthdate lt 1945", ["1", "4"]),
        ("birthdate sa 1940-05-31", ["2", "4"]),
        ("birthdate eb 1940-06-01", ["1"]),
        ("birthdate ne 1950", ["1", "4"]),
        ("birthdate po 1940-05", ["1"]),
        ("birthdate po 1950-12", ["2"]),
        ("_id eq 3", ["3"]),
        ('family eq "Petit, Martin"', []),
        ('_text co "chute"', []),
        ('_id eq 1 or _id eq 2 or family co "PETIT"', ["1", "2", "3"]),
    ],
)
def test_filter__of_patients__finds_what_it_says(people: Any, filter: str, ids: list[str]) -> None:
    assert sorted(_found(people, "Patient", filter)) == ids


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        (f"code eq {LOINC}|a", ["o1", "o3"]),
        (f'code eq "{LOINC}|b"', ["o2"]),
        ('subject.family sw "dub"', ["o1", "o2"]),
        ('subject:Patient.family sw "dub"', ["o1", "o2"]),
        ('patient.family co "bois" and code eq a', ["o1"]),
        ("patient[gender eq male].active eq false", ["o3"]),
        ("patient[gender eq male and family pr true].birthdate pr true", ["o2"]),
        ("patient re Patient/2", ["o2"]),
        ("value-quantity gt 5", ["o1"]),
        ("date po 2026-02", ["o3"]),
        ("not (patient.gender eq male)", ["o1"]),
    ],
)
def test_filter__of_observations__follows_references(people: Any, filter: str, ids: list[str]) -> None:
    assert sorted(_found(people, "Observation", filter)) == ids


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        ("", "search-empty-value"),
        ("family", "search-filter"),
        ("family eq", "search-filter"),
        ('family eq "x', "search-filter"),
        ("family is x", "search-filter"),
        ("(family eq x", "search-filter"),
        ("family eq x)", "search-filter"),
        ("family eq x and", "search-filter"),
        ("not family eq x", "search-filter"),
        ("patient[gender eq male] eq x", "search-filter"),
        ("famly eq x", "search-unknown-parameter"),
        ("family gt x", "search-filter-operator"),
        ("gender ew x", "search-filter-operator"),
        ("gender co m", "search-filter-operator"),
        ("birthdate co 1940", "search-filter-operator"),
        ("birthdate pr maybe", "search-value"),
        ("birthdate eq hier", "search-value"),
        ("birthdate po ge1940", "search-filter-operator"),
        ("family.x eq y", "search-chain-target"),
        ("family:Patient eq y", "search-modifier"),
        ("_text eq x", "search-filter-operator"),
    ],
)
def test_filter__wrong__is_refused_with_a_reason(people: Any, filter: str, code: str) -> None:
    with pytest.raises(BadRequest) as refused:
        _found(people, "Patient", filter)

    assert [issue.id for issue in refused.value.issues] == [code]
    assert "hier" not in refused.value.issues[0].text


def test_filter__comparisons_at_the_limit_and_above__only_the_second_is_refused(people: Any) -> None:
    limit = people.options.filter_terms_max
    assert _found(people, "Patient", " or ".join(["_id eq 1"] * limit)) == ["1"]
    with pytest.raises(BadRequest) as refused:
        _found(people, "Patient", " or ".join(["_id eq 1"] * (limit + 1)))
    assert refused.value.issues[0].id == "search-filter-too-long"


def test_filter__nested_beyond_measure__is_refused(people: Any) -> None:
    with pytest.raises(BadRequest):
        _found(people, "Patient", "(" * 5000 + "_id eq 1" + ")" * 5000)


# the grammar

WORDS = st.text("abcé-|:/0123456789.", min_size=1, max_size=6)
TEXTS = st.text(max_size=8)
LEAVES = st.builds(
    lambda name, op, value, quoted: (name, op, value, quoted),
    st.sampled_from(["family", "_id", "and-or"]),
    st.sampled_from(["eq", "co", "pr"]),
    WORDS | TEXTS,
    st.just(True),
)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda t: st.tuples(st.sampled_from(["and", "or"]), t, t) | st.tuples(st.just("not"), t), max_leaves=8
)


def _written(tree: Any) -> str:
    if tree[0] == "not":
        return f"not ({_written(tree[1])})"
    if tree[0] in ("and", "or") and len(tree) == 3:
        return f"({_written(tree[1])}) {tree[0]} ({_written(tree[2])})"
    return f"{tree[0]} {tree[1]} {json.dumps(tree[2])}"


def _evaluated(tree: Any, holds: Callable[[Any], bool]) -> bool:
    if tree[0] == "not":
        return not _evaluated(tree[1], holds)
    if tree[0] in ("and", "or") and len(tree) == 3:
        parts = [_evaluated(part, holds) for part in tree[1:]]
        return all(parts) if tree[0] == "and" else any(parts)
    return holds(tree)


def _of(filter: Any, holds: Callable[[Any], bool]) -> bool:
    match filter:
        case Negation(inner):
            return not _of(inner, holds)
        case Logical("and", filters):
            return all(_of(one, holds) for one in filters)
        case Logical(_, filters):
            return any(_of(one, holds) for one in filters)
        case Comparison(path, operator, value, quoted):
            return holds((path[0].name, operator, value, quoted))
    raise AssertionError(filter)


@settings(max_examples=150, deadline=None)
@given(tree=TREES, seed=st.integers(0, 9))
def test_grammar__written_tree__means_the_same(tree: Any, seed: int) -> None:
    def holds(leaf: Any) -> bool:
        return bool(hash((leaf, seed)) % 2)

    assert _of(parse(_written(tree)), holds) == _evaluated(tree, holds)


@settings(max_examples=200, deadline=None)
@given(text=st.text('abeqnotrd ()[]".|\\', max_size=24))
def test_grammar__any_text__is_a_filter_or_a_fault_with_its_place(text: str) -> None:
    place = _place_of_the_fault(text)

    assert place is None or 1 <= place <= len(text) + 1


def _place_of_the_fault(text: str) -> int | None:
    try:
        return None if comparisons(parse(text)) else 0
    except FilterSyntax as fault:
        return fault.position


# against brute force, over the small world

CRITERIA: dict[str, Callable[[dict[str, Any]], bool]] = {
    "gender eq male": lambda p: p.get("gender") == "male",
    "gender pr true": lambda p: "gender" in p,
    "gender ne male": lambda p: p.get("gender", "male") != "male",
    "active eq false": lambda p: p.get("active") is False,
    "birthdate lt 1945": lambda p: p.get("birthDate", "9") < "1945",
    'family co "bo"': lambda p: any("bo" in n.get("family", "").lower() for n in p.get("name", ())),
    "_id eq 2": lambda p: p["id"] == "2",
}
FILTERS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(sorted(CRITERIA)).map(lambda c: ("is", c)),
    lambda t: st.tuples(st.sampled_from(["and", "or"]), t, t) | st.tuples(st.just("not"), t),
    max_leaves=6,
)
PATIENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "gender": st.sampled_from(["male", "female"]),
            "active": st.booleans(),
            "birthDate": st.sampled_from(["1940", "1944-12", "1950-01-01"]),
            "name": st.lists(st.fixed_dictionaries({"family": st.sampled_from(["Dubois", "BON", "Zola"])}), min_size=1, max_size=2),
        },
    ),
    max_size=5,
)  # fmt: skip


def _text(tree: Any) -> str:
    if tree[0] == "is":
        return str(tree[1])
    return f"not ({_text(tree[1])})" if tree[0] == "not" else f"({_text(tree[1])} {tree[0]} {_text(tree[2])})"


def _wanted(tree: Any, patient: dict[str, Any]) -> bool:
    return _evaluated(tree, lambda leaf: CRITERIA[leaf[1]](patient))


@settings(max_examples=100, deadline=None)
@given(drawn=PATIENTS, tree=FILTERS)
def test_filter__random__finds_what_brute_force_finds(world: Any, make: Any, drawn: list[Any], tree: Any) -> None:
    patients = [make.patient(str(n), **content) for n, content in enumerate(drawn)]
    expected = [p["id"] for p in patients if _wanted(tree, p)]

    assert sorted(_found(world(*patients), "Patient", _text(tree))) == expected


# _list


@pytest.mark.parametrize(
    ("value", "ids"), [("l1", ["1", "3"]), ("List/l2", ["2"]), ("l1,l2", ["1", "2", "3"]), ("absent", [])]
)
def test_list__of_resources__finds_its_members(people: Any, value: str, ids: list[str]) -> None:
    assert sorted(people.ids(f"Patient?_list={value}")) == ids


def test_list__with_criteria__narrows(people: Any) -> None:
    assert people.ids("Patient?_list=l1&gender=male") == ["3"]
