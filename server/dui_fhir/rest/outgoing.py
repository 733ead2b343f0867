"""From a service response to an HTTP response."""

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import IO

from flask import Response
from werkzeug.wrappers import Request

from dui_fhir.definitions.xml import to_xml
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import NotAcceptable
from dui_fhir.domain.issues import Issue
from dui_fhir.rest import negotiation
from dui_fhir.service import etag
from dui_fhir.service.message import Params, ServiceResponse

VARY = "Accept, Accept-Encoding, Prefer"
PIECE_BYTES = 1 << 18
GZIP_BYTES_MIN = 1400
"""Below about one packet, compressing only costs."""
_GZIP_REFUSED = re.compile(r"\bgzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")


def http_response(request: Request, response: ServiceResponse, base_url: str, params: Params = ()) -> Response:
    """Translate; format, ``Vary`` and compression included. ``params``: those of the request, if it was read so far; a form
    may hold ``_format`` too."""
    if response.file is not None:
        return _streamed(response.file, response)
    body, media = _written(request, response, dict(params) or request.args)
    result = Response(status=response.status)
    headers = result.headers
    if body:
        headers["Content-Type"] = f"{media};charset=utf-8" if media.startswith("application/fhir+") else media
    else:
        headers.pop("Content-Type", None)
    if response.version is not None:
        headers["ETag"] = etag.render(response.version)
    if response.instant_ms is not None:
        headers["Last-Modified"] = formatdate(response.instant_ms // 1000, usegmt=True)
    if response.location is not None:
        headers["Location"] = f"{base_url}/{response.location}"
    if response.issues:
        headers["X-Dui-Issues"] = named(response.issues)
    headers.update(response.headers)
    _fill(request, result, body)
    return result


def named(issues: Iterable[Issue]) -> str:
    """Return the ids of remarks, each once: the header ``X-Dui-Issues``."""
    return ",".join(dict.fromkeys(issue.id for issue in issues))


def _streamed(file: Path, response: ServiceResponse) -> Response:
    """Return the file piece by piece; one that disappears meanwhile ends the answer early, which its length shows."""
    result = Response(_pieces(file.open("rb")), status=response.status, headers=dict(response.headers))
    result.headers["Content-Type"] = response.media
    result.headers["Content-Length"] = str(file.stat().st_size)
    return result


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    with stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def _written(request: Request, response: ServiceResponse, params: Mapping[str, str]) -> tuple[bytes, str]:
    """Return the bytes of the answer and their media type; an error that nobody can read leaves as JSON."""
    if response.body is None:
        return b"", ""
    if response.media != negotiation.JSON:
        return text(response.body), response.media
    pretty = params.get("_pretty") == "true"
    if _wants_xml(params.get("_format"), request.headers.get("Accept", "")):
        resource = json.loads(response.body) if isinstance(response.body, bytes) else response.body
        return to_xml(resource, pretty=pretty), negotiation.XML
    return text(response.body, pretty=pretty), negotiation.JSON


def _wants_xml(format: str | None, accept: str) -> bool:
    try:
        return negotiation.wanted(format, accept, native=True) == "xml"
    except NotAcceptable:
        return False


def text(body: Resource | bytes, *, pretty: bool = False) -> bytes:
    """Return the JSON bytes of a body."""
    if isinstance(body, bytes):
        return json.dumps(json.loads(body), pretty=True) if pretty else body
    return json.dumps(body, pretty=pretty)


def _fill(request: Request, response: Response, body: bytes) -> None:
    response.headers["Vary"] = VARY
    body, encoding = compressed(body, request.headers.get("Accept-Encoding", ""))
    if encoding:
        response.headers["Content-Encoding"] = encoding
    response.set_data(body)


def compressed(body: bytes, accepted: str) -> tuple[bytes, str]:
    """Return the body as it leaves and its ``Content-Encoding``, empty where it leaves as it is."""
    if len(body) < GZIP_BYTES_MIN or "gzip" not in accepted or _GZIP_REFUSED.search(accepted):
        return body, ""
    return gzip.compress(body, compresslevel=3, mtime=0), "gzip"
