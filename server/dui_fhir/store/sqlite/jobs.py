# ruff: noqa: S608 - only numbers of the store's own dictionaries and fixed names are written into statements
"""The outbox of one tenant: its rows, and how they are leased."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dui_fhir.domain import json
from dui_fhir.domain.job import Job
from dui_fhir.store.sqlite.driver import Connection

_COLUMNS = "id, kind, key, payload, task, due, attempts, state, lease, lease_until, error"


def _job(row: Sequence[Any]) -> Job:
    id, kind, key, payload, task, due_ms, attempts, state, lease, lease_until_ms, error = row
    return Job(
        id=id, kind=kind, key=key, payload=json.loads(payload), task=task, due_ms=due_ms, attempts=attempts, state=state,
        lease=lease, lease_until_ms=lease_until_ms, error=error,
    )  # fmt: skip


def read_job(connection: Connection, column: str, value: str) -> Job | None:
    """Return the job with this ``id`` or ``key``."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM job WHERE {column} = ?", (value,)).fetchone()
    return _job(row) if row else None


def list_jobs(connection: Connection, kind: str | None, state: str | None, limit: int) -> tuple[Job, ...]:
    """Return jobs, newest first."""
    query = (
        f"SELECT {_COLUMNS} FROM job WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR state = ?2)"
        " ORDER BY n DESC LIMIT ?3"
    )
    return tuple(_job(row) for row in connection.execute(query, (kind, state, limit)))


def claim(
    connection: Connection, now_ms: int, kinds: Sequence[str], limit: int, lease_s: float, new_lease: Callable[[], str]
) -> tuple[Job, ...]:
    """Lease due jobs, oldest first, inside the transaction in progress."""
    query = (
        f"SELECT {_COLUMNS} FROM job WHERE state IN ('waiting', 'leased') AND kind IN ({','.join('?' * len(kinds))})"
        " AND CASE state WHEN 'waiting' THEN due <= ? ELSE lease_until <= ? END ORDER BY n LIMIT ?"
    )
    due = [_job(row) for row in connection.execute(query, (*kinds, now_ms, now_ms, limit)).fetchall()]
    # attempts are counted here and not at settlement, so that a job that kills its worker runs out of them too
    claimed = tuple(
        replace(
            job,
            state="leased",
            lease=new_lease(),
            lease_until_ms=now_ms + int(lease_s * 1000),
            attempts=job.attempts + 1,
        )
        for job in due
    )
    connection.executemany(
        "UPDATE job SET state = 'leased', lease = ?, lease_until = ?, attempts = ? WHERE id = ?",
        [(job.lease, job.lease_until_ms, job.attempts, job.id) for job in claimed],
    )
    return claimed
