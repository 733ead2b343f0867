"""SQLite: no node makes a search read a whole table, whichever way it is led."""

import re

import pytest

from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import SystemClock
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
from dui_fhir.domain.plan import Committed, Plan, Put
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
    UriIs,
)
from dui_fhir.store.sqlite import reading, schema, search
from dui_fhir.store.sqlite.committer import Committer
from dui_fhir.store.sqlite.dictionary import Dictionary

INDEX = IndexValues(
    tokens=(TokenValue("t", "s", "x"), TokenValue("c$0", "s", "x", 1)),
    strings=(StringValue("s", "x", "x"), StringValue("s", "y", "y")),
    dates=(DateValue("d", 0, 10),),
    numbers=(NumberValue("n", 1, 1), NumberValue("c$1", 1, 1, 1)),
    quantities=(QuantityValue("q", 1, 1, "s", "kg", "kilo", 1000, 1000, "g"),),
    references=(ReferenceValue("r", "Patient", "1"),),
    uris=(UriValue("u", "http://x/a"),),
    text="mot",
)
X = TokenIs("t", None, "x")
NODES = {
    "token": X,
    "token, system": TokenIs("t", "s", "x"),
    "tokens": AnyOf((X, TokenIs("t", None, "y"))),
    "string": StringIs("s", "x"),
    "string, exact": StringIs("s", "x", "exact"),
    "date": DateIs("d", "ge", 0, 0),
    "dates": AllOf((DateIs("d", "ge", 0, 0), DateIs("d", "lt", 99, 99))),
    "date, ne": DateIs("d", "ne", 0, 0),
    "number": NumberIs("n", "eq", 1, 1),
    "quantity": QuantityIs("q", "eq", 1, 1, None, "kg", 1000, 1000, "g"),
    "reference": ReferenceIs("r", "Patient", "1"),
    "uri": UriIs("u", "http://x/a"),
    "uri, below": UriIs("u", "http://x", "below"),
    "uri, above": UriIs("u", "http://x/a/b", "above"),
    "text": TextIs(("mot",)),
    "id": IdIn(("1", "2")),
    "last updated": LastUpdatedIs("gt", 0, 0),
    "missing": AllOf((Missing("t", "token", False), Missing("z", "token", True))),
    "not": Not(X),
    "group": SameGroup((TokenIs("c$0", None, "x"), NumberIs("c$1", "eq", 1, 1))),
    "chain": Chain("r", ("Patient",), X),
    "chain of chains": Chain("r", ("Patient",), Chain("r", ("Patient",), StringIs("s", "x"))),
    "has": Has("Patient", "r", X),
    "two": AllOf((X, StringIs("s", "x"), DateIs("d", "ge", 0, 0))),
    "contains": StringIs("s", "x", "contains"),
    "ends": StringIs("s", "x", "ends"),
    "system only": TokenIs("t", "s", None),
    "everything": EVERYTHING,
}
SORTS = {
    "none": (),
    "id": (SortKey("_id", "token", True),),
    "updated": (SortKey("_lastUpdated", "date", True),),
    "date": (SortKey("d", "date", True),),
    "token": (SortKey("t", "token"),),
    "string": (SortKey("s", "string"), SortKey("d", "date")),
}


class Watched:
    """A connection that keeps the plan of each statement."""

    def __init__(self, connection):
        self._connection = connection
        self.plans = []

    def execute(self, text, arguments=()):
        plan = [row[3] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {text}", arguments)]
        self.plans.append((text, plan))
        return self._connection.execute(text, arguments)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("plans") / "demo.sqlite"
    schema.create(path)
    committer = Committer(path, "demo", SystemClock())
    puts = [
        Put(type="Patient", id=str(n), body=Body.of({"resourceType": "Patient", "id": str(n)}), index=INDEX)
        for n in range(40)
    ]
    assert isinstance(committer.apply([Plan(operations=tuple(puts))])[0], Committed)
    yield committer._connection
    committer.close()


def faults(text, plan):
    """Return the steps that read a table, or all values of a parameter, from one end to the other."""
    derived = {line.split()[1] for line in plan if line.startswith(("MATERIALIZE", "CO-ROUTINE"))}
    found = []
    for line in plan:
        scanned = re.match(r"SCAN (\w+)(.*)", line)
        if scanned and scanned[1] not in derived | {"CONSTANT"} and "VIRTUAL TABLE INDEX" not in scanned[2]:
            found.append(line)
        if re.search(r"PRIMARY KEY \(p=\?\)", line) and "f_text" in text and "ORDER BY q.a" not in text:
            found.append(line)
    return found


@pytest.mark.parametrize("led", ["gathered", "walked"])
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("node", NODES)
def test_search__each_node_and_order__reads_no_table_whole(connection, monkeypatch, node, sort, led):
    if led == "walked":
        monkeypatch.setattr(search, "GATHERED_US", 1e9)
    watched = Watched(connection)
    query = Query(types=("Patient",), where=NODES[node], sort=SORTS[sort], limit=3, total="accurate")
    reading.search(watched, Dictionary(), query)
    assert watched.plans
    assert [(text, bad) for text, plan in watched.plans if (bad := faults(text, plan))] == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"type": "Patient"},
        {"type": "Patient", "id": "1"},
        {"since_ms": 1},
        {"at": (1, 2), "type": "Patient", "id": "1"},
    ],
)
def test_history__each_scope__reads_an_index(connection, options):
    watched = Watched(connection)
    every = {"type": None, "id": None, "since_ms": None, "at": None, "before": 30, "limit": 5, "total": False}
    reading.history(watched, **{**every, **options})
    assert [bad for text, plan in watched.plans if (bad := faults(text, plan))] == []


def test_read__by_key__searches_only(connection):
    watched = Watched(connection)
    reading.read(watched, "Patient", "1")
    reading.read_version(watched, "Patient", "1", 1)
    reading.read_many(watched, [("Patient", "1"), ("Patient", "2")])
    reading.targets(watched, [("Patient", "1")], None, ())
    assert [bad for text, plan in watched.plans if (bad := faults(text, plan))] == []
