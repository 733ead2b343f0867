"""Searches: every node, comparator and order, on every engine."""

import math

import pytest

from dui_fhir.domain.index import (
    DateValue,
    IndexValues,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from dui_fhir.domain.plan import Delete
from dui_fhir.domain.query import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Chain,
    DateIs,
    Has,
    IdIn,
    LastUpdatedIs,
    Missing,
    Not,
    NumberIs,
    QuantityIs,
    Query,
    ReferenceIs,
    SameGroup,
    SortKey,
    StringIs,
    TextIs,
    TokenIs,
    TypeIn,
    UriIs,
)
from dui_fhir.search.fold import fold

SYSTEM, OTHER = "urn:s", "urn:o"


def ids(store, where, *types, **options):
    """Return the ids found in ``types`` (Patient unless told), which a count must confirm."""
    query = Query(types=types or ("Patient",), where=where, **options)
    found = [v.id for v in store.search(query).matches]
    if query.after is None and len(found) < query.limit:
        assert store.count(query) == len(found)
    return found


def text(param, exact):
    return StringValue(param, fold(exact), exact)


# values


@pytest.fixture(scope="module")
def tokens(stores, make):
    store = stores.create("search-tokens")
    make.fill(
        store,
        {
            "Patient/a": IndexValues(tokens=(TokenValue("t", SYSTEM, "x"), TokenValue("t", OTHER, "y"))),
            "Patient/b": IndexValues(tokens=(TokenValue("t", None, "x"), TokenValue("u", SYSTEM, "x"))),
            "Patient/c": IndexValues(tokens=(TokenValue("t", SYSTEM, ""), TokenValue("t", SYSTEM, "xx"))),
            "Group/a": IndexValues(tokens=(TokenValue("t", SYSTEM, "x"),)),
        },
    )
    return store


@pytest.mark.parametrize(
    ("system", "code", "found"),
    [
        (None, "x", ["a", "b"]),
        (SYSTEM, "x", ["a"]),
        ("", "x", ["b"]),
        ("urn:never", "x", []),
        (SYSTEM, None, ["a", "c"]),
        ("", None, ["b"]),
        (None, None, ["a", "b", "c"]),
        (OTHER, "x", []),
        (None, "never", []),
        (None, "", ["c"]),
        (None, "X", []),
    ],
)
def test_token__system_and_code__are_compared(tokens, system, code, found):
    assert ids(tokens, TokenIs("t", system, code)) == found


def test_token__param_never_written__finds_nothing(tokens):
    assert ids(tokens, TokenIs("never", None, "x")) == []
    assert ids(tokens, Not(TokenIs("never", None, "x"))) == ["a", "b", "c"]


@pytest.fixture(scope="module")
def strings(stores, make):
    store = stores.create("search-strings")
    make.fill(
        store,
        {
            "Patient/a": IndexValues(strings=(text("s", "Élodie Martin"), text("s", "Martin"))),
            "Patient/b": IndexValues(strings=(text("s", "martine"),)),
            "Patient/c": IndexValues(strings=(text("s", "Martin"), text("z", "Durand"))),
            "Patient/d": IndexValues(strings=(StringValue("s", "folded in another way", "Saint-Éloi"),)),
            "Patient/e": IndexValues(strings=(text("s", "100 % _\\ 'quoted' \"twice\""),)),
            "Patient/f": IndexValues(strings=(StringValue("s", "a\U0010ffffb", "x"), StringValue("s", "\ud7ff", "y"))),
        },
    )
    return store


@pytest.mark.parametrize(
    ("value", "how", "found"),
    [
        ("martin", "starts", ["a", "b", "c"]),
        ("elodie", "starts", ["a"]),
        ("lodie", "starts", []),
        ("", "starts", ["a", "b", "c", "d", "e", "f"]),
        ("lodie", "contains", ["a"]),
        ("artin", "contains", ["a", "b", "c"]),
        ("%", "contains", ["e"]),
        ("_", "starts", []),
        ("martin", "ends", ["a", "c"]),
        ("e martin", "ends", ["a"]),
        ("marti", "ends", []),
        ("elodie martin martin", "ends", []),
        ("", "ends", ["a", "b", "c", "d", "e", "f"]),
        ('"', "ends", ["e"]),
        ("\U0010ffffb", "ends", ["f"]),
        ("Martin", "exact", ["a", "c"]),
        ("martin", "exact", []),
        ("Saint-Éloi", "exact", ["d"]),
        ("a\U0010ffff", "starts", ["f"]),
        ("\ud7ff", "starts", ["f"]),
        ("\U0010ffff", "starts", []),
    ],
)
def test_string__compared__as_asked(strings, value, how, found):
    assert ids(strings, StringIs("s", value, how)) == found


@pytest.fixture(scope="module")
def dates(stores, make):
    """Intervals of several lengths around 1000..2000 seconds; ``p`` has one value each, ``m`` several."""
    store = stores.create("search-dates")
    values = {
        "point": [(1_000_000, 1_000_000)],
        "second": [(1_500_000, 1_500_999)],
        "day": [(0, 86_399_999)],
        "month": [(0, 31 * 86_400_000 - 1)],
        "year": [(-86_400_000 * 300, 86_400_000 * 60)],
        "open": [(1_200_000, 253_402_300_799_999)],
        "always": [(-62_135_596_800_000, 253_402_300_799_999)],
    }
    index = {f"Patient/{n}": IndexValues(dates=tuple(DateValue("p", *v) for v in vs)) for n, vs in values.items()}
    index["Patient/two"] = IndexValues(dates=(DateValue("m", 0, 9), DateValue("m", 5_000_000, 5_000_009)))
    make.fill(store, index)
    return store, {name: spans[0] for name, spans in values.items()}


COMPARATORS = {
    "eq": lambda rl, rh, low, high: rl >= low and rh <= high,
    "ne": lambda rl, rh, low, high: rl < low or rh > high,
    "gt": lambda rl, rh, low, high: rh > high,
    "lt": lambda rl, rh, low, high: rl < low,
    "ge": lambda rl, rh, low, high: rh > high or (rl >= low and rh <= high),
    "le": lambda rl, rh, low, high: rl < low or (rl >= low and rh <= high),
    "sa": lambda rl, rh, low, high: rl > high,
    "eb": lambda rl, rh, low, high: rh < low,
    "ap": lambda rl, rh, low, high: rl <= high and rh >= low,
}
BOUNDS = [(1_000_000, 1_000_000), (0, 86_399_999), (-10, 10), (86_400_000, 10**12)]


@pytest.mark.parametrize("comparator", COMPARATORS)
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_date__each_comparator__is_that_of_the_table(dates, comparator, low, high):
    store, spans = dates
    expected = sorted(name for name, (rl, rh) in spans.items() if COMPARATORS[comparator](rl, rh, low, high))
    assert ids(store, DateIs("p", comparator, low, high)) == expected


def test_date__two_bounds__of_one_or_several_values(dates):
    store, _ = dates
    assert ids(store, AllOf((DateIs("p", "ge", 1_000_000, 1_000_000), DateIs("p", "lt", 1_500_000, 1_500_000)))) == [
        "always", "day", "month", "open", "point", "year",
    ]  # fmt: skip
    assert ids(store, AllOf((DateIs("p", "sa", 1_000_000, 1_000_000), DateIs("p", "eb", 2_000_000, 2_000_000)))) == [
        "second"
    ]
    # each bound may be met by another value of the same resource
    assert ids(store, AllOf((DateIs("m", "sa", 1000, 1000), DateIs("m", "eb", 1000, 1000)))) == ["two"]


@pytest.fixture(scope="module")
def numbers(stores, make):
    store = stores.create("search-numbers")
    values = {"a": (1.0, 1.0), "b": (1.5, 2.5), "c": (-9.5, 0.0), "d": (3, 1e9), "e": (0.1, 0.1)}
    make.fill(store, {f"Patient/{n}": IndexValues(numbers=(NumberValue("n", *v),)) for n, v in values.items()})
    return store, values


@pytest.mark.parametrize("comparator", COMPARATORS)
@pytest.mark.parametrize(("low", "high"), [(1, 1), (0.5, 2.5), (-1, -1)])
def test_number__each_comparator__is_that_of_the_table(numbers, comparator, low, high):
    store, values = numbers
    expected = sorted(name for name, (rl, rh) in values.items() if COMPARATORS[comparator](rl, rh, low, high))
    assert ids(store, NumberIs("n", comparator, low, high)) == expected


def test_number__without_bound__is_infinite(store, make):
    values = {"below": (-math.inf, 0.0), "above": (3.0, math.inf)}
    make.fill(store, {f"Patient/{n}": IndexValues(numbers=(NumberValue("n", *v),)) for n, v in values.items()})
    assert ids(store, NumberIs("n", "gt", 1e300, 1e300)) == ["above"]
    assert ids(store, NumberIs("n", "lt", -1e300, -1e300)) == ["below"]
    assert ids(store, NumberIs("n", "ap", -5, 5)) == ["above", "below"]
    assert ids(store, NumberIs("n", "eq", -math.inf, 1)) == ["below"]


@pytest.fixture(scope="module")
def quantities(stores, make):
    store = stores.create("search-quantities")
    ucum = "http://unitsofmeasure.org"
    make.fill(
        store,
        {
            "Patient/kg": IndexValues(quantities=(QuantityValue("q", 70, 70, ucum, "kg", "kilo", 70e3, 70e3, "g"),)),
            "Patient/g": IndexValues(quantities=(QuantityValue("q", 70, 70, ucum, "g", "g", 70, 70, "g"),)),
            "Patient/bare": IndexValues(quantities=(QuantityValue("q", 70, 70, None, None, None),)),
            "Patient/unit": IndexValues(quantities=(QuantityValue("q", 71, 71, None, None, "kg"),)),
            "Patient/empty": IndexValues(quantities=(QuantityValue("q", 70, 70, "", "kg", None),)),
        },
    )
    return store, ucum


def test_quantity__units__are_compared_as_asked(quantities):
    store, ucum = quantities
    assert ids(store, QuantityIs("q", "eq", 70, 70)) == ["bare", "empty", "g", "kg"]
    assert ids(store, QuantityIs("q", "eq", 70, 70, ucum, "kg")) == ["kg"]
    assert ids(store, QuantityIs("q", "ge", 70, 70, None, "kg")) == ["empty", "kg", "unit"]
    assert ids(store, QuantityIs("q", "eq", 70, 70, None, "kilo")) == ["kg"]
    assert ids(store, QuantityIs("q", "eq", 70, 70, ucum)) == ["g", "kg"]
    assert ids(store, QuantityIs("q", "eq", 70, 70, "urn:never", "kg")) == []
    assert ids(store, QuantityIs("q", "eq", 70, 70, "", "kg")) == ["empty"]


def test_quantity__canonical__finds_other_units(quantities):
    store, ucum = quantities
    grams = QuantityIs(
        "q", "eq", 70_000, 70_000, ucum, "g", canonical_low=70e3, canonical_high=70e3, canonical_code="g"
    )
    assert ids(store, grams) == ["kg"]
    low = QuantityIs("q", "lt", 0.1, 0.1, ucum, "kg", canonical_low=100, canonical_high=100, canonical_code="g")
    assert ids(store, low) == ["g"]
    never = QuantityIs("q", "eq", 1, 1, ucum, "kg", canonical_low=70e3, canonical_high=70e3, canonical_code="mol")
    assert ids(store, never) == []


@pytest.fixture(scope="module")
def references(stores, make):
    store = stores.create("search-references")
    url = "http://elsewhere.org/fhir/Patient/a"
    make.fill(
        store,
        {
            "Patient/a": IndexValues(tokens=(TokenValue("gender", None, "f"),)),
            "Patient/b": IndexValues(tokens=(TokenValue("gender", None, "m"),)),
            "Group/a": IndexValues(tokens=(TokenValue("gender", None, "f"),)),
            "Observation/1": IndexValues(
                references=(ReferenceValue("subject", "Patient", "a"), ReferenceValue("patient", "Patient", "a")),
                tokens=(TokenValue("code", SYSTEM, "x"),),
            ),
            "Observation/2": IndexValues(
                references=(ReferenceValue("subject", "Patient", "b"),), tokens=(TokenValue("code", SYSTEM, "y"),)
            ),
            "Observation/3": IndexValues(references=(ReferenceValue("subject", "Group", "a"),)),
            "Observation/4": IndexValues(references=(ReferenceValue("subject", None, None, url),)),
            "Observation/5": IndexValues(references=(ReferenceValue("subject", "Patient", "gone"),)),
            "Observation/6": IndexValues(references=(ReferenceValue("subject", "Patient", "a", url, "1"),)),
            "Observation/7": IndexValues(
                references=(
                    ReferenceValue("subject", "Patient", "a", None, "2"),
                    ReferenceValue("subject", "Patient", "a", None, "3"),
                    ReferenceValue("_dui_patient", "Patient", "b"),
                )
            ),
            "Encounter/e": IndexValues(references=(ReferenceValue("focus", "Observation", "1"),)),
        },
    )
    return store, url


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (ReferenceIs("subject", "Patient", "a"), ["1", "7"]),
        (ReferenceIs("subject", None, "a"), ["1", "3", "7"]),
        (ReferenceIs("subject", "Group", "a"), ["3"]),
        (ReferenceIs("subject", "Patient"), ["1", "2", "5", "7"]),
        (ReferenceIs("subject", "Patient", "a", version="2"), ["7"]),
        (ReferenceIs("subject", "Patient", "a", version="9"), []),
        (ReferenceIs("subject", "Device", "a"), []),
        (ReferenceIs("subject", "Patient", "never"), []),
        (ReferenceIs("subject", url="http://elsewhere.org/fhir/Patient/a"), ["4", "6"]),
        (ReferenceIs("subject", url="http://elsewhere.org/fhir/Patient/a", version="1"), ["6"]),
        (ReferenceIs("subject", url="http://elsewhere.org/"), []),
    ],
)
def test_reference__each_form__is_found(references, node, found):
    assert ids(references[0], node, "Observation") == found


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (Chain("subject", ("Patient",), TokenIs("gender", None, "f")), ["1", "7"]),
        (Chain("subject", ("Patient", "Group"), TokenIs("gender", None, "f")), ["1", "3", "7"]),
        (Chain("subject", ("Patient",), Not(TokenIs("gender", None, "f"))), ["2"]),
        (Chain("subject", ("Patient",), EVERYTHING), ["1", "2", "7"]),
        (Chain("subject", ("Device",), EVERYTHING), []),
        (Chain("never", ("Patient",), EVERYTHING), []),
        (Not(Chain("subject", ("Patient",), TokenIs("gender", None, "f"))), ["2", "3", "4", "5", "6"]),
        (Chain("subject", ("Patient",), AnyOf(())), []),
        (Chain("subject", ("Patient",), Has("Observation", "subject", TokenIs("code", None, "y"))), ["2"]),
    ],
)
def test_chain__to_current_targets__is_followed(references, node, found):
    assert ids(references[0], node, "Observation") == found


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (Has("Observation", "subject", TokenIs("code", None, "x")), ["a"]),
        (Has("Observation", "subject", EVERYTHING), ["a", "b"]),
        (Has("Observation", "patient", EVERYTHING), ["a"]),
        (Has("Device", "subject", EVERYTHING), []),
        (Has("Observation", "subject", Has("Encounter", "focus", EVERYTHING)), ["a"]),
        (Not(Has("Observation", "patient", EVERYTHING)), ["b"]),
    ],
)
def test_has__current_sources__are_followed(references, node, found):
    assert ids(references[0], node, "Patient") == found


def test_chain__of_two_links__is_followed(references):
    node = Chain("focus", ("Observation",), Chain("subject", ("Patient",), TokenIs("gender", None, "f")))
    assert ids(references[0], node, "Encounter") == ["e"]


def test_chain__target_deleted__is_not_followed(store, make):
    make.fill(
        store,
        {
            "Patient/a": IndexValues(tokens=(TokenValue("gender", None, "f"),)),
            "Observation/1": IndexValues(references=(ReferenceValue("subject", "Patient", "a"),)),
        },
    )
    chain = Chain("subject", ("Patient",), TokenIs("gender", None, "f"))
    has = Has("Observation", "subject", EVERYTHING)
    assert (ids(store, chain, "Observation"), ids(store, has, "Patient")) == (["1"], ["a"])
    make.submit(store, Delete(type="Patient", id="a"))
    assert (ids(store, chain, "Observation"), ids(store, has, "Patient")) == ([], [])


def test_targets__of_sources__are_distinct_local_and_sorted(references):
    store, _ = references
    every = [("Observation", str(n)) for n in range(1, 9)]
    expected = (("Group", "a"), ("Patient", "a"), ("Patient", "b"), ("Patient", "gone"))
    assert store.targets(every, "subject") == expected
    assert store.targets(every, None) == expected
    assert store.targets([("Observation", "7")], None) == (("Patient", "a"),)
    assert store.targets([("Observation", "7")], "_dui_patient") == (("Patient", "b"),)
    assert store.targets(every, "subject", ["Group"]) == (("Group", "a"),)
    assert store.targets(every, "never") == ()
    assert store.targets([], "subject") == ()
    assert store.targets([("Encounter", "e"), ("Observation", "2")], None, ["Observation"]) == (("Observation", "1"),)


@pytest.fixture(scope="module")
def uris(stores, make):
    store = stores.create("search-uris")
    values = {
        "a": "http://x.org/a", "b": "http://x.org/a/b", "c": "http://x.org/ab", "d": "http://x.org/a/", "e": "urn:oid:1.2",
    }  # fmt: skip
    make.fill(store, {f"Patient/{n}": IndexValues(uris=(UriValue("u", v),)) for n, v in values.items()})
    return store


@pytest.mark.parametrize(
    ("value", "how", "found"),
    [
        ("http://x.org/a", "exact", ["a"]),
        ("http://X.org/a", "exact", []),
        ("http://x.org/a", "below", ["a", "b", "c", "d"]),
        ("http://x.org/a/", "below", ["b", "d"]),
        ("http://x.org/a/b/c", "above", ["a", "b", "d"]),
        ("http://x.org/ab", "above", ["c"]),
        ("urn:oid:1.2", "above", ["e"]),
    ],
)
def test_uri__compared__as_asked(uris, value, how, found):
    assert ids(uris, UriIs("u", value, how)) == found


def test_text__all_words__in_narrative_or_content(store, make):
    make.fill(
        store,
        {
            "Patient/a": IndexValues(text="chute dans la chambre", content="chute dans la chambre dupont"),
            "Patient/b": IndexValues(text="chambre", content="chambre"),
            "Patient/c": IndexValues(),
            "Group/a": IndexValues(text="chute"),
        },
    )
    assert ids(store, TextIs(("chute",))) == ["a"]
    assert ids(store, TextIs(("chambre", "dans"))) == ["a"]
    assert ids(store, TextIs(("chambre", "dupont"))) == []
    assert ids(store, TextIs(("chambre", "dupont"), "content")) == ["a"]
    assert ids(store, TextIs(("cham",))) == []
    assert ids(store, TextIs(("or",))) == []
    assert ids(store, Not(TextIs(("chambre",)))) == ["c"]
    make.submit(store, make.put("Patient", "a", content=2, index=IndexValues(text="salon")))
    assert ids(store, TextIs(("chute",))) == []
    assert ids(store, TextIs(("salon",))) == ["a"]
    make.submit(store, Delete(type="Patient", id="a"))
    assert ids(store, TextIs(("salon",))) == []


# resources and logic


def test_ids_types_and_instants__are_nodes_too(store, make):
    first = make.submit(store, make.put("Patient", "a"), make.put("Group", "a"), make.put("Patient", "b")).instant_ms
    assert ids(store, IdIn(("a", "z"))) == ["a"]
    assert ids(store, IdIn(())) == []
    assert ids(store, TypeIn(("Group", "Device")), "Patient", "Group") == ["a"]
    assert ids(store, TypeIn(("Group",))) == []
    assert ids(store, LastUpdatedIs("eq", first, first)) == ["a", "b"]
    for comparator, expected in {
        "gt": [],
        "ge": ["a", "b"],
        "lt": [],
        "le": ["a", "b"],
        "ne": [],
        "sa": [],
        "eb": [],
    }.items():
        assert ids(store, LastUpdatedIs(comparator, first, first)) == expected
    for comparator, expected in {"gt": [], "ge": ["a", "b"], "lt": [], "le": ["a", "b"], "ap": ["a", "b"]}.items():
        assert ids(store, LastUpdatedIs(comparator, first - 5, first + 5)) == expected
    assert ids(store, LastUpdatedIs("lt", first + 1, first + 2)) == ["a", "b"]


def test_missing__each_kind__is_told(store, make):
    values = IndexValues(
        tokens=(TokenValue("t", None, "x"),), strings=(text("s", "x"),), dates=(DateValue("d", 0, 0),),
        numbers=(NumberValue("n", 1, 1),), quantities=(QuantityValue("q", 1, 1, None, None, None),),
        references=(ReferenceValue("r", "Patient", "a"),), uris=(UriValue("u", "x"),),
    )  # fmt: skip
    make.fill(store, {"Patient/a": values, "Patient/b": IndexValues()})
    kinds = {"t": "token", "s": "string", "d": "date", "n": "number", "q": "quantity", "r": "reference", "u": "uri"}
    for param, kind in kinds.items():
        assert ids(store, Missing(param, kind, True)) == ["b"]
        assert ids(store, Missing(param, kind, False)) == ["a"]
    assert ids(store, Missing("never", "token", True)) == ["a", "b"]
    assert ids(store, Missing("never", "token", False)) == []


def test_logic__empty_and_nested__holds(tokens):
    x, y = TokenIs("t", None, "x"), TokenIs("t", None, "y")
    assert ids(tokens, EVERYTHING) == ["a", "b", "c"]
    assert ids(tokens, AnyOf(())) == []
    assert ids(tokens, AllOf((x, y))) == ["a"]
    assert ids(tokens, AnyOf((x, y))) == ["a", "b"]
    assert ids(tokens, AllOf((x, Not(y)))) == ["b"]
    assert ids(tokens, Not(AnyOf((x, y)))) == ["c"]
    assert ids(tokens, Not(EVERYTHING)) == []
    assert ids(tokens, AnyOf((IdIn(("c",)), TokenIs("u", SYSTEM, "x")))) == ["b", "c"]
    assert ids(tokens, AnyOf((AllOf((x, y)), TokenIs("t", SYSTEM, "xx")))) == ["a", "c"]


def test_any_of__hundreds_of_values__is_answered(tokens):
    many = tuple(TokenIs("t", SYSTEM, f"v{n}") for n in range(700)) + (TokenIs("t", SYSTEM, "x"),)
    assert ids(tokens, AnyOf(many)) == ["a"]
    mixed = tuple(node for n in range(300) for node in (TokenIs("t", None, f"v{n}"), StringIs("s", f"v{n}")))
    assert ids(tokens, AnyOf((*mixed, IdIn(("b",))))) == ["b"]
    assert ids(tokens, AllOf((Not(AnyOf(many)), AnyOf((*mixed, TokenIs("t", None, "x")))))) == ["b"]


def test_same_group__components__share_a_number(store, make):
    def components(*pairs):
        return IndexValues(
            tokens=tuple(TokenValue("c$0", SYSTEM, code, g) for g, (code, _) in enumerate(pairs, 1)),
            quantities=tuple(
                QuantityValue("c$1", n, n, None, None, None, group=g) for g, (_, n) in enumerate(pairs, 1)
            ),
        )

    make.fill(
        store,
        {
            "Observation/a": components(("systolic", 120), ("diastolic", 80)),
            "Observation/b": components(("systolic", 80), ("diastolic", 120)),
        },
    )
    high = QuantityIs("c$1", "gt", 100, 100)
    assert ids(store, SameGroup((TokenIs("c$0", SYSTEM, "systolic"), high)), "Observation") == ["a"]
    assert ids(store, SameGroup((TokenIs("c$0", None, "never"), high)), "Observation") == []
    either = AnyOf((TokenIs("c$0", None, "never"), TokenIs("c$0", None, "diastolic")))
    assert ids(store, SameGroup((either, high)), "Observation") == ["b"]
    both = AllOf((TokenIs("c$0", SYSTEM, None), TokenIs("c$0", None, "systolic")))
    assert ids(store, SameGroup((both, high)), "Observation") == ["a"]
    assert ids(store, SameGroup(()), "Observation") == ["a", "b"]
    assert ids(store, SameGroup((AnyOf(()), high)), "Observation") == []


# what is current


def test_search__updated_and_deleted__follows(store, make):
    x, y = TokenIs("t", None, "x"), TokenIs("t", None, "y")
    values = {code: IndexValues(tokens=(TokenValue("t", None, code),)) for code in "xy"}
    make.submit(store, make.put("Patient", "a", content=1, index=values["x"]))
    assert ids(store, x) == ["a"]
    make.submit(store, make.put("Patient", "a", content=2, index=values["y"]))
    assert (ids(store, x), ids(store, y)) == ([], ["a"])
    make.submit(store, Delete(type="Patient", id="a"))
    assert (ids(store, x), ids(store, y), ids(store, EVERYTHING)) == ([], [], [])
    make.submit(store, make.put("Patient", "a", content=3, index=values["x"]))
    assert (ids(store, x), ids(store, EVERYTHING)) == (["a"], ["a"])


def test_search__refused_plan__is_not_seen(store, make):
    index = IndexValues(tokens=(TokenValue("t", None, "x"),))
    make.submit(store, make.put("Patient", "a", index=index, expect=5))
    assert ids(store, TokenIs("t", None, "x")) == []


# order and pages


@pytest.fixture(scope="module")
def sorted_store(stores, make):
    store = stores.create("search-sorted")
    make.fill(
        store,
        {
            "Patient/a": IndexValues(
                strings=(text("s", "b"), text("s", "z")), dates=(DateValue("d", 5, 9),), tokens=(TokenValue("t", None, "q"),),
                numbers=(NumberValue("n", 2, 3),), references=(ReferenceValue("r", "Patient", "b"),), uris=(UriValue("u", "b"),),
                quantities=(QuantityValue("q", 1, 1, "s", "kg", None, 1000, 1000, "g"),),
            ),
            "Patient/b": IndexValues(
                strings=(text("s", "c"),), dates=(DateValue("d", 1, 100), DateValue("d", 6, 7)),
                tokens=(TokenValue("t", None, "p"),), numbers=(NumberValue("n", 1, 9),),
                references=(ReferenceValue("r", "Group", "a"),), uris=(UriValue("u", "a"),),
                quantities=(QuantityValue("q", 200, 200, "s", "g", None, 200, 200, "g"),),
            ),
            "Patient/c": IndexValues(),
            "Patient/d": IndexValues(
                strings=(text("s", "a"),), dates=(DateValue("d", 5, 8),), tokens=(TokenValue("t", None, "p"),),
                numbers=(NumberValue("n", 2, 2),), references=(ReferenceValue("r", None, None, "http://x"),),
                quantities=(QuantityValue("q", 500, 500, None, None, None),),
            ),
            "Patient/e": IndexValues(),
        },
    )  # fmt: skip
    return store


SORTS = [
    (("s", "string", False), ["d", "a", "b", "c", "e"]),
    (("s", "string", True), ["a", "b", "d", "c", "e"]),
    (("d", "date", False), ["b", "a", "d", "c", "e"]),
    (("d", "date", True), ["b", "a", "d", "c", "e"]),
    (("t", "token", False), ["b", "d", "a", "c", "e"]),
    (("t", "token", True), ["a", "b", "d", "c", "e"]),
    (("n", "number", False), ["b", "a", "d", "c", "e"]),
    (("n", "number", True), ["b", "a", "d", "c", "e"]),
    (("r", "reference", False), ["b", "a", "d", "c", "e"]),
    (("r", "reference", True), ["d", "a", "b", "c", "e"]),
    (("u", "uri", False), ["b", "a", "c", "d", "e"]),
    (("u", "uri", True), ["a", "b", "c", "d", "e"]),
    (("q", "quantity", False), ["b", "d", "a", "c", "e"]),
    (("q", "quantity", True), ["a", "d", "b", "c", "e"]),
    (("_id", "token", True), ["e", "d", "c", "b", "a"]),
    (("_lastUpdated", "date", True), ["a", "b", "c", "d", "e"]),
    (("never", "date", False), ["a", "b", "c", "d", "e"]),
]


def _pages(store, query, size):
    """Follow the pages; return all ids, checking that no page is longer than asked."""
    found, after = [], None
    while True:
        page = store.search(Query(types=query.types, where=query.where, sort=query.sort, limit=size, after=after))
        assert len(page.matches) <= size
        found += [f"{v.type}/{v.id}" for v in page.matches]
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize(("sort", "expected"), SORTS)
def test_sort__each_kind__missing_last_in_both_directions(sorted_store, sort, expected):
    query = Query(types=("Patient",), sort=(SortKey(*sort),))
    assert [v.id for v in sorted_store.search(query).matches] == expected
    for size in (1, 2, 3):
        assert _pages(sorted_store, query, size) == [f"Patient/{id}" for id in expected]


@pytest.mark.parametrize(("sort", "expected"), SORTS)
def test_sort__with_a_filter__keeps_the_order(sorted_store, sort, expected):
    query = Query(types=("Patient",), where=IdIn(("a", "c", "d")), sort=(SortKey(*sort),))
    assert _pages(sorted_store, query, 2) == [f"Patient/{id}" for id in expected if id in "acd"]


def test_sort__two_keys__second_breaks_ties(sorted_store):
    query = Query(types=("Patient",), sort=(SortKey("t", "token"), SortKey("s", "string", True)))
    expected = ["Patient/b", "Patient/d", "Patient/a", "Patient/c", "Patient/e"]
    assert _pages(sorted_store, query, 10) == expected
    assert _pages(sorted_store, query, 1) == expected
    other = Query(types=("Patient",), sort=(SortKey("t", "token"), SortKey("s", "string")))
    assert _pages(sorted_store, other, 1) == ["Patient/d", "Patient/b", *expected[2:]]


def test_page__many_types__by_type_then_id(store, make):
    make.fill(store, {f"{type}/{id}": IndexValues() for type in ("Group", "Patient", "Account") for id in "ba"})
    expected = [f"{type}/{id}" for type in ("Account", "Group", "Patient") for id in "ab"]
    for size in (1, 2, 4, 6, 10):
        assert _pages(store, Query(types=()), size) == expected
    assert _pages(store, Query(types=("Patient", "Account", "Patient")), 3) == expected[:2] + expected[4:]
    newest = Query(types=(), sort=(SortKey("_id", "token", True),))
    assert _pages(store, newest, 2) == [f"{type}/{id}" for id in "ba" for type in ("Account", "Group", "Patient")]


def test_page__total_and_limits__are_exact(tokens):
    page = tokens.search(Query(types=("Patient",), limit=2, total="accurate"))
    assert (len(page.matches), page.total) == (2, 3)
    assert page.next == ("Patient", "b")
    last = tokens.search(Query(types=("Patient",), limit=2, after=page.next, total="accurate"))
    assert (make_ids(last), last.next, last.total) == (["c"], None, 3)
    none = tokens.search(Query(types=("Patient",), limit=0, total="accurate"))
    assert (none.matches, none.next, none.total) == ((), None, 3)
    exact = tokens.search(Query(types=("Patient",), limit=3))
    assert (exact.next, exact.total) == (None, None)
    assert tokens.count(Query(types=("Patient",), limit=1, after=("Patient", "b"))) == 3
    assert tokens.count(Query(types=("Unknown",))) == 0
    assert tokens.count(Query(types=())) == 4


def make_ids(page):
    return [v.id for v in page.matches]


def test_page__cursor__is_made_of_the_keys(sorted_store):
    page = sorted_store.search(Query(types=("Patient",), sort=(SortKey("d", "date"), SortKey("s", "string")), limit=2))
    assert page.next == (5, "a", "Patient", "d")
    page = sorted_store.search(Query(types=("Patient",), sort=(SortKey("d", "date", True),), limit=4))
    assert page.next == (None, "Patient", "c")


def test_page__while_others_write__neither_repeats_nor_loses(store, make):
    values = {f"Patient/p{n:03}": IndexValues(dates=(DateValue("d", n // 3, n // 3),)) for n in range(0, 60, 2)}
    make.fill(store, values)
    for sort in ((), (SortKey("d", "date"),), (SortKey("d", "date", True),)):
        before = _pages(store, Query(types=("Patient",), sort=sort), 100)
        found, after, n = [], None, 0
        while True:
            page = store.search(Query(types=("Patient",), sort=sort, limit=7, after=after))
            found += [f"Patient/{v.id}" for v in page.matches]
            after = page.next
            if after is None:
                break
            n += 1
            index = IndexValues(dates=(DateValue("d", n, n),))
            make.submit(store, make.put("Patient", f"new-{len(sort)}-{n}", index=index))
        assert len(found) == len(set(found))
        assert [name for name in found if name in before] == before


def test_search__bodies__are_those_of_read(tokens):
    for version in tokens.search(Query(types=("Patient",))).matches:
        assert version == tokens.read("Patient", version.id)


def test_any_of__a_composite_among_others__keeps_its_meaning(store, make):
    make.fill(
        store,
        {
            "Observation/a": IndexValues(tokens=(TokenValue("c$0", None, "x", 1), TokenValue("c$1", None, "y", 2))),
            "Observation/b": IndexValues(tokens=(TokenValue("c$0", None, "x", 1), TokenValue("c$1", None, "y", 1))),
        },
    )
    composite = SameGroup((TokenIs("c$0", None, "x"), TokenIs("c$1", None, "y")))
    assert ids(store, AnyOf((composite, TokenIs("c$0", None, "never"))), "Observation") == ["b"]


def test_explain__any_query__tells_how_without_its_values(store, make):
    make.submit(store, make.put("Patient", "a", index=IndexValues(tokens=(TokenValue("p", "urn:s", "secret"),))))
    where = AllOf((TokenIs("p", "urn:s", "secret"), Chain("subject", ("Patient",), StringIs("name", "secret"))))
    told = store.explain(Query(types=("Patient",), where=where, limit=5))
    assert told
    assert all(statement.text for statement in told)
    assert "secret" not in str(told)
    if type(store).__name__ == "SqliteStore":
        assert any(line.lstrip().startswith("SEARCH") for statement in told for line in statement.plan)
