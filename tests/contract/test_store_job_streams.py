"""Streams of the outbox: numbers given by the writer, one job at a time, in order."""

import itertools
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dui_fhir.domain.job import JobSettlement
from dui_fhir.domain.plan import Committed

_TENANTS = itertools.count()


def _add(store, make, *names, stream="s"):
    jobs = tuple(make.job(name, stream=stream) for name in names)
    assert isinstance(make.submit(store, jobs=jobs), Committed)


def _claim(store, limit=10, lease_s=60.0):
    return store.claim_jobs(kinds=("dmp",), limit=limit, lease_s=lease_s)


def _settle(store, make, job, state, **options):
    settlement = JobSettlement(job=job.id, lease=job.lease, state=state, **options)
    assert isinstance(make.submit(store, settlements=(settlement,)), Committed)


def test_number__given_by_the_store__counts_within_the_stream(store, make):
    _add(store, make, "a", "b")
    _add(store, make, "x", stream="other")
    _add(store, make, "c")
    _add(store, make, "free", stream="")
    found = {job.key: (job.stream, job.number) for job in store.jobs()}
    assert found == {"a": ("s", 1), "b": ("s", 2), "x": ("other", 1), "c": ("s", 3), "free": ("", 0)}


def test_number__job_already_there__leaves_no_gap(store, make):
    _add(store, make, "a")
    _add(store, make, "a", "b")
    assert [(job.key, job.number) for job in store.jobs(stream="s")] == [("b", 2), ("a", 1)]


def test_number__after_the_end_of_all_jobs__goes_on(store, make):
    _add(store, make, "a")
    _settle(store, make, _claim(store)[0], "done")
    _add(store, make, "b")
    assert store.job("b").number == 2


def test_claim__stream__one_job_at_a_time_in_order(store, make):
    _add(store, make, "a", "b", "c")
    _add(store, make, "x", stream="other")
    first = _claim(store)
    assert [job.key for job in first] == ["a", "x"]
    assert (first[0].stream, first[0].number) == ("s", 1)
    assert _claim(store) == ()
    _settle(store, make, first[0], "done")
    assert [job.key for job in _claim(store)] == ["b"]


def test_claim__first_job_put_back_for_later__the_stream_waits(store, make):
    _add(store, make, "a", "b")
    later = time.time_ns() // 1_000_000 + 60_000
    _settle(store, make, _claim(store)[0], "waiting", due_ms=later)
    assert _claim(store) == ()


def test_claim__first_job_put_back__comes_before_the_others(store, make):
    _add(store, make, "a", "b")
    _settle(store, make, _claim(store)[0], "waiting", due_ms=0)
    assert [(job.key, job.attempts) for job in _claim(store)] == [("a", 2)]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_claim__first_job_ended_badly__the_next_one_goes(store, make, state):
    _add(store, make, "a", "b")
    _settle(store, make, _claim(store)[0], state)
    assert [job.key for job in _claim(store)] == ["b"]


def test_claim__first_job_of_a_dead_worker__comes_back_first(store, make):
    _add(store, make, "a", "b")
    _claim(store, lease_s=0)
    assert [job.key for job in _claim(store)] == ["a"]


def test_jobs__bounds__those_of_the_stream_within_them(store, make):
    _add(store, make, "a", "b", "c", "d")
    _add(store, make, "x", "y", "z", stream="other")
    assert [job.key for job in store.jobs(stream="s", numbers=(2, 3))] == ["c", "b"]
    assert [job.key for job in store.jobs(stream="s", numbers=(2, 9), limit=1)] == ["d"]
    assert store.jobs(stream="none") == ()


def test_settlement__by_an_operator__opens_an_ended_job_again(store, make):
    _add(store, make, "a", "b")
    first = _claim(store)[0]
    _settle(store, make, first, "failed")
    again = JobSettlement(job=first.id, lease="", state="waiting")
    make.submit(store, settlements=(again,))
    assert [job.key for job in _claim(store)] == ["a"]


def test_settlement__several_opened_again__leave_in_order(store, make):
    _add(store, make, "a", "b", "c", "d")
    ended = []
    for _ in range(3):
        ended += _claim(store)
        _settle(store, make, ended[-1], "failed")
    for job in (ended[2], ended[0], ended[1]):
        make.submit(store, settlements=(JobSettlement(job=job.id, lease="", state="waiting"),))
    order = []
    while claimed := _claim(store):
        assert len(claimed) == 1
        order.append(claimed[0].key)
        _settle(store, make, claimed[0], "done")
    assert order == ["a", "b", "c", "d"]


def test_jobs__behind_others_of_the_stream__are_waiting(store, make):
    _add(store, make, "a", "b")
    _claim(store)
    assert [(job.key, job.state) for job in store.jobs(state="waiting")] == [("b", "waiting")]
    assert store.job("b").state == "waiting"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["add", "work", "reopen"]), st.integers(0, 5)), max_size=16))
def test_streams__random_life__one_open_job_at_a_time_in_order(stores, make, steps):
    store = stores.create(f"s{next(_TENANTS)}")
    added: list[str] = []
    ended: dict[str, str] = {}
    for step, number in steps:
        if step == "add":
            added.append(f"k{len(added)}")
            _add(store, make, added[-1], stream=f"s{number % 2}")
        elif step == "work":
            for job in _claim(store, limit=1):
                _settle(store, make, job, ["done", "failed", "waiting"][number % 3])
                ended[job.key] = job.id
        elif ended:
            id = list(ended.values())[number % len(ended)]
            make.submit(store, settlements=(JobSettlement(job=id, lease="", state="waiting"),))
        waiting = [j for j in reversed(store.jobs()) if j.state == "waiting"]
        heads = [next((j.key for j in waiting if j.stream == s), None) for s in ("s0", "s1")]
        expected = sorted((k for k in heads if k), key=added.index)
        claimed = _claim(store)
        assert [job.key for job in claimed] == expected
        for job in claimed:
            _settle(store, make, job, "waiting")
