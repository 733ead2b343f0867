"""The job and the Task of a submission."""

from base64 import b64encode
from datetime import UTC, datetime

import pytest

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.outbox import OUTBOX_TAG, content_sha1, dmp_job, settled_task, task_output

NOW = datetime(2026, 6, 17, 8, 0, tzinfo=UTC)
PDF = b"%PDF-"
SHA1 = "5ba0c65f2bb1fa0a2d0b3b3a9d3b6f8f0e5c8f0e"


def _document(**attachment):
    return {
        "resourceType": "DocumentReference",
        "id": "d1",
        "meta": {"versionId": "4"},
        "subject": {"reference": "Patient/p"},
        "content": [{"attachment": attachment or {"data": b64encode(PDF).decode()}}],
    }


def test_dmp_job__document__key_payload_and_task():
    job, task = dmp_job(_document(hash=b64encode(bytes.fromhex(SHA1)).decode()), replaces=None, actor=Actor(), now=NOW)
    assert job.key == f"dmp|DocumentReference/d1|{SHA1}"
    assert job.payload == {
        "document": "DocumentReference/d1",
        "version": 4,
        "sha1": SHA1,
        "replaces": None,
        "requested": "2026-06-17T08:00:00.000Z",
    }
    assert job.task == f"Task/{task['id']}"
    assert task["meta"]["tag"] == [{"system": "urn:dui-fhir:tag", "code": OUTBOX_TAG}]
    assert (task["status"], task["focus"], task["for"]) == (
        "requested",
        {"reference": "DocumentReference/d1"},
        {"reference": "Patient/p"},
    )


def test_dmp_job__same_content_asked_twice__same_job_and_task():
    one, two = (dmp_job(_document(), replaces=None, actor=Actor(), now=NOW.replace(hour=h)) for h in (8, 9))
    assert (one[0].id, one[0].key, one[1]["id"]) == (two[0].id, two[0].key, two[1]["id"])


def test_dmp_job__other_content__other_job():
    one, two = (
        dmp_job(_document(data=b64encode(d).decode()), replaces=None, actor=Actor(), now=NOW) for d in (PDF, b"x")
    )
    assert one[0].key != two[0].key
    assert one[1]["id"] != two[1]["id"]


def test_dmp_job__replacement_asked_by_a_professional__both_named():
    actor = Actor(kind="professional", professional="899700000012")
    job, task = dmp_job(_document(), replaces={"resourceType": "DocumentReference", "id": "d0"}, actor=actor, now=NOW)
    assert job.payload["replaces"] == "DocumentReference/d0"
    assert task["requester"]["identifier"]["value"] == "899700000012"


@pytest.mark.parametrize("attachment", [{"url": "Binary/1"}, {"hash": "AAAA"}, {"data": "pas du base64"}])
def test_content_sha1__nothing_to_name_the_content_by__refused(attachment):
    with pytest.raises(Unprocessable) as refused:
        content_sha1(_document(**attachment))
    assert refused.value.issues[0].id == "outbox-no-content"


def test_settled_task__evidence__readable_by_name_and_source_untouched():
    _, task = dmp_job(_document(), replaces=None, actor=Actor(), now=NOW)
    done = settled_task(
        task, status="completed", state="done", text="Envoyé", now_ms=0, evidence={"uniqueId": "2.25.1"}
    )
    assert task_output(done, "uniqueId") == "2.25.1"
    assert task_output(done, "other") is None
    assert task["status"] == "requested"
