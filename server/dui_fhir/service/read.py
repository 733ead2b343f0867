"""read: the current version of one resource. Source: FHIR R4, http.html#read."""

import base64
import binascii
from email.utils import parsedate_to_datetime

from dui_fhir.domain.dates import to_ms
from dui_fhir.domain.errors import Gone, NotFound
from dui_fhir.domain.version import Version
from dui_fhir.service import content, etag, operation_definitions, projection
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse


def read(call: Call) -> ServiceResponse:
    """Return the stored bytes, unparsed unless the request asks for a part of them.

    Raises: NotFound (``core-not-found``, ``core-type-unknown``), Gone (``core-gone``).
    """
    stored = call.store.read(content.known_type(call.type), call.id)
    if stored is None and call.type == operation_definitions.TYPE:
        offered = operation_definitions.read(call)
        if offered is not None:
            return offered
    found = present(stored, call.type)
    if _unchanged(call, found):
        return ServiceResponse(status=304, version=found.version, instant_ms=found.instant_ms)
    return answer(call, found)


def present(found: Version | None, type: str) -> Version:
    """Return the version if it is there and not a deletion. Raises: NotFound, Gone."""
    if found is None:
        raise NotFound.of("core-not-found", f"Aucune ressource {type} sous cet identifiant.", "no such resource")
    if found.deleted:
        raise Gone.of("core-gone", f"Cette ressource {type} a été supprimée.", f"deleted at version {found.version}")
    return found


def answer(call: Call, found: Version) -> ServiceResponse:
    """Return a version as the request wants to see it."""
    native = _native(call, found) if found.type == "Binary" else None
    if native is not None:
        return native
    body = projection.of_version(found, projection.wanted(call.request.params))
    return ServiceResponse(status=200, body=body, version=found.version, instant_ms=found.instant_ms)


def _unchanged(call: Call, found: Version) -> bool:
    conditions = call.request.conditions
    if conditions.if_none_match is not None:
        return etag.listed(conditions.if_none_match, found.version)
    if conditions.if_modified_since is not None:
        try:
            since = to_ms(parsedate_to_datetime(conditions.if_modified_since))
        except (TypeError, ValueError):
            return False  # RFC 9110, 13.1.3: a date that cannot be read is ignored
        return found.instant_ms // 1000 * 1000 <= since
    return False


def _native(call: Call, found: Version) -> ServiceResponse | None:
    """Return the bytes of a Binary in its own type, where the client asks for that type (binary.html#rest)."""
    if not call.request.accept:
        return None
    resource = found.resource()
    try:
        data = base64.b64decode(resource.get("data", ""), validate=True)
    except (binascii.Error, TypeError):
        return None
    media = str(resource.get("contentType") or "application/octet-stream")
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}
    context = resource.get("securityContext", {}).get("reference")
    if isinstance(context, str):
        headers["X-Security-Context"] = context
    return ServiceResponse(
        status=200, body=data, media=media, version=found.version, instant_ms=found.instant_ms, headers=headers
    )
