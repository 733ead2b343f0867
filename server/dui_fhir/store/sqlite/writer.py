"""The writer process: the only one that changes the files of a data directory.

``python -m dui_fhir.store.sqlite.writer --data DIR``; ``serve`` starts it and keeps it alive (``supervisor``). It ends
when told (SIGTERM), or when its standard input closes, that is when its parent is gone.
Exit codes: 0 ended, 70 a commit failed (its outcome is known once the file is opened again), 75 another writer holds the
directory, 78 configuration.
"""

import argparse
import fcntl
import gc
import logging
import os
import selectors
import signal
import socket
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.errors import ConfigurationError, DuiError
from dui_fhir.domain.plan import Plan
from dui_fhir.settings import Settings, load
from dui_fhir.store import tenants
from dui_fhir.store.lifeline import end_with_parent
from dui_fhir.store.sqlite import driver, schema, wire
from dui_fhir.store.sqlite.committer import Answer, Committer, Lost, unusable
from dui_fhir.store.sqlite.place import Place

EXIT_LOST, EXIT_LOCKED, EXIT_CONFIGURATION = 70, 75, 78
COMMITTERS = 4
"""Threads that commit: syncs of different files overlap."""
GROUP_PLANS_MAX = 256
GROUP_BYTES_MAX = 16 << 20
GATHER_S = 0.003
"""How long a group waits for those who took part in the last one. Waiting up to three times longer spares a tenth of the
writer's processor and leaves processors idle: fewer writes a second wherever clients also read."""
SEND_TIMEOUT_S = 5.0
RECEIVE_BYTES = 1 << 18

log = logging.getLogger(__name__)


class Peer:
    """One connection: frames come in whole, answers go out one at a time."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(SEND_TIMEOUT_S)
        self.connection = connection
        self._received = bytearray()

    def receive(self) -> list[bytes] | None:
        """Return the frames completed by what arrived, None at the end of the connection."""
        try:
            data = self.connection.recv(RECEIVE_BYTES)
        except OSError:
            return None
        if not data:
            return None
        self._received += data
        frames = []
        while len(self._received) >= wire.LENGTH.size:
            (length,) = wire.LENGTH.unpack_from(self._received)
            end = wire.LENGTH.size + length
            if length > wire.FRAME_BYTES_MAX:
                return None
            if len(self._received) < end:
                break
            frames.append(bytes(self._received[wire.LENGTH.size : end]))
            del self._received[:end]
        return frames

    def answer(self, value: Any) -> None:
        """Send an answer; a peer that went away is let go, what it asked for stays done."""
        with suppress(OSError):
            self.connection.sendall(wire.pack(value))


class Lane:
    """What waits for one tenant. At most one committer works on a lane.

    ``expected``: how many requests were under way at the end of the last group. Their authors ask again at once, as a rule,
    and a sync shared by all costs less than two: so a group waits for them, a little.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.waiting: deque[tuple[Peer, Any, int]] = deque()
        self.busy = False
        self.expected = 1
        self.full = threading.Event()
        self.committer: Committer | None = None

    def add(self, peer: Peer, request: Any, length: int) -> None:
        """Add a request."""
        self.waiting.append((peer, request, length))
        if len(self.waiting) >= self.expected:
            self.full.set()

    def take(self) -> list[tuple[Peer, Any]]:
        """Take a group of requests."""
        self.full.clear()
        taken: list[tuple[Peer, Any]] = []
        size = 0
        while self.waiting and len(taken) < GROUP_PLANS_MAX and size < GROUP_BYTES_MAX:
            peer, request, length = self.waiting.popleft()
            taken.append((peer, request))
            size += length
        return taken


class Writer:
    """Listens, sorts requests by tenant, and lets committers work on them."""

    def __init__(self, place: Place, settings: Settings) -> None:
        self._place = place
        self._settings = settings
        self._clock = SystemClock()
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._ready: deque[Lane] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self.counts = {"commits": 0, "plans": 0}
        """Groups that were applied, each with one wait for the disk, and the plans in them."""
        self._selector = selectors.DefaultSelector()
        self._threads = [threading.Thread(target=self._commit_loop, name=f"committer-{n}") for n in range(COMMITTERS)]

    def serve(self, listener: socket.socket, ends: list[IO[bytes] | int]) -> None:
        """Work until one of ``ends`` becomes readable, then finish what was received."""
        for thread in self._threads:
            thread.start()
        self._selector.register(listener, selectors.EVENT_READ, None)
        for end in ends:
            self._selector.register(end, selectors.EVENT_READ, "end")
        try:
            while self._turn(listener):
                pass
        finally:
            self._finish()

    def _turn(self, listener: socket.socket) -> bool:
        for key, _ in self._selector.select():
            if key.data == "end":
                return False
            if key.data is None:
                connection, _ = listener.accept()
                self._selector.register(connection, selectors.EVENT_READ, Peer(connection))
            else:
                self._receive(key.data)
        return True

    def _receive(self, peer: Peer) -> None:
        try:
            frames = peer.receive()
            requests = None if frames is None else [(wire.unpack(frame), len(frame)) for frame in frames]
        except ValueError:
            requests = None  # not our protocol
        if requests is None:
            self._selector.unregister(peer.connection)
            peer.connection.close()
            return
        for (method, tenant, *arguments), length in requests:
            if method == "ping":
                peer.answer((True, os.getpid()))
            elif method == "counts":
                peer.answer((True, dict(self.counts)))
            else:
                self._enqueue(peer, str(tenant), (method, arguments), length)

    def _enqueue(self, peer: Peer, tenant: str, request: Any, length: int) -> None:
        with self._changed:
            lane = self._lanes.get(tenant)
            if lane is None:
                lane = self._lanes[tenant] = Lane(tenant)
            lane.add(peer, request, length)
            if not lane.busy:
                lane.busy = True
                self._ready.append(lane)
                self._changed.notify()

    def _finish(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        for lane in self._lanes.values():
            if lane.committer is not None:
                with suppress(driver.DatabaseError):
                    lane.committer.close()

    # committers

    def _commit_loop(self) -> None:
        while (lane := self._next()) is not None:
            try:
                handled = self._work(lane)
            except Lost:
                log.critical("a commit failed: leaving, so that the file is opened anew")
                os._exit(EXIT_LOST)
            except BaseException:
                log.exception("the writer is not able to go on")
                os._exit(EXIT_LOST)
            self._release(lane, handled)

    def _next(self) -> Lane | None:
        with self._changed:
            while not self._ready:
                if self._stopping:
                    return None
                self._changed.wait()
            return self._ready.popleft()

    def _release(self, lane: Lane, handled: int) -> None:
        with self._changed:
            self._lanes.move_to_end(lane.tenant)
            lane.expected = min(handled + len(lane.waiting), GROUP_PLANS_MAX)
            if len(lane.waiting) >= lane.expected:
                lane.full.set()
            if lane.waiting:
                self._ready.append(lane)
                self._changed.notify()
                return
            lane.busy = False
            if lane.committer is None:
                del self._lanes[lane.tenant]
            self._close_one()

    def _close_one(self) -> None:
        """Close the tenant not used for longest, where too many are open."""
        opened = [lane for lane in self._lanes.values() if lane.committer is not None]
        if len(opened) <= self._settings.tenants_open_max:
            return
        lane = next((lane for lane in opened if not lane.busy), None)
        if lane is not None and lane.committer is not None:
            del self._lanes[lane.tenant]
            with suppress(driver.DatabaseError):
                lane.committer.close()

    def _work(self, lane: Lane) -> int:
        if lane.expected > 1:
            lane.full.wait(GATHER_S)
        with self._changed:
            group = lane.take()
        for method, requests in groupby(group, key=lambda item: item[1][0]):
            listed = list(requests)
            arguments = [request[1] for _, request in listed]
            self._count(method, len(listed))
            for (peer, _), answer in zip(listed, self._answers(lane, method, arguments), strict=True):
                peer.answer(answer)
        return len(group)

    def _count(self, method: str, plans: int) -> None:
        if method == "submit":
            with self._changed:
                self.counts["commits"] += 1
                self.counts["plans"] += plans

    def _answers(self, lane: Lane, method: str, arguments: list[Any]) -> list[Any]:
        try:
            if method == "create":
                return [self._create(lane.tenant) for _ in arguments]
            committer = self._committer(lane)
        except DuiError as error:
            return [(False, wire.encode_error(error))] * len(arguments)
        if method == "submit":
            answers = _submitted(committer, arguments)
            if any(isinstance(a, DuiError) and a.issues[0].id == driver.READ_ONLY for a in answers):
                self._let_go(lane)  # SQLite opened it for reading: opened anew, it may be written again
            return [_encoded(answer, wire.encode_result) for answer in answers]
        if method == "claim":
            return [_encoded(committer.claim(*a), wire.encode) for a in arguments]
        return [_encoded(unusable(ValueError("unknown method")), wire.encode)] * len(arguments)

    def _let_go(self, lane: Lane) -> None:
        if lane.committer is not None:
            with suppress(driver.DatabaseError):
                lane.committer.close()
            lane.committer = None

    def _committer(self, lane: Lane) -> Committer:
        if lane.committer is None:
            path = self._place.file(tenants.check_name(lane.tenant))
            if not path.exists():
                raise tenants.unknown(lane.tenant)
            try:
                lane.committer = Committer(
                    path,
                    lane.tenant,
                    self._clock,
                    cache_mib=self._settings.store_cache_mib,
                    delay_s=self._settings.store_commit_delay_ms / 1000,
                )
            except driver.DatabaseError as error:
                raise driver.unavailable(error) from error
        return lane.committer

    def _create(self, tenant: str) -> Any:
        path = self._place.file(tenants.check_name(tenant))
        if path.exists():
            return (False, wire.encode_error(tenants.exists(tenant)))
        try:
            schema.create(path)
        except (driver.DatabaseError, OSError) as error:
            return (False, wire.encode_error(driver.unavailable(error)))
        return (True, None)


def _submitted(committer: Committer, arguments: list[Any]) -> list[Answer]:
    """Apply plans as one group; one that cannot be read is answered alone."""
    answers: list[Answer | None] = []
    plans: list[Plan] = []
    for (data,) in arguments:
        try:
            plans.append(wire.decode_plan(data))
            answers.append(None)
        except Exception as error:
            log.exception("a plan cannot be read")
            answers.append(unusable(error))
    applied = iter(committer.apply(plans) if plans else ())
    return [next(applied) if answer is None else answer for answer in answers]


def _encoded(answer: Any, encode: Callable[[Any], Any]) -> Any:
    if isinstance(answer, DuiError):
        return (False, wire.encode_error(answer))
    return (True, encode(answer))


def hold(place: Place) -> IO[bytes]:
    """Take the lock of a data directory; it is released when the file is closed, or the process dies.

    Raises: ConfigurationError (``store-locked``).
    """
    place.prepare()
    lock = os.fdopen(os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise locked(place) from None
    return lock


def locked(place: Place) -> ConfigurationError:
    """Return the error of a directory held by another writer."""
    text = f"Un autre serveur utilise déjà le dossier des données « {place.data} »."
    return ConfigurationError.of("store-locked", text, "writer.lock is held")


def listen(place: Place) -> socket.socket:
    """Return the listening socket, which only the owner of the process may use."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(place.new_socket()))
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _signal_pipe() -> int:
    """Return a file descriptor that becomes readable on SIGTERM; SIGINT is for the server, which then ends its writer."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return read


def main(arguments: list[str] | None = None) -> int:
    """Run the process; return its exit code."""
    parser = argparse.ArgumentParser(prog="dui_fhir.store.sqlite.writer")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    options = parser.parse_args(arguments)
    settings = load()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    place = Place(options.data)
    ends: list[IO[bytes] | int] = [_signal_pipe()]
    if options.with_parent:
        end_with_parent(signal.SIGTERM)  # its standard input may be held open by other children
        ends.append(sys.stdin.buffer)
    try:
        driver.check_version()
        lock = hold(place)
    except ConfigurationError as error:
        log.error("%s", error.issues[0].text)
        return EXIT_LOCKED if error.issues[0].id == "store-locked" else EXIT_CONFIGURATION
    # what a group makes is freed by reference counts: looking for cycles at each group is lost time
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    with lock, listen(place) as listener:
        Writer(place, settings).serve(listener, ends)
        place.remove_socket()
    return 0


if __name__ == "__main__":
    sys.exit(main())
