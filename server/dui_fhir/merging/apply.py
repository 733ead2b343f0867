"""Doing a merger, transaction by transaction, so that one that stops goes on; and undoing it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import Conflict
from dui_fhir.domain.plan import Committed, Delete, Operation, Plan
from dui_fhir.domain.version import Version
from dui_fhir.merging.survey import Survey, run_of, slices, transformed
from dui_fhir.merging.trail import provenance, targets, traces
from dui_fhir.ports import Store
from dui_fhir.service.drafts import Draft
from dui_fhir.service.engine import Engine
from dui_fhir.service.preparation import operation_of
from dui_fhir.service.sendings import server_call

BATCH = 100
"""Resources per transaction."""

Told = Callable[[int], None]


def merge(engine: Engine, found: Survey, act: str, told: Told = lambda _: None) -> int:
    """Write in the target what a survey found, each transaction with its trace. Returns: resources written.

    Run again after a stop, with a new survey, it writes what is left. ``act``: the decision that orders it (DPO).
    Raises: Conflict (``merge-outbox``: sendings of the source still wait; ``merge-race``: somebody writes meanwhile).
    """
    if found.waiting:
        text = f"Des envois de « {found.source} » attendent encore ({found.waiting}) : laissez-les partir d'abord."
        raise Conflict.of("merge-outbox", text, "jobs are waiting in the source")
    return _Merge(engine, found, act, told).run()


class _Merge:
    def __init__(self, engine: Engine, found: Survey, act: str, told: Told) -> None:
        self._engine, self._found, self._act, self._told = engine, found, act, told
        self._source, self._target = (engine.stores.open(name) for name in (found.source, found.target))
        self._call = server_call(engine, found.target, "Provenance")
        self._number = len(list(traces(self._target, found.run)))
        self._written = 0

    def run(self) -> int:
        for versions in slices(self._source):
            waiting = [v for v in versions if f"{v.type}/{v.id}" not in self._found.done]
            for first in range(0, len(waiting), BATCH):
                self._batch(waiting[first : first + BATCH])
        return self._written

    def _batch(self, versions: Sequence[Version]) -> None:
        drafts = [(f"{v.type}/{v.id}", transformed(v.resource(), self._found)) for v in versions]
        held = self._target.read_many([(r["resourceType"], r["id"]) for _, r in drafts])
        new = [(there, r, held.get((r["resourceType"], r["id"]))) for there, r in drafts]
        new = [(there, r, before) for there, r, before in new if before is None or before.deleted]
        if not new:
            return
        written = [(there, _named(r), (before.version if before else 0) + 1) for there, r, before in new]
        trace = provenance(
            self._found.run, self._number, self._found.source, self._act, written, self._engine.clock.now_ms()
        )
        operations = [self._operation(r, before) for _, r, before in new]
        plan = Plan(operations=(*operations, self._operation(trace, None)))
        if not isinstance(self._target.submit(plan), Committed):
            raise _race()
        if any(r["resourceType"] == "Organization" for _, r, _ in new):
            self._engine.structures.forget(self._found.target)  # what comes next belongs to these structures
        self._number += 1
        self._written += len(new)
        self._told(self._written)

    def _operation(self, resource: Resource, before: Version | None) -> Operation:
        draft = Draft(type=resource["resourceType"], id=resource["id"], resource=resource, before=before, method="PUT")
        return operation_of(self._call, draft)


def _named(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


@dataclass(kw_only=True)
class Undone:
    """``removed``: by type; ``kept``: what was changed here since, and stays."""

    removed: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)


def undo(engine: Engine, source: str, target: str) -> Undone:
    """Take back what a merger wrote and nobody changed since; its traces go last, history keeps everything.

    Raises: NotFound (``tenant-unknown``), Conflict (``merge-none``: no merger of these two, ``merge-race``).
    """
    store = engine.stores.open(target)
    found = sorted(traces(store, run_of(source, target)), key=lambda v: v.sequence, reverse=True)
    if not found:
        raise Conflict.of("merge-none", f"Aucune fusion de « {source} » n'est à défaire ici.", "no trace of a merger")
    undone = Undone()
    for trace in found:
        operations = list(_removals(store, trace, undone))
        operations.append(Delete(type="Provenance", id=trace.id, expect=trace.version))
        if not isinstance(store.submit(Plan(operations=tuple(operations))), Committed):
            raise _race()
    engine.structures.forget(target)
    return undone


def _removals(store: Store, trace: Version, undone: Undone) -> Iterator[Operation]:
    for _, here, version in targets(trace.resource()):
        type, _, id = here.partition("/")
        now = store.read(type, id)
        if now is None or now.deleted:
            continue
        if now.version == version:
            undone.removed[type] += 1
            yield Delete(type=type, id=id, expect=version)
        else:
            undone.kept.append(here)


def _race() -> Conflict:
    return Conflict.of(
        "merge-race",
        "Quelqu'un écrivait en même temps : rien de ce lot n'a été écrit. Relancez, la fusion reprendra où elle en est.",
        "the plan of a lot was refused",
    )
