"""Asking the writer process: connections kept between requests, and what is done when the writer is lost."""

import os
import socket
import threading
import time
from typing import Any

from dui_fhir.domain.errors import Unavailable
from dui_fhir.store.sqlite import wire
from dui_fhir.store.sqlite.place import Place

RECEIVE_BYTES = 1 << 16
RETRY_FIRST_S, RETRY_MAX_S = 0.02, 0.5


class _Lost(Exception):
    """The connection broke. ``sent``: the writer may have received the whole request."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__()
        self.sent = sent


class WriterClient:
    """Requests to the writer of one data directory. Safe to use from several threads and after a fork."""

    def __init__(self, place: Place, timeout_s: float) -> None:
        self._place = place
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._pid = os.getpid()

    def call(self, method: str, tenant: str, *arguments: Any, repeatable: bool) -> Any:
        """Return the writer's answer.

        ``repeatable``: the request may reach the writer twice without harm, so it is sent again where the writer was lost
        while it held it. Raises: Unavailable (``store-unavailable``: not sent; ``store-outcome-unknown``), and the errors
        that the writer answers.
        """
        frame = wire.pack((method, tenant, *arguments))
        deadline = time.monotonic() + self._timeout_s
        pause_s = RETRY_FIRST_S
        while True:
            try:
                return self._exchange(frame, deadline)
            except _Lost as lost:
                if lost.sent and not repeatable:
                    raise _unknown() from None
                if time.monotonic() + pause_s >= deadline:
                    raise (_unknown() if lost.sent else _unreachable()) from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)

    def ping(self, timeout_s: float) -> int | None:
        """Return the process id of the writer, None where none answers in time."""
        try:
            found: int = self._exchange(wire.pack(("ping", "")), time.monotonic() + timeout_s)
        except (_Lost, Unavailable):
            return None
        return found

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _exchange(self, frame: bytes, deadline: float) -> Any:
        connection = self._checkout(deadline)
        try:
            answer = _ask(connection, frame, deadline)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        ok, value = answer
        if not ok:
            raise wire.decode_error(value)
        return value

    def _checkout(self, deadline: float) -> socket.socket:
        with self._lock:
            if self._pid != os.getpid():
                # after a fork these are the parent's connections: closing our copies does not end them
                for inherited in self._idle:
                    inherited.close()
                self._idle.clear()
                self._pid = os.getpid()
            if self._idle:
                return self._idle.pop()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            connection.connect(str(self._place.socket()))
        except OSError:
            connection.close()
            raise _Lost(sent=False) from None
        return connection


def _ask(connection: socket.socket, frame: bytes, deadline: float) -> Any:
    try:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        connection.sendall(frame)
    except OSError:
        # an incomplete frame is never acted upon
        raise _Lost(sent=False) from None
    try:
        return wire.unpack(_receive(connection))
    except TimeoutError:
        raise _unknown() from None
    except OSError:
        raise _Lost(sent=True) from None


def _receive(connection: socket.socket) -> bytes:
    """Return one frame, its length taken off: the writer answers once, so nothing follows it."""
    data, wanted = b"", wire.LENGTH.size
    while len(data) < wanted:
        more = connection.recv(RECEIVE_BYTES)
        if not more:
            raise ConnectionResetError
        data += more
        if wanted == wire.LENGTH.size <= len(data):
            wanted += wire.LENGTH.unpack_from(data)[0]
    return data[wire.LENGTH.size :]


def _unknown() -> Unavailable:
    return Unavailable.of(
        "store-outcome-unknown",
        "Le stockage s'est interrompu pendant l'enregistrement : vérifiez s'il a eu lieu avant de recommencer.",
        "the writer was lost while it held the request",
    )


def _unreachable() -> Unavailable:
    return Unavailable.of(
        "store-unavailable", "Le stockage ne répond pas pour le moment : rien n'a été enregistré.", "no writer process"
    )
