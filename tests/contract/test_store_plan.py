"""Plans: what is applied, what is refused, and that a refusal leaves no trace."""

import pytest

from dui_fhir.domain import json
from dui_fhir.domain.index import IndexValues, TokenValue
from dui_fhir.domain.plan import (
    ABSENT,
    ANY,
    Committed,
    Delete,
    Exists,
    JobHeld,
    MatchesAre,
    Plan,
    Refused,
    VersionIs,
    Written,
)
from dui_fhir.domain.query import AllOf, Query, TokenIs


def test_put__nothing_there__is_created_as_version_1(store, make):
    answer = make.submit(store, make.put("Patient", "a", method="POST"))
    assert isinstance(answer, Committed)
    assert not answer.replayed
    written = Written(type="Patient", id="a", version=1, instant_ms=answer.instant_ms, changed=True, created=True)
    assert answer.written == (written,)
    found = store.read("Patient", "a")
    assert (found.version, found.method, found.instant_ms) == (1, "POST", answer.instant_ms)
    resource = json.loads(found.body)
    assert resource["meta"]["versionId"] == "1"
    assert resource["content"] == 0


def test_put__other_content__is_version_2_and_keeps_version_1(store, make):
    make.submit(store, make.put("Patient", "a", content=1))
    answer = make.submit(store, make.put("Patient", "a", content=2))
    assert (answer.written[0].version, answer.written[0].created, answer.written[0].changed) == (2, False, True)
    assert json.loads(store.read_version("Patient", "a", 1).body)["content"] == 1
    assert json.loads(store.read_version("Patient", "a", 2).body)["content"] == 2
    assert store.read_version("Patient", "a", 3) is None
    assert store.read_version("Patient", "a", 0) is None


def test_put__same_content__makes_no_version(store, make):
    first = make.submit(store, make.put("Patient", "a"))
    second = make.submit(store, make.put("Patient", "a"))
    assert second.written[0].changed is False
    assert second.written[0].version == 1
    assert second.written[0].instant_ms == first.instant_ms
    assert len(store.history().versions) == 1


def test_put__same_content_and_keep_if_same_false__makes_a_version(store, make):
    make.submit(store, make.put("Patient", "a"))
    assert make.submit(store, make.put("Patient", "a", keep_if_same=False)).written[0].version == 2


def test_put__after_delete__is_created_again_with_the_next_version(store, make):
    make.submit(store, make.put("Patient", "a"))
    make.submit(store, Delete(type="Patient", id="a"))
    answer = make.submit(store, make.put("Patient", "a"))
    assert (answer.written[0].version, answer.written[0].created) == (3, True)


@pytest.mark.parametrize("expect", [ABSENT, 2, 3])
def test_put__expected_version_not_there__is_refused_without_trace(store, make, expect):
    make.submit(store, make.put("Patient", "a"))
    answer = make.submit(
        store, make.put("Patient", "new"), make.put("Patient", "a", content=9, expect=expect), jobs=(make.job("j"),)
    )
    assert answer == Refused(reason="version", type="Patient", id="a", found=("1",), operation=1)
    assert store.read("Patient", "new") is None
    assert store.read("Patient", "a").version == 1
    assert store.job("j") is None


def test_put__expected_version_of_nothing__is_refused(store, make):
    answer = make.submit(store, make.put("Patient", "a", expect=1))
    assert answer == Refused(reason="version", type="Patient", id="a", operation=0)


@pytest.mark.parametrize("expect", [ANY, 1])
def test_put__expected_version_there__is_written(store, make, expect):
    make.submit(store, make.put("Patient", "a"))
    assert make.submit(store, make.put("Patient", "a", content=1, expect=expect)).written[0].version == 2


def test_put__absent_expected_and_deleted__is_written(store, make):
    make.submit(store, make.put("Patient", "a"))
    make.submit(store, Delete(type="Patient", id="a"))
    assert make.submit(store, make.put("Patient", "a", expect=ABSENT)).written[0].version == 3


def test_delete__present__is_a_version_without_body(store, make):
    make.submit(store, make.put("Patient", "a"))
    answer = make.submit(store, Delete(type="Patient", id="a", expect=1))
    assert (answer.written[0].version, answer.written[0].changed, answer.written[0].created) == (2, True, False)
    found = store.read("Patient", "a")
    assert found.deleted
    assert (found.version, found.method, found.body) == (2, "DELETE", None)
    assert store.read_many([("Patient", "a")])["Patient", "a"].deleted


def test_delete__absent_or_deleted__does_nothing(store, make):
    assert make.submit(store, Delete(type="Patient", id="a")).written[0].version == 0
    make.submit(store, make.put("Patient", "a"))
    make.submit(store, Delete(type="Patient", id="a"))
    again = make.submit(store, Delete(type="Patient", id="a")).written[0]
    assert (again.version, again.changed) == (2, False)
    assert len(store.history().versions) == 2


def test_delete__expected_version_not_there__is_refused(store, make):
    make.submit(store, make.put("Patient", "a"))
    answer = make.submit(store, Delete(type="Patient", id="a", expect=4))
    assert answer == Refused(reason="version", type="Patient", id="a", found=("1",), operation=0)


def test_read_many__some_unknown__gives_those_that_exist(store, make):
    make.submit(store, make.put("Patient", "a"), make.put("Observation", "a"))
    found = store.read_many([("Patient", "a"), ("Observation", "a"), ("Patient", "z"), ("Unknown", "a")])
    assert sorted(found) == [("Observation", "a"), ("Patient", "a")]
    assert store.read_many([]) == {}
    assert store.read("Patient", "z") is None
    assert store.read("Unknown", "z") is None


def test_read__after_a_plan_of_many__sees_all_with_one_instant(store, make):
    answer = make.submit(store, *(make.put("Patient", f"p{n}") for n in range(300)))
    found = store.read_many([("Patient", f"p{n}") for n in range(300)])
    assert len(found) == 300
    assert {v.instant_ms for v in found.values()} == {answer.instant_ms}
    assert len({v.sequence for v in found.values()}) == 300


def test_submit__several_plans__instants_and_sequences_never_go_back(store, make):
    answers = [make.submit(store, make.put("Patient", "a", content=n)) for n in range(20)]
    instants = [a.instant_ms for a in answers]
    assert instants == sorted(instants)
    sequences = [v.sequence for v in store.history().versions]
    assert sequences == sorted(set(sequences), reverse=True)


def test_submit__same_resource_twice__raises(store, make):
    with pytest.raises(ValueError, match="distinct"):
        make.submit(store, make.put("Patient", "a"), Delete(type="Patient", id="a"))


def test_submit__empty_plan__is_committed(store):
    assert store.submit(Plan()).written == ()


@pytest.mark.parametrize(("version", "holds"), [(1, True), (2, False), (ABSENT, False)])
def test_version_is__of_a_present_resource__compares_numbers(store, make, version, holds):
    make.submit(store, make.put("Patient", "a"))
    condition = VersionIs(type="Patient", id="a", version=version)
    answer = make.submit(store, make.put("Patient", "b"), preconditions=(condition,))
    expected = Refused(reason="version", type="Patient", id="a", found=("1",), precondition=0)
    assert isinstance(answer, Committed) if holds else answer == expected


def test_version_is__absent_expected_of_nothing_or_deleted__holds(store, make):
    condition = VersionIs(type="Patient", id="a", version=ABSENT)
    assert isinstance(make.submit(store, preconditions=(condition,)), Committed)
    make.submit(store, make.put("Patient", "a"))
    make.submit(store, Delete(type="Patient", id="a"))
    assert isinstance(make.submit(store, preconditions=(condition,)), Committed)
    one = VersionIs(type="Patient", id="z", version=1)
    assert make.submit(store, preconditions=(one,)).reason == "version"


def test_preconditions__second_fails__says_which(store, make):
    holds = VersionIs(type="Patient", id="a", version=ABSENT)
    fails = VersionIs(type="Patient", id="a", version=7)
    answer = make.submit(store, make.put("Patient", "a"), preconditions=(holds, fails))
    assert answer == Refused(reason="version", type="Patient", id="a", precondition=1)


def test_exists__there_or_in_the_plan__holds(store, make):
    make.submit(store, make.put("Patient", "a"))
    there = Exists(type="Patient", id="a")
    planned = Exists(type="Patient", id="b")
    answer = make.submit(store, make.put("Patient", "b"), preconditions=(there, planned))
    assert isinstance(answer, Committed)


def test_exists__never_there_or_deleted__is_refused(store, make):
    missing = make.submit(store, make.put("Patient", "b"), preconditions=(Exists(type="Patient", id="a"),))
    assert missing == Refused(reason="missing", type="Patient", id="a", precondition=0)
    make.submit(store, make.put("Patient", "a"))
    make.submit(store, Delete(type="Patient", id="a"))
    assert make.submit(store, preconditions=(Exists(type="Patient", id="a"),)).reason == "missing"


def _with_code(code):
    return IndexValues(tokens=(TokenValue("identifier", "urn:s", code),))


def _by_code(code):
    return Query(types=("Patient",), where=AllOf((TokenIs("identifier", "urn:s", code),)))


def test_matches_are__same_ids__holds_and_sees_the_state_before(store, make):
    make.fill(store, {"Patient/a": _with_code("x")})
    conditions = (MatchesAre(query=_by_code("x"), ids=("a",)), MatchesAre(query=_by_code("y"), ids=()))
    answer = make.submit(store, make.put("Patient", "b", index=_with_code("y")), preconditions=conditions)
    assert isinstance(answer, Committed)
    assert make.keys(store.search(_by_code("y")).matches) == ["Patient/b"]


def test_matches_are__other_ids__is_refused_with_what_is_found(store, make):
    make.fill(store, {"Patient/a": _with_code("x"), "Patient/b": _with_code("x")})
    condition = MatchesAre(query=_by_code("x"), ids=())
    answer = make.submit(store, make.put("Patient", "c", index=_with_code("x")), preconditions=(condition,))
    assert answer == Refused(reason="matches", found=("a", "b"), precondition=0)
    both = MatchesAre(query=_by_code("x"), ids=("b", "a"))
    assert isinstance(make.submit(store, preconditions=(both,)), Committed)


def test_job_held__leased__holds_until_replaced(store, make):
    make.submit(store, jobs=(make.job("k"),))
    nobody = make.submit(store, preconditions=(JobHeld(job="id-k", lease="x"),))
    assert nobody == Refused(reason="lease", key="id-k", precondition=0)
    (first,) = store.claim_jobs(kinds=["dmp"], limit=1, lease_s=0)
    assert isinstance(make.submit(store, preconditions=(JobHeld(job="id-k", lease=first.lease),)), Committed)
    (second,) = store.claim_jobs(kinds=["dmp"], limit=1, lease_s=60)
    assert make.submit(store, preconditions=(JobHeld(job="id-k", lease=first.lease),)).reason == "lease"
    assert isinstance(make.submit(store, preconditions=(JobHeld(job="id-k", lease=second.lease),)), Committed)


def test_unique__key_held_by_another__is_refused_and_named(store, make):
    make.submit(store, make.put("Patient", "a", unique=("ins|1",)))
    answer = make.submit(store, make.put("Patient", "b"), make.put("Patient", "c", unique=("ins|2", "ins|1")))
    assert answer == Refused(reason="unique", type="Patient", id="a", key="ins|1", operation=1)
    assert store.read("Patient", "b") is None


def test_unique__two_of_the_same_plan__second_is_refused(store, make):
    answer = make.submit(store, make.put("Patient", "a", unique=("k",)), make.put("Person", "b", unique=("k",)))
    assert answer == Refused(reason="unique", type="Patient", id="a", key="k", operation=1)


def test_unique__replaced_by_the_next_version__is_free(store, make):
    make.submit(store, make.put("Patient", "a", content=1, unique=("k", "k")))
    make.submit(store, make.put("Patient", "a", content=2, unique=("l",)))
    assert isinstance(make.submit(store, make.put("Patient", "b", unique=("k",))), Committed)
    assert make.submit(store, make.put("Patient", "c", unique=("l",))).reason == "unique"


def test_unique__own_key_again__is_accepted(store, make):
    make.submit(store, make.put("Patient", "a", content=1, unique=("k",)))
    assert isinstance(make.submit(store, make.put("Patient", "a", content=2, unique=("k",))), Committed)


def test_unique__released_by_delete__may_be_taken_in_the_same_plan(store, make):
    make.submit(store, make.put("Patient", "a", unique=("k",)))
    answer = make.submit(store, Delete(type="Patient", id="a"), make.put("Patient", "b", unique=("k",)))
    assert isinstance(answer, Committed)
    assert make.submit(store, make.put("Patient", "c", unique=("k",))).id == "b"


def test_unique__exchanged_by_one_plan__is_accepted(store, make):
    make.submit(store, make.put("Patient", "a", unique=("k",)), make.put("Patient", "b", unique=("l",)))
    answer = make.submit(
        store, make.put("Patient", "a", content=1, unique=("l",)), make.put("Patient", "b", content=1, unique=("k",))
    )
    assert isinstance(answer, Committed)
    assert make.submit(store, make.put("Patient", "c", unique=("k",))).id == "b"


def test_request_key__given_again__answers_the_same_and_writes_nothing(store, make):
    plan = Plan(operations=(make.put("Patient", "a", keep_if_same=False),), request_key="r1")
    first = store.submit(plan)
    second = store.submit(plan)
    assert second.replayed
    assert (second.instant_ms, second.written) == (first.instant_ms, first.written)
    assert store.read("Patient", "a").version == 1


def test_request_key__of_a_refused_plan__is_not_kept(store, make):
    refused = store.submit(Plan(operations=(make.put("Patient", "a", expect=3),), request_key="r1"))
    assert refused.reason == "version"
    assert isinstance(store.submit(Plan(operations=(make.put("Patient", "a"),), request_key="r1")), Committed)


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_request_key__too_long_or_empty__raises(store, key):
    with pytest.raises(ValueError, match="request key"):
        store.submit(Plan(request_key=key))


def test_body__large_and_not_ascii__comes_back_as_sent(store, make):
    content = "é🎈\x00" * 500_000
    make.submit(store, make.put("Binary", "a", content=content))
    assert json.loads(store.read("Binary", "a").body)["content"] == content
