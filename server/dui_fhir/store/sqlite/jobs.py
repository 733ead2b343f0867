"""The outbox of one tenant: its rows, and how they are leased.

In the file, a job that waits for an earlier one of its stream is ``behind``, so that claims do not meet it; everybody else
sees it ``waiting``.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dui_fhir.domain import json
from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.store.sqlite.driver import Connection

_COLUMNS = (
    "id, kind, key, payload, task, due, attempts, iif(state = 'behind', 'waiting', state), lease, lease_until, error,"
    " coalesce(s.stream, ''), coalesce(s.number, 0)"
)
_FROM = "FROM job LEFT JOIN job_stream s ON s.n = job.n"


def _job(row: Sequence[Any]) -> Job:
    id, kind, key, payload, task, due_ms, attempts, state, lease, lease_until_ms, error, stream, number = row
    return Job(
        id=id, kind=kind, key=key, payload=json.loads(payload), task=task, due_ms=due_ms, attempts=attempts, state=state,
        lease=lease, lease_until_ms=lease_until_ms, error=error, stream=stream, number=number,
    )  # fmt: skip


def read_job(connection: Connection, column: str, value: str) -> Job | None:
    """Return the job with this ``id`` or ``key``."""
    row = connection.execute(f"SELECT {_COLUMNS} {_FROM} WHERE {column} = ?", (value,)).fetchone()
    return _job(row) if row else None


def list_jobs(
    connection: Connection,
    *,
    kind: str | None,
    state: str | None,
    stream: str | None,
    numbers: tuple[int, int] | None,
    limit: int,
) -> tuple[Job, ...]:
    """Return jobs, newest first."""
    tests, values = ["1"], list[Any]()
    state_test = "state IN (?, 'behind')" if state == "waiting" else "state = ?"
    for test, value in (("kind = ?", kind), (state_test, state), ("s.stream = ?", stream)):
        if value is not None:
            tests.append(test)
            values.append(value)
    if numbers is not None:
        tests.append("coalesce(s.number, 0) BETWEEN ? AND ?" if stream is None else "s.number BETWEEN ? AND ?")
        values += numbers
    order = "job.n" if stream is None else "s.number"  # the same order; the second one reads a stream only
    query = f"SELECT {_COLUMNS} {_FROM} WHERE {' AND '.join(tests)} ORDER BY {order} DESC LIMIT ?"
    return tuple(_job(row) for row in connection.execute(query, (*values, limit)))


def enqueue(connection: Connection, job: Job) -> None:
    """Add a job whose id and key are new, and give it the next number of its stream."""
    row = (
        job.id, job.kind, job.key, json.dumps(job.payload), job.task, job.due_ms, job.attempts, job.state, job.lease,
        job.lease_until_ms, job.error,
    )  # fmt: skip
    added = connection.execute(
        "INSERT OR IGNORE INTO job(id, kind, key, payload, task, due, attempts, state, lease, lease_until, error)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    if job.stream and added.rowcount:
        connection.execute(
            "INSERT INTO job_stream(stream, number, n)"
            " SELECT ?1, coalesce((SELECT max(number) FROM job_stream WHERE stream = ?1), 0) + 1, n FROM job WHERE id = ?2",
            (job.stream, job.id),
        )
        _turn(connection, job.id)


def settle(connection: Connection, settlement: JobSettlement) -> None:
    """Put a job back, or end it and let the next one of its stream go."""
    waiting = settlement.state == "waiting"
    connection.execute(
        "UPDATE job SET state = ?, due = coalesce(?, due), error = ?, lease = NULL, lease_until = 0 WHERE id = ?",
        (settlement.state, settlement.due_ms if waiting else None, settlement.error, settlement.job),
    )
    connection.execute(
        "UPDATE job_stream SET open = ? WHERE n = (SELECT n FROM job WHERE id = ?)", (int(waiting), settlement.job)
    )
    _turn(connection, settlement.job)


def _turn(connection: Connection, id: str) -> None:
    """Let the first open job of a stream be claimed and no other, once the job ``id`` of the stream has changed."""
    first = connection.execute(
        "SELECT s.n, mine.n FROM job JOIN job_stream mine ON mine.n = job.n"
        " JOIN job_stream s ON s.stream = mine.stream AND s.open WHERE job.id = ? ORDER BY s.number LIMIT 2",
        (id,),
    ).fetchall()
    if not first:
        return
    head, mine = first[0]
    connection.execute("UPDATE job SET state = 'waiting' WHERE n = ? AND state = 'behind'", (head,))
    # only these two can be out of place: the job that changed, and the one that was first before it
    connection.executemany(
        "UPDATE job SET state = 'behind' WHERE n = ? AND state = 'waiting'",
        [(n,) for n in {mine, first[-1][0]} - {head}],
    )


def claim(
    connection: Connection, now_ms: int, kinds: Sequence[str], limit: int, lease_s: float, new_lease: Callable[[], str]
) -> tuple[Job, ...]:
    """Lease due jobs, oldest first, inside the transaction in progress."""
    query = (
        f"SELECT {_COLUMNS} {_FROM} WHERE state IN ('waiting', 'leased') AND kind IN ({','.join('?' * len(kinds))})"
        " AND CASE state WHEN 'waiting' THEN due <= ? ELSE lease_until <= ? END ORDER BY job.n LIMIT ?"
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
