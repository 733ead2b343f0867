"""SQLite: whichever way a search is led, walked or gathered, its answers are those of the memory store."""

import random

import pytest

from dui_fhir.domain.index import DateValue, IndexValues, QuantityValue, ReferenceValue, StringValue, TokenValue
from dui_fhir.domain.query import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Chain,
    DateIs,
    Has,
    Not,
    QuantityIs,
    Query,
    ReferenceIs,
    SameGroup,
    SortKey,
    StringIs,
    TokenIs,
)
from dui_fhir.store.memory import MemoryStores
from dui_fhir.store.sqlite import search
from dui_fhir.store.sqlite.stores import SqliteStores

PEOPLE, EACH = 40, 6
UCUM = "http://unitsofmeasure.org"
FAMILIES = ("roux", "rousseau", "roy", "martin", "marty", "petit")
CODES = ("size", "mass", "pulse")
TALL = SameGroup((TokenIs("c$0", "s", "size"), QuantityIs("c$1", "gt", 150, 150, UCUM, "cm", 1.5, 1.5, "m")))
NAMED = StringIs("family", "rou")
SIZE = TokenIs("code", "s", "size")
HEAVY = QuantityIs("value", "ge", 60, 60, UCUM, "kg", 60_000, 60_000, "g")
WHERE = {
    "everything": ("Observation", EVERYTHING),
    "token": ("Observation", SIZE),
    "tokens": ("Observation", AnyOf((SIZE, TokenIs("code", None, "pulse")))),
    "two tokens": ("Observation", AllOf((SIZE, TokenIs("status", None, "final")))),
    "prefix": ("Patient", StringIs("family", "r")),
    "prefix and gender": ("Patient", AllOf((NAMED, TokenIs("gender", None, "f")))),
    "interval": ("Observation", AllOf((DateIs("date", "ge", 300, 300), DateIs("date", "lt", 700, 700)))),
    "interval and code": ("Observation", AllOf((SIZE, DateIs("date", "ge", 200, 200), DateIs("date", "lt", 900, 900)))),
    "quantity": ("Observation", HEAVY),
    "quantity, no unit": ("Observation", QuantityIs("value", "gt", 70, 70)),
    "quantity, other unit": ("Observation", QuantityIs("value", "lt", 60_000, 60_000, UCUM, "g", 60_000, 60_000, "g")),
    "quantity and code": ("Observation", AllOf((HEAVY, TokenIs("code", "s", "mass")))),
    "composite": ("Observation", TALL),
    "composite and code": ("Observation", AllOf((TALL, TokenIs("status", None, "final")))),
    "chain": ("Observation", Chain("subject", ("Patient",), NAMED)),
    "chain and code": ("Observation", AllOf((Chain("subject", ("Patient",), AllOf((NAMED, TokenIs("gender", None, "f")))), SIZE))),
    "chain, unkeyed": ("Observation", Chain("subject", ("Patient",), Not(NAMED))),
    "has": ("Patient", Has("Observation", "subject", TALL)),
    "has and name": ("Patient", AllOf((Has("Observation", "subject", TALL), NAMED))),
    "has, reference": ("Patient", Has("Observation", "subject", ReferenceIs("subject", "Patient", "p007"))),
    "not": ("Observation", AllOf((Not(SIZE), Not(HEAVY)))),
}  # fmt: skip
SORTS = {
    "none": (),
    "date": (SortKey("date", "date", True),),
    "family": (SortKey("family", "string"), SortKey("_id", "token", True)),
    "value": (SortKey("value", "quantity"),),
}
WAYS = {
    "foreseen": {},
    "walked": {"GATHERED_US": 1e9},
    "gathered": {"WALKED_US": 1e9},
    "sifted": {"SORTED_US": 0.0, "WALKED_US": 1e9},
}


def _person(rng: random.Random, n: int) -> dict[str, IndexValues]:
    subject, family = f"p{n:03}", rng.choice(FAMILIES)
    found = {
        f"Patient/{subject}": IndexValues(
            tokens=(TokenValue("gender", None, rng.choice("fm")),), strings=(StringValue("family", family, family),)
        )
    }
    for m in range(EACH):
        code, value = rng.choice(CODES), rng.randrange(40, 200)
        unit, canonical, times = ("cm", "m", 0.01) if code == "size" else ("kg", "g", 1000)
        amount = (value, value, UCUM, unit, unit, value * times, value * times, canonical)
        found[f"Observation/{(n * 7 + m * 101) % 997:03}-{n}"] = IndexValues(
            tokens=(
                TokenValue("code", "s", code),
                TokenValue("status", None, rng.choice(("final", "draft"))),
                TokenValue("c$0", "s", code, 1),
            ),
            dates=(DateValue("date", moment := rng.randrange(1000), moment + rng.choice((0, 5, 10**8))),),
            quantities=(QuantityValue("value", *amount), QuantityValue("c$1", *amount, 1)),
            references=(ReferenceValue("subject", "Patient", subject),),
        )
    return found


@pytest.fixture(scope="module")
def filled(stores, make):
    """The same resources in the store under test and in memory."""
    if not isinstance(stores, SqliteStores):
        pytest.skip("the ways are those of SQLite")
    rng = random.Random(5)
    values = {key: index for n in range(PEOPLE) for key, index in _person(rng, n).items()}
    both = stores.create("same-ways"), MemoryStores().create("same-ways")
    for store in both:
        make.fill(store, values)
    return both


def _pages(store, query):
    found, after = [], None
    while True:
        page = store.search(
            Query(types=query.types, where=query.where, sort=query.sort, limit=query.limit, after=after)
        )
        found.append([f"{v.type}/{v.id}" for v in page.matches])
        after = page.next
        if after is None:
            return found


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("where", WHERE)
def test_pages__each_way__are_those_of_memory(filled, monkeypatch, where, sort):
    sqlite, memory = filled
    type, node = WHERE[where]
    query = Query(types=(type,), where=node, sort=SORTS[sort], limit=7)
    expected, total = _pages(memory, query), memory.count(query)
    for way in WAYS.values():
        with monkeypatch.context() as patch:
            for name, value in way.items():
                patch.setattr(search, name, value)
            assert _pages(sqlite, query) == expected
            assert sqlite.count(query) == total
