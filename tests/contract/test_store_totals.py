"""Totals: exact ones, and estimates that say that they are."""

import pytest

from dui_fhir.domain.index import IndexValues, TokenValue
from dui_fhir.domain.query import EVERYTHING, AllOf, Not, Query, TokenIs
from dui_fhir.store.sqlite import search

FEMALE, OLD = TokenIs("sex", None, "f"), TokenIs("age", None, "old")
PEOPLE = 120


@pytest.fixture
def people(store, make):
    """One person in two is female, one in three is old; ids are not in the order of writing."""
    make.fill(
        store,
        {
            f"Patient/{(n * 7) % PEOPLE:03}": IndexValues(
                tokens=(TokenValue("sex", None, "fm"[n % 2]), TokenValue("age", None, "old" if n % 3 == 0 else "young"))
            )
            for n in range(PEOPLE)
        },
    )
    return store


def _page(store, where, **options):
    return store.search(Query(types=("Patient",), where=where, limit=5, **options))


@pytest.mark.parametrize(
    ("where", "expected"),
    [(EVERYTHING, PEOPLE), (FEMALE, 60), (AllOf((FEMALE, OLD)), 20), (Not(OLD), 80), (TokenIs("sex", None, "x"), 0)],
)
def test_total__few_candidates__estimate_is_exact(people, where, expected):
    for total in ("estimate", "accurate"):
        page = _page(people, where, total=total)
        assert (page.total, page.estimated) == (expected, False)
    assert _page(people, where).total is None


def test_total__more_candidates_than_are_tested__is_near_and_says_so(people, monkeypatch):
    monkeypatch.setattr(search, "SAMPLED", 30)
    page = _page(people, AllOf((FEMALE, Not(OLD))), total="estimate")
    if page.estimated:
        assert 25 <= page.total <= 60
    else:
        assert page.total == 40
    assert _page(people, AllOf((FEMALE, Not(OLD))), total="accurate").total == 40


def test_total__nothing_to_test__is_exact_however_many(people, monkeypatch):
    monkeypatch.setattr(search, "SAMPLED", 30)
    page = _page(people, EVERYTHING, total="estimate")
    assert (page.total, page.estimated) == (PEOPLE, False)


def test_total__estimated_below_what_the_page_shows__is_raised_to_it(people, monkeypatch):
    monkeypatch.setattr(search, "SAMPLED", 1)
    page = _page(people, AllOf((FEMALE, Not(OLD))), total="estimate")
    assert page.total >= len(page.matches)


@pytest.mark.parametrize(
    ("number", "expected"), [(0, 0), (7, 7), (42.4, 42), (149, 150), (12_345, 12_000), (1_995_000, 2_000_000)]
)
def test_rounded__number__keeps_two_digits(number, expected):
    assert search._rounded(number) == expected
