"""What asks for a sending: a job for the worker and the Task that shows it to people (design §7, decision D4).

Pure: the caller writes both in the transaction that decides the sending. Everything that identifies the sending derives
from the document and its content, so asking twice for the same content makes the same job, which is added once.
"""

import hashlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant, to_ms
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job

TAG_SYSTEM = "urn:dui-fhir:tag"
OUTBOX_TAG = "outbox"
"""Tag of our own Tasks of sending: project searches and TDDUI exports leave them out (decision D4)."""
TASK_CODES = "urn:dui-fhir:task-code"
TASK_STATES = "urn:dui-fhir:task-state"
"""System of ``Task.businessStatus``: ``waiting``, ``retry``, ``done``, ``rejected``, ``abandoned``."""

TaskStatus = Literal["in-progress", "completed", "failed", "cancelled"]

_NAMESPACE = UUID("a3f0d7c2-5c0f-5a0e-9d55-6f1f4f3a7b10")


def dmp_job(document: Resource, *, replaces: Resource | None, actor: Actor, now: datetime) -> tuple[Job, Resource]:
    """Return the job that sends a document to the DMP, and its Task.

    ``document`` is a stored DocumentReference (``id``; ``meta.versionId`` where known), ``replaces`` the DocumentReference
    sent earlier that this one takes the place of; ``now`` is aware. The Task has a deterministic id: where it exists
    already, this content was already asked for, and the caller answers the existing one.
    Raises: Unprocessable (``outbox-no-content``: neither a hash nor inline data to name the content by).
    """
    reference = f"DocumentReference/{document['id']}"
    sha1 = content_sha1(document)
    key = f"dmp|{reference}|{sha1}"
    requested = instant(to_ms(now))
    payload: dict[str, Any] = {
        "document": reference,
        "version": int(document.get("meta", {}).get("versionId", 0)),
        "sha1": sha1,
        "replaces": f"DocumentReference/{replaces['id']}" if replaces else None,
        "requested": requested,
    }
    task = _task(key, document, reference, actor, requested)
    job = Job(
        id=str(uuid5(_NAMESPACE, f"job|{key}")),
        kind="dmp",
        key=key,
        payload=payload,
        task=f"Task/{task['id']}",
        due_ms=to_ms(now),
    )
    return job, task


def sent_again(job: Job, task: Resource, ended: Resource) -> tuple[Job, Resource]:
    """Return the job and Task of a sending asked for again after it ended without delivery.

    ``ended`` is the stored Task: the new one takes its place at its next version, so of two that ask at once one wins, and
    its history keeps the failure. The content keeps its unique ids: a recipient that had it after all says so.
    """
    version = ended["meta"]["versionId"]
    key = f"{job.key}|{version}"
    again = replace(job, id=str(uuid5(_NAMESPACE, f"job|{key}")), key=key)
    return again, {**task, "meta": {**task.get("meta", {}), "versionId": version}}


def content_sha1(document: Resource) -> str:
    """Return the SHA-1 of the first attachment, 40 hexadecimal digits: of its inline data, else as declared in ``hash``.

    Raises: Unprocessable (``outbox-no-content``).
    """
    attachment: dict[str, Any] = next((c.get("attachment", {}) for c in document.get("content", [])), {})
    try:
        if attachment.get("data"):
            return hashlib.sha1(b64decode(attachment["data"], validate=True), usedforsecurity=False).hexdigest()
        digest = b64decode(attachment.get("hash", ""), validate=True)
    except NotBase64:
        digest = b""
    if len(digest) != 20:
        raise Unprocessable.of(
            "outbox-no-content",
            "Le document n'a pas de contenu identifiable : ni données jointes, ni empreinte SHA-1.",
            "DocumentReference.content.attachment has neither base64 data nor a 20-byte hash",
            ["DocumentReference.content.attachment"],
        )
    return digest.hex()


def _task(key: str, document: Resource, reference: str, actor: Actor, requested: str) -> Resource:
    task: Resource = {
        "resourceType": "Task",
        "id": str(uuid5(_NAMESPACE, f"task|{key}")),
        "meta": {"tag": [{"system": TAG_SYSTEM, "code": OUTBOX_TAG}]},
        "status": "requested",
        "businessStatus": _concept(TASK_STATES, "waiting", "En attente d'envoi"),
        "intent": "order",
        "code": _concept(TASK_CODES, "dmp-submit", "Envoi au DMP"),
        "description": "Envoi d'un document au DMP",
        "focus": {"reference": reference},
        "authoredOn": requested,
        "lastModified": requested,
    }
    if document.get("subject"):
        task["for"] = document["subject"]
    if actor.professional is not None:
        task["requester"] = {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": actor.professional}}
    return task


def settled_task(
    task: Resource,
    *,
    status: TaskStatus,
    state: str,
    text: str,
    now_ms: int,
    issues: tuple[Issue, ...] = (),
    evidence: Mapping[str, Any] | None = None,
) -> Resource:
    """Return the Task after an attempt: a new resource, to be written with the settlement of its job.

    ``state`` and ``text`` make ``businessStatus``; ``issues`` become ``statusReason`` (their stable ids and French
    sentences), absent where there are none; ``evidence`` becomes ``output``, one entry per key, strings.
    """
    settled = {k: v for k, v in task.items() if k != "statusReason"}
    settled |= {
        "status": status,
        "businessStatus": _concept(TASK_STATES, state, text),
        "lastModified": instant(now_ms),
    }
    if issues:
        settled["statusReason"] = {
            "coding": [{"system": "urn:dui-fhir:issue", "code": issue.id} for issue in issues],
            "text": " ".join(issue.text for issue in issues),
        }
    if evidence:
        settled["output"] = [_output(name, value) for name, value in sorted(evidence.items()) if value is not None]
    return settled


def task_output(task: Resource, name: str) -> str | None:
    """Return the evidence recorded under this name, None where there is none."""
    for output in task.get("output", []):
        if any(c.get("code") == name for c in output.get("type", {}).get("coding", [])):
            value = output.get("valueString")
            return value if isinstance(value, str) else None
    return None


def _output(name: str, value: Any) -> dict[str, Any]:
    return {"type": {"coding": [{"system": "urn:dui-fhir:evidence", "code": name}]}, "valueString": str(value)}


def _concept(system: str, code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}
