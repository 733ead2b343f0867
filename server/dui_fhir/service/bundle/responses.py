"""Response entries of batch and transaction. Source: FHIR R4, http.html#transaction-response."""

from http import HTTPStatus
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.domain.issues import outcome
from dui_fhir.service import bundles, etag
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse


def succeeded(call: Call, response: ServiceResponse) -> bytes:
    """Return the entry of a success; the resource itself for reads, and for writes where the client asks for it."""
    fields: dict[str, Any] = {"status": status(response.status)}
    if response.location is not None:
        fields["location"] = response.location
    if response.version is not None:
        fields["etag"] = etag.render(response.version)
    if response.instant_ms is not None:
        fields["lastModified"] = instant(response.instant_ms)
    if response.issues:
        fields["outcome"] = outcome(response.issues)
    body = response.body
    if response.location is not None and call.request.prefer.answer != "representation":
        body = None
    if isinstance(body, bytes) and response.media != "application/fhir+json":
        body = None
    entry: dict[str, Any] = {"response": fields}
    if response.location is not None:
        entry = {"fullUrl": f"{call.request.base_url}/{response.location.split('/_history/')[0]}", **entry}
    return bundles.entry(entry, body)


def failed(code: int, found: Resource) -> bytes:
    """Return the entry of a failure."""
    return bundles.entry({"response": {"status": status(code), "outcome": found}}, None)


def status(code: int) -> str:
    """Return ``201 Created``."""
    return f"{code} {HTTPStatus(code).phrase}"
