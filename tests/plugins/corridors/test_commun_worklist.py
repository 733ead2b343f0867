"""The work-list: one Task of ours per rule and resource (decisions D4, D7)."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from dui_fhir_plugins.commun import worklist

from dui_fhir.domain.change import Change
from dui_fhir.domain.context import Context
from dui_fhir.plugin_host import PluginHost

EVENT: dict[str, Any] = {
    "resourceType": "AdverseEvent",
    "id": "ei",
    "actuality": "actual",
    "subject": {"reference": "Patient/p"},
    "date": "2026-01-12",
}
COMPLETE = {
    **EVENT,
    "location": {"display": "Jardin"},
    "contributor": [{"display": "Aide-soignante"}],
    "referenceDocument": [{"reference": "DocumentReference/mesures"}],
}
Tasks = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def tasks(corridors: PluginHost, context_of: Callable[..., Context]) -> Tasks:
    def add(
        after: dict[str, Any] | None, before: dict[str, Any] | None = None, stored: Sequence[Any] = (), **k: Any
    ) -> Any:
        resource = after or before or {}
        kind: Any = "delete" if after is None else "create" if before is None else "update"
        change = Change(interaction=kind, type=resource["resourceType"], id=resource["id"], before=before, after=after)
        versioned = [{**r, "meta": {**r.get("meta", {}), "versionId": "1"}} for r in stored]
        return list(corridors.add([change], context_of(*versioned, **k)).resources)

    return add


def test_task__warning_that_asks_for_one__opened_about_the_resource_and_the_person(tasks: Tasks) -> None:
    (task,) = tasks(EVENT)
    assert task["id"] == worklist.task_id("COM-33", "AdverseEvent/ei")
    assert task["meta"]["tag"] == [worklist.WORK_LIST]
    assert task["focus"] == {"reference": "AdverseEvent/ei"}
    assert task["for"] == {"reference": "Patient/p"}
    assert task["status"] == "requested"
    assert task["reasonCode"]["coding"] == [{"system": "urn:dui-fhir:issue", "code": "COM-33"}]
    assert len(task["id"]) <= 64


def test_task__still_open__not_written_again(tasks: Tasks) -> None:
    (task,) = tasks(EVENT)
    assert tasks({**EVENT, "detected": "2026-01-12"}, before=EVENT, stored=[task]) == []


def test_task__rule_satisfied__completed(tasks: Tasks) -> None:
    (task,) = tasks(EVENT)
    (closed,) = tasks(COMPLETE, before=EVENT, stored=[task])
    assert (closed["id"], closed["status"]) == (task["id"], "completed")


def test_task__resource_deleted__cancelled(tasks: Tasks) -> None:
    (task,) = tasks(EVENT)
    (closed,) = tasks(None, before=EVENT, stored=[task])
    assert (closed["id"], closed["status"]) == (task["id"], "cancelled")


def test_task__rule_broken_again__same_task_reopened(tasks: Tasks) -> None:
    (task,) = tasks(EVENT)
    done = {**task, "status": "completed", "authoredOn": "2025-12-01T00:00:00.000Z"}
    (again,) = tasks(EVENT, before=COMPLETE, stored=[done])
    assert (again["id"], again["status"], again["authoredOn"]) == (task["id"], "requested", done["authoredOn"])


def test_task__nothing_to_remark__none(tasks: Tasks) -> None:
    assert tasks(COMPLETE) == []


def test_task__reprise__none(tasks: Tasks) -> None:
    assert tasks(EVENT, reprise=True) == []


def test_task__of_somebody_else__left_alone(tasks: Tasks) -> None:
    action = {"resourceType": "Task", "id": "t", "status": "requested", "focus": {"reference": "AdverseEvent/ei"}}
    assert tasks(COMPLETE, before=EVENT, stored=[action]) == []
