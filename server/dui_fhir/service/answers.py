"""The answers of writes. Source: FHIR R4, http.html#create, #update and #ops (``Prefer: return=``)."""

from collections.abc import Sequence

from dui_fhir.domain.change import Resource
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.domain.version import Version
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.write import Stored


def written(call: Call, stored: Stored, *, entry: bool = False) -> ServiceResponse:
    """Return 201 or 200 with the resource, nothing, or the remarks, as the client prefers.

    ``entry``: of a transaction, whose answer holds the resources for who asks for them only.
    """
    done, wanted = stored.written, call.request.prefer.answer
    body: Resource | bytes | None = None
    if wanted == "OperationOutcome":
        body = outcome(stored.issues)
    elif wanted == "representation" or (wanted == "" and not entry):
        body = stored.body
    return ServiceResponse(
        status=201 if done.created else 200,
        body=body,
        version=done.version,
        instant_ms=done.instant_ms,
        location=f"{done.type}/{done.id}/_history/{done.version}",
        issues=stored.issues,
    )


def existing(call: Call, version: Version) -> ServiceResponse:
    """Return 200 with what a conditional create found instead of creating."""
    body = _preferred(call, version.body)
    return ServiceResponse(
        status=200,
        body=outcome(()) if call.request.prefer.answer == "OperationOutcome" else body,
        version=version.version,
        instant_ms=version.instant_ms,
        location=f"{version.type}/{version.id}/_history/{version.version}",
    )


def deleted(call: Call, stored: Stored | None) -> ServiceResponse:
    """Return 204, or 200 with an OperationOutcome for who prefers one. ``stored`` None: there was nothing to delete."""
    done = stored.written if stored and stored.written.version else None
    issues = stored.issues if stored else ()
    wants_outcome = call.request.prefer.answer == "OperationOutcome"
    return ServiceResponse(
        status=200 if wants_outcome else 204,
        body=outcome(issues) if wants_outcome else None,
        version=done.version if done else None,
        instant_ms=done.instant_ms if done else None,
        issues=issues,
    )


def deleted_all(call: Call, stored: Sequence[Stored]) -> ServiceResponse:
    """Return the answer to a delete of several: 200 and how many for who prefers an OperationOutcome, else 204."""
    issues = tuple(dict.fromkeys(issue for one in stored for issue in one.issues))
    count = Issue(
        severity="information",
        code="informational",
        id="core-deleted",
        text=f"{len(stored)} ressource(s) supprimée(s).",
        diagnostics=f"{len(stored)} deleted",
    )
    wants_outcome = call.request.prefer.answer == "OperationOutcome"
    return ServiceResponse(
        status=200 if wants_outcome else 204, body=outcome((*issues, count)) if wants_outcome else None, issues=issues
    )


def _preferred(call: Call, body: bytes | None) -> bytes | None:
    return None if call.request.prefer.answer == "minimal" else body
