"""A store transaction as data (docs/decisions/0002): operations, preconditions, jobs; decided inside one writer.

A plan crosses process boundaries and is retried or refused as a whole: it is applied entirely or leaves no trace.
"""

from dataclasses import field
from typing import Literal, TypeAlias

from dui_fhir.domain.body import Body
from dui_fhir.domain.index import NOTHING, IndexValues
from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.domain.query import Query
from dui_fhir.domain.value import dataclass

Method = Literal["POST", "PUT", "PATCH", "DELETE"]
"""How a version came to be, as history must tell (``Bundle.entry.request.method``)."""

ANY = -1
"""Expected version: whatever is there, or nothing."""
ABSENT = 0
"""Expected version: none exists, or the last one is deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """Write a new version.

    ``expect``: :data:`ANY`, :data:`ABSENT`, or the number that the current version must have. ``unique``: keys that no
    other resource may hold (``"ins|<oid>|<matricule>"``); they replace those this resource held. ``keep_if_same``: an
    equal current content makes no new version.
    """

    type: str
    id: str
    body: Body
    index: IndexValues = NOTHING
    method: Method = "PUT"
    expect: int = ANY
    unique: tuple[str, ...] = ()
    keep_if_same: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Delete:
    """Mark as deleted (a new version without body; history stays); nothing happens to what is absent or deleted.

    Unique keys held by the resource are released.
    """

    type: str
    id: str
    expect: int = ANY


@dataclass(frozen=True, kw_only=True, slots=True)
class Erase:
    """Remove every version and every index value for good, and leave a deletion mark (a new version without body).

    The mark has neither content nor date of the past; it tells those who copy changes to remove their copy. Nothing happens to
    what never was. Unique keys held by the resource are released.
    """

    type: str
    id: str
    expect: int = ANY


@dataclass(frozen=True, kw_only=True, slots=True)
class Reindex:
    """Replace the index values of ``params`` (codes of search parameters) by those of ``index``; no version is made.

    Other index values stay, full text included (``index.text`` and ``index.content`` are not looked at). Nothing happens where
    the current version is not ``expect``: whoever wrote the other one indexed it.
    """

    type: str
    id: str
    expect: int
    params: tuple[str, ...]
    index: IndexValues


Operation: TypeAlias = Put | Delete | Erase | Reindex


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionIs:
    """The read-set: the current version of this resource is still this one (:data:`ABSENT` = none or deleted)."""

    type: str
    id: str
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MatchesAre:
    """A conditional interaction: the query still finds exactly these ids (order without meaning), at most two read."""

    query: Query
    ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exists:
    """The target of a reference is there and not deleted, or is written by this plan."""

    type: str
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobHeld:
    """The outbox job is still leased under this lease (its sender has not been replaced)."""

    job: str
    lease: str


Precondition: TypeAlias = VersionIs | MatchesAre | Exists | JobHeld


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One transaction.

    Preconditions are evaluated on the state before the operations. Operations concern distinct resources. ``request_key``
    (at most 200 characters): a plan whose key was committed before is not applied again, its first answer is returned;
    so a client that lost the answer may ask again.
    """

    operations: tuple[Operation, ...] = ()
    preconditions: tuple[Precondition, ...] = ()
    jobs: tuple[Job, ...] = ()
    settlements: tuple[JobSettlement, ...] = ()
    request_key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What became of one operation: its resulting version; ``changed`` False where nothing had to be written."""

    type: str
    id: str
    version: int
    instant_ms: int
    changed: bool = True
    created: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """The plan is durable: one :class:`Written` per operation, in the order given."""

    instant_ms: int
    written: tuple[Written, ...]
    replayed: bool = False


RefusalReason = Literal["version", "matches", "unique", "missing", "lease"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """The plan left no trace, because of one precondition or operation.

    ``reason``: ``version`` (expected version not there), ``matches`` (conditional query finds something else), ``unique``
    (``key`` is held by ``type``/``id``), ``missing`` (reference target absent), ``lease``. ``operation`` is the index in
    ``Plan.operations``, None where a precondition failed (then ``precondition`` is its index).
    """

    reason: RefusalReason
    type: str = ""
    id: str = ""
    key: str = ""
    found: tuple[str, ...] = field(default=())
    operation: int | None = None
    precondition: int | None = None


Result: TypeAlias = Committed | Refused
