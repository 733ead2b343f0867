"""From a day's findings to tasks: what is written, and that writing it once is enough."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.clock_rules.tasks import OPEN, Finding, changes

NOW = "2026-01-15T08:00:00.000Z"


def finding(**more: Any) -> Finding:
    values: dict[str, Any] = {
        "rule": "COM-11", "file": "010000001/p", "person": "Patient/p", "about": "Encounter/s", "text": "À faire",
        "due": date(2026, 1, 14),
    }  # fmt: skip
    return Finding(**(values | more))


def applied(existing: dict[str, Any], written: list[dict[str, Any]]) -> dict[str, Any]:
    return existing | {task["id"]: task for task in written}


FINDINGS = st.builds(
    finding,
    rule=st.sampled_from(["COM-11", "PA-07"]),
    file=st.sampled_from(["010000001/p", "010000002/p"]),
    about=st.sampled_from(["Encounter/s", "Basic/m"]),
    key=st.sampled_from(["", "2025"]),
    due=st.sampled_from([date(2026, 1, 1), date(2026, 1, 14)]),
)


@given(days=st.lists(st.lists(FINDINGS, max_size=6, unique_by=lambda f: f.task_id), min_size=1, max_size=6))
def test_changes__any_days__open_tasks_are_those_of_the_last_day_and_a_second_pass_writes_nothing(
    days: list[list[Finding]],
) -> None:
    held: dict[str, Any] = {}
    for late in days:
        held = applied(held, list(changes(late, held, now=NOW)))
        assert list(changes(late, held, now=NOW)) == []
        shown = {(t["id"], t["restriction"]["period"]["end"]) for t in held.values() if t["status"] in OPEN}
        assert shown == {(f.task_id, f.due.isoformat()) for f in late}


@pytest.mark.parametrize("change", [{"rule": "COM-12"}, {"file": "010000002/p"}, {"about": "Basic/m"}, {"key": "2025"}])
def test_task_id__other_rule_file_resource_or_occurrence__another_task(change: dict[str, str]) -> None:
    assert finding(**change).task_id != finding().task_id


def test_task_id__other_text_or_date__the_same_task() -> None:
    assert finding(text="Autre", due=date(2027, 1, 1)).task_id == finding().task_id


@pytest.mark.parametrize("keep", [{"unsure": {("COM-11", "010000001/p")}}, {"unknown": {"COM-11"}}])
def test_changes__rule_not_checked_or_gone__its_task_stays(keep: dict[str, Any]) -> None:
    held = applied({}, list(changes([finding()], {}, now=NOW)))
    assert list(changes([], held, now=NOW, **keep)) == []


@pytest.mark.parametrize(("due", "written"), [(date(2026, 1, 14), 0), (date(2026, 6, 1), 1)])
def test_changes__given_up_by_a_person__stands_until_the_date_changes(due: date, written: int) -> None:
    (task,) = changes([finding()], {}, now=NOW)
    held = {task["id"]: {**task, "status": "cancelled"}}
    assert len(list(changes([finding(due=due)], held, now=NOW))) == written
