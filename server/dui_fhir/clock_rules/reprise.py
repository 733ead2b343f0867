"""The first days of a structure whose files were imported: one task per rule for what was already late. Pure.

A hundred files taken over bring several hundred delays that were over before anyone here could have met them. One task per file
and rule would bury what expires from now on: for each rule the structure has one task, that lists the files.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from dui_fhir.clock_rules.tasks import CODE_SYSTEM, OPEN, Finding, closed_by_us
from dui_fhir.domain.calendar import day_of
from dui_fhir.domain.change import Resource

PARAMETER: Final = "commun.reprise_date"
"""The day a structure began to work with the server, after an import; empty = nothing was taken over."""
DUE: Final = "urn:dui-fhir:extension:echeance"
ABOUT: Final = "urn:dui-fhir:extension:concerne"
_KIND: Final = {"system": CODE_SYSTEM, "code": "retard-a-la-reprise", "display": "Retard d'avant la reprise"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """``findings``: what has a task of its own, then one per structure and rule; ``moved``: ids of tasks that they replace."""

    findings: tuple[Finding, ...]
    moved: frozenset[str]


def day_of_reprise(parameters: Mapping[str, object]) -> date | None:
    """Return the day of reprise of a structure; None where it has none."""
    return day_of(parameters.get(PARAMETER))


def take(
    late: Iterable[Finding],
    existing: Mapping[str, Resource],
    days: Mapping[str, date],
    titles: Mapping[str, str],
    unsure: Collection[tuple[str, str]] = (),
) -> Taken:
    """Put together what was late before the day of reprise of its structure.

    ``days``: by FINESS. ``titles``: sentence of each rule. ``existing``, ``unsure``: as for
    :func:`dui_fhir.clock_rules.tasks.changes`; a file that could not be checked stays in the list it was in. What is urgent, and
    a task that a person has begun or given up, stay alone.
    """
    alone: list[Finding] = []
    groups: dict[tuple[str, str], dict[str, Resource]] = defaultdict(dict)
    for finding in late:
        finess = finding.file.partition("/")[0]
        if finess in days and _joins(finding, days[finess], existing.get(finding.task_id)):
            groups[finess, finding.rule][finding.task_id] = _input(finding)
        else:
            alone.append(finding)
    for key, held in _held(existing, days, unsure):
        for id, input in held.items():
            groups[key].setdefault(id, input)
    grouped = [
        _group(rule, finess, days[finess], titles.get(rule, rule), inputs)
        for (finess, rule), inputs in sorted(groups.items())
    ]
    replaced = itertools.chain.from_iterable(groups.values())
    return Taken(findings=(*alone, *grouped), moved=frozenset(replaced) | _undone(existing, {f.task_id for f in alone}))


def _joins(finding: Finding, day: date, task: Resource | None) -> bool:
    if finding.urgent or not finding.person or finding.due >= day:
        return False
    if task is None or closed_by_us(task):
        return True
    return task.get("status") == "requested" and "owner" not in task


def _input(finding: Finding) -> Resource:
    """Return a file of the list, named by the task it would have alone."""
    return {
        "id": finding.task_id,
        "extension": [
            {"url": DUE, "valueDate": finding.due.isoformat()},
            {"url": ABOUT, "valueReference": {"reference": finding.about}},
        ],
        "type": {"coding": [_KIND], "text": finding.text},
        "valueReference": {"reference": finding.person},
    }


def _group(rule: str, finess: str, day: date, title: str, inputs: Mapping[str, Resource]) -> Finding:
    people = {str(i["valueReference"]["reference"]) for i in inputs.values()}
    many = "s" if len(people) > 1 else ""
    text = f"{title} {len(people)} dossier{many} déjà en retard à la reprise du {day:%d/%m/%Y}."
    return Finding(
        rule=rule, file=f"{finess}/", person="", about=f"Organization/finess-{finess}", text=text, due=day, key="reprise",
        inputs=tuple(input for _, input in sorted(inputs.items())),
    )  # fmt: skip


def _held(
    existing: Mapping[str, Resource], days: Mapping[str, date], unsure: Collection[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], dict[str, Resource]]]:
    """Yield, by (FINESS, rule), the files of open lists that could not be checked today."""
    for rule, file in unsure:
        finess, _, person = file.partition("/")
        if not person or finess not in days:
            continue
        group = existing.get(_group(rule, finess, days[finess], "", {}).task_id, {})
        inputs = group.get("input", ()) if group.get("status") in OPEN else ()
        held = {str(i["id"]): i for i in inputs if i["valueReference"]["reference"] == f"Patient/{person}"}
        if held:
            yield (finess, rule), held


def _undone(existing: Mapping[str, Resource], alone: Collection[str]) -> frozenset[str]:
    """Return the open lists that hold a delay which now has its own task: the structure has no day of reprise any more."""
    return frozenset(
        id
        for id, task in existing.items()
        if task.get("status") in OPEN and any(i.get("id") in alone for i in task.get("input", ()))
    )
