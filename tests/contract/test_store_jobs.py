"""The outbox: jobs come with a plan, are leased to one worker at a time, and are settled with a plan."""

import time

import pytest

from dui_fhir.domain.job import JobSettlement
from dui_fhir.domain.plan import Committed, Refused


def _settle(store, make, job, lease, state, **options):
    settlement = JobSettlement(job=job, lease=lease, state=state, **options)
    return make.submit(store, settlements=(settlement,))


def _claim(store, *, kinds=("dmp",), limit=10, lease_s=60.0):
    return store.claim_jobs(kinds=kinds, limit=limit, lease_s=lease_s)


def test_jobs__of_a_plan__are_stored_as_given(store, make):
    job = make.job("k", task="Task/1", payload={"a": [1, None, "é"]}, due_ms=5)
    make.submit(store, jobs=(job,))
    assert store.job("k") == job
    assert store.jobs() == (job,)
    assert store.job("z") is None


def test_jobs__key_already_there__are_not_added(store, make):
    make.submit(store, jobs=(make.job("k"), make.job("k", id="second")))
    assert isinstance(make.submit(store, jobs=(make.job("k", id="third"),)), Committed)
    assert [j.id for j in store.jobs()] == ["id-k"]


def test_jobs__listed__newest_first_and_filtered(store, make):
    make.submit(store, jobs=(make.job("a"), make.job("b", kind="mail")))
    make.submit(store, jobs=(make.job("c"),))
    assert [j.key for j in store.jobs()] == ["c", "b", "a"]
    assert [j.key for j in store.jobs(limit=2)] == ["c", "b"]
    assert [j.key for j in store.jobs(kind="dmp")] == ["c", "a"]
    _claim(store, limit=1)
    assert [j.key for j in store.jobs(state="leased")] == ["a"]
    assert [j.key for j in store.jobs(kind="dmp", state="waiting")] == ["c"]


def test_claim__due_jobs__oldest_first_and_nobody_twice(store, make):
    for key in "abc":
        make.submit(store, jobs=(make.job(key),))
    first, second = _claim(store, limit=2)
    assert [first.key, second.key] == ["a", "b"]
    assert (first.state, first.attempts) == ("leased", 1)
    assert first.lease != second.lease
    assert [j.key for j in _claim(store)] == ["c"]
    assert _claim(store) == ()
    assert store.job("a") == first


def test_claim__lease_until__is_in_the_future(store, make):
    make.submit(store, jobs=(make.job("a"),))
    before_ms = time.time_ns() // 1_000_000
    (job,) = _claim(store, lease_s=60)
    assert before_ms + 60_000 <= job.lease_until_ms <= before_ms + 65_000


def test_claim__other_kind_or_not_due__is_left(store, make):
    later = time.time_ns() // 1_000_000 + 60_000
    make.submit(store, jobs=(make.job("a", kind="mail"), make.job("b", due_ms=later), make.job("c", due_ms=1)))
    assert [j.key for j in _claim(store)] == ["c"]
    assert [j.key for j in _claim(store, kinds=("x", "mail"))] == ["a"]
    assert _claim(store, kinds=()) == ()


def test_claim__lease_expired__is_given_to_another(store, make):
    make.submit(store, jobs=(make.job("a"),))
    (first,) = _claim(store, lease_s=0)
    (second,) = _claim(store, lease_s=60)
    assert (second.key, second.attempts) == ("a", 2)
    assert second.lease != first.lease
    refused = _settle(store, make, "id-a", first.lease, "done")
    assert refused == Refused(reason="lease", key="id-a")
    assert store.job("a").state == "leased"


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_settlement__final__ends_the_job(store, make, state):
    make.submit(store, jobs=(make.job("a"),))
    (job,) = _claim(store, lease_s=0)
    assert isinstance(_settle(store, make, "id-a", job.lease, state, error="why"), Committed)
    ended = store.job("a")
    assert (ended.state, ended.error, ended.lease, ended.lease_until_ms) == (state, "why", None, 0)
    assert _claim(store) == ()


def test_settlement__waiting__puts_it_back_for_later(store, make):
    make.submit(store, jobs=(make.job("a"),))
    (job,) = _claim(store)
    later = time.time_ns() // 1_000_000 + 60_000
    _settle(store, make, "id-a", job.lease, "waiting", due_ms=later, error="503")
    assert (store.job("a").state, store.job("a").due_ms, store.job("a").attempts) == ("waiting", later, 1)
    assert _claim(store) == ()


def test_settlement__with_a_refused_operation__leaves_the_job_held(store, make):
    make.submit(store, jobs=(make.job("a"),))
    (job,) = _claim(store)
    settlement = JobSettlement(job="id-a", lease=job.lease, state="done")
    answer = make.submit(store, make.put("Task", "t", expect=4), settlements=(settlement,))
    assert answer.reason == "version"
    assert store.job("a") == job


def test_settlement__of_an_unknown_job__is_refused_without_trace(store, make):
    settlement = JobSettlement(job="id-z", lease="x", state="done")
    answer = make.submit(store, make.put("Task", "t"), settlements=(settlement,))
    assert answer == Refused(reason="lease", key="id-z")
    assert store.read("Task", "t") is None


def test_settlement__empty_lease__concerns_a_job_nobody_holds(store, make):
    make.submit(store, jobs=(make.job("a"), make.job("b")))
    assert isinstance(_settle(store, make, "id-a", "", "cancelled"), Committed)
    assert store.job("a").state == "cancelled"
    assert isinstance(_settle(store, make, "id-a", "", "waiting"), Committed)
    _claim(store, limit=1)
    assert _settle(store, make, "id-a", "", "cancelled").reason == "lease"
