"""What a day's findings change in the work-list: tasks to open, to correct, to close. Pure."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from dui_fhir.domain.change import Resource
from dui_fhir.domain.dossier import Deadline

TAG: Final = {"system": "urn:dui-fhir:tag", "code": "work-list", "display": "Liste de travail"}
CODE_SYSTEM: Final = "urn:dui-fhir:task"
CODE: Final = {"system": CODE_SYSTEM, "code": "delai-a-tenir", "display": "Délai à tenir"}
RULE_SYSTEM: Final = "urn:dui-fhir:issue"
FILE_SYSTEM: Final = "urn:dui-fhir:dossier"
OPEN: Final = frozenset({"draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold"})
SETTLED: Final = "dossier-regle"
MOVED: Final = "suivi-autrement"
"""``statusReason`` of a task that the server itself closed, and may open again: the file is in order, or its delay is now in
another task (:mod:`dui_fhir.clock_rules.reprise`)."""
_REASONS: Final = {SETTLED: "Le dossier est en règle", MOVED: "Suivi par une autre tâche"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A deadline of one rule in one file; ``text`` is the sentence shown, ``about`` a ``Type/id``.

    ``inputs``: the files of a task that stands for several (``Task.input``); ``urgent``: its rule cannot wait.
    """

    rule: str
    file: str
    person: str
    about: str
    text: str
    due: date
    key: str = ""
    urgent: bool = False
    inputs: tuple[Resource, ...] = ()

    @classmethod
    def of(
        cls, rule: str, title: str, file: str, person: str, about: str, deadline: Deadline, *, urgent: bool = False
    ) -> "Finding":
        """Complete what a rule yields with what it leaves to its declaration and to the file."""
        return cls(
            rule=rule, file=file, person=person, about=deadline.about or about,
            text=deadline.text or title, due=deadline.due, key=deadline.key, urgent=urgent,
        )  # fmt: skip

    @property
    def task_id(self) -> str:
        """Id of its task: the same every day."""
        name = "|".join((self.rule, self.file, self.about, self.key))
        return "wd-" + hashlib.sha256(name.encode()).hexdigest()[:40]


def changes(
    late: Iterable[Finding],
    existing: Mapping[str, Resource],
    *,
    now: str,
    unsure: Collection[tuple[str, str]] = (),
    unknown: Collection[str] = (),
    moved: Collection[str] = (),
) -> Iterator[Resource]:
    """Yield the tasks to write, in a stable order.

    ``existing``: the tasks of ours by id, open and closed. ``unsure``: (rule, file) that could not be checked; ``unknown``:
    rules that no corridor in force has. Their tasks stay as they are. ``moved``: ids of the tasks whose delay is now in
    another one. ``now``: FHIR instant.
    """
    wanted = {finding.task_id: finding for finding in late}
    for id, finding in sorted(wanted.items()):
        task = existing.get(id)
        if task is None:
            yield _task(finding, now)
        elif task.get("status") not in OPEN:
            if _may_open_again(task, finding):
                yield {**_task(finding, now), "meta": task["meta"], "authoredOn": task.get("authoredOn", now)}
        elif _tells_otherwise(task, finding):
            yield {**task, **_said(finding), "lastModified": now}
    for id, task in sorted(existing.items()):
        if id not in wanted and task.get("status") in OPEN and not _left_alone(task, unsure, unknown):
            status, reason = ("cancelled", MOVED) if id in moved else ("completed", SETTLED)
            yield {**task, "status": status, "statusReason": _reason(reason), "lastModified": now}


def _left_alone(task: Resource, unsure: Collection[tuple[str, str]], unknown: Collection[str]) -> bool:
    rule = rule_of(task)
    return rule in unknown or (rule, str(task.get("groupIdentifier", {}).get("value", ""))) in unsure


def rule_of(task: Resource) -> str:
    """Return the id of the rule of a task of ours."""
    codings = task.get("reasonCode", {}).get("coding", ())
    return next((str(c.get("code")) for c in codings if c.get("system") == RULE_SYSTEM), "")


def _may_open_again(task: Resource, finding: Finding) -> bool:
    """True unless a person gave the task up, with this very date and no further file: what he decided stands (D7)."""
    if closed_by_us(task) or task.get("status") == "completed" or _due(task) != finding.due.isoformat():
        return True
    return not {i.get("id") for i in finding.inputs} <= {i.get("id") for i in task.get("input", ())}


def closed_by_us(task: Resource) -> bool:
    """True for a task that the pass closed, not a person."""
    codings = task.get("statusReason", {}).get("coding", ())
    return task.get("status") not in OPEN and any(c.get("code") in _REASONS for c in codings)


def _tells_otherwise(task: Resource, finding: Finding) -> bool:
    listed = list(finding.inputs) != task.get("input", [])
    return _due(task) != finding.due.isoformat() or task.get("description") != finding.text or listed


def _due(task: Resource) -> str:
    return str(task.get("restriction", {}).get("period", {}).get("end", ""))


def _reason(code: str) -> Resource:
    return {"coding": [{"system": CODE_SYSTEM, "code": code, "display": _REASONS[code]}]}


def _said(finding: Finding) -> Resource:
    said: Resource = {
        "description": finding.text,
        "reasonCode": {"coding": [{"system": RULE_SYSTEM, "code": finding.rule}], "text": finding.text},
        "restriction": {"period": {"end": finding.due.isoformat()}},
    }
    return {**said, "input": list(finding.inputs)} if finding.inputs else said


def _task(finding: Finding, now: str) -> Resource:
    task: Resource = {
        "resourceType": "Task",
        "id": finding.task_id,
        "meta": {"tag": [TAG]},
        "groupIdentifier": {"system": FILE_SYSTEM, "value": finding.file},
        "status": "requested",
        "intent": "order",
        "priority": "urgent" if finding.urgent else "routine",
        "code": {"coding": [CODE]},
        "focus": {"reference": finding.about},
        "authoredOn": now,
        "lastModified": now,
        **_said(finding),
    }
    if finding.person:
        task["for"] = {"reference": finding.person}
    return task
