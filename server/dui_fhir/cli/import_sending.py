"""Sending the lots of an import: in this process, or in several that prepare side by side and feed the one writer.

Answers come back in the order of the lots, whatever was done first.
"""

import hashlib
import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from dui_fhir import app
from dui_fhir.cli.import_order import Touch, touch
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import DuiError, Unavailable
from dui_fhir.domain.issues import Issue
from dui_fhir.service.engine import Engine
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.router import dispatch
from dui_fhir.settings import Settings

UNDER_WAY_PER_PROCESS = 2
"""One lot being prepared, one that waits for it: memory does not grow with the import."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What became of a lot. ``entries``: the elements ``response``; ``issues``: why the whole lot was refused; ``sent_ms``: when
    it was sent, so that what was written before is known as such."""

    origin: str
    sent_ms: int = 0
    entries: tuple[dict[str, Any], ...] = ()
    issues: tuple[Issue, ...] = ()


class Sender(Protocol):
    """Takes lots in order; gives back what became of them, in the same order."""

    def send(self, origin: str, bundle: Resource) -> Iterator[Sent]:
        """Send a lot; yield those whose turn has come."""

    def skip(self, sent: Sent) -> Iterator[Sent]:
        """Take the place of a lot that could not be read."""

    def rest(self) -> Iterator[Sent]:
        """Wait for all that is under way, and yield it."""


def deliver(engine: Engine, tenant: str, origin: str, body: bytes) -> Sent:
    """Send one Bundle under a key made from its content, so that the same content is applied once."""
    sent_ms = engine.clock.now_ms()
    request = ServiceRequest(
        tenant=tenant,
        method="POST",
        path="",
        base_url="",
        body=body,
        media="application/fhir+json",
        reprise=True,
        request_key=f"import|{hashlib.sha256(body).hexdigest()}",
    )
    try:
        answer = dispatch(engine, request)
    except DuiError as error:
        return Sent(origin=origin, issues=tuple(error.issues))
    content: Any = answer.body if isinstance(answer.body, dict) else json.loads(answer.body or b"{}")
    return Sent(origin=origin, sent_ms=sent_ms, entries=tuple(e["response"] for e in content.get("entry", [])))


class Here:
    """One lot after the other, in this process."""

    def __init__(self, engine: Engine, tenant: str) -> None:
        self._engine, self._tenant = engine, tenant

    def send(self, origin: str, bundle: Resource) -> Iterator[Sent]:
        """See :class:`Sender`."""
        yield deliver(self._engine, self._tenant, origin, json.dumps(bundle))

    def skip(self, sent: Sent) -> Iterator[Sent]:
        """See :class:`Sender`."""
        yield sent

    def rest(self) -> Iterator[Sent]:
        """See :class:`Sender`."""
        yield from ()


class SideBySide:
    """Several processes; lots whose order could be noticed wait for one another. A context manager."""

    def __init__(self, settings: Settings, tenant: str, processes: int) -> None:
        self._pool = ProcessPoolExecutor(
            processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_open,
            initargs=(settings.as_environment(), tenant),
        )
        self._under_way_max = processes * UNDER_WAY_PER_PROCESS
        self._under_way: deque[tuple[Touch, Future[Sent]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def send(self, origin: str, bundle: Resource) -> Iterator[Sent]:
        """See :class:`Sender`."""
        touched = touch(bundle)
        while len(self._under_way) >= self._under_way_max or self._met(touched):
            yield self._first()
        future = self._pool.submit(_deliver, origin, json.dumps(bundle))
        self._under_way.append((touched, future))

    def skip(self, sent: Sent) -> Iterator[Sent]:
        """See :class:`Sender`."""
        yield from self.rest()
        yield sent

    def rest(self) -> Iterator[Sent]:
        """See :class:`Sender`."""
        while self._under_way:
            yield self._first()

    def _met(self, touched: Touch) -> bool:
        return any(other.meets(touched) and not future.done() for other, future in self._under_way)

    def _first(self) -> Sent:
        _, future = self._under_way.popleft()
        try:
            return future.result()
        except BrokenProcessPool:
            raise Unavailable.of(
                "core-import-process",
                "Un processus de l'import s'est arrêté : relancez le même import, rien n'entrera deux fois.",
                "a process of the pool ended",
            ) from None


_engine: Engine | None = None
_tenant = ""


def _open(environment: dict[str, str], tenant: str) -> None:
    """Get ready, in a process of the pool."""
    from dui_fhir.settings import load

    global _engine, _tenant
    _engine, _tenant = app.build_engine(load(environment=environment), writer="client"), tenant
    app.spare_collector()


def _deliver(origin: str, body: bytes) -> Sent:
    assert _engine is not None
    return deliver(_engine, _tenant, origin, body)
