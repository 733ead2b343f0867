"""A closed-loop HTTP/1.1 load generator in one process: one epoll loop, keep-alive connections, raw sockets.

A generator that shares two cores with the server must cost little: no HTTP library, requests are made of bytes prepared
beforehand, answers are read up to their Content-Length.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What came back. ``latencies_s`` holds successes only (status < 400 or expected)."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    last_body: bytes = b""
    by_kind: dict[str, list[float]] = field(default_factory=dict)
    """Latencies of the successes of each kind of :class:`Request`."""

    @property
    def rate(self) -> float:
        """Successes per second."""
        return len(self.latencies_s) / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float, kind: str | None = None) -> float:
        """Latency under which this share of the successes lies, of all kinds or of one."""
        ordered = sorted(self.latencies_s if kind is None else self.by_kind.get(kind, ()))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else float("nan")

    def line(self) -> str:
        """One line for a person."""
        wrong = sum(n for status, n in self.statuses.items() if status >= 400)
        return (
            f"{self.rate:8.0f}/s   p50 {self.percentile_ms(0.5):6.2f} ms   p95 {self.percentile_ms(0.95):6.2f} ms   "
            f"p99 {self.percentile_ms(0.99):6.2f} ms   erreurs {wrong}"
        )


class Request(bytes):
    """A request that says of what kind it is."""

    kind: str = ""

    @classmethod
    def of(cls, kind: str, content: bytes) -> "Request":
        """Return the same bytes, named."""
        named = cls(content)
        named.kind = kind
        return named


def get(path: str, host: str = "127.0.0.1") -> bytes:
    """Return the bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/fhir+json\r\n\r\n".encode()


def send(method: str, path: str, body: bytes, host: str = "127.0.0.1", headers: str = "") -> bytes:
    """Return the bytes of a request with a JSON body."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/fhir+json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.started = 0.0
        self.wanted = -1
        self.kind = ""

    def start(self, request: bytes) -> None:
        self.buffer.clear()
        self.wanted = -1
        self.kind = request.kind if isinstance(request, Request) else ""
        self.started = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> tuple[int, bytes] | None:
        """Return (status, body) once the answer is whole."""
        chunk = self.socket.recv(262_144)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self.buffer += chunk
        if self.wanted < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return None
            head = bytes(self.buffer[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.wanted = end + 4 + length
        if len(self.buffer) < self.wanted:
            return None
        body_at = self.buffer.find(b"\r\n\r\n") + 4
        return int(self.buffer[9:12]), bytes(self.buffer[body_at : self.wanted])


def run(
    port: int,
    requests: Iterator[bytes],
    *,
    clients: int,
    seconds: float,
    limit: int | None = None,
    check: Callable[[int, bytes], bool] = lambda status, body: status < 400,
) -> Outcome:
    """Keep ``clients`` requests under way for ``seconds`` (or ``limit`` requests). An answer that ``check`` refuses is an error."""
    outcome = Outcome()
    selector = selectors.DefaultSelector()
    started, sent = time.perf_counter(), 0
    deadline = started + seconds
    connections = [_Connection(port) for _ in range(clients)]
    under_way = 0
    for connection in connections:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.start(next(requests))
        sent += 1
        under_way += 1
    while under_way:
        for key, _ in selector.select(timeout=30):
            connection = key.data
            answer = connection.receive()
            if answer is None:
                continue
            now = time.perf_counter()
            status, body = answer
            outcome.statuses[status] += 1
            if check(status, body):
                outcome.latencies_s.append(now - connection.started)
                outcome.last_body = body
                if connection.kind:
                    outcome.by_kind.setdefault(connection.kind, []).append(now - connection.started)
            else:
                outcome.statuses[599] += 1 if status < 400 else 0
            if now < deadline and (limit is None or sent < limit):
                following = next(requests, None)
                if following is not None:
                    connection.start(following)
                    sent += 1
                    continue
            under_way -= 1
    outcome.seconds = time.perf_counter() - started
    for connection in connections:
        connection.socket.close()
    selector.close()
    return outcome
