"""batch: independent entries, each with its own outcome. Source: FHIR R4, http.html#brules."""

import logging
from dataclasses import replace
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, DuiError
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.service.bundle import entry as entries
from dui_fhir.service.bundle.responses import failed, succeeded
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceRequest, ServiceResponse

_log = logging.getLogger(__name__)


def batch(call: Call, bundle: Resource) -> list[bytes]:
    """Serve each entry on its own and return the response entries, in order."""
    return [_one(call, index, raw) for index, raw in enumerate(entries.entries(call, bundle))]


def _one(call: Call, index: int, raw: Any) -> bytes:
    try:
        entry = entries.read_one(call, index, raw)
        response = serve(call, entry)
        return succeeded(call, replace(response, issues=(*entry.issues, *response.issues)))
    except DuiError as error:
        return failed(error.status, outcome(error.issues))
    except Exception:
        # the others have their own outcome already: this one fails alone
        _log.exception("unexpected error in a batch entry")
        return failed(500, outcome([INTERNAL]))


INTERNAL = Issue(
    severity="fatal",
    code="exception",
    id="core-internal",
    text="Erreur interne : l'exploitant la trouvera dans le journal.",
    diagnostics="unexpected error",
)


def serve(call: Call, entry: entries.Entry) -> ServiceResponse:
    """Serve an entry as a request of its own. Raises: DuiError."""
    if not entry.path and entry.method == "POST":
        raise BadRequest.of(
            "core-bundle-nested",
            "Un Bundle ne contient pas d'autre batch ni transaction.",
            "nested bundle",
            [entry.where],
        )
    return call.dispatch(as_request(call, entry))


def as_request(call: Call, entry: entries.Entry) -> ServiceRequest:
    """Return the entry as a request of the same client."""
    return replace(
        call.request,
        method="GET" if entry.method == "HEAD" else entry.method,
        path=entry.path,
        params=entry.params,
        resource=entry.resource,
        body=b"",
        media="",
        accept="",
        conditions=entry.conditions,
        # each entry is a write of its own: a batch sent again under one key does none of them twice
        request_key=f"{call.request.request_key}|{entry.index}" if call.request.request_key else None,
    )
