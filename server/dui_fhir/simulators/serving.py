"""A small HTTP server on the loopback, in a thread of its own, and the ways to hurt its connections."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

HOST = "127.0.0.1"


class _Quiet(WSGIRequestHandler):
    """Prints nothing: the caller owns the terminal."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Drop the line of the access log."""


class Server:
    """A running service."""

    def __init__(self, app: Flask, port: int) -> None:
        self._app = app
        # Bound here: werkzeug would print and exit the process when the port is taken.
        with socket.create_server((HOST, port), backlog=128) as listener:
            self._port: int = listener.getsockname()[1]
            self._server: BaseWSGIServer = make_server(
                HOST, self._port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno()
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            daemon=True,
            name=f"simulateur-{app.name}",
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Base URL, without a final slash."""
        return f"http://{HOST}:{self._port}"

    def stop(self) -> None:
        """Stop listening; requests that wait on purpose are released."""
        stopping = self._app.config.get("STOPPING")
        if isinstance(stopping, threading.Event):
            stopping.set()
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()


def sever(environ: dict[str, Any], *, reset: bool = False) -> Response:
    """Cut the connection without an answer; ``reset`` sends RST, as a machine that refuses does.

    Outside of a real connection (test client) the result is an empty 502.
    """
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):  # the client may have gone first
            connection.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        return Response(_gone())
    return Response(status=502)


def _gone() -> Iterator[bytes]:
    """Make the server give up before it writes a status line."""
    raise ConnectionResetError("cut on demand")
    yield b""


def truncated(response: Response) -> Response:
    """Return ``response`` with its true length announced and half of its body."""
    body = response.get_data()

    def half() -> Iterator[bytes]:
        yield body[: len(body) // 2]

    cut = Response(half(), status=response.status_code, content_type=response.content_type)
    cut.headers["Content-Length"] = str(len(body))
    cut.headers["Connection"] = "close"
    return cut
