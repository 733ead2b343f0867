"""Dead letters: events given up, and their sending again under the same number and the same unique ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dui_fhir.domain.ids import new_id
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Plan
from dui_fhir.ports import Store
from dui_fhir.subscriptions.matching import KIND, stream

LETTERS_MAX = 10_000
"""Jobs looked at, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """An event that was given up: ``job`` is the one that failed, ``last`` the latest sending again, if any."""

    job: Job
    sent_again: int = 0
    last: Job | None = None

    @property
    def subscription(self) -> str:
        """Id of the Subscription."""
        return str(self.job.payload["subscription"])

    @property
    def state(self) -> str:
        """State of the latest sending: ``failed``, ``waiting``, ``leased``, ``done``, ``cancelled``."""
        return self.job.state if self.last is None else self.last.state

    @property
    def error(self) -> str:
        """Ids of the issues of the latest sending that says some."""
        return (self.last.error if self.last else "") or self.job.error


def letter(store: Store, job: Job) -> Letter:
    """Return what became of an event's job, its sendings again included."""
    count, last = 0, None
    while (found := store.job(_key(job, count + 1))) is not None:
        count, last = count + 1, found
    return Letter(job=job, sent_again=count, last=last)


def dead_letters(store: Store, subscription: str | None = None) -> tuple[Letter, ...]:
    """Return the events given up and not delivered since, the oldest first."""
    wanted = stream(subscription) if subscription else None
    failed = store.jobs(kind=KIND, state="failed", stream=wanted, limit=LETTERS_MAX)
    return tuple(found for job in reversed(failed) if _is_event(job) and (found := letter(store, job)).state != "done")


def send_again(store: Store, letters: Sequence[Letter]) -> int:
    """Put back in the outbox those that nothing is sending any more; return how many.

    Two that ask at once make the same keys: each event goes back once.
    """
    jobs = tuple(_again(one) for one in letters if one.state in ("failed", "cancelled"))
    if jobs:
        store.submit(Plan(jobs=jobs))
    return len(jobs)


def _again(one: Letter) -> Job:
    # a stream of their own: in order among themselves, and without a number of the subscription's
    job = one.job
    payload = {**job.payload, "number": job.number, "key": job.key}
    fresh = Job(id=new_id(), kind=KIND, key=_key(job, one.sent_again + 1), payload=payload)
    return replace(fresh, stream=f"{job.stream}|again")


def _key(job: Job, time: int) -> str:
    return f"{job.key}|again/{time}"


def _is_event(job: Job) -> bool:
    return "focus" in job.payload and "number" not in job.payload


def first_sending(job: Job) -> Job:
    """Return a job with the key and number under which its event was first sent."""
    if "number" not in job.payload:
        return job
    return replace(job, key=str(job.payload["key"]), number=int(job.payload["number"]))


def lines(letters: Sequence[Letter]) -> Iterator[str]:
    """Return one French line per event, without personal data."""
    for one in letters:
        told = {"waiting": "renvoi en attente", "leased": "renvoi en cours"}.get(one.state, "non remis")
        yield f"Subscription/{one.subscription}  évènement {one.job.number}  {told}  {one.error}"
