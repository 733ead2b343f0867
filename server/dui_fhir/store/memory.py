"""The store of unit tests: dictionaries under one lock, and the reference semantics of :mod:`dui_fhir.search.match`."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from uuid import uuid4

from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.index import NOTHING, IndexValues
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.domain.plan import Committed, Erase, Plan, Put, Refused, Result
from dui_fhir.domain.query import Query
from dui_fhir.domain.version import Version
from dui_fhir.ports import Clock, HistoryPage, SearchPage, Statement, Store
from dui_fhir.search import match
from dui_fhir.store import tenants
from dui_fhir.store.decision import Current, Decision, Key, Lease, Write, check, decide


@dataclass(slots=True)
class _Held:
    """Everything about one resource."""

    versions: list[Version] = field(default_factory=list)
    digest: bytes = b""
    index: IndexValues = NOTHING
    unique: tuple[str, ...] = ()

    @property
    def last(self) -> Version:
        return self.versions[-1]

    def numbered(self, version: int) -> Version | None:
        """Return a version; the first one that is kept has another number than 1 where earlier ones were erased."""
        place = version - self.versions[0].version
        return self.versions[place] if 0 <= place < len(self.versions) else None


class MemoryStore:
    """One tenant in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._held: dict[Key, _Held] = {}
        self._history: list[Version] = []
        self._sequence = 0
        self._holders: dict[str, Key] = {}
        self._jobs: dict[str, Job] = {}
        self._last_numbers: dict[str, int] = {}
        self._answers: dict[str, Committed] = {}
        self._instant_ms = 0

    # writing

    def submit(self, plan: Plan) -> Result:
        """See :class:`dui_fhir.ports.Store`."""
        check(plan)
        with self._lock:
            known = self._answers.get(plan.request_key) if plan.request_key else None
            if known is not None:
                return replace(known, replayed=True)
            decision = decide(plan, self, max(self._clock.now_ms(), self._instant_ms))
            if isinstance(decision, Refused):
                return decision
            self._apply(plan, decision)
            return decision.committed

    def _apply(self, plan: Plan, decision: Decision) -> None:
        self._instant_ms = decision.instant_ms
        for write in decision.writes:
            self._release(self._held.get((write.operation.type, write.operation.id)))
        for write in decision.writes:
            self._add(write, decision.instant_ms)
        for operation in decision.reindexes:
            held = self._held[operation.type, operation.id]
            held.index = held.index.replaced(operation.params, operation.index)
        for settlement in plan.settlements:
            self._settle(settlement)
        for job in plan.jobs:
            if self.job(job.key) is None and job.id not in self._jobs:
                self._jobs[job.id] = self._numbered(job)
        if plan.request_key:
            self._answers[plan.request_key] = decision.committed

    def _numbered(self, job: Job) -> Job:
        if not job.stream:
            return job
        self._last_numbers[job.stream] = self._last_numbers.get(job.stream, 0) + 1
        return replace(job, number=self._last_numbers[job.stream])

    def _release(self, held: _Held | None) -> None:
        for key in held.unique if held else ():
            del self._holders[key]

    def _add(self, write: Write, instant_ms: int) -> None:
        operation = write.operation
        put = operation if isinstance(operation, Put) else None
        if isinstance(operation, Erase):
            self._erase((operation.type, operation.id))
        self._sequence += 1
        version = Version(
            type=operation.type,
            id=operation.id,
            version=write.version,
            instant_ms=instant_ms,
            sequence=self._sequence,
            method=put.method if put else "DELETE",
            body=put.body.join(write.version, instant_ms) if put else None,
        )
        held = self._held.setdefault((operation.type, operation.id), _Held())
        held.versions.append(version)
        held.digest = write.digest
        held.index = put.index if put else NOTHING
        held.unique = tuple(dict.fromkeys(put.unique)) if put else ()
        self._holders |= dict.fromkeys(held.unique, (operation.type, operation.id))
        self._history.append(version)

    def _erase(self, key: Key) -> None:
        self._history = [v for v in self._history if (v.type, v.id) != key]
        self._held[key].versions.clear()

    def _settle(self, settlement: JobSettlement) -> None:
        job = self._jobs[settlement.job]
        due_ms = settlement.due_ms if settlement.state == "waiting" else job.due_ms
        self._jobs[settlement.job] = replace(
            job, state=settlement.state, due_ms=due_ms, error=settlement.error, lease=None, lease_until_ms=0
        )

    # what decisions need

    def currents(self, keys: Iterable[Key]) -> Mapping[Key, Current]:
        """See :class:`dui_fhir.store.decision.State`."""
        found = {key: self._held[key] for key in keys if key in self._held}
        return {k: Current(h.last.version, h.last.deleted, h.digest, h.last.instant_ms) for k, h in found.items()}

    def holders(self, keys: Iterable[str]) -> Mapping[str, Key]:
        """See :class:`dui_fhir.store.decision.State`."""
        return {key: self._holders[key] for key in keys if key in self._holders}

    def matching_ids(self, query: Query) -> tuple[str, ...]:
        """See :class:`dui_fhir.store.decision.State`."""
        return tuple(m.id for m in self.search(query).matches)

    def leases(self, jobs: Iterable[str]) -> Mapping[str, Lease]:
        """See :class:`dui_fhir.store.decision.State`."""
        found = {id: self._jobs[id] for id in jobs if id in self._jobs}
        return {id: Lease(job.state, job.lease or "") for id, job in found.items()}

    # reading

    def read(self, type: str, id: str) -> Version | None:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            held = self._held.get((type, id))
            return held.last if held else None

    def read_many(self, keys: Iterable[Key]) -> dict[Key, Version]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            return {key: self._held[key].last for key in keys if key in self._held}

    def read_version(self, type: str, id: str, version: int) -> Version | None:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            held = self._held.get((type, id))
            return held.numbered(version) if held else None

    def history(
        self,
        *,
        type: str | None = None,
        id: str | None = None,
        since_ms: int | None = None,
        at: tuple[int, int] | None = None,
        before: int | None = None,
        limit: int = 50,
        total: bool = False,
    ) -> HistoryPage:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            found = [
                v
                for v in reversed(self._history)
                if type in (None, v.type)
                and id in (None, v.id)
                and (since_ms is None or v.instant_ms >= since_ms)
                and (at is None or self._current_at(v, at))
            ]
        rest = [v for v in found if before is None or v.sequence < before]
        page = tuple(rest[:limit])
        return HistoryPage(
            versions=page,
            next=page[-1].sequence if page and len(rest) > limit else None,
            total=len(found) if total else None,
        )

    def _current_at(self, version: Version, at: tuple[int, int]) -> bool:
        low, high = at
        following = self._held[(version.type, version.id)].numbered(version.version + 1)
        return version.instant_ms <= high and not (following is not None and following.instant_ms <= low)

    # searching

    def search(self, query: Query) -> SearchPage:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            entries, following, total = match.page(self._entries(), query)
            matches = tuple(self._held[(e.type, e.id)].last for e in entries)
            fitting = _fitting(matches, query.bytes_max)
            if fitting < len(matches):
                return self.search(replace(query, limit=fitting, bytes_max=None))
            return SearchPage(matches=matches, next=following, total=total)

    def count(self, query: Query) -> int:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            _, _, total = match.page(self._entries(), replace(query, limit=1, after=None, total="accurate"))
            return total or 0

    def _entries(self) -> list[match.Entry]:
        return [
            match.Entry(type=type, id=id, instant_ms=held.last.instant_ms, index=held.index)
            for (type, id), held in self._held.items()
            if not held.last.deleted
        ]

    def explain(self, query: Query) -> tuple[Statement, ...]:
        """See :class:`dui_fhir.ports.Store`: everything is looked at."""
        with self._lock:
            return (Statement(text=f"scan of {len(self._entries())} resources in memory"),)

    def types(self) -> tuple[str, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            return tuple(sorted({type for (type, _), held in self._held.items() if not held.last.deleted}))

    def targets(self, sources: Sequence[Key], param: str | None, types: Sequence[str] = ()) -> tuple[Key, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            found = {
                (value.type, value.id)
                for source in sources
                for value in (self._held[source].index.references if source in self._held else ())
                if value.url is None and value.type is not None and value.id is not None
                if (value.param == param or (param is None and not value.param.startswith("_dui_")))
                if not types or value.type in types
            }
        return tuple(sorted(found))

    # outbox

    def claim_jobs(self, *, kinds: Sequence[str], limit: int, lease_s: float) -> tuple[Job, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            now_ms = self._clock.now_ms()
            first = self._first_open()
            due = (
                j
                for j in self._jobs.values()
                if j.kind in kinds and _due(j, now_ms) and j.number == first.get(j.stream, 0)
            )
            claimed = tuple(_leased(j, now_ms + int(lease_s * 1000)) for j in islice(due, limit))
            self._jobs |= {job.id: job for job in claimed}
            return claimed

    def _first_open(self) -> dict[str, int]:
        """Return the number of the first job not ended, by stream."""
        first: dict[str, int] = {}
        for job in self._jobs.values():
            if job.stream and job.state in ("waiting", "leased"):
                first[job.stream] = min(job.number, first.get(job.stream, job.number))
        return first

    def jobs(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        stream: str | None = None,
        numbers: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> tuple[Job, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            newest = (
                j
                for j in reversed(self._jobs.values())
                if kind in (None, j.kind)
                and state in (None, j.state)
                and stream in (None, j.stream)
                and (numbers is None or numbers[0] <= j.number <= numbers[1])
            )
            return tuple(islice(newest, limit))

    def job(self, key: str) -> Job | None:
        """See :class:`dui_fhir.ports.Store`."""
        with self._lock:
            return next((job for job in self._jobs.values() if job.key == key), None)


def _due(job: Job, now_ms: int) -> bool:
    if job.state == "waiting":
        return job.due_ms <= now_ms
    return job.state == "leased" and job.lease_until_ms <= now_ms


def _leased(job: Job, until_ms: int) -> Job:
    # counted here and not at settlement, so that a job that kills its worker runs out of attempts too
    return replace(job, state="leased", lease=str(uuid4()), lease_until_ms=until_ms, attempts=job.attempts + 1)


def _fitting(matches: Sequence[Version], bytes_max: int | None) -> int:
    """Return how many of the first matches a page of that size holds: at least one."""
    if bytes_max is None:
        return len(matches)
    sizes = accumulate(len(version.body or b"") for version in matches)
    return max(sum(size <= bytes_max for size in sizes), min(1, len(matches)))


class MemoryStores:
    """Tenants that live as long as the process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._stores: dict[str, MemoryStore] = {}

    def names(self) -> tuple[str, ...]:
        """See :class:`dui_fhir.ports.Stores`."""
        return tuple(sorted(self._stores))

    def create(self, tenant: str) -> Store:
        """See :class:`dui_fhir.ports.Stores`."""
        if tenants.check_name(tenant) in self._stores:
            raise tenants.exists(tenant)
        self._stores[tenant] = MemoryStore(self._clock)
        return self._stores[tenant]

    def open(self, tenant: str) -> Store:
        """See :class:`dui_fhir.ports.Stores`."""
        if tenant not in self._stores:
            raise tenants.unknown(tenant)
        return self._stores[tenant]

    def ready(self) -> tuple[Issue, ...]:
        """See :class:`dui_fhir.ports.Stores`: always ready."""
        return ()

    def close(self) -> None:
        """See :class:`dui_fhir.ports.Stores`: nothing to release."""
