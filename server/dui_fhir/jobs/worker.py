"""The worker: one job at a time, from claim to settlement.

Death at any point is harmless: the lease of the job runs out, somebody claims it again, and the connector sends the same
ids, which the recipient knows. A job is settled and its Task updated in one plan, which holds only while the lease does.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import Unavailable
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.domain.outbox import settled_task
from dui_fhir.domain.plan import Committed, JobHeld, Plan, Put, Refused
from dui_fhir.domain.version import Version
from dui_fhir.jobs.backoff import delay_s
from dui_fhir.jobs.verdict import Verdict, abandoned, verdict
from dui_fhir.ports import Clock, Connector, Delivery, Reader, RetryLater, Store, Stores
from dui_fhir.settings import Settings

log = logging.getLogger(__name__)

_STOPPED = ("cancelled", "entered-in-error")
_ABANDON_FACTOR = 2
"""A job claimed this many times its allowance was never settled by those who claimed it: it kills its workers."""


class Tasks(Protocol):
    """How the Tasks that show sendings are written."""

    def change(self, tenant: str, task: Resource, before: Version) -> Plan:
        """Return the plan that writes a Task over the version it was made from; it goes into that of the job."""

    def refused(self, tenant: str, refused: Refused) -> None:
        """Learn that a plan was refused, before it is made again."""


class PlainTasks:
    """Writes Tasks with the given index values, and nothing else."""

    def __init__(self, index: Callable[[Resource], IndexValues]) -> None:
        self._index = index

    def change(self, tenant: str, task: Resource, before: Version) -> Plan:
        """See :class:`Tasks`."""
        put = Put(type="Task", id=task["id"], body=Body.of(task), index=self._index(task), expect=before.version)
        return Plan(operations=(put,))

    def refused(self, tenant: str, refused: Refused) -> None:
        """See :class:`Tasks`: nothing to learn."""


class Worker:
    """Sends what is due. ``reader`` gives the Reader of a tenant, ``index`` the index values of a Task.

    ``tasks`` writes the Tasks in place of ``index``: with what subscribers are to be told of them.
    """

    def __init__(
        self,
        stores: Stores,
        connectors: Sequence[Connector],
        settings: Settings,
        *,
        clock: Clock,
        reader: Callable[[str], Reader],
        index: Callable[[Resource], IndexValues],
        random: Random | None = None,
        tasks: Tasks | None = None,
    ) -> None:
        self._stores = stores
        self._connectors = {connector.kind: connector for connector in connectors}
        self._settings = settings
        self._clock = clock
        self._reader = reader
        self._tasks = tasks or PlainTasks(index)
        self._random = random or Random()  # noqa: S311 - jitter, not a secret

    def run_once(self, tenant: str, stop: threading.Event | None = None, *, limit: int | None = None) -> int:
        """Handle the jobs of a tenant that are due, at most ``limit``; return how many. ``stop`` set: leave after this one."""
        if not self._connectors:
            return 0
        store, handled = self._stores.open(tenant), 0
        while (stop is None or not stop.is_set()) and handled != limit:
            claimed = store.claim_jobs(
                kinds=tuple(self._connectors), limit=1, lease_s=float(self._settings.job_lease_s)
            )
            if not claimed:
                break
            self._handle(tenant, store, claimed[0])
            handled += 1
        return handled

    def run_all(self, stop: threading.Event | None = None) -> int:
        """Handle what is due in every tenant; a tenant whose store is not able now is passed over."""
        handled = 0
        for tenant in self._stores.names():
            if stop is not None and stop.is_set():
                break
            try:
                handled += self.run_once(tenant, stop)
            except Unavailable as error:
                log.warning("outbox of tenant %s not available: %s", tenant, error.issues[0].id)
        return handled

    def run_forever(self, stop: threading.Event) -> None:
        """Handle jobs until ``stop`` is set; the job in hand is finished first."""
        while not stop.is_set():
            if self.run_all(stop) == 0:
                stop.wait(float(self._settings.worker_poll_s))

    def _handle(self, tenant: str, store: Store, job: Job) -> None:
        task = self._task(store, job)
        if task is not None and task[0].get("status") in _STOPPED:
            self._settle(tenant, store, job, Verdict(job_state="cancelled"))
            return
        if job.attempts > _ABANDON_FACTOR * int(self._settings.job_attempts_max):
            self._settle(tenant, store, job, abandoned(_never_settled()))
            return
        if not self._begin(tenant, store, job):
            return
        delivery = self._deliver(tenant, job)
        result = verdict(delivery, last=job.attempts >= int(self._settings.job_attempts_max))
        log.info("job %s of tenant %s, attempt %d: %s", job.id, tenant, job.attempts, result.task_state)
        self._settle(tenant, store, job, result)

    def _deliver(self, tenant: str, job: Job) -> Delivery:
        try:
            return self._connectors[job.kind].deliver(tenant, job, self._reader(tenant))
        except Unavailable as error:
            return RetryLater(issue=error.issues[0])
        except Exception as error:
            # the message of the exception may hold personal data, the frames do not
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("connector %s failed with %s\n%s", job.kind, type(error).__name__, where)
            return RetryLater(issue=_unexpected(type(error).__name__))

    def _begin(self, tenant: str, store: Store, job: Job) -> bool:
        """Show that the sending has begun; False where the lease is lost."""
        task = self._task(store, job)
        if task is None or task[0].get("status") == "in-progress":
            return True
        shown = settled_task(
            task[0], status="in-progress", state="sending", text="Envoi en cours", now_ms=self._clock.now_ms()
        )
        change = self._tasks.change(tenant, shown, task[1])
        result = store.submit(
            Plan(operations=change.operations, preconditions=(_held(job), *change.preconditions), jobs=change.jobs)
        )
        if isinstance(result, Refused):
            self._tasks.refused(tenant, result)
        return isinstance(result, Committed) or result.reason != "lease"

    def _settle(self, tenant: str, store: Store, job: Job, result: Verdict) -> None:
        """Settle the job and show it, in one plan; a Task changed meanwhile is read again."""
        now_ms = self._clock.now_ms()
        settlement = JobSettlement(
            job=job.id,
            lease=job.lease or "",
            state=result.job_state,
            due_ms=now_ms + int(self._delay_s(job, result) * 1000) if result.job_state == "waiting" else 0,
            error=", ".join(issue.id for issue in result.issues),
        )
        for _ in range(int(self._settings.write_attempts)):
            task = self._task(store, job)
            shown = result.show(task[0], now_ms) if task is not None else None
            change = self._tasks.change(tenant, shown, task[1]) if task is not None and shown is not None else Plan()
            plan = Plan(
                operations=change.operations,
                preconditions=(_held(job), *change.preconditions),
                jobs=change.jobs,
                settlements=(settlement,),
                request_key=f"settle|{job.id}|{job.lease}",
            )
            refused = store.submit(plan)
            if isinstance(refused, Committed):
                return
            self._tasks.refused(tenant, refused)
            if refused.reason == "lease":
                log.warning("job %s was taken over before it was settled", job.id)
                return
        log.warning("job %s could not be settled: its Task keeps changing; the lease will run out", job.id)

    def _delay_s(self, job: Job, result: Verdict) -> float:
        return delay_s(
            job.attempts,
            first_s=float(self._settings.job_retry_first_s),
            max_s=float(self._settings.job_retry_max_s),
            after_s=result.after_s,
            random=self._random,
        )

    def _task(self, store: Store, job: Job) -> tuple[Resource, Version] | None:
        type, _, id = (job.task or "").partition("/")
        version = store.read(type, id) if id else None
        return None if version is None or version.deleted else (version.resource(), version)


def _held(job: Job) -> JobHeld:
    return JobHeld(job=job.id, lease=job.lease or "")


def _never_settled() -> Issue:
    return Issue(
        severity="error",
        code="processing",
        id="outbox-never-settled",
        text="L'envoi s'est interrompu trop souvent sans résultat ; il est abandonné.",
        diagnostics="claimed too many times without settlement",
    )


def _unexpected(name: str) -> Issue:
    return Issue(
        severity="error",
        code="exception",
        id="outbox-error",
        text="Erreur imprévue pendant l'envoi ; il sera repris.",
        diagnostics=name,
    )
