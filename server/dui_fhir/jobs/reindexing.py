"""Indexing again, lot by lot, what was written before a search parameter was added; and how far that is.

Each lot is one job of the stream ``reindex`` of the tenant's outbox: its plan replaces the index values of its resources and
adds the job of the next lot, so that a death at any point costs one lot. A lot changes no version and no date.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Final

from dui_fhir.domain import marker
from dui_fhir.domain.errors import Unavailable
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Committed, Operation, Plan, Reindex
from dui_fhir.domain.query import Query
from dui_fhir.domain.version import Version
from dui_fhir.jobs.worker import Worker
from dui_fhir.ports import Delivered, Delivery, Reader, RetryLater, Store
from dui_fhir.search.indexing import ABSTRACT, wanted
from dui_fhir.service.adding import REINDEX, mark, start
from dui_fhir.service.engine import Call, Engine
from dui_fhir.service.reindex import Lot
from dui_fhir.service.sendings import server_call
from dui_fhir.service.tuning import Tuned
from dui_fhir.validation.guides import Stamp

PAUSE_S: Final = 2.0
LOT: Final = 500
LOT_BYTES: Final = 8_000_000
ATTEMPTS: Final = 20
"""Of one lot, against other changes of the tenant's configuration."""


log = logging.getLogger("dui_fhir.reindex")


class Reindexer:
    """The connector of jobs ``reindex``: it delivers to the tenant's own index."""

    kind = REINDEX

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stamp(self, tenant: str) -> Stamp:
        """Return what changes with the packages that a tenant sees."""
        return self._engine.tunings.stamp(tenant)

    def begin(self, tenant: str) -> bool:
        """Ask for what is not indexed and was not asked for: a plugin or a package added a parameter. Returns: whether it did."""
        call = self._call(tenant)
        self._engine.tunings.forget(tenant)
        tuned = call.tuned
        unmarked = tuned.state.moved(tuned.added, tuned.added, {one.base for one in tuned.settled})
        unmarked = unmarked.asking(tuned.guided)
        if unmarked == tuned.state and not (tuned.state.to_do(tuned.added) and self._idle(call.store)):
            return False
        jobs = (start(tuned.version + 1),) if unmarked.to_do(tuned.added) else ()
        plan = Plan(operations=(mark(call, unmarked),), preconditions=(tuned.precondition,), jobs=jobs)
        result = call.store.submit(plan)
        self._engine.tunings.forget(tenant)
        return isinstance(result, Committed)

    def deliver(self, tenant: str, job: Job, reader: Reader) -> Delivery:
        """Index one lot. See :class:`dui_fhir.ports.Connector`; ``reader`` is not asked: the store itself is."""
        call = self._call(tenant)
        for _ in range(ATTEMPTS):
            self._engine.tunings.changed(tenant, call.store)
            tuned = call.tuned
            if tuned.state.asking(tuned.guided) != tuned.state:
                self.begin(tenant)
                continue
            lot = _current(Lot.of(job.payload), tuned, call.store)
            if lot is None or (not job.payload and _under_way(lot, call.store)):
                return Delivered(evidence={"indexed": lot is None})
            try:
                result = call.store.submit(self._plan(call, tuned, lot))
            except Unavailable as error:
                return RetryLater(issue=error.issues[0])
            self._engine.tunings.forget(tenant)
            if isinstance(result, Committed):
                return Delivered(evidence=lot.payload())
        return RetryLater(issue=_contended())

    def _call(self, tenant: str) -> Call:
        return server_call(self._engine, tenant, "SearchParameter")

    @staticmethod
    def _idle(store: Store) -> bool:
        return not any(store.jobs(kind=REINDEX, state=state, limit=1) for state in ("waiting", "leased"))

    def _plan(self, call: Call, tuned: Tuned, lot: Lot) -> Plan:
        types = () if lot.base in ABSTRACT else (lot.base,)
        page = call.store.search(Query(types=types, limit=LOT, after=lot.after, bytes_max=LOT_BYTES))
        operations: list[Operation] = list(_operations(call, tuned, lot, page.matches))
        if page.next is not None and page.matches:
            last = page.matches[-1]
            done = lot.done + len(page.matches)
            following = Lot(
                base=lot.base,
                codes=lot.codes,
                version=lot.version,
                after=(last.type, last.id),
                done=done,
                total=max(done, lot.total),
            )
            job = Job(
                id=new_id(), kind=REINDEX, key=_key(tuned, following), payload=following.payload(), stream=REINDEX
            )
            return Plan(operations=tuple(operations), preconditions=(tuned.precondition,), jobs=(job,))
        done_now = [one for one in wanted(tuned.added) if one.base == lot.base]
        state = tuned.state.finished(lot.base, done_now)
        jobs = (start(tuned.version + 1),) if state.to_do(tuned.added) else ()
        return Plan(
            operations=(*operations, mark(call, state)), preconditions=(tuned.precondition,), jobs=jobs
        )  # fmt: skip


class Reindexing:
    """Does what is due in all tenants, in whatever process keeps a watch. Two of them do no harm."""

    def __init__(self, reindexer: Reindexer, worker: Worker, tenants: Callable[[], tuple[str, ...]]) -> None:
        self._reindexer, self._worker, self._tenants = reindexer, worker, tenants
        self._begun: dict[str, Stamp] = {}

    def tick(self, stop: threading.Event | None = None) -> int:
        """Ask in each tenant for what plugins added, and packages since they were last seen to change, then index lots until
        none is due. Returns: how many."""
        for tenant in self._tenants():
            if stop is not None and stop.is_set():
                return 0
            stamp = self._reindexer.stamp(tenant)
            if self._begun.get(tenant) != stamp:
                self._begin(tenant, stamp)
        return self._worker.run_all(stop)

    def _begin(self, tenant: str, stamp: Stamp) -> None:
        try:
            if self._reindexer.begin(tenant):
                log.info("tenant %s: search parameters changed", tenant)
            self._begun[tenant] = stamp
        except Unavailable as error:
            log.warning("tenant %s not available: %s", tenant, error.issues[0].id)

    def run_one(self, tenant: str) -> int:
        """Index one lot of a tenant; return 0 where none is due."""
        return self._worker.run_once(tenant, limit=1)

    def run_forever(self, stop: threading.Event) -> None:
        """Tick until told to stop."""
        while not stop.is_set():
            if self.tick(stop) == 0:
                stop.wait(PAUSE_S)


def _operations(call: Call, tuned: Tuned, lot: Lot, matches: tuple[Version, ...]) -> Iterator[Reindex]:
    bases = (call.request.base_url,) if call.engine.settings.public_url else ()
    for version in matches:
        if marker.is_marker(version.type, version.id):
            continue  # the plan itself may write it; it is found by the parameters of R4 only
        index = tuned.extractor.extract(version.resource(), bases=bases).of(lot.codes)
        yield Reindex(type=version.type, id=version.id, expect=version.version, params=lot.codes, index=index)


def _current(lot: Lot | None, tuned: Tuned, store: Store) -> Lot | None:
    """Return the lot to do now: the one asked for while it is still wanted, else the first of what is left."""
    left = tuned.state.to_do(tuned.added)
    if not left:
        return None
    if lot is not None and lot.version == tuned.version and lot.base in left:
        return lot  # the codes are the same: the marker is
    base = left[0]
    types = () if base in ABSTRACT else (base,)
    codes = tuned.state.codes(base, tuned.added)
    return Lot(base=base, codes=codes, version=tuned.version, total=store.count(Query(types=types)))


def _under_way(first: Lot, store: Store) -> bool:
    """Tell whether an earlier job already goes through that base for these codes."""
    waiting = (Lot.of(job.payload) for job in store.jobs(kind=REINDEX, state="waiting"))
    return any(lot is not None and (lot.base, lot.codes) == (first.base, first.codes) for lot in waiting)


def _key(tuned: Tuned, lot: Lot) -> str:
    after = "/".join(lot.after or ())
    return f"{REINDEX}|{tuned.version}|{lot.base}|{','.join(lot.codes)}|{after}"


def _contended() -> Issue:
    return Issue(
        severity="error",
        code="transient",
        id="search-reindex-contended",
        text="La configuration de l'organisme change sans cesse : l'indexation sera reprise.",
        diagnostics="the marker changed at each attempt",
    )
