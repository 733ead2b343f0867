"""Family ``add_``: written with the change, with what was read as preconditions; an exception stops the write."""

import pytest

from dui_fhir.plugin_host import PluginFailed

TASK = """
@hookimpl
def add_resources(changes, remarks, context):
    return [
        {"resourceType": "Task", "id": "{id}-" + r.issue.id.lower(), "focus": {"reference": r.reference}}
        for r in remarks
        if r.task
    ]

@hookimpl
def check_resource(change):
    return [Issue(severity="warning", code="business-rule", id="{prefix}-0" + n, text="") for n in "12"]
"""
JOB = "@hookimpl\ndef add_jobs(changes):\n    return [Job(id='j', kind='avis', key=changes[0].id, payload={})]\n"


def _task(id):
    return TASK.replace("{id}", id).replace("{prefix}", id.upper())


def test_add_resources__rules_that_ask_for_a_task__become_tasks(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_task("alpha"))

    added = host.add([goal_change], context_of(host))

    assert [(r["id"], r["focus"]["reference"]) for r in added.resources] == [("alpha-alpha-02", "Goal/g1")]


def test_add_resources__issues_given__are_not_computed_again(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_task("alpha"))

    assert host.add([goal_change], context_of(host), {"Goal/g1": ()}).resources == ()


def test_add_resources__remarks_of_every_corridor__reach_all(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=_task("alpha"), beta=_task("beta"))

    added = host.add([goal_change], context_of(host))

    assert [r["id"] for r in added.resources] == [f"{x}-{y}-02" for x in ("alpha", "beta") for y in ("alpha", "beta")]


def test_add_resources__same_resource_twice__stops_the_write(host_of, context_of, goal_change) -> None:
    code = "@hookimpl\ndef add_resources():\n    return [{'resourceType': 'Task', 'id': 't'}]\n"
    host = host_of(alpha=code, beta=code)

    with pytest.raises(PluginFailed):
        host.add([goal_change], context_of(host))


def test_add_resources__reads__are_noted_with_their_versions(host_of, context_of, goal_change) -> None:
    code = """
    @hookimpl
    def add_resources(context):
        context.reader.read("Patient/p1")
        context.reader.read("Patient/absent")
        return []
    """
    host = host_of(alpha=code)
    patient = {"resourceType": "Patient", "id": "p1", "meta": {"versionId": "7"}}

    assert host.add([goal_change], context_of(host, patient)).reads == {"Patient/p1": 7, "Patient/absent": 0}


def test_add_resources__a_read_resource_changed_in_place__does_not_touch_the_change(
    host_of, context_of, goal_change
) -> None:
    host = host_of(alpha=_task("alpha"))
    before = dict(goal_change.after)

    host.add([goal_change], context_of(host))

    assert goal_change.after == before


def test_add_jobs__two_plugins__all_jobs(host_of, context_of, goal_change) -> None:
    host = host_of(alpha=JOB, beta=JOB.replace("avis", "copie"))

    assert [(job.kind, job.key) for job in host.add([goal_change], context_of(host)).jobs] == [
        ("avis", "g1"),
        ("copie", "g1"),
    ]


@pytest.mark.parametrize("hook", ["add_resources", "add_jobs"])
def test_add__plugin_raises__stops_the_write(hook, host_of, context_of, goal_change) -> None:
    host = host_of(alpha=f"@hookimpl\ndef {hook}():\n    raise ValueError\n")

    with pytest.raises(PluginFailed):
        host.add([goal_change], context_of(host))


@pytest.mark.parametrize("hook", ["add_resources", "add_jobs"])
def test_add__corridor_not_in_force__adds_nothing(hook, host_of, context_of, goal_change) -> None:
    host = host_of(alpha=f"@hookimpl\ndef {hook}():\n    raise ValueError\n")

    added = host.add([goal_change], context_of(host, corridors=frozenset({"beta"})))

    assert (added.resources, added.jobs) == ((), ())
