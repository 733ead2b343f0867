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
"""``statusReason`` of a task that the server itself closed: it may open it again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A deadline of one rule in one file; ``text`` is the sentence shown, ``about`` a ``Type/id``."""

    rule: str
    file: str
    person: str
    about: str
    text: str
    due: date
    key: str = ""

    @classmethod
    def of(cls, rule: str, title: str, file: str, person: str, about: str, deadline: Deadline) -> "Finding":
        """Complete what a rule yields with what it leaves to its declaration and to the file."""
        return cls(
            rule=rule, file=file, person=person, about=deadline.about or about,
            text=deadline.text or title, due=deadline.due, key=deadline.key,
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
) -> Iterator[Resource]:
    """Yield the tasks to write, in a stable order.

    ``existing``: the tasks of ours by id, open and closed. ``unsure``: (rule, file) that could not be checked; ``unknown``:
    rules that no corridor in force has. Their tasks stay as they are. ``now``: FHIR instant.
    """
    wanted = {finding.task_id: finding for finding in late}
    for id, finding in sorted(wanted.items()):
        task = existing.get(id)
        if task is None:
            yield _task(finding, now)
        elif task.get("status") not in OPEN:
            if _may_open_again(task, finding):
                yield {**_task(finding, now), "meta": task["meta"], "authoredOn": task.get("authoredOn", now)}
        elif _due(task) != finding.due.isoformat() or task.get("description") != finding.text:
            yield {**task, **_said(finding), "lastModified": now}
    for id, task in sorted(existing.items()):
        if id not in wanted and task.get("status") in OPEN and not _left_alone(task, unsure, unknown):
            yield {**task, "status": "completed", "statusReason": _settled(), "lastModified": now}


def _left_alone(task: Resource, unsure: Collection[tuple[str, str]], unknown: Collection[str]) -> bool:
    rule = rule_of(task)
    return rule in unknown or (rule, str(task.get("groupIdentifier", {}).get("value", ""))) in unsure


def rule_of(task: Resource) -> str:
    """Return the id of the rule of a task of ours."""
    codings = task.get("reasonCode", {}).get("coding", ())
    return next((str(c.get("code")) for c in codings if c.get("system") == RULE_SYSTEM), "")


def _may_open_again(task: Resource, finding: Finding) -> bool:
    """True unless a person gave the task up, with this very date: what he decided stands (D7)."""
    ours = any(c.get("code") == SETTLED for c in task.get("statusReason", {}).get("coding", ()))
    return ours or task.get("status") == "completed" or _due(task) != finding.due.isoformat()


def _due(task: Resource) -> str:
    return str(task.get("restriction", {}).get("period", {}).get("end", ""))


def _settled() -> Resource:
    return {"coding": [{"system": CODE_SYSTEM, "code": SETTLED, "display": "Le dossier est en règle"}]}


def _said(finding: Finding) -> Resource:
    return {
        "description": finding.text,
        "reasonCode": {"coding": [{"system": RULE_SYSTEM, "code": finding.rule}], "text": finding.text},
        "restriction": {"period": {"end": finding.due.isoformat()}},
    }


def _task(finding: Finding, now: str) -> Resource:
    task: Resource = {
        "resourceType": "Task",
        "id": finding.task_id,
        "meta": {"tag": [TAG]},
        "groupIdentifier": {"system": FILE_SYSTEM, "value": finding.file},
        "status": "requested",
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [CODE]},
        "focus": {"reference": finding.about},
        "authoredOn": now,
        "lastModified": now,
        **_said(finding),
    }
    if finding.person:
        task["for"] = {"reference": finding.person}
    return task
