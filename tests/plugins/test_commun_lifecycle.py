"""Steps of a file: random lives keep an ordered history; what the table does not allow is refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from dui_fhir_plugins.commun import lifecycle
from hypothesis import given, settings
from hypothesis import strategies as st

Resource = dict[str, Any]
STATUSES = sorted(set(lifecycle.EPISODE) - {"entered-in-error"})
GAPS = st.integers(min_value=0, max_value=400_000)
START = datetime(2024, 1, 1, 8, tzinfo=UTC)


def _file(status: str = "planned") -> Resource:
    return {"resourceType": "EpisodeOfCare", "id": "d", "status": status}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STATUSES), GAPS), max_size=12))
def test_random_life__moves_of_the_table__history_is_ordered_and_nothing_is_lost(moves: list[tuple[str, int]]) -> None:
    current, at, lived = _file(), START, ["planned"]
    for status, minutes in moves:
        at += timedelta(minutes=minutes)
        if status == lived[-1] or not lifecycle.may_follow("EpisodeOfCare", lived[-1], status):
            continue
        after = lifecycle.moved(current, status, at.isoformat())
        assert not lifecycle.erased(current, after)
        assert not lifecycle.left_step_missing(current, after)
        assert not lifecycle.disorder(after)
        current = after
        lived.append(status)
    assert [e["status"] for e in current.get("statusHistory", [])] == lived[:-1]
    assert current["status"] == lived[-1]
    assert all("start" in e["period"] for e in current.get("statusHistory", [])[1:])
    assert ("end" in current.get("period", {})) == (lived[-1] in ("finished", "cancelled"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=8), st.data())
def test_history__one_step_taken_out_or_altered__is_seen(lived: list[str], data: st.DataObject) -> None:
    history = [
        {"status": s, "period": {"start": f"2024-{m + 1:02d}-01", "end": f"2024-{m + 1:02d}-20"}}
        for m, s in enumerate(lived)
    ]
    before = {**_file("active"), "statusHistory": history}
    index = data.draw(st.integers(0, len(history) - 1))
    without = [e for i, e in enumerate(history) if i != index]
    altered = [
        {**e, "period": {**e["period"], "end": "2023-12-31"}} if i == index else e for i, e in enumerate(history)
    ]
    assert lifecycle.erased(before, {**before, "statusHistory": without})
    assert lifecycle.erased(before, {**before, "statusHistory": altered})
    assert not lifecycle.erased(before, {**before, "statusHistory": [*history, {"status": "onhold", "period": {}}]})


@pytest.mark.parametrize("type", list(lifecycle.STEPS))
def test_steps__of_each_type__an_error_may_always_be_said_and_never_taken_back(type: str) -> None:
    for status, following in lifecycle.STEPS[type].items():
        assert following <= set(lifecycle.STEPS[type])
        assert lifecycle.may_follow(type, status, status)
        assert lifecycle.may_follow(type, status, "entered-in-error")
        if status != "entered-in-error":
            assert not lifecycle.may_follow(type, "entered-in-error", status)


def test_episode__each_step__is_reached_from_the_request() -> None:
    reached, waiting = set(), {"planned"}
    while waiting:
        reached |= waiting
        waiting = {n for s in waiting for n in lifecycle.EPISODE[s]} - reached
    assert reached == set(STATUSES)


@pytest.mark.parametrize(
    ("start", "future"), [("2026-01-14", False), ("2026-01-15", False), ("2026-01-16", False), ("2026-01-17", True)]
)
def test_in_future__admission_around_today__one_day_is_left_for_time_zones(start: str, future: bool) -> None:
    episode = {**_file("active"), "period": {"start": start}}
    assert lifecycle.in_future(episode, date(2026, 1, 15)) is future


def test_moved__person_comes_back__the_first_day_stays_and_the_exit_is_in_the_history() -> None:
    gone = {**_file("finished"), "period": {"start": "2024-01-05", "end": "2025-03-01"},
            "statusHistory": [{"status": "active", "period": {"start": "2024-01-05", "end": "2025-03-01"}}]}  # fmt: skip
    back = lifecycle.moved(gone, "active", "2026-01-12", "Retour")
    assert back["period"] == {"start": "2024-01-05"}
    assert back["statusHistory"][-1] == {
        "status": "finished",
        "period": {"start": "2025-03-01", "end": "2026-01-12"},
        "extension": [{"url": lifecycle.MOTIVE, "valueString": "Retour"}],
    }


def test_moved__step_already_open_in_the_history__is_closed_not_repeated() -> None:
    history = [
        {"status": "waitlist", "period": {"start": "2025-11-03", "end": "2026-01-01"}},
        {"status": "planned", "period": {"start": "2026-01-01"}},
    ]
    after = lifecycle.moved({**_file("planned"), "statusHistory": history}, "active", "2026-01-12")
    assert [e["status"] for e in after["statusHistory"]] == ["waitlist", "planned"]
    assert after["statusHistory"][1]["period"] == {"start": "2026-01-01", "end": "2026-01-12"}
    assert after["period"] == {"start": "2026-01-12"}
