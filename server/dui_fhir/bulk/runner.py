"""Does the work that was asked for: claims it, advances it slice by slice, lets others have their turn, and tells the end.

Runs in the worker process. One turn lasts a third of a lease: a process that dies is replaced after at most one lease, and long
work does not keep short work waiting.
"""

import logging
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Literal

from dui_fhir.bulk.deferred import Deferred
from dui_fhir.bulk.export import Export
from dui_fhir.bulk.folder import Folder, Folders, State
from dui_fhir.bulk.importing import Import
from dui_fhir.bulk.work import Work, call_of
from dui_fhir.bulk.writing import Writing
from dui_fhir.domain.errors import DuiError, Unavailable
from dui_fhir.domain.issues import outcome
from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.domain.plan import JobHeld, Plan
from dui_fhir.ports import Store
from dui_fhir.service.engine import Engine

log = logging.getLogger(__name__)

KIND = "bulk"
STALLED_MAX = 5
"""Attempts in a row without a slice done, after which the work is given up."""
RETRY_S = 5.0

_WORKS: Mapping[str, Work] = {"export": Export(), "import": Import(), "deferred": Deferred(), "write": Writing()}


class Runner:
    """See the module."""

    def __init__(self, engine: Engine, folders: Folders) -> None:
        self._engine, self._folders = engine, folders
        self._lease_s = float(engine.settings.bulk_lease_s)

    def run_all(self, stop: threading.Event | None = None) -> int:
        """Do what is due in every tenant that has work; return the number of turns."""
        turns = 0
        # the folders tell where there is work: no tenant's outbox is looked at for nothing
        for tenant in sorted({folder.tenant for folder in self._folders.all() if folder.unfinished}):
            try:
                turns += self._run(tenant, stop)
            except Unavailable as error:
                log.warning("bulk work of tenant %s not available: %s", tenant, error.issues[0].id)
        return turns

    def run_forever(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; the slice in hand is finished first."""
        while not stop.is_set():
            if self.run_all(stop) == 0:
                self.sweep()
                stop.wait(float(self._engine.settings.worker_poll_s))

    def sweep(self) -> None:
        """Remove the folders that nobody will read any more: cancelled, without a job, or older than ``bulk_keep_h``."""
        oldest_ms = self._engine.clock.now_ms() - int(self._engine.settings.bulk_keep_h * 3_600_000)
        for folder in self._folders.all():
            expired = folder.there and 0 < folder.state().finished_ms < oldest_ms
            # a kick-off whose job was never stored has nobody to finish it
            forgotten = folder.cancelled or (folder.unfinished and folder.request()["asked_ms"] < oldest_ms)
            if expired or (forgotten and self._ended(folder)):
                with folder.held() as mine:
                    if mine:
                        folder.remove()

    def _ended(self, folder: Folder) -> bool:
        job = self._engine.stores.open(folder.tenant).job(f"{KIND}|{folder.path.name}")
        return job is None or job.state not in ("waiting", "leased")

    def _run(self, tenant: str, stop: threading.Event | None) -> int:
        store, turns = self._engine.stores.open(tenant), 0
        while stop is None or not stop.is_set():
            claimed = store.claim_jobs(kinds=(KIND,), limit=1, lease_s=self._lease_s)
            if not claimed:
                break
            self._turn(store, self._folders.of(tenant, claimed[0].id), claimed[0], stop)
            turns += 1
        return turns

    def _turn(self, store: Store, folder: Folder, job: Job, stop: threading.Event | None) -> None:
        if not folder.there:
            self._settle(store, job, "cancelled")
            return
        with folder.held() as mine:
            state = self._advanced(folder, stop) if mine else None
        if not folder.there:
            self._settle(store, job, "cancelled")
        elif state is None:
            self._settle(store, job, "waiting", after_s=RETRY_S)
        elif state.phase == "working":
            self._settle(store, job, "waiting", after_s=RETRY_S if state.stalled else 0.0)
        else:
            self._settle(store, job, "done" if state.phase == "done" else "failed")

    def _advanced(self, folder: Folder, stop: threading.Event | None) -> State:
        """Do slices until the turn is over; each one is saved before the next."""
        state = folder.state()
        state.stalled += 1
        folder.save(state)
        if state.stalled > STALLED_MAX:
            return self._failed(folder, state, _abandoned())
        try:
            self._slices(folder, state, stop)
        except Unavailable as error:
            log.warning("bulk work waits: %s", error.issues[0].id)
        except DuiError as error:
            return self._failed(folder, folder.state(), error)
        except Exception as error:
            # the message of the exception may hold personal data, the frames do not
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("bulk work failed with %s\n%s", type(error).__name__, where)
        return folder.state() if folder.there else state

    def _slices(self, folder: Folder, state: State, stop: threading.Event | None) -> None:
        kept = folder.request()
        call, work = call_of(self._engine, kept), _WORKS[kept["kind"]]
        until = time.monotonic() + self._lease_s / 3
        while not folder.cancelled and time.monotonic() < until and not (stop and stop.is_set()):
            finished = work.step(call, folder, state)
            state.stalled = 0
            if finished:
                state.phase, state.finished_ms = "done", self._engine.clock.now_ms()
            folder.save(state)
            if finished:
                return

    def _failed(self, folder: Folder, state: State, error: DuiError) -> State:
        state.phase, state.finished_ms = "failed", self._engine.clock.now_ms()
        state.outcome = outcome(error.issues)
        folder.save(state)
        return state

    def _settle(
        self,
        store: Store,
        job: Job,
        state: Literal["waiting", "done", "failed", "cancelled"],
        *,
        after_s: float = 0.0,
    ) -> None:
        lease = job.lease or ""
        due_ms = self._engine.clock.now_ms() + int(after_s * 1000)
        settlement = JobSettlement(job=job.id, lease=lease, state=state, due_ms=due_ms)
        # where the lease was lost, whoever has it now goes on from the state on disk
        store.submit(Plan(preconditions=(JobHeld(job=job.id, lease=lease),), settlements=(settlement,)))


def _abandoned() -> DuiError:
    return DuiError.of(
        "core-bulk-abandoned",
        "Ce travail échoue sans avancer ; il est abandonné.",
        f"no progress in {STALLED_MAX} attempts",
    )
