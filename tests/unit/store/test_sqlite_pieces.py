"""The pieces of the SQLite store that need no file."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.body import Body
from dui_fhir.domain.errors import ConfigurationError, Unavailable
from dui_fhir.domain.index import DateValue, IndexValues, QuantityValue, StringValue, TokenValue
from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.domain.plan import Committed, Delete, Exists, JobHeld, MatchesAre, Plan, Put, Refused, VersionIs, Written
from dui_fhir.domain.query import AllOf, Chain, Not, Query, SortKey, TokenIs
from dui_fhir.search.match import holds
from dui_fhir.store.prefix import prefix_end
from dui_fhir.store.sqlite import driver, wire
from dui_fhir.store.sqlite.dictionary import Sizes
from dui_fhir.store.sqlite.rows import DATE_WIDTHS_MS, Cell, cells, forward, width
from dui_fhir.store.sqlite.sql import FALSE, TRUE, Sql, all_of, among, any_of, concat, union
from dui_fhir.store.sqlite.values import compare, span

COMPARATORS = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
BOUNDS = st.tuples(st.integers(-50, 50), st.integers(0, 30)).map(lambda b: (b[0], b[0] + b[1]))


@given(st.sampled_from(COMPARATORS), BOUNDS, BOUNDS)
def test_span__any_value_that_matches__begins_inside(comparator, query, value):
    found = span(comparator, *query, longest=value[1] - value[0])
    if found is not None and holds(comparator, *value, *query):
        assert found.first is None or value[0] >= found.first
        assert found.last is None or value[0] <= found.last


@given(st.sampled_from(COMPARATORS), BOUNDS, BOUNDS)
def test_compare__as_sql__is_the_reference(comparator, query, value):
    text, arguments = compare(comparator, *query, "[a]", "[b]")
    connection = driver.sqlite.connect(":memory:")
    try:
        filled = text.replace("[a]", f"({value[0]})").replace("[b]", f"({value[1]})")
        assert bool(connection.execute(f"SELECT {filled}", arguments).fetchone()[0]) == holds(
            comparator, *value, *query
        )
    finally:
        connection.close()


@given(st.text(max_size=4), st.text(max_size=6))
def test_prefix_end__any_text__is_in_the_range_exactly_when_it_starts_with_it(prefix, text):
    end = prefix_end(prefix)
    inside = prefix <= text and (end is None or text < end)
    assert inside == text.startswith(prefix)


@pytest.mark.parametrize(
    ("prefix", "end"), [("a", "b"), ("", None), ("\U0010ffff", None), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000")]
)
def test_prefix_end__last_characters__are_passed_over(prefix, end):
    assert prefix_end(prefix) == end


@pytest.mark.parametrize(
    ("length", "expected"), [(0, 0), (999, 0), (1000, 1), (86_399_999, 1), (31 * 86_400_000, 2), (10**11, 4)]
)
def test_width__dates__by_length(length, expected):
    assert width("date", 5, 5 + length) == expected
    assert expected == 4 or length <= DATE_WIDTHS_MS[expected]


class Numbers:
    """Numbers in order of appearance."""

    def __init__(self):
        self.known = {}

    def _number(self, *name):
        return self.known.setdefault(name, len(self.known) + 1)

    def type(self, name):
        return self._number("type", name)

    def param(self, type, param, kind):
        return self._number(type, param, kind)

    def system(self, text):
        return self._number("system", text)

    def kind(self, p):
        return next(name[2] for name, number in self.known.items() if number == p)


def test_cells__each_value__is_one_row_or_as_many_as_it_is_sought_by():
    numbers = Numbers()
    index = IndexValues(
        tokens=(TokenValue("t", None, "x"), TokenValue("t", None, "x")),
        strings=(StringValue("s", "eloi", "Éloi"), StringValue("s", "other", "Éloi")),
        quantities=(QuantityValue("q", 1, 1, "s", "kg", "kilo", 1000, 1000, "g"),),
    )
    found = cells(1, index, numbers)
    kinds = sorted(numbers.kind(cell.p) for cell in found)
    assert kinds == ["canonical", "exact", "order", "quantity", "string", "string", "token", "unit"]


def test_forward__dates__lead_by_value_and_by_both_ends():
    numbers = Numbers()
    found = cells(1, IndexValues(dates=(DateValue("d", 5, 9), DateValue("d", 1, 7))), numbers)
    p = found[0].p
    rows = forward(found, numbers.kind)
    assert rows.range == {(p, 0, 5, 9, "", 0, 0), (p, 0, 1, 7, "", 0, 0)}
    assert rows.order == {(p, 0, 1), (p, 1, -9)}
    assert rows.text == frozenset()
    assert forward([Cell(p, 1, 0, 0, "", 0)], numbers.kind).order == frozenset()


def test_sql__conjunction_and_disjunction__keep_the_order_of_arguments():
    a, b = Sql("a = ?", (1,)), Sql("b = ?", (2,))
    assert all_of([a, TRUE, b]) == ("(a = ? AND b = ?)", (1, 2))
    assert any_of([a, FALSE, b]) == ("(a = ? OR b = ?)", (1, 2))
    assert all_of([a, FALSE]) == FALSE
    assert any_of([a, TRUE]) == TRUE
    assert (all_of([]), any_of([])) == (TRUE, FALSE)
    assert concat("x ", b, " y ", a) == ("x b = ? y a = ?", (2, 1))
    assert among("c", ["x"]) == ("c = ?", ("x",))
    assert among("c", ["x", "y"]) == ("c IN (?,?)", ("x", "y"))
    assert union([a]) == a


def test_sql__thousands_of_terms__is_a_tree_that_sqlite_accepts():
    connection = driver.sqlite.connect(":memory:")
    try:
        many = any_of(Sql("? = 0", (n,)) for n in range(1, 5000))
        assert connection.execute(f"SELECT {many.text}", many.args).fetchone() == (0,)
        rows = union([Sql("SELECT ?", (n,)) for n in range(1200)])
        assert len(connection.execute(*rows).fetchall()) == 1200
    finally:
        connection.close()


def test_wire__plan__comes_back_whole():
    query = Query(types=("A",), where=AllOf((Not(TokenIs("t", None, "x")), Chain("r", ("B",), TokenIs("u", "", None)))))
    plan = Plan(
        operations=(
            Put(
                type="A",
                id="1",
                body=Body.of({"resourceType": "A", "id": "1"}),
                unique=("k",),
                expect=3,
                method="PATCH",
            ),
            Delete(type="A", id="2", expect=0),
        ),
        preconditions=(
            VersionIs(type="A", id="1", version=3),
            MatchesAre(query=query, ids=("1", "2")),
            Exists(type="A", id="3"),
            JobHeld(job="j", lease="l"),
        ),
        jobs=(Job(id="j", kind="dmp", key="k", payload={"ids": ["a", {"b": None}]}),),
        settlements=(JobSettlement(job="j", lease="l", state="waiting", due_ms=5),),
        request_key="r",
    )
    sent = wire.pack(wire.encode_plan(plan))
    assert wire.LENGTH.unpack(sent[:4])[0] == len(sent) - 4
    assert wire.decode_plan(wire.unpack(sent[4:])) == plan


@pytest.mark.parametrize(
    "answer",
    [
        Committed(
            instant_ms=5, written=(Written(type="A", id="1", version=1, instant_ms=5, created=True),), replayed=True
        ),
        Committed(instant_ms=5, written=()),
        Refused(reason="unique", type="A", id="1", key="k", found=("1", "2"), operation=0),
    ],
)
def test_wire__answer__comes_back_whole(answer):
    assert wire.decode_result(wire.unpack(wire.pack(wire.encode_result(answer))[4:])) == answer


def test_wire__query_with_sort__comes_back_whole():
    query = Query(types=(), sort=(SortKey("d", "date", True),), after=(None, 1.5, "A", "1"), total="accurate")
    assert wire.decode(wire.unpack(wire.pack(wire.encode(query))[4:])) == query


def test_wire__error__keeps_class_and_issue():
    error = Unavailable.of("store-disk-full", "Plein.", "SQLITE_FULL", code="no-store")
    back = wire.decode_error(wire.unpack(wire.pack(wire.encode_error(error))[4:]))
    assert isinstance(back, Unavailable)
    assert back.issues == error.issues


def test_check_version__before_the_fix__is_refused():
    driver.check_version((3, 51, 3))
    with pytest.raises(ConfigurationError) as error:
        driver.check_version((3, 51, 2))
    assert error.value.issues[0].id == "store-sqlite-too-old"


def test_sizes__counted_up_to_a_depth__answer_what_that_depth_can_tell(monkeypatch):
    sizes = Sizes()
    sizes.put("small", 256, 9)
    sizes.put("cut", 256, 256)
    assert [sizes.get("small", depth) for depth in (4, 256, 4096)] == [4, 9, 9]
    assert [sizes.get("cut", depth) for depth in (16, 256, 4096)] == [16, 256, None]
    assert sizes.get("other", 1) is None


def test_sizes__old__are_counted_again_the_large_ones_later(monkeypatch):
    sizes = Sizes()
    sizes.put("small", 16_384, 9)
    sizes.put("large", 16_384, 9_000)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert (sizes.get("small", 256), sizes.get("large", 256)) == (None, 256)
    monkeypatch.setattr(time, "monotonic", lambda: now + 601)
    assert sizes.get("large", 256) is None
