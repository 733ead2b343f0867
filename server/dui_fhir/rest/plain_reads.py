"""Reads without Flask: nine requests in ten are a plain ``GET Type/id``, and half of their time went to the framework.

Only the translation is shorter: routing, the interaction, the actor, counts and log are those of every request. Whatever is
not plain (parameters, conditions, another format, an error) goes to the application. Figures: docs/performance.md.
"""

import re
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any, TypeAlias

from werkzeug.datastructures import EnvironHeaders

from dui_fhir.rest.blueprint import Rest, request_id
from dui_fhir.rest.negotiation import JSON
from dui_fhir.rest.outgoing import VARY, compressed
from dui_fhir.service import etag, router
from dui_fhir.service.message import ServiceRequest

WsgiApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_READ = re.compile(r"(?:/t/(?P<tenant>[^/]+))?/fhir/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})")
_ACCEPTED = frozenset({"", "*/*", JSON, "application/json"})
_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")


class PlainReads:
    """Stands before the Flask application."""

    def __init__(self, application: WsgiApp, rest: Rest) -> None:
        self._application, self._rest = application, rest

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve a plain read, or pass the request on."""
        found = _READ.fullmatch(environ["PATH_INFO"]) if _plain(environ) else None
        if found is None or found["type"] == "Binary":
            return self._application(environ, start_response)
        started = time.perf_counter()
        try:
            status, headers, body = self._read(environ, found, started)
        except Exception:
            # foreseen or not: the application asks again, and words the error or logs it
            return self._application(environ, start_response)
        start_response(status, headers)
        return (body,)

    def _read(
        self, environ: dict[str, Any], found: re.Match[str], started: float
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        tenant = found["tenant"] or self._rest.default_tenant
        headers = EnvironHeaders(environ)
        match = router.Match(router.READ, {"type": found["type"], "id": found["id"]})
        request = ServiceRequest(
            tenant=tenant,
            method="GET",
            path=f"{found['type']}/{found['id']}",
            base_url="",
            actor=self._rest.actor(headers, tenant),  # type: ignore[arg-type]
        )
        response = router.serve(self._rest.engine, request, match)
        body, encoding = compressed(bytes(response.body or b""), environ.get("HTTP_ACCEPT_ENCODING", ""))  # type: ignore[arg-type]
        id = request_id(environ.get("HTTP_X_REQUEST_ID"))
        written = [
            ("Content-Type", f"{JSON};charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("ETag", etag.render(response.version or 0)),
            ("Last-Modified", formatdate((response.instant_ms or 0) // 1000, usegmt=True)),
            ("Vary", VARY),
            ("X-Request-Id", id),
        ]
        if encoding:
            written.append(("Content-Encoding", encoding))
        self._rest.note([match], "GET", 200, time.perf_counter() - started, id, tenant)
        return "200 OK", written, body


def _plain(environ: dict[str, Any]) -> bool:
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ.get("QUERY_STRING")
        and environ.get("HTTP_ACCEPT", "") in _ACCEPTED
        and not any(name in environ for name in _CONDITIONS)
    )
