"""FHIR R4, search.html: strictness, _id, _lastUpdated, _type, _text, _sort, _count, _total, _summary, _elements; pages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.domain.errors import BadRequest
from dui_fhir.search.parse import served_parameters

# names of parameters


@pytest.mark.parametrize(
    ("search", "near"),
    [
        ("Patient?naem=x", "name"),
        ("Patient?Name=x", "name"),
        ("Patient?birthDate=1940", "birthdate"),
        ("Patient?_lastupdated=gt2020", "_lastUpdated"),
        ("Patient?_cuont=3", "_count"),
        ("Patient?indentifier:of-type=a|b|c", "identifier"),
    ],
)
def test_unknown_parameter__by_default__is_refused_with_the_nearest_name(world, search, near):
    with pytest.raises(BadRequest) as caught:
        world().parse(search)
    (issue,) = caught.value.issues
    assert issue.id == "search-unknown-parameter"
    assert f"« {near} »" in issue.text


def test_unknown_parameter__lenient__is_a_warning_and_leaves_the_self_link(world):
    parsed = world().parse("Patient?naem=x&name=y&_query=z&_sort=foo", lenient=True)
    assert [issue.severity for issue in parsed.issues] == ["warning"] * 3
    assert parsed.self_params == (("name", "y"),)


def test_faults__several__are_reported_together_without_values(world):
    with pytest.raises(BadRequest) as caught:
        world().parse("Patient?naem=Durand&birthdate=hier-Durand&name:foo=Durand&_sort=address-use,nothing&family=")
    issues = caught.value.issues
    assert [issue.id for issue in issues] == [
        "search-unknown-parameter", "search-value", "search-modifier", "search-unknown-parameter", "search-empty-value",
    ]  # fmt: skip
    assert not any("Durand" in issue.text + issue.diagnostics for issue in issues)


@pytest.mark.parametrize(
    ("search", "id_"),
    [
        ("Patient?_list=$current-problems", "search-list-functional"),
        ("Patient?_list=a b", "search-value"),
        ("Patient?_filter=x", "search-filter"),
        ("Patient?_filter=", "search-empty-value"),
        ("Patient?_query=x", "search-unsupported-parameter"),
        ("Patient?_contained=true", "search-unsupported-parameter"),
        ("Location?near=1", "search-value"),
        ("Location?near=91|2|3|km", "search-value"),
        ("Location?near=1|2|-3|km", "search-value"),
        ("Location?near=1|2|3|parsec", "search-value"),
        ("Location?near=1|2||km", "search-value"),
        ("Location?near=nan|2|3|km", "search-value"),
        ("Location?near:exact=1|2|3|km", "search-modifier"),
        ("Location?_sort=near", "search-sort"),
        ("Patient?name", "search-empty-value"),
        ("Patient?name=a,,b", "search-empty-value"),
        ("Patient?name=-", "search-empty-value"),
        ("Patient?identifier=|", "search-empty-value"),
        ("Patient?active=oui", "search-value"),
        ("Patient?active:missing=maybe", "search-value"),
        ("Patient?identifier:of-type=a|b", "search-value"),
        ("Patient?general-practitioner=a b", "search-value"),
        ("Patient?general-practitioner:Practitioner=Organization/1", "search-value"),
        ("Observation?value-quantity=1|mg", "search-value"),
        ("Observation?value-quantity=abc", "search-value"),
        ("Observation?code-value-quantity=a", "search-value"),
        ("Patient?birthdate:exact=2020", "search-modifier"),
        ("Patient?_id:exact=2020", "search-modifier"),
        ("Patient?identifier:in=http://x", "search-terminology-unavailable"),
        ("Patient?_has=x", "search-value"),
        ("Patient?_count=-1", "search-value"),
        ("Patient?_count=1&_count=2", "search-repeated-parameter"),
        ("Patient?_total=all", "search-value"),
        ("Patient?_summary=all", "search-value"),
        ("Observation?_sort=code-value-quantity", "search-sort"),
        ("Patient?_sort=_text", "search-sort"),
        ("Patient?_type=Patient", "search-unknown-parameter"),
        ("?name=x", "search-unknown-parameter"),
        ("?_type=Pateint", "search-unknown-type"),
        ("?_type=Patient,Observation&name=x", "search-unknown-parameter"),
        ("Patient?identifier=" + ",".join("abcdefghijk"), "search-too-many-values"),
    ],
)
def test_search__wrong__is_refused_by_name(world, search, id_):
    params = search if "=" in search else search + "="
    with pytest.raises(BadRequest) as caught:
        world(or_values_max=10).parse(params)
    assert [issue.id for issue in caught.value.issues] == [id_]


def test_unknown_type__of_the_search__is_refused(world):
    with pytest.raises(BadRequest) as caught:
        world().parse("Pateint?name=x")
    assert "« Patient »" in caught.value.issues[0].text


def test_served_parameters__claimed__are_those_that_parse(world):
    values = {"date": "2020", "number": "1", "quantity": "1", "token": "true", "uri": "urn:a", "reference": "Patient/1"}
    for type_ in ("Patient", "Observation", "Location", None):
        served = served_parameters(type_, world().options)
        assert {p.code for p in served}.isdisjoint({"_containedType", "_query"})
        for parameter in served:
            components = [world().options.registry.by_url(c.definition) for c in parameter.components]
            if parameter.code == "near":
                world().parse(f"{type_}?near=48.85|2.35|10|km")
                continue
            if parameter.code == "_filter":
                world().parse(f"{type_ or ''}?_filter=_id eq a")
                continue
            value = "$".join(values.get(c.type, "x") for c in components) or values.get(parameter.type, "x")
            world().parse(f"{type_ or ''}?{parameter.code}={value}")


# parameters of all resources


@pytest.fixture(scope="module")
def mixed(world, make):
    def meta(updated, *tags):
        return {"lastUpdated": updated, "tag": [{"system": "urn:t", "code": t} for t in tags]}

    text = {"status": "generated", "div": "<div>Chute dans l'escalier</div>"}
    return world(
        make.patient("b", meta=meta("2026-01-01T10:00:00Z", "x"), text=text, birthDate="1950"),
        make.patient("a", meta=meta("2026-01-02T10:00:00Z", "x", "y"), birthDate="1940", name=[{"family": "Escalier"}]),
        make.observation("a", meta=meta("2026-01-03T10:00:00Z", "y")),
    )


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("Patient?_id=a", ["a"]),
        ("Patient?_id=a,b,c", ["a", "b"]),
        ("Patient?_id:not=a", ["b"]),
        ("Patient?_lastUpdated=2026-01-02", ["a"]),
        ("Patient?_lastUpdated=ge2026-01-01&_lastUpdated=lt2026-01-02", ["b"]),
        ("?_lastUpdated=gt2026-01-01", ["a", "a"]),
        ("?_type=Observation", ["a"]),
        ("?_type=Patient,Observation&_tag=urn:t|y", ["a", "a"]),
        ("?_tag=x&_tag=y", ["a"]),
        ("Patient?_text=escalier chute", ["b"]),
        ("Patient?_text=chut", []),
        ("Patient?_content=ESCALIER", ["a", "b"]),
        ("Patient?_profile:missing=true", ["a", "b"]),
        ("?_type=Patient,Observation&code=x", None),
        ("?_type=Patient,RelatedPerson&birthdate=1940", ["a"]),
        ("Patient?_format=json&_pretty=true&_id=a", ["a"]),
    ],
)
def test_common_parameters__all_types__find(mixed, search, found):
    if found is None:
        with pytest.raises(BadRequest):
            mixed.parse(search)
    else:
        assert mixed.ids(search) == found


def test_full_text__not_kept__is_refused_rather_than_empty(mixed):
    for search, kept in (("Patient?_content=x", "text"), ("Patient?_text=x", "none")):
        with pytest.raises(BadRequest):
            mixed.parse(search, full_text=kept)


# order, number, form


def test_sort__several_keys__puts_missing_values_last_both_ways(world, make):
    people = world(
        make.patient("1", birthDate="1950", name=[{"family": "B"}]),
        make.patient("2", birthDate="1940", name=[{"family": "b"}, {"family": "Z"}]),
        make.patient("3", name=[{"family": "A"}]),
        make.patient("4", birthDate="1950"),
    )
    assert people.ids("Patient?_sort=birthdate,family") == ["2", "1", "4", "3"]
    assert people.ids("Patient?_sort=-birthdate,family") == ["1", "4", "2", "3"]
    assert people.ids("Patient?_sort=-family") == ["2", "1", "3", "4"]
    assert people.ids("Patient?_sort=family,-_id") == ["3", "2", "1", "4"]
    assert people.ids("Patient?_sort=-_lastUpdated") == ["4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("search", "limit", "total", "shown"),
    [
        ("", 50, "none", ""),
        ("_count=3", 3, "none", "3"),
        ("_count=100000", 1000, "none", "1000"),
        ("_count=0", 0, "accurate", "0"),
        ("_summary=count", 0, "accurate", "count"),
        ("_total=accurate", 50, "accurate", "accurate"),
        ("_total=estimate", 50, "estimate", "estimate"),
        ("_total=none", 50, "none", "none"),
    ],
)
def test_count_and_total__given__are_those_of_the_query(world, search, limit, total, shown):
    parsed = world().parse(f"Patient?{search}")
    assert (parsed.query.limit, parsed.query.total) == (limit, total)
    assert parsed.count_only == (limit == 0)
    assert [value for _, value in parsed.self_params] == ([shown] if shown else [])


def test_summary_and_elements__given__are_kept_for_the_answer(world):
    parsed = world().parse("Patient?_summary=text&_elements=name, birthDate,name")
    assert parsed.summary == "text"
    assert parsed.elements == ("name", "birthDate")


def test_count_only__page__counts_and_shows_nothing(mixed):
    assert mixed.page(mixed.parse("Patient?_summary=count").query) == ([], None, 2)


# properties

FAMILIES = st.lists(st.sampled_from(("Roy", "roy", "Léa", "Zoé", "")), max_size=3)
PEOPLE = st.lists(st.tuples(FAMILIES, st.sampled_from((None, "1940", "1940-05", "1950-01-02"))), max_size=12)
SORTS = st.lists(
    st.sampled_from(("family", "-family", "birthdate", "-birthdate", "_id", "-_id", "-_lastUpdated", "gender")),
    min_size=1,
    max_size=3,
    unique_by=lambda key: key.lstrip("-"),
)


def _people(world, make, drawn):
    return world(
        *(
            make.patient(str(number), name=[{"family": f} for f in families if f])
            | ({"birthDate": born} if born else {})
            for number, (families, born) in enumerate(drawn)
        )
    )


@settings(max_examples=40, deadline=None)
@given(drawn=PEOPLE, sort=SORTS)
def test_sort__added__never_changes_the_set(world, make, drawn, sort):
    people = _people(world, make, drawn)
    plain = people.ids("Patient?birthdate=ge1940")
    assert sorted(people.ids(f"Patient?birthdate=ge1940&_sort={','.join(sort)}")) == sorted(plain)


@settings(max_examples=40, deadline=None)
@given(drawn=PEOPLE, sort=SORTS, size=st.integers(1, 5))
def test_pages__joined__are_the_whole_in_order(world, make, drawn, sort, size):
    people = _people(world, make, drawn)
    parsed = people.parse(f"Patient?_sort={','.join(sort)}&_count={size}")
    joined, cursor = [], None
    for _ in range(len(drawn) + 1):
        found, cursor, _ = people.page(parsed.at(cursor).query)
        joined += found
        if cursor is None:
            break
    assert joined == people.ids(f"Patient?_sort={','.join(sort)}")
    assert cursor is None
