"""Random histories and random queries: every engine answers as the memory store does."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

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
from dui_fhir.domain.plan import ABSENT, ANY, Committed, Delete, Exists, MatchesAre, Plan, Reindex, VersionIs
from dui_fhir.domain.query import (
    AllOf,
    AnyOf,
    Chain,
    DateIs,
    Has,
    IdIn,
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
from dui_fhir.store.memory import MemoryStores

TYPES = st.sampled_from(["Patient", "Observation", "Group"])
IDS = st.sampled_from(["a", "b", "c", "B", "-", "a.1"])
PARAMS = st.sampled_from(["p", "q"])
SYSTEMS = st.sampled_from([None, "urn:s", "urn:t"])
CODES = st.sampled_from(["x", "y", "X", "", "é", "x/y", "x/"])
BOUNDS = st.tuples(st.integers(-3, 3), st.sampled_from([0, 1, 5, 100_000, 10**8, 10**10, 10**13]))
NUMBERS = st.tuples(st.sampled_from([-1.5, 0.0, 0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.5, 10.0]))
COMPARATORS = st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
GROUPS = st.sampled_from([0, 0, 1, 2])
ZERO = st.just(0)
UNITS = st.sampled_from([None, "g", "kg"])
WORDS = st.lists(st.sampled_from(["chute", "lit", "été"]), max_size=3).map(" ".join)


def many(values):
    return st.lists(values, max_size=3, unique=True).map(tuple)


def component(param, group):
    return f"{param}${group % 2}" if group else param


def quantity(param, bounds, system, code, unit, canonical, group):
    low, length = bounds
    extra = (low * 10, low * 10 + length, canonical) if canonical else (None, None, None)
    return QuantityValue(component(param, group), low, low + length, system, code, unit, *extra, group)


REFERENCES = st.one_of(
    st.builds(ReferenceValue, PARAMS, TYPES, IDS, st.none(), st.sampled_from([None, "1"]), ZERO),
    st.builds(ReferenceValue, PARAMS, st.none(), st.none(), st.just("http://x/a"), st.sampled_from([None, "1"]), ZERO),
)
VALUES = st.builds(
    IndexValues,
    tokens=many(st.builds(lambda p, s, c, g: TokenValue(component(p, g), s, c, g), PARAMS, SYSTEMS, CODES, GROUPS)),
    strings=many(st.builds(StringValue, PARAMS, CODES, CODES, ZERO)),
    dates=many(st.builds(lambda p, b: DateValue(p, b[0], b[0] + b[1]), PARAMS, BOUNDS)),
    numbers=many(
        st.builds(lambda p, b, g: NumberValue(component(p, g), b[0], b[0] + b[1], g), PARAMS, NUMBERS, GROUPS)
    ),
    quantities=many(st.builds(quantity, PARAMS, NUMBERS, SYSTEMS, UNITS, UNITS, UNITS, GROUPS)),
    references=many(REFERENCES),
    uris=many(st.builds(UriValue, PARAMS, CODES, ZERO)),
    text=WORDS,
    content=WORDS,
)
LEAVES = st.one_of(
    st.builds(TokenIs, PARAMS, st.sampled_from([None, "", "urn:s", "urn:t"]), st.one_of(st.none(), CODES)),
    st.builds(StringIs, PARAMS, CODES, st.sampled_from(["starts", "contains", "ends", "exact"])),
    st.builds(lambda p, c, b: DateIs(p, c, b[0], b[0] + b[1]), PARAMS, COMPARATORS, BOUNDS),
    st.builds(lambda p, c, b: NumberIs(p, c, b[0], b[0] + b[1]), PARAMS, COMPARATORS, NUMBERS),
    st.builds(
        lambda p, c, b, s, u, k: QuantityIs(
            p, c, b[0], b[0] + b[1], s, u, *((b[0] * 10, b[0] * 10 + b[1], k) if k else (None, None, None))
        ),
        PARAMS, COMPARATORS, NUMBERS, SYSTEMS, UNITS, UNITS,
    ),
    st.builds(ReferenceIs, PARAMS, st.one_of(st.none(), TYPES), st.one_of(st.none(), IDS)),
    st.builds(ReferenceIs, PARAMS, TYPES, IDS, st.none(), st.sampled_from([None, "1"])),
    st.builds(ReferenceIs, PARAMS, st.none(), st.none(), st.just("http://x/a"), st.sampled_from([None, "1"])),
    st.builds(UriIs, PARAMS, CODES, st.sampled_from(["exact", "below", "above"])),
    st.builds(TextIs, st.lists(st.sampled_from(["chute", "lit", "été", "non"]), max_size=2).map(tuple),
              st.sampled_from(["text", "content"])),
    st.builds(IdIn, st.lists(IDS, max_size=3).map(tuple)),
    st.builds(TypeIn, st.lists(TYPES, max_size=2).map(tuple)),
    st.builds(Missing, PARAMS, st.sampled_from(["token", "string", "date", "number", "quantity", "reference", "uri"]),
              st.booleans()),
)  # fmt: skip
COMPONENTS = st.builds(component, PARAMS, GROUPS)
GROUPED = st.one_of(
    st.builds(TokenIs, COMPONENTS, SYSTEMS, CODES),
    st.builds(lambda p, c, b: NumberIs(p, c, b[0], b[0] + b[1]), COMPONENTS, COMPARATORS, NUMBERS),
)
NODES = st.recursive(
    st.one_of(LEAVES, st.builds(SameGroup, st.lists(GROUPED, min_size=1, max_size=2).map(tuple))),
    lambda nodes: st.one_of(
        st.builds(AllOf, st.lists(nodes, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(nodes, max_size=3).map(tuple)),
        st.builds(Not, nodes),
        st.builds(Chain, PARAMS, st.lists(TYPES, min_size=1, max_size=2, unique=True).map(tuple), nodes),
        st.builds(Has, TYPES, PARAMS, nodes),
    ),
    max_leaves=6,
)
SORTS = st.lists(
    st.builds(
        SortKey,
        PARAMS,
        st.sampled_from(["token", "string", "date", "number", "quantity", "reference", "uri"]),
        st.booleans(),
    )
    | st.builds(SortKey, st.sampled_from(["_id"]), st.just("token"), st.booleans()),
    max_size=2,
).map(tuple)
QUERIES = st.builds(
    Query,
    types=st.lists(TYPES, max_size=2).map(tuple),
    where=NODES,
    sort=SORTS,
    limit=st.integers(1, 4),
    total=st.sampled_from(["none", "accurate"]),
)
EXPECTED = st.sampled_from([ANY, ANY, ANY, ABSENT, 1, 2])


@st.composite
def operations(draw):
    keys = draw(st.lists(st.tuples(TYPES, IDS), max_size=4, unique=True))
    return [(*key, draw(st.integers(0, 4)), draw(EXPECTED), draw(VALUES), draw(st.integers(0, 2))) for key in keys]


CONDITIONS = st.lists(
    st.one_of(
        st.builds(VersionIs, type=TYPES, id=IDS, version=st.sampled_from([ABSENT, 1, 2])),
        st.builds(Exists, type=TYPES, id=IDS),
        st.builds(lambda q: MatchesAre(query=q, ids=()), QUERIES),
    ),
    max_size=1,
).map(tuple)
STEPS = st.lists(st.tuples(operations(), CONDITIONS), min_size=1, max_size=4)
_names = itertools.count()


@pytest.fixture(scope="module")
def pair(stores, request):
    """Make an empty tenant of the engine under test, and one in memory."""
    if isinstance(stores, MemoryStores):
        pytest.skip("the memory store is the reference")
    memory = MemoryStores()

    def make():
        name = f"same-{next(_names)}"
        return stores.create(name), memory.create(name)

    return make


def _plan(make, step):
    listed, conditions = step
    built = [_operation(make, *one) for one in listed]
    return Plan(operations=tuple(built), preconditions=conditions)


def _operation(make, type, id, content, expect, values, unique):
    if not content:
        return Delete(type=type, id=id, expect=expect)
    if content == 1 and expect > 0:
        # a reindex gives no component to the group of another parameter: composites are whole
        whole = {
            name: tuple(v for v in getattr(values, name) if not v.group) for name in ("tokens", "numbers", "quantities")
        }
        return Reindex(type=type, id=id, expect=expect, params=("p",), index=replace(values, **whole))
    return make.put(type, id, content=content, expect=expect, index=values, unique=(f"k{unique}",) if unique else ())


def _untimed(answer):
    if not isinstance(answer, Committed):
        return answer
    return [(w.type, w.id, w.version, w.changed, w.created) for w in answer.written]


def _follow(store, query):
    """All pages: ids, cursors, totals."""
    found, after = [], None
    for _ in range(40):
        page = store.search(
            Query(
                types=query.types, where=query.where, sort=query.sort, limit=query.limit, total=query.total, after=after
            )
        )
        found.append(([(v.type, v.id, v.version) for v in page.matches], page.next, page.total))
        after = page.next
        if after is None:
            return found
    raise AssertionError("pages without end")


@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(steps=STEPS, queries=st.lists(QUERIES, min_size=4, max_size=8))
def test_plans_and_queries__random__have_the_same_answers(pair, make, steps, queries):
    tested, reference = pair()
    for step in steps:
        plan = _plan(make, step)
        assert _untimed(tested.submit(plan)) == _untimed(reference.submit(plan))
    versions = [[(v.type, v.id, v.version, v.method) for v in s.history().versions] for s in (tested, reference)]
    assert versions[0] == versions[1]
    for query in queries:
        assert _follow(tested, query) == _follow(reference, query), query
        assert tested.count(query) == reference.count(query), query
    sources = [(type, id) for type in ("Patient", "Observation", "Group") for id in ("a", "b", "c", "z")]
    for param in ("p", "q", None):
        assert tested.targets(sources, param) == reference.targets(sources, param)
