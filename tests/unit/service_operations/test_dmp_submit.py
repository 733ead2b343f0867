"""``$dmp-submit``: refusals leave no trace, one content leaves once, a replacement names what it replaces."""

from collections.abc import Callable
from typing import Any

import pytest

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.issues import Issue
from dui_fhir.service.operations.chain import ancestors
from dui_fhir.service.operations.dmp_submit import DEFINITION, operation, submit

Make = Callable[..., Resource]
REFUSED = Issue(severity="error", code="business-rule", id="COM-01", text="L'INS n'est pas qualifiée.")
ALSO = Issue(severity="error", code="business-rule", id="COM-45", text="La personne s'y oppose.")
REMARK = Issue(severity="warning", code="business-rule", id="COM-05", text="À vérifier.")


def replacing(id: str) -> dict[str, Any]:
    return {"relatesTo": [{"code": "replaces", "target": {"reference": f"DocumentReference/{id}"}}]}


def test_submit__allowed__writes_a_task_and_a_job(world: Any, host: Any) -> None:
    answer = submit(world.request(), host)
    (task,), (job,) = answer.writes, answer.jobs
    assert (job.kind, job.task) == ("dmp", f"Task/{task['id']}")
    assert job.payload["document"] == "DocumentReference/doc"
    assert job.payload["replaces"] is None
    assert host.asked == [("doc", "dmp")]


def test_submit__forbidden__tells_every_rule_and_writes_nothing(world: Any, host: Any) -> None:
    host.issues = (REFUSED, REMARK, ALSO)
    with pytest.raises(Unprocessable) as refusal:
        submit(world.request(), host)
    assert [i.id for i in refusal.value.issues] == ["COM-01", "COM-05", "COM-45"]


def test_submit__only_remarks__goes_with_them(world: Any, host: Any) -> None:
    host.issues = (REMARK,)
    answer = submit(world.request(), host)
    assert answer.jobs
    assert answer.issues == (REMARK,)


def test_submit__again__answers_the_same_task_without_a_job(world: Any, host: Any) -> None:
    first = submit(world.request(), host)
    world.store(first)
    again = submit(world.request(), host)
    assert again.result is not None
    assert again.result["id"] == first.writes[0]["id"]
    assert not again.writes
    assert not again.jobs


@pytest.mark.parametrize("status", ["failed", "rejected", "cancelled"])
def test_submit__sending_that_ended_without_delivery__is_asked_anew_on_the_same_task(
    world: Any, host: Any, status: str
) -> None:
    first = submit(world.request(), host)
    world.store(first)
    ended = world.stored[f"Task/{first.writes[0]['id']}"]
    ended |= {"status": status, "meta": {**ended.get("meta", {}), "versionId": "4"}}

    again = submit(world.request(), host)

    (task,), (job,) = again.writes, again.jobs
    assert (task["id"], task["status"], task["meta"]["versionId"]) == (ended["id"], "requested", "4")
    assert job.task == f"Task/{ended['id']}"
    assert {job.id, job.key}.isdisjoint({first.jobs[0].id, first.jobs[0].key})
    assert job.payload == first.jobs[0].payload


def test_submit__no_single_structure__is_told_with_the_rest(world: Any, host: Any) -> None:
    world.structure = None
    host.issues = (REFUSED,)

    with pytest.raises(Unprocessable) as refusal:
        submit(world.request(), host)

    assert [i.id for i in refusal.value.issues] == ["dmp-structure", "COM-01"]


def test_submit__replacing_a_sent_document__names_it(world: Any, host: Any, make_document: Make) -> None:
    world.store(submit(world.request(), host))
    world.stored["DocumentReference/new"] = make_document("new", b"neuf", **replacing("doc"))
    (job,) = submit(world.request("new"), host).jobs
    assert job.payload["replaces"] == "DocumentReference/doc"


def test_submit__draft_between__is_skipped(world: Any, host: Any, make_document: Make) -> None:
    world.store(submit(world.request(), host))
    world.stored["DocumentReference/draft"] = make_document("draft", b"brouillon", **replacing("doc"))
    world.stored["DocumentReference/new"] = make_document("new", b"neuf", **replacing("draft"))
    (job,) = submit(world.request("new"), host).jobs
    assert job.payload["replaces"] == "DocumentReference/doc"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_submit__replaced_document_never_arrived__replaces_nothing(
    world: Any, host: Any, make_document: Make, status: str
) -> None:
    first = submit(world.request(), host)
    world.store(first)
    world.stored[f"Task/{first.writes[0]['id']}"]["status"] = status
    world.stored["DocumentReference/new"] = make_document("new", b"neuf", **replacing("doc"))
    (job,) = submit(world.request("new"), host).jobs
    assert job.payload["replaces"] is None


def test_submit__no_identifiable_content__is_refused(world: Any, host: Any, make_document: Make) -> None:
    world.stored["DocumentReference/doc"] = make_document(content=b"") | {"content": [{"attachment": {"url": "x"}}]}
    with pytest.raises(Unprocessable) as refusal:
        submit(world.request(), host)
    assert refusal.value.issues[0].id == "outbox-no-content"


def test_ancestors__loop_and_absent_links__end(world: Any, make_document: Make) -> None:
    world.stored["DocumentReference/a"] = make_document("a", **replacing("b"))
    loop = replacing("a")["relatesTo"] + replacing("absent")["relatesTo"]
    world.stored["DocumentReference/b"] = make_document("b", relatesTo=loop)
    assert [d["id"] for d in ancestors(world.stored["DocumentReference/a"], world)] == ["b"]


def test_definition__operation__is_for_one_document(host: Any) -> None:
    assert operation(host).definition is DEFINITION
    assert (DEFINITION["code"], DEFINITION["affectsState"], DEFINITION["instance"]) == ("dmp-submit", True, True)
