"""Types that are there, and pages bounded in bytes."""

from dataclasses import replace

import pytest

from dui_fhir.domain.plan import Delete
from dui_fhir.domain.query import Query


def test_types__current_resources__are_told_without_those_deleted(store, make):
    assert store.types() == ()
    make.submit(store, make.put("Patient", "a"), make.put("Group", "g"), make.put("Encounter", "e"))
    make.submit(store, Delete(type="Group", id="g"))

    assert store.types() == ("Encounter", "Patient")


@pytest.mark.parametrize(("bytes_max", "expected"), [(1, 1), (1500, 1), (2500, 2), (100_000, 4)])
def test_search__page_bounded_in_bytes__ends_early_and_goes_on(store, make, bytes_max, expected):
    make.submit(store, *(make.put("Patient", f"p{n}", content="x" * 1000) for n in range(4)))
    query = Query(types=("Patient",), limit=10, bytes_max=bytes_max)

    page = store.search(query)
    assert len(page.matches) == expected

    seen = list(page.matches)
    while page.next is not None:
        page = store.search(replace(query, after=page.next))
        seen += page.matches
    assert make.keys(seen) == [f"Patient/p{n}" for n in range(4)]
