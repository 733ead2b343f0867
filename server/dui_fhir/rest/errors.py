"""The one place where an error becomes an OperationOutcome. Source: FHIR R4, http.html#Status-Codes; docs/errors.md."""

import logging

from flask import Response
from werkzeug.wrappers import Request

from dui_fhir.domain.errors import ConfigurationError, DuiError, MethodNotAllowed
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.rest.outgoing import http_response
from dui_fhir.service import router
from dui_fhir.service.message import ServiceResponse

_log = logging.getLogger(__name__)


def error_response(request: Request, error: Exception, *, request_id: str, path: str = "") -> Response:
    """Return the answer of a failed request. What nobody foresaw is a 500 with the request's number and nothing else."""
    if not isinstance(error, DuiError) or isinstance(error, ConfigurationError):
        _log.error("unexpected error", exc_info=error, extra={"request_id": request_id})
        issue = Issue(
            severity="fatal",
            code="exception",
            id="core-internal",
            text=f"Erreur interne : signalez le numéro {request_id} à l'exploitant.",
            diagnostics=f"request {request_id}",
        )
        return _response(request, 500, (issue,))
    response = _response(request, error.status, error.issues)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(router.allowed(path.strip("/")))
    if error.retry_after_s is not None or error.status == 503:
        response.headers["Retry-After"] = str(error.retry_after_s or 1)
    return response


def _response(request: Request, status: int, issues: tuple[Issue, ...]) -> Response:
    return http_response(request, ServiceResponse(status=status, body=outcome(issues)), "")


def bad_http(request: Request, status: int, name: str) -> Response:
    """Return the OperationOutcome of what the HTTP library itself refuses (``404 Not Found`` outside the FHIR bases)."""
    issue = Issue(
        severity="error",
        code="not-found" if status == 404 else "not-supported" if status == 405 else "invalid",
        id="core-http",
        text=f"Requête HTTP refusée : {status} {name}.",
        diagnostics=name,
    )
    return _response(request, status, (issue,))
