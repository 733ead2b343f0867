"""What can be swapped. Protocols, and what is the same over any store: ``app`` wires adapters, nobody else knows one.

Every adapter of a port passes the same suite in ``tests/contract``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.context import Reader, Renderer
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Plan, Result
from dui_fhir.domain.query import Cursor, Query
from dui_fhir.domain.version import Version

__all__ = ["Clock", "Connector", "Reader", "Renderer", "Store", "Stores", "TokenVerifier", "every", "pages"]


class Clock(Protocol):
    """Time, so that tests and simulations may choose it."""

    def now_ms(self) -> int:
        """Return UTC epoch milliseconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPage:
    """``next`` None = last page. ``total`` None = not counted; ``estimated``: it is about right only."""

    matches: tuple[Version, ...]
    next: Cursor | None = None
    total: int | None = None
    estimated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPage:
    """Newest first. ``next`` is the sequence to give as ``before`` for the following page, None at the end."""

    versions: tuple[Version, ...]
    next: int | None = None
    total: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One thing asked of the engine for a search, without the values; ``plan``: how it goes about it, line by line."""

    text: str
    plan: tuple[str, ...] = ()


class Store(Protocol):
    """The data of one tenant. Safe to use from several threads.

    Raises, from any method: Unavailable (``store-unavailable``: nothing was done; ``store-outcome-unknown``: the writer
    was lost while it held the plan, so ask again with the same ``request_key``; ``store-disk-full``;
    ``store-too-costly``: over the time limit of a read).
    """

    def submit(self, plan: Plan) -> Result:
        """Apply a plan atomically; an answer :class:`Committed` means durable. Refusals are answers, not exceptions."""

    def read(self, type: str, id: str) -> Version | None:
        """Return the current version, a deletion included; None where nothing ever was."""

    def read_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Version]:
        """Return the current versions of those of ``(type, id)`` that exist, deletions included."""

    def read_version(self, type: str, id: str, version: int) -> Version | None:
        """Return one version from the history."""

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
        """Return versions newest first: of one resource, of a type, or of all.

        ``since_ms``: instants ≥. ``at``: versions current at some moment of that interval. ``before``: sequences below.
        """

    def search(self, query: Query) -> SearchPage:
        """Return one page of matches; see :mod:`dui_fhir.domain.query` for what each node means."""

    def count(self, query: Query) -> int:
        """Return how many resources match, whatever ``limit`` and ``after`` say."""

    def explain(self, query: Query) -> tuple[Statement, ...]:
        """Return how the engine answers a search, for an administrator; no value of the search is in it."""

    def types(self) -> tuple[str, ...]:
        """Return the types of which there is a current resource, sorted."""

    def targets(
        self, sources: Sequence[tuple[str, str]], param: str | None, types: Sequence[str] = ()
    ) -> tuple[tuple[str, str], ...]:
        """Return the distinct local ``(type, id)`` that ``sources`` point to with ``param`` (None = any), for _include."""

    def claim_jobs(self, *, kinds: Sequence[str], limit: int, lease_s: float) -> tuple[Job, ...]:
        """Lease jobs that are due (waiting, or leased and expired), oldest first; nobody else gets them meanwhile.

        A job of a stream is left while an earlier one of its stream is waiting or leased.
        """

    def jobs(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        stream: str | None = None,
        numbers: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> tuple[Job, ...]:
        """List jobs, newest first; of a stream, those whose number is within the bounds ``numbers``, both included."""

    def job(self, key: str) -> Job | None:
        """Return the job with this unique key."""


def pages(store: Store, query: Query) -> Iterator[SearchPage]:
    """Yield the pages of a query, one after the other, however many: ``query.limit`` resources each."""
    while True:
        page = store.search(query)
        yield page
        if page.next is None:
            return
        query = replace(query, after=page.next)


def every(store: Store, query: Query) -> Iterator[Version]:
    """Yield all matches of a query, page by page."""
    for page in pages(store, query):
        yield from page.matches


class Stores(Protocol):
    """All tenants of one deployment."""

    def names(self) -> tuple[str, ...]:
        """Return the tenants, sorted."""

    def create(self, tenant: str) -> Store:
        """Make an empty tenant. Raises: Conflict (``tenant-exists``), BadRequest (``tenant-name``)."""

    def open(self, tenant: str) -> Store:
        """Return the store of a tenant. Raises: NotFound (``tenant-unknown``)."""

    def ready(self) -> tuple[Issue, ...]:
        """Return what keeps the store from serving now; empty = ready."""

    def close(self) -> None:
        """Release handles and processes; acknowledged data are already safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """The recipient acknowledged. ``evidence`` is stored with the job's Task: ids and times, no personal data."""

    evidence: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryLater:
    """A passing fault: nothing was accepted as far as is known, and the same message may be sent again."""

    issue: Issue
    after_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """The recipient, or a rule, refused for good."""

    issues: tuple[Issue, ...]


Delivery: TypeAlias = Delivered | RetryLater | Rejected


class Connector(Protocol):
    """One national service. Building the message is pure and lives beside; this is the I/O."""

    kind: str
    """The ``Job.kind`` it serves."""

    def deliver(self, tenant: str, job: Job, reader: Reader) -> Delivery:
        """Send what the job names. Must be repeatable: the same job gives the same unique ids."""


class TokenVerifier(Protocol):
    """Who is behind a request."""

    def actor(self, headers: Mapping[str, str]) -> Actor:
        """Return the actor. Raises: Unauthorized."""
