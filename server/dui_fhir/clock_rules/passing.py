"""One day's pass over one tenant."""

import itertools
import logging
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from dui_fhir.clock_rules import reprise, tasks
from dui_fhir.clock_rules.files import File, every, files_of
from dui_fhir.clock_rules.tasks import OPEN, Finding
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.domain.dossier import ClockRule, Dossier
from dui_fhir.domain.errors import Unavailable
from dui_fhir.domain.structure import Structure
from dui_fhir.service import router, write
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call, Engine
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.reader import TrackingReader
from dui_fhir.service.structures import list_structures

log = logging.getLogger("dui_fhir.clock")
BATCH = 100
"""Tasks per transaction: a task that a person is changing at that moment makes only its batch be tried again."""


@dataclass(kw_only=True)
class Report:
    """What a pass did. ``failed``: (rule, file) whose check raised."""

    day: date
    files: int = 0
    opened: int = 0
    changed: int = 0
    closed: int = 0
    finished: bool = False
    failed: list[tuple[str, str]] = field(default_factory=list)

    def line(self, tenant: str) -> str:
        """Return it as one French line."""
        told = f"{tenant}, {self.day.isoformat()} : {self.files} dossiers, {self.opened} tâches ouvertes, {self.closed} closes"
        return f"{told}, {len(self.failed)} contrôles en panne." if self.failed else f"{told}."


def run_day(engine: Engine, tenant: str, day: date, *, stopped: Callable[[], bool] = lambda: False) -> Report:
    """Check the clock-driven rules of every file of a tenant as on ``day``, and bring its work-list up to date.

    Running it again changes nothing. Once ``stopped`` says so it ends where it is, with nothing half written
    (``Report.finished`` False): whoever runs it next does the whole.
    Raises: NotFound (``tenant-unknown``), Unavailable, Conflict (``core-write-contention``).
    """
    return _Pass(engine, tenant, day, stopped).run()


class _Pass:
    def __init__(self, engine: Engine, tenant: str, day: date, stopped: Callable[[], bool]) -> None:
        self._engine, self._tenant, self._day, self._stopped = engine, tenant, day, stopped
        self._store = engine.stores.open(tenant)
        self._options = engine.tunings.of(tenant, self._store).options
        self._structures = list_structures(self._store)
        self._report = Report(day=day)
        self._late: list[tuple[Structure | None, Finding]] = []

    def run(self) -> Report:
        files = files_of(self._store, self._structures, self._options)
        self._report.files = len(files)
        for file in files:
            if self._stopped():
                return self._report
            self._check(file)
        for structure in self._structures:
            self._check_structure(structure, tuple(s for f in files if f.structure == structure for s in f.stays))
        self._write()
        self._report.finished = True
        return self._report

    # ------------------------------------------------------------------------------------------------ finding

    def _check(self, file: File) -> None:
        dossier = Dossier(
            today=self._day,
            reader=TrackingReader(self._store, self._options),
            structure=file.structure,
            person=file.person,
            stays=file.stays,
            parameters=self._engine.parameters(self._tenant, file.structure),
        )
        about = f"{file.stays[-1]['resourceType']}/{file.stays[-1]['id']}"
        self._apply(self._rules(file.structure, "dossier"), dossier, file.key, about)

    def _check_structure(self, structure: Structure, stays: tuple[Resource, ...]) -> None:
        dossier = Dossier(
            today=self._day,
            reader=TrackingReader(self._store, self._options),
            structure=structure,
            stays=stays,
            parameters=self._engine.parameters(self._tenant, structure),
        )
        about = f"Organization/finess-{structure.finess}"
        self._apply(self._rules(structure, "structure"), dossier, f"{structure.finess}/", about)

    def _rules(self, structure: Structure | None, scope: str) -> list[ClockRule]:
        corridors = structure.corridors if structure else ()
        return [rule for rule in self._engine.host.clock_rules(corridors) if rule.scope == scope]

    def _apply(self, rules: Iterable[ClockRule], dossier: Dossier, file: str, about: str) -> None:
        for rule in rules:
            declared = self._engine.host.rule(rule.id)
            title = declared.title if declared else rule.id
            urgent = declared is not None and declared.urgent
            try:
                found = [d for d in rule.find(dossier) if self._day > d.due]
            except Unavailable:
                raise
            except Exception as error:  # one rule on one file: the others must still be checked
                _note(rule.id, error)
                self._report.failed.append((rule.id, file))
                continue
            for deadline in found:
                finding = Finding.of(rule.id, title, file, dossier.person, about, deadline, urgent=urgent)
                self._late.append((dossier.structure, finding))

    # ------------------------------------------------------------------------------------------------ writing

    def _write(self) -> None:
        existing = self._existing()
        titles = {rule.id: rule.title for rule in self._engine.host.rules()}
        unknown = {tasks.rule_of(task) for task in existing.values()} - set(titles)
        unsure = frozenset(self._report.failed)
        taken = reprise.take((f for _, f in self._late), existing, self._days_of_reprise(), titles, unsure)
        wanted = tasks.changes(
            taken.findings,
            existing,
            now=instant(self._engine.clock.now_ms()),
            unsure=unsure,
            unknown=unknown,
            moved=taken.moved,
        )
        structures = {finding.file: structure for structure, finding in self._late}
        by_finess = {s.finess: s for s in self._structures}
        grouped: dict[str, list[Resource]] = {}
        for task in wanted:
            file = str(task.get("groupIdentifier", {}).get("value", ""))
            structure = structures.get(file) or by_finess.get(file.partition("/")[0])
            grouped.setdefault(structure.finess if structure else "", []).append(task)
        for finess, some in sorted(grouped.items()):
            for start in range(0, len(some), BATCH):
                self._submit(finess, some[start : start + BATCH])
        self._count(grouped, existing)

    def _days_of_reprise(self) -> dict[str, date]:
        parameters = {s.finess: self._engine.parameters(self._tenant, s) for s in self._structures}
        days = ((finess, reprise.day_of_reprise(known)) for finess, known in parameters.items())
        return {finess: day for finess, day in days if day is not None}

    def _existing(self) -> dict[str, Resource]:
        code = ("code", f"{tasks.CODE_SYSTEM}|{tasks.CODE['code']}")
        return {task["id"]: task for task in every(self._store, "Task", code, self._options)}

    def _submit(self, finess: str, wanted: Sequence[Resource]) -> None:
        actor = Actor(editor="horloge", structure=finess or None)
        request = ServiceRequest(tenant=self._tenant, method="PUT", path="Task", base_url="", actor=actor)
        engine = self._engine
        call = Call(engine=engine, request=request, dispatch=lambda asked: router.dispatch(engine, asked))
        write.commit(call, lambda: Drafts(drafts=[self._draft(task) for task in wanted]))

    def _draft(self, task: Resource) -> Draft:
        before = self._store.read("Task", task["id"])
        return Draft(type="Task", id=task["id"], resource=task, before=before, method="PUT")

    def _count(self, grouped: dict[str, list[Resource]], existing: dict[str, Resource]) -> None:
        for task in itertools.chain.from_iterable(grouped.values()):
            was_open = existing.get(task["id"], {}).get("status") in OPEN
            if task["status"] not in OPEN:
                self._report.closed += 1
            elif was_open:
                self._report.changed += 1
            else:
                self._report.opened += 1


def _note(rule: str, error: Exception) -> None:
    # frames, not the message: a message may hold data of a person
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[1:]]
    log.error("clock rule %s: %s (%s)", rule, type(error).__name__, " < ".join(reversed(frames)))


def today(engine: Engine) -> date:
    """Return the day it is where the structures are (setting ``time_zone``)."""
    return datetime.fromtimestamp(engine.clock.now_ms() / 1000, UTC).astimezone(engine.options.zone).date()
