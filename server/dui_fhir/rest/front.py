"""What stands before Flask: below a FHIR base, the router is ours, and the framework's own has nothing to add.

A plain ``GET Type/id`` or ``GET Type?…``, most requests, has the shortest translation: up to half of its time went to the
framework. Whatever is not plain (a body, conditions, preferences, another format, an error) is translated by
:meth:`Rest.fhir`; pages and whatever is no FHIR go to the application. Routing, the interaction, the actor, counts and log
are the same for all. Figures: docs/performance.md.
"""

import re
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any, TypeAlias
from urllib.parse import unquote

from werkzeug.wrappers import Request
from werkzeug.wsgi import get_host

from dui_fhir.rest import deprecation
from dui_fhir.rest.blueprint import Rest, request_id
from dui_fhir.rest.headers import Headers
from dui_fhir.rest.incoming import decoded
from dui_fhir.rest.negotiation import JSON
from dui_fhir.rest.outgoing import VARY, compressed, named
from dui_fhir.service import etag, router
from dui_fhir.service.message import ServiceRequest, ServiceResponse

WsgiApp: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_BASE = re.compile(r"(?:/t/(?P<tenant>[^/]+))?/fhir(?:/(?P<path>.*))?", re.S)
_READ = re.compile(r"(?:/t/(?P<tenant>[^/]+))?/fhir/(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})")
_ACCEPTED = frozenset({"", "*/*", JSON, "application/json"})
_SEARCH = re.compile(r"(?:/t/(?P<tenant>[^/]+))?/fhir/(?P<type>[A-Z][A-Za-z]+)")
_CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_PREFER")
_OTHERS = frozenset({"Binary", "OperationDefinition"})
"""Types whose reads are not always those of a stored version."""
_FORMATS = ("_format", "_pretty")
_Answer: TypeAlias = tuple[str, list[tuple[str, str]], bytes]


class Front:
    """The WSGI application that servers are given; ``application`` serves what is not below a FHIR base."""

    def __init__(self, application: WsgiApp, rest: Rest) -> None:
        self._application, self._rest = application, rest

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve a request of a FHIR base, or pass it on."""
        serve = self._way(environ)
        if serve is None:
            return self._long_way(environ, start_response)
        started = time.perf_counter()
        try:
            status, headers, body = serve(started)
        except Exception:
            # foreseen or not: the long way asks again, and words the error or logs it
            return self._long_way(environ, start_response)
        start_response(status, headers)
        return (body,)

    def _long_way(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        found = _BASE.fullmatch(request.path)
        if found is None:
            return self._application(environ, start_response)
        response = self._rest.fhir(request, found["path"] or "", found["tenant"])
        return response(environ, start_response)

    def _way(self, environ: dict[str, Any]) -> Callable[[float], _Answer] | None:
        if not _plain(environ):
            return None
        query = environ.get("QUERY_STRING", "")
        found = (_SEARCH if query else _READ).fullmatch(environ["PATH_INFO"])
        if found is None or found["type"] in _OTHERS or deprecation.DEPRECATED:
            return None
        if not query:
            return lambda started: self._read(environ, found, started)
        return None if _formatted(query) else lambda started: self._search(environ, found, query, started)

    def _read(self, environ: dict[str, Any], found: re.Match[str], started: float) -> _Answer:
        tenant = found["tenant"] or self._rest.default_tenant
        match = router.Match(router.READ, {"type": found["type"], "id": found["id"]})
        request = ServiceRequest(
            tenant=tenant,
            method="GET",
            path=f"{found['type']}/{found['id']}",
            base_url="",
            actor=self._rest.actor(Headers(environ), tenant),
        )
        response = router.serve(self._rest.engine, request, match)
        written = [
            ("ETag", etag.render(response.version or 0)),
            ("Last-Modified", formatdate((response.instant_ms or 0) // 1000, usegmt=True)),
        ]
        return self._answer(environ, match, tenant, response, written, started)

    def _search(self, environ: dict[str, Any], found: re.Match[str], query: str, started: float) -> _Answer:
        settings = self._rest.engine.settings
        path = environ["PATH_INFO"]
        if len(path) + len(query) > settings.url_bytes_max:
            raise ValueError("too long: the long way words it")
        tenant = found["tenant"] or self._rest.default_tenant
        match = router.Match(router.SEARCH, {"type": found["type"]})
        host = settings.public_url.rstrip("/") or f"{environ['wsgi.url_scheme']}://{get_host(environ)}"
        request = ServiceRequest(
            tenant=tenant,
            method="GET",
            path=found["type"],
            base_url=f"{host}{path.split('/fhir', 1)[0]}/fhir",
            params=decoded(query.encode("latin-1"), "core-url-encoding", settings.url_params_max),
            actor=self._rest.actor(Headers(environ), tenant),
        )
        response = router.serve(self._rest.engine, request, match)
        written = list(response.headers.items())
        if response.issues:
            written.append(("X-Dui-Issues", named(response.issues)))
        return self._answer(environ, match, tenant, response, written, started)

    def _answer(
        self,
        environ: dict[str, Any],
        match: router.Match,
        tenant: str,
        response: ServiceResponse,
        headers: list[tuple[str, str]],
        started: float,
    ) -> _Answer:
        if not isinstance(response.body, bytes) or response.status != 200:
            raise TypeError("not plain: the long way writes it")
        body, encoding = compressed(response.body, environ.get("HTTP_ACCEPT_ENCODING", ""))
        id = request_id(environ.get("HTTP_X_REQUEST_ID"))
        written = [
            ("Content-Type", f"{JSON};charset=utf-8"),
            ("Content-Length", str(len(body))),
            *headers,
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
        and environ.get("HTTP_ACCEPT", "") in _ACCEPTED
        and not any(name in environ for name in _CONDITIONS)
    )


def _formatted(query: str) -> bool:
    """Tell whether a parameter says in what form the answer is wanted."""
    names = [unquote(pair.partition("=")[0]) for pair in query.split("&")]
    return any(name in _FORMATS for name in names)
