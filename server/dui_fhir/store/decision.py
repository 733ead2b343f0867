"""What a plan does, decided once for all adapters: a pure function of the plan and of what the store holds.

Order of refusals: preconditions as listed, then settlements, then expected versions, then unique keys. Keys are judged on
the state after the plan: two resources may exchange keys, and a key released by a delete may be taken by the same plan.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias, assert_never

from dui_fhir.domain.plan import (
    ABSENT,
    ANY,
    Committed,
    Delete,
    Erase,
    Exists,
    JobHeld,
    MatchesAre,
    Operation,
    Plan,
    Precondition,
    Put,
    Refused,
    Reindex,
    VersionIs,
    Written,
)
from dui_fhir.domain.query import Query

Key: TypeAlias = tuple[str, str]
"""``(type, id)``."""

REQUEST_KEY_CHARS_MAX = 200


class Current(NamedTuple):
    """The last version of a resource, as far as decisions need it."""

    version: int
    deleted: bool
    digest: bytes
    instant_ms: int


class Lease(NamedTuple):
    """The state of an outbox job; ``lease`` is "" where nobody holds it."""

    state: str
    lease: str


class State(Protocol):
    """What the store holds while the plan is decided; nobody else writes meanwhile."""

    def currents(self, keys: Iterable[Key]) -> Mapping[Key, Current]:
        """Return the last versions of those that ever existed."""

    def holders(self, keys: Iterable[str]) -> Mapping[str, Key]:
        """Return which resource holds each unique key that is held."""

    def matching_ids(self, query: Query) -> tuple[str, ...]:
        """Return the ids of one page of the query."""

    def leases(self, jobs: Iterable[str]) -> Mapping[str, Lease]:
        """Return the leases of those jobs, given by id, that exist."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """A version to add; ``operation`` says of what."""

    operation: Operation
    version: int
    digest: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The plan is accepted: ``writes`` to make, in order, at ``instant_ms``; ``committed`` to answer.

    ``reindexes``: those of the plan that concern the version still current.
    """

    instant_ms: int
    writes: tuple[Write, ...]
    committed: Committed
    reindexes: tuple[Reindex, ...] = ()


def check(plan: Plan) -> None:
    """Raise ValueError where a plan breaks its own contract: a resource twice, a request key too long or empty."""
    keys = [(o.type, o.id) for o in plan.operations]
    if len(set(keys)) != len(keys):
        raise ValueError("operations of a plan must concern distinct resources")
    if plan.request_key is not None and not 0 < len(plan.request_key) <= REQUEST_KEY_CHARS_MAX:
        raise ValueError("a request key has 1 to 200 characters")


def decide(plan: Plan, state: State, instant_ms: int) -> Decision | Refused:
    """Return what to write, or the first reason not to. ``instant_ms`` must not be before that of an earlier plan."""
    currents = state.currents(_read_set(plan))
    return (
        _failed_precondition(plan, state, currents)
        or _failed_settlement(plan, state)
        or _failed_version(plan, currents)
        or _decided(plan, state, currents, instant_ms)
    )


def expected(found: Current | None, version: int) -> bool:
    """Tell whether the current version is the expected one (:data:`ANY`, :data:`ABSENT`, or a number)."""
    if version == ANY:
        return True
    if version == ABSENT:
        return found is None or found.deleted
    return found is not None and found.version == version


def _read_set(plan: Plan) -> set[Key]:
    named = {(p.type, p.id) for p in plan.preconditions if isinstance(p, VersionIs | Exists)}
    return named | {(o.type, o.id) for o in plan.operations}


def _failed_precondition(plan: Plan, state: State, currents: Mapping[Key, Current]) -> Refused | None:
    written = {(o.type, o.id) for o in plan.operations if isinstance(o, Put)}
    for position, precondition in enumerate(plan.preconditions):
        refused = _refused_by(precondition, state, currents, written)
        if refused is not None:
            return replace(refused, precondition=position)
    return None


def _refused_by(
    precondition: Precondition, state: State, currents: Mapping[Key, Current], written: set[Key]
) -> Refused | None:
    match precondition:
        case VersionIs(type=type, id=id, version=version):
            found = currents.get((type, id))
            return None if expected(found, version) else _stale(type, id, found)
        case MatchesAre(query=query, ids=ids):
            two = state.matching_ids(replace(query, limit=2, after=None, total="none"))
            return None if set(two) == set(ids) else Refused(reason="matches", found=two)
        case Exists(type=type, id=id):
            found = currents.get((type, id))
            there = (found is not None and not found.deleted) or (type, id) in written
            return None if there else Refused(reason="missing", type=type, id=id)
        case JobHeld(job=job, lease=lease):
            held = state.leases([job]).get(job)
            return None if held == ("leased", lease) else Refused(reason="lease", key=job)
        case _:
            assert_never(precondition)


def _failed_settlement(plan: Plan, state: State) -> Refused | None:
    if not plan.settlements:
        return None
    leases = state.leases(s.job for s in plan.settlements)
    for settlement in plan.settlements:
        held = leases.get(settlement.job)
        # an empty lease speaks of a job that nobody holds: an operator cancels it or puts it back
        if held is None or held.lease != settlement.lease:
            return Refused(reason="lease", key=settlement.job)
    return None


def _failed_version(plan: Plan, currents: Mapping[Key, Current]) -> Refused | None:
    for position, operation in enumerate(plan.operations):
        found = currents.get((operation.type, operation.id))
        if not isinstance(operation, Reindex) and not expected(found, operation.expect):
            return replace(_stale(operation.type, operation.id, found), operation=position)
    return None


def _stale(type: str, id: str, found: Current | None) -> Refused:
    return Refused(reason="version", type=type, id=id, found=() if found is None else (str(found.version),))


def _decided(plan: Plan, state: State, currents: Mapping[Key, Current], instant_ms: int) -> Decision | Refused:
    writes: list[Write] = []
    written: list[Written] = []
    for operation in plan.operations:
        found = currents.get((operation.type, operation.id))
        write = _write(operation, found)
        if write is not None:
            writes.append(write)
        written.append(_written(operation, found, write, instant_ms))
    refused = _taken(plan, state, writes)
    if refused is not None:
        return refused
    committed = Committed(instant_ms=instant_ms, written=tuple(written))
    reindexes = tuple(o for o in plan.operations if isinstance(o, Reindex) and _still(o, currents.get((o.type, o.id))))
    return Decision(instant_ms=instant_ms, writes=tuple(writes), committed=committed, reindexes=reindexes)


def _still(operation: Reindex, found: Current | None) -> bool:
    return found is not None and not found.deleted and found.version == operation.expect


def _write(operation: Operation, found: Current | None) -> Write | None:
    if isinstance(operation, Reindex):
        return None
    there = found is not None and not found.deleted
    version = 1 if found is None else found.version + 1
    if isinstance(operation, Erase):
        return None if found is None else Write(operation=operation, version=version, digest=b"")
    if isinstance(operation, Delete):
        return Write(operation=operation, version=version, digest=b"") if there else None
    digest = operation.body.digest
    if operation.keep_if_same and there and found is not None and found.digest == digest:
        return None
    return Write(operation=operation, version=version, digest=digest)


def _written(operation: Operation, found: Current | None, write: Write | None, instant_ms: int) -> Written:
    if write is None:
        version, instant_ms = (0, instant_ms) if found is None else (found.version, found.instant_ms)
        return Written(type=operation.type, id=operation.id, version=version, instant_ms=instant_ms, changed=False)
    created = isinstance(operation, Put) and (found is None or found.deleted)
    return Written(type=operation.type, id=operation.id, version=write.version, instant_ms=instant_ms, created=created)


def _taken(plan: Plan, state: State, writes: list[Write]) -> Refused | None:
    wanted = [(w.operation, k) for w in writes if isinstance(w.operation, Put) for k in w.operation.unique]
    if not wanted:
        return None
    released = {(w.operation.type, w.operation.id) for w in writes}
    holders = {k: held for k, held in state.holders(k for _, k in wanted).items() if held not in released}
    for operation, key in wanted:
        holder = holders.setdefault(key, (operation.type, operation.id))
        if holder != (operation.type, operation.id):
            position = plan.operations.index(operation)
            return Refused(reason="unique", type=holder[0], id=holder[1], key=key, operation=position)
    return None
