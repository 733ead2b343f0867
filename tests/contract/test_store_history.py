"""History: order, filters, paging."""

import time

import pytest

from dui_fhir.domain.plan import Delete


def _versions(page):
    return [f"{v.type}/{v.id}/{v.version}" for v in page.versions]


@pytest.fixture
def written(store, make):
    make.submit(store, make.put("Patient", "a", content=1), make.put("Observation", "a", content=1))
    make.submit(store, make.put("Patient", "a", content=2))
    make.submit(store, make.put("Patient", "b"))
    make.submit(store, Delete(type="Patient", id="a"))
    return store


def test_history__of_all__newest_first_with_deletions(written):
    page = written.history()
    assert _versions(page) == ["Patient/a/3", "Patient/b/1", "Patient/a/2", "Observation/a/1", "Patient/a/1"]
    assert (page.next, page.total) == (None, None)
    assert page.versions[0].deleted
    assert [v.method for v in page.versions] == ["DELETE", "PUT", "PUT", "PUT", "PUT"]
    assert page.versions[1].body == written.read("Patient", "b").body


def test_history__of_a_type_or_a_resource__gives_only_these(written):
    assert _versions(written.history(type="Patient")) == ["Patient/a/3", "Patient/b/1", "Patient/a/2", "Patient/a/1"]
    assert _versions(written.history(type="Patient", id="a")) == ["Patient/a/3", "Patient/a/2", "Patient/a/1"]
    assert _versions(written.history(type="Observation", id="a")) == ["Observation/a/1"]
    assert _versions(written.history(type="Patient", id="z")) == []
    assert _versions(written.history(type="Unknown")) == []


@pytest.mark.parametrize("options", [{}, {"type": "Patient"}, {"type": "Patient", "id": "a"}])
def test_history__by_pages_while_others_write__is_complete_and_without_repeats(written, make, options):
    whole = _versions(written.history(**options))
    found, before = [], None
    for n in range(10):
        page = written.history(before=before, limit=2, total=True, **options)
        found += _versions(page)
        make.submit(written, make.put("Patient", "a", content=100 + n))
        before = page.next
        if before is None:
            break
    assert found == whole


def test_history__with_total__counts_all_pages(written):
    page = written.history(limit=1, total=True)
    assert (page.total, len(page.versions)) == (5, 1)
    assert written.history(limit=1, before=page.next, total=True).total == 5
    assert written.history(type="Patient", id="a", total=True).total == 3


def test_history__limit_zero__only_counts(written):
    page = written.history(limit=0, total=True)
    assert (page.versions, page.next, page.total) == ((), None, 5)


def test_history__exactly_one_page__has_no_next(written):
    assert written.history(limit=5).next is None
    assert written.history(limit=4).next is not None


@pytest.fixture
def timed(store, make):
    """Four versions, each in a later millisecond; returns the store and their instants."""
    instants = []
    for n in range(4):
        instants.append(make.submit(store, make.put("Patient", "ab"[n % 2], content=n)).instant_ms)
        time.sleep(0.005)
    return store, instants


def test_history__since__gives_instants_not_before(timed):
    store, instants = timed
    assert _versions(store.history(since_ms=instants[2])) == ["Patient/b/2", "Patient/a/2"]
    assert _versions(store.history(since_ms=instants[2] + 1, total=True)) == ["Patient/b/2"]
    assert store.history(since_ms=instants[2] + 1, total=True).total == 1
    assert _versions(store.history(since_ms=instants[3] + 1)) == []
    assert _versions(store.history(type="Patient", id="a", since_ms=instants[0] + 1)) == ["Patient/a/2"]


def test_history__at__gives_versions_current_at_some_moment(timed):
    store, (a1, b1, a2, b2) = timed
    assert _versions(store.history(at=(b1, b1))) == ["Patient/b/1", "Patient/a/1"]
    assert _versions(store.history(at=(a2, a2))) == ["Patient/a/2", "Patient/b/1"]
    assert _versions(store.history(at=(a2 - 1, a2))) == ["Patient/a/2", "Patient/b/1", "Patient/a/1"]
    assert _versions(store.history(at=(b2 + 1, b2 + 99))) == ["Patient/b/2", "Patient/a/2"]
    assert _versions(store.history(at=(0, a1 - 1))) == []
    assert _versions(store.history(type="Patient", id="a", at=(b1, b1))) == ["Patient/a/1"]
    assert store.history(at=(a2 - 1, a2), limit=1, total=True).total == 3
