"""The reference semantics of queries."""

import pytest

from dui_fhir.domain import index as ix
from dui_fhir.domain import query as q
from dui_fhir.search import match


def entry(id="1", *, type="Patient", instant_ms=0, **values):
    return match.Entry(type=type, id=id, instant_ms=instant_ms, index=ix.IndexValues(**values))


def holds(node, *entries):
    """Evaluate on the first entry; the others are there too."""
    universe = match.Universe(entries)
    return match.matches(node, entries[0], universe.lookup, universe.referrers)


@pytest.mark.parametrize(
    ("comparator", "expected"),
    [
        # value bounds against the query's [10, 20]: inside, equal, over the low end, over the high end, around, below, above
        ("eq", [1, 1, 0, 0, 0, 0, 0]),
        ("ne", [0, 0, 1, 1, 1, 1, 1]),
        ("gt", [0, 0, 0, 1, 1, 0, 1]),
        ("lt", [0, 0, 1, 0, 1, 1, 0]),
        ("ge", [1, 1, 0, 1, 1, 0, 1]),
        ("le", [1, 1, 1, 0, 1, 1, 0]),
        ("sa", [0, 0, 0, 0, 0, 0, 1]),
        ("eb", [0, 0, 0, 0, 0, 1, 0]),
        ("ap", [1, 1, 1, 1, 1, 0, 0]),
    ],
)
def test_holds__each_position__is_as_the_table_says(comparator, expected):
    positions = [(12, 15), (10, 20), (5, 15), (15, 25), (5, 25), (1, 2), (30, 40)]
    found = [int(match.holds(comparator, low, high, 10, 20)) for low, high in positions]
    assert found == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (q.TokenIs("p", None, "a"), True),
        (q.TokenIs("p", "s", "a"), True),
        (q.TokenIs("p", "s", None), True),
        (q.TokenIs("p", "", "a"), False),
        (q.TokenIs("p", "", "b"), True),
        (q.TokenIs("p", "", None), True),
        (q.TokenIs("p", "s", "b"), False),
        (q.TokenIs("q", None, "a"), False),
    ],
)
def test_token__system_and_code__match_one_value(node, expected):
    assert holds(node, entry(tokens=(ix.TokenValue("p", "s", "a"), ix.TokenValue("p", None, "b")))) is expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (q.QuantityIs("p", "eq", 5, 5), True),
        (q.QuantityIs("p", "eq", 5, 5, "u", "mg"), True),
        (q.QuantityIs("p", "eq", 5, 5, None, "mg"), True),
        (q.QuantityIs("p", "eq", 5, 5, None, "milligramme"), True),
        (q.QuantityIs("p", "eq", 5, 5, "u", "milligramme"), False),
        (q.QuantityIs("p", "eq", 5, 5, "v", "mg"), False),
        (q.QuantityIs("p", "eq", 5, 5, "u"), True),
        (q.QuantityIs("p", "eq", 5000, 5000, "u", "ug", 0.005, 0.005, "g"), True),
        (q.QuantityIs("p", "eq", 5000, 5000, "u", "ug", 0.005, 0.005, "m"), False),
    ],
)
def test_quantity__unit__matches_as_written_or_canonical(node, expected):
    value = ix.QuantityValue("p", 5, 5, "u", "mg", "milligramme", 0.005, 0.005, "g")
    assert holds(node, entry(quantities=(value,))) is expected


def test_same_group__components_of_two_elements__do_not_match():
    values = {
        "tokens": (ix.TokenValue("c$0", None, "a", 1), ix.TokenValue("c$0", None, "b", 2)),
        "numbers": (ix.NumberValue("c$1", 1, 1, 1), ix.NumberValue("c$1", 2, 2, 2)),
    }

    def pair(code, value):
        return q.SameGroup((q.TokenIs("c$0", None, code), q.NumberIs("c$1", "eq", value, value)))

    assert holds(pair("a", 1), entry(**values))
    assert not holds(pair("a", 2), entry(**values))
    either = q.SameGroup(
        (q.AnyOf((q.TokenIs("c$0", None, "a"), q.TokenIs("c$0", None, "b"))), q.NumberIs("c$1", "eq", 2, 2))
    )
    assert holds(either, entry(**values))


def test_logic__empty__is_everything_or_nothing():
    assert holds(q.AllOf(()), entry())
    assert not holds(q.AnyOf(()), entry())
    assert holds(q.Not(q.AnyOf(())), entry())


def test_chain__absolute_or_absent_target__does_not_match():
    node = q.Chain("subject", ("Patient",), q.IdIn(("1",)))
    foreign = entry("o", references=(ix.ReferenceValue("subject", "Patient", "1", "https://x/Patient/1"),))
    local = entry("o", references=(ix.ReferenceValue("subject", "Patient", "1"),))
    assert not holds(node, foreign, entry("1"))
    assert not holds(node, local)
    assert holds(node, entry("o", type="Observation", references=local.index.references), entry("1"))


def test_reference__version__counts_only_when_asked():
    value = ix.ReferenceValue("p", None, None, "https://x/q", "2")
    assert holds(q.ReferenceIs("p", url="https://x/q"), entry(references=(value,)))
    assert holds(q.ReferenceIs("p", url="https://x/q", version="2"), entry(references=(value,)))
    assert not holds(q.ReferenceIs("p", url="https://x/q", version="1"), entry(references=(value,)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://a/b", True),
        ("http://a/b/c", True),
        ("http://a/", True),
        ("http://a/b/cc", False),
        ("http://a/bb", False),
    ],
)
def test_uri_above__value__ends_at_a_segment(value, expected):
    assert holds(q.UriIs("p", "http://a/b/c", "above"), entry(uris=(ix.UriValue("p", value),))) is expected


def test_text__every_word__must_be_there_whole():
    said = entry(text="chute dans l escalier", content="chute dans l escalier lundi")
    assert holds(q.TextIs(("chute", "escalier")), said)
    assert not holds(q.TextIs(("chut",)), said)
    assert not holds(q.TextIs(("lundi",)), said)
    assert holds(q.TextIs(("lundi",), "content"), said)


def test_sort_value__quantity__is_canonical_where_there_is_one():
    values = (
        ix.QuantityValue("p", 5, 5, "u", "mg", None, 0.005, 0.005, "g"),
        ix.QuantityValue("p", 3, 4, None, None, None),
    )
    assert match.sort_value(entry(quantities=values), q.SortKey("p", "quantity")) == 0.005
    assert match.sort_value(entry(quantities=values), q.SortKey("p", "quantity", descending=True)) == 4


def test_sort_value__each_kind__is_what_the_contract_says():
    found = entry(
        "x", instant_ms=7,
        tokens=(ix.TokenValue("p", "z", "a"),), strings=(ix.StringValue("p", "folded", "Folded"),),
        dates=(ix.DateValue("p", 1, 9),), references=(ix.ReferenceValue("p", "Patient", "1"),), uris=(ix.UriValue("p", "u"),),
    )  # fmt: skip
    kinds = {"token": "a", "string": "folded", "date": 1, "reference": "Patient/1", "uri": "u", "number": None}
    for kind, value in kinds.items():
        assert match.sort_value(found, q.SortKey("p", kind)) == value
    assert match.cursor(found, [q.SortKey("_lastUpdated", "date"), q.SortKey("p", "date", True)]) == (
        7,
        9,
        "Patient",
        "x",
    )
