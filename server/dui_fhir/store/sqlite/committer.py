"""One tenant's only writer: applies groups of plans, each group in one durable transaction.

Inside a group each plan is decided on the state left by those before it. What plans add is buffered and written by
statements of many rows at the end of the group, or before a conditional query has to see it. A decision writes nothing, so
a refused plan leaves no trace; where a plan breaks the group in another way, the group is undone and its plans are
applied one by one.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

from dui_fhir.domain.errors import DuiError
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Committed, Erase, Plan, Put, Refused, Result
from dui_fhir.domain.query import Query
from dui_fhir.ports import Clock
from dui_fhir.store.decision import Current, Decision, Key, Lease, Write, decide
from dui_fhir.store.sqlite import driver, schema, wire
from dui_fhir.store.sqlite.batch import Batch
from dui_fhir.store.sqlite.dictionary import Dictionary, GrowingDictionary
from dui_fhir.store.sqlite.jobs import claim, enqueue, read_job, settle
from dui_fhir.store.sqlite.reading import search

Answer: TypeAlias = Result | DuiError

CHECKPOINT_PAGES = 32_000
"""About 64 MiB of log."""
REQUEST_KEYS_KEPT_MS = 30 * 86_400_000
REQUEST_KEYS_PURGED = 64


log = logging.getLogger(__name__)


def unusable(error: Exception) -> DuiError:
    """Return the answer to a request that the writer cannot even try, and that must not stop it."""
    return DuiError.of("store-plan", "L'écriture n'a pas pu être faite.", type(error).__name__)


class Lost(Exception):
    """A commit failed in a way that leaves its outcome unknown: only opening the file again can tell."""


class Committer:
    """See the module. Used by one thread at a time."""

    def __init__(self, path: Path, tenant: str, clock: Clock, *, cache_mib: int = 64, delay_s: float = 0.0) -> None:
        """``delay_s``: what a slow disk would add to each commit."""
        self._clock = clock
        self._delay_s = delay_s
        self._remembered = 0
        self._connection = driver.connect(path, read_only=False, cache_mib=cache_mib)
        try:
            schema.check(self._connection, tenant)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._load()
        except BaseException:
            self._connection.close()
            raise

    def _load(self) -> None:
        """Learn from the file where the counters stand."""
        execute = self._connection.execute
        last = execute("SELECT seq, instant FROM version ORDER BY seq DESC LIMIT 1").fetchone() or (0, 0)
        requested = execute("SELECT max(instant) FROM request").fetchone()[0] or 0
        self._instant_ms = max(last[1], requested)
        last_rid = execute("SELECT max(rid) FROM resource").fetchone()[0] or 0
        self._dictionary = GrowingDictionary(self._connection)
        self._reader = Dictionary()
        self._batch = Batch(self._connection, self._dictionary, last_sequence=last[0], last_rid=last_rid)

    def close(self) -> None:
        """Copy the log into the file and let it go."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()

    def apply(self, plans: Sequence[Plan]) -> list[Answer]:
        """Return one answer per plan; an answer :class:`Committed` is durable. Raises: Lost."""
        try:
            if any(isinstance(o, Erase) for plan in plans for o in plan.operations):
                return self._erasing(plans)
            return list(self._transaction(plans))
        except Lost:
            raise
        except Exception as error:
            self._undo()
            if len(plans) > 1:
                return [answer for plan in plans for answer in self.apply([plan])]
            if isinstance(error, driver.DatabaseError) and not isinstance(error, driver.IntegrityError):
                return [driver.unavailable(error)]
            log.exception("a plan cannot be applied")
            return [unusable(error)]

    def claim(self, kinds: Sequence[str], limit: int, lease_s: float) -> tuple[Job, ...] | DuiError:
        """Lease due jobs, durably. Raises: Lost."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            claimed = claim(self._connection, self._clock.now_ms(), kinds, limit, lease_s, lambda: str(uuid4()))
            self._commit()
            return claimed
        except driver.DatabaseError as error:
            self._undo()
            return driver.unavailable(error)

    def _erasing(self, plans: Sequence[Plan]) -> list[Answer]:
        """Apply plans so that nothing of what they erase stays in free pages, nor in the log once no reader needs it."""
        self._connection.execute("PRAGMA secure_delete = ON")
        try:
            results = self._transaction(plans, erasing=True)
        finally:
            self._connection.execute("PRAGMA secure_delete = OFF")
        with suppress(driver.DatabaseError):  # the plans are durable; the next checkpoint does what this one could not
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return list(results)

    def _transaction(self, plans: Sequence[Plan], *, erasing: bool = False) -> list[Result]:
        self._connection.execute("BEGIN IMMEDIATE")
        results = [self._one(plan) for plan in plans]
        self._batch.flush()
        if erasing:
            # words of deleted rows stay in the segments of the full-text index until these are merged
            self._connection.execute("INSERT INTO words(words) VALUES ('optimize')")
        self._commit()
        return results

    def _commit(self) -> None:
        if self._delay_s:
            time.sleep(self._delay_s)
        try:
            self._connection.execute("COMMIT")
        except driver.DatabaseError as error:
            if driver.is_full(error):
                raise
            raise Lost(str(error)) from error

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._load()

    # one plan

    def _one(self, plan: Plan) -> Result:
        known = self._answered(plan.request_key)
        if known is not None:
            return known
        decision = decide(plan, self, max(self._clock.now_ms(), self._instant_ms))
        if isinstance(decision, Refused):
            return decision
        self._instant_ms = decision.instant_ms
        self._release_keys(decision)
        for write in decision.writes:
            self._add(write, decision.instant_ms)
        for operation in decision.reindexes:
            self._batch.reindex(operation)
        for settlement in plan.settlements:
            settle(self._connection, settlement)
        for job in plan.jobs:
            enqueue(self._connection, job)
        if plan.request_key is not None:
            self._remember(plan.request_key, decision.committed)
        return decision.committed

    def _answered(self, request_key: str | None) -> Committed | None:
        if request_key is None:
            return None
        row = self._connection.execute("SELECT answer FROM request WHERE key = ?", (request_key,)).fetchone()
        return replace(wire.decode_committed(wire.unpack(row[0])), replayed=True) if row else None

    def _remember(self, request_key: str, committed: Committed) -> None:
        answer = wire.pack(wire.encode_committed(committed))[wire.LENGTH.size :]
        row = (request_key, committed.instant_ms, answer)
        self._connection.execute("INSERT INTO request VALUES (?, ?, ?)", row)
        self._remembered += 1
        if self._remembered % REQUEST_KEYS_PURGED == 0:
            self._connection.execute(
                "DELETE FROM request WHERE key IN (SELECT key FROM request WHERE instant < ? ORDER BY instant LIMIT ?)",
                (committed.instant_ms - REQUEST_KEYS_KEPT_MS, 2 * REQUEST_KEYS_PURGED),
            )

    def _release_keys(self, decision: Decision) -> None:
        for write in decision.writes:
            row = self._batch.row((write.operation.type, write.operation.id))
            if row is not None:
                self._connection.execute("DELETE FROM unique_key WHERE rid = ?", (row.rid,))

    def _add(self, write: Write, instant_ms: int) -> None:
        rid = self._batch.add(write, instant_ms)
        if isinstance(write.operation, Put):
            for key in dict.fromkeys(write.operation.unique):
                self._connection.execute("INSERT INTO unique_key VALUES (?, ?)", (key, rid))

    # what decisions need

    def currents(self, keys: Iterable[Key]) -> Mapping[Key, Current]:
        """See :class:`dui_fhir.store.decision.State`."""
        rows = self._batch.rows(keys)
        return {key: Current(row.version, not row.live, row.digest, row.instant_ms) for key, row in rows.items()}

    def holders(self, keys: Iterable[str]) -> Mapping[str, Key]:
        """See :class:`dui_fhir.store.decision.State`."""
        self._batch.flush_resources()
        query = (
            "SELECT k.key, t.name, r.id FROM unique_key k CROSS JOIN resource r ON r.rid = k.rid"
            " CROSS JOIN type t ON t.t = r.t WHERE k.key = ?"
        )
        rows = [row for key in set(keys) for row in self._connection.execute(query, (key,))]
        return {key: (type, id) for key, type, id in rows}

    def matching_ids(self, query: Query) -> tuple[str, ...]:
        """See :class:`dui_fhir.store.decision.State`."""
        self._batch.flush()
        return tuple(v.id for v in search(self._connection, self._reader, query).matches)

    def leases(self, jobs: Iterable[str]) -> Mapping[str, Lease]:
        """See :class:`dui_fhir.store.decision.State`."""
        found = [job for id in jobs if (job := read_job(self._connection, "id", id)) is not None]
        return {job.id: Lease(job.state, job.lease or "") for job in found}
