"""From an HTTP request to a service request."""

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.errors import BadRequest, TooLarge, UnsupportedMedia, UriTooLong
from dui_fhir.rest import negotiation
from dui_fhir.rest.headers import Headers
from dui_fhir.service.message import Conditions, Params, Prefer, ServiceRequest
from dui_fhir.settings import Settings

_FORM = "application/x-www-form-urlencoded"
_RETURN = re.compile(r"\breturn\s*=\s*(minimal|representation|OperationOutcome)\b")
_LATER = re.compile(r"\brespond-async\b")
_HANDLING = re.compile(r"\bhandling\s*=\s*(strict|lenient)\b")


def service_request(
    request: Request, *, tenant: str, path: str, settings: Settings, actor: Callable[[Mapping[str, str]], Actor]
) -> ServiceRequest:
    """Translate. Raises: BadRequest, TooLarge, UriTooLong, UnsupportedMedia, NotAcceptable, Unauthorized."""
    _check_length(request, settings.url_bytes_max)
    params = decoded(request.query_string, "core-url-encoding", settings.url_params_max)
    path = path.strip("/")
    body = _body(request, settings.body_bytes_max) if request.method in ("POST", "PUT", "PATCH", "DELETE") else b""
    media = negotiation.sent(request.headers.get("Content-Type", ""))
    if path.endswith("_search") and request.method == "POST":
        params, body = (*params, *_form(body, media, settings.url_params_max)), b""
    accept = request.headers.get("Accept", "")
    operation = path.rpartition("/")[2].startswith("$")
    format = dict(params).get("_format")
    wanted = negotiation.wanted(format, accept, native=path.startswith("Binary/"), printable=operation)
    if operation and wanted == "native":
        accept = negotiation.PDF
    return ServiceRequest(
        tenant=tenant,
        method="GET" if request.method == "HEAD" else request.method,
        path=path,
        base_url=base_url(request, settings),
        params=params,
        body=body,
        media=media,
        accept=accept if wanted == "native" else "",
        conditions=_conditions(request),
        prefer=prefer(request.headers.getlist("Prefer")),
        security_context=request.headers.get("X-Security-Context", ""),
        actor=actor(Headers(request.environ)),
    )


def base_url(request: Request, settings: Settings) -> str:
    """Return the FHIR base under which the client speaks, without a slash at its end."""
    host = settings.public_url.rstrip("/") or f"{request.scheme}://{request.host}"
    prefix = request.path.split("/fhir", 1)[0]
    return f"{host}{prefix}/fhir"


def prefer(headers: list[str]) -> Prefer:
    """Read the ``Prefer`` headers; what is not known is ignored (RFC 7240, section 2)."""
    text = ",".join(headers)
    answer, handling = _RETURN.search(text), _HANDLING.search(text)
    found = Prefer(respond_async=_LATER.search(text) is not None)
    match answer[1] if answer else "":
        case "minimal" | "representation" | "OperationOutcome" as value:
            found = replace(found, answer=value)
    match handling[1] if handling else "":
        case "strict" | "lenient" as value:
            found = replace(found, handling=value)
    return found


def _conditions(request: Request) -> Conditions:
    headers = request.headers
    return Conditions(
        if_match=headers.get("If-Match"),
        if_none_match=headers.get("If-None-Match"),
        if_none_exist=headers.get("If-None-Exist"),
        if_modified_since=headers.get("If-Modified-Since"),
    )


def _check_length(request: Request, limit: int) -> None:
    size = len(request.path.encode()) + len(request.query_string)
    if size > limit:
        raise UriTooLong.of(
            "core-url-too-long",
            f"L'adresse dépasse {limit} octets : une longue recherche se fait par POST _search.",
            f"{size} bytes, setting url_bytes_max",
        )


def decoded(text: bytes, id: str, limit: int) -> Params:
    """Return the parameters of a query or of a form. Raises: BadRequest (``core-too-many-params``, or ``id``)."""
    if text.count(b"&") >= limit:
        raise BadRequest.of(
            "core-too-many-params",
            f"La requête a plus de {limit} paramètres.",
            "setting url_params_max",
            code="too-costly",
        )
    try:
        return tuple(parse_qsl(text.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict"))
    except (UnicodeDecodeError, ValueError):
        raise BadRequest.of(
            id, "Les paramètres sont mal encodés : l'UTF-8 s'écrit en %XX.", "query is not percent-encoded UTF-8"
        ) from None


def _form(body: bytes, media: str, limit: int) -> Params:
    if not body:
        return ()
    if media != _FORM:
        raise UnsupportedMedia.of("core-search-media", f"POST _search attend {_FORM}.", "content type not supported")
    return decoded(body, "core-form-encoding", limit)


def _body(request: Request, limit: int) -> bytes:
    length = request.content_length
    if (length or 0) > limit:
        raise _too_large(limit)
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    stream = request.environ["wsgi.input"] if chunked else request.stream
    # reading sets aside room for all that is asked for
    body: bytes = stream.read(limit + 1 if chunked or length is None else length)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        body = _unzipped(body, limit)
    elif encoding not in ("identity", ""):
        raise UnsupportedMedia.of(
            "core-encoding", "Seul gzip est lu comme Content-Encoding.", "content encoding not supported"
        )
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _unzipped(body: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = decompressor.decompress(body, limit + 1)
    except zlib.error:
        plain = None
    if plain is None or (len(plain) <= limit and not decompressor.eof):
        raise BadRequest.of("core-gzip", "Le corps n'est pas un gzip valable.", "gzip stream broken or cut")
    return plain


def _too_large(limit: int) -> TooLarge:
    return TooLarge.of("core-body-too-large", f"Le corps dépasse {limit} octets.", f"limit {limit} bytes")
