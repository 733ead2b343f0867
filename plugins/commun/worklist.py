"""The work-list of the cadre: one Task of ours per rule and resource (decisions D4, D7)."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from dui_fhir.api import Change, Context, Remark, Resource, instant, to_ms

from .reading import TAG, codes, target

WORK_LIST: Final = {"system": TAG, "code": "work-list", "display": "Liste de travail"}
TASK_CODE: Final = {"system": "urn:dui-fhir:task", "code": "regle-a-suivre", "display": "Règle à suivre"}
RULE_SYSTEM: Final = "urn:dui-fhir:issue"
OPEN: Final = frozenset({"draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"})


def task_id(rule: str, reference: str) -> str:
    """Return the id of the task of a rule about a resource: the same each time."""
    return "wl-" + hashlib.sha256(f"{rule}|{reference}".encode()).hexdigest()[:40]


def tasks(changes: Sequence[Change], remarks: Sequence[Remark], context: Context) -> Iterator[Resource]:
    """Yield the tasks to open for the remarks that ask for one, and to close where the rule is satisfied again.

    Nothing in reprise: an import gives a report instead (D7).
    """
    if context.reprise:
        return
    asked: dict[str, tuple[Remark, Change]] = {}
    by_reference = {f"{c.type}/{c.id}": c for c in changes}
    for remark in remarks:
        if remark.task and remark.issue.severity == "warning" and remark.reference in by_reference:
            asked.setdefault(task_id(remark.issue.id, remark.reference), (remark, by_reference[remark.reference]))
    for id, (remark, change) in asked.items():
        existing = context.reader.read(f"Task/{id}")
        if existing is None or existing.get("status") not in OPEN:
            yield _task(id, remark, change, context, existing)
    for change in changes:
        if change.before is not None and change.type != "Task":
            yield from _settled(change, asked, context)


def _task(id: str, remark: Remark, change: Change, context: Context, existing: Resource | None) -> Resource:
    rule = {"system": RULE_SYSTEM, "code": remark.issue.id}
    task: Resource = {
        "resourceType": "Task",
        "id": id,
        "meta": {"tag": [WORK_LIST]},
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [TASK_CODE]},
        "description": remark.issue.text,
        "focus": {"reference": remark.reference},
        "authoredOn": instant(to_ms(context.now)),
        "lastModified": instant(to_ms(context.now)),
        "reasonCode": {"coding": [rule], "text": remark.issue.text},
    }
    person = _person(change.after or {}, remark.reference)
    if person:
        task["for"] = {"reference": person}
    if existing is not None:
        task["authoredOn"] = existing.get("authoredOn", task["authoredOn"])
        task["meta"] = {**existing.get("meta", {}), "tag": [WORK_LIST]}
    return task


def _person(resource: Resource, reference: str) -> str:
    if reference.startswith("Patient/"):
        return reference
    links = [resource.get(name) for name in ("subject", "patient", "for")]
    flat = [e for link in links for e in (link if isinstance(link, list) else [link])]
    return next((target(e) for e in flat if target(e).startswith("Patient/")), "")


def _settled(change: Change, asked: dict[str, tuple[Remark, Change]], context: Context) -> Iterator[Resource]:
    """Yield the open tasks about a resource whose rule has nothing more to say, closed."""
    # one criterion, the rest judged here: every update asks, and the answer is nearly always nothing
    for task in context.reader.every("Task", [("focus", f"{change.type}/{change.id}")]):
        if task["id"] not in asked and _is_open(task):
            status = "cancelled" if change.after is None else "completed"
            yield {**task, "status": status, "lastModified": instant(to_ms(context.now))}


def _is_open(task: Resource) -> bool:
    """Tell whether a task is one of ours, and open; those of a delay are the daily pass's to close."""
    listed = any(t.get("system") == TAG and t.get("code") == "work-list" for t in task.get("meta", {}).get("tag", ()))
    return listed and task.get("status") in OPEN and TASK_CODE["code"] in codes(task.get("code"), TASK_CODE["system"])
