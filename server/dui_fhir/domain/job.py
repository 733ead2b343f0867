"""Work that leaves the server: rows of the outbox, written with the change that asks for them (design §7)."""

from dataclasses import dataclass
from typing import Any, Literal

JobState = Literal["waiting", "leased", "done", "failed", "cancelled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One thing to send.

    ``kind`` names the connector (``dmp``); ``key`` is unique per tenant: a second job with the key of an existing one,
    whatever its state, is not added (so a version never leaves twice). ``task`` is the ``Task/id`` that shows it to
    people. ``payload`` is JSON without personal data: ids only. Times are epoch milliseconds.

    Jobs of one ``stream`` leave one at a time, in the order in which they were added: the writer gives each the next
    ``number`` of its stream (1, 2, 3…), and none is claimed while an earlier one is not ended. ``""`` = no stream, number 0.
    """

    id: str
    kind: str
    key: str
    payload: dict[str, Any]
    task: str | None = None
    due_ms: int = 0
    attempts: int = 0
    state: JobState = "waiting"
    lease: str | None = None
    lease_until_ms: int = 0
    error: str = ""
    stream: str = ""
    number: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSettlement:
    """What the worker says of a job it holds: ``waiting`` puts it back for ``due_ms``; the other states end it."""

    job: str
    lease: str
    state: Literal["waiting", "done", "failed", "cancelled"]
    due_ms: int = 0
    error: str = ""
