"""The HTTP face: the FHIR bases of the tenants, and three pages for operators.

``/fhir/…`` is the base of the default tenant, ``/t/<tenant>/fhir/…`` that of each one; below them the routes are those of
``service/router.py``.
"""

import logging
import re
import time
from collections.abc import Mapping
from uuid import uuid4

from flask import Blueprint, Response, request
from werkzeug.wrappers import Request

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.issues import outcome
from dui_fhir.ports import TokenVerifier
from dui_fhir.rest import deprecation
from dui_fhir.rest.errors import error_response
from dui_fhir.rest.incoming import service_request
from dui_fhir.rest.metrics import Metrics
from dui_fhir.rest.outgoing import http_response
from dui_fhir.service import router
from dui_fhir.service.engine import Engine
from dui_fhir.service.message import ServiceResponse

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("dui_fhir.access")


class Rest:
    """The HTTP face of one engine."""

    def __init__(self, engine: Engine, verifier: TokenVerifier) -> None:
        self.engine, self._verifier, self._metrics = engine, verifier, Metrics()
        self.default_tenant = str(engine.settings.default_tenant)

    def blueprint(self) -> Blueprint:
        """Return the pages of operators; ``rest/front.py`` leads to :meth:`fhir`."""
        blueprint = Blueprint("rest", __name__)
        blueprint.add_url_rule("/health/live", view_func=self.live)
        blueprint.add_url_rule("/health/ready", view_func=self.ready)
        blueprint.add_url_rule("/metrics", view_func=self.metrics)
        return blueprint

    def fhir(self, request: Request, path: str = "", tenant: str | None = None) -> Response:
        """Serve one request below the FHIR base of a tenant. Needs nothing of Flask's contexts."""
        started = time.perf_counter()
        id = request_id(request.headers.get("X-Request-Id"))
        tenant = tenant or self.default_tenant
        found: list[router.Match] = []
        try:
            response = self._served(request, tenant, path, found)
        except Exception as error:
            response = error_response(request, error, request_id=id, path=path)
        response.headers["X-Request-Id"] = id
        response.headers.update(deprecation.headers(request.method, path.strip("/")))
        self.note(found, request.method, response.status_code, time.perf_counter() - started, id, tenant)
        return response

    def _served(self, request: Request, tenant: str, path: str, found: list[router.Match]) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        found.append(router.match(method, path.strip("/")))
        wanted = service_request(
            request,
            tenant=tenant,
            path=path,
            settings=self.engine.settings,
            actor=lambda headers: self.actor(headers, tenant),
        )
        return http_response(request, router.serve(self.engine, wanted, found[0]), wanted.base_url, wanted.params)

    def actor(self, headers: Mapping[str, str], tenant: str) -> Actor:
        """Return who asks. Raises: Unauthorized."""
        return self.engine.host.choose_actor(headers, tenant) or self._verifier.actor(headers)

    def note(
        self, found: list[router.Match], method: str, status: int, seconds: float, request_id: str, tenant: str
    ) -> None:
        """Count and log one request; its route stands for its path, which may name a person."""
        route = found[0].route if found else None
        interaction = route.interaction if route else "none"
        self._metrics.count(interaction, status, seconds)
        if _log.isEnabledFor(logging.INFO):
            fields = {
                "method": method,
                "route": route.pattern if route else "",
                "interaction": interaction,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "request_id": request_id,
                "tenant": tenant,
            }
            _log.info("request", extra=fields)

    def live(self) -> Response:
        """Tell that the process answers."""
        return Response('{"status":"ok"}', mimetype="application/json")

    def ready(self) -> Response:
        """Tell whether the store can serve: 200, or 503 with the reasons."""
        issues = self.engine.stores.ready()
        if not issues:
            return Response('{"status":"ok"}', mimetype="application/json")
        response = http_response(request, ServiceResponse(status=503, body=outcome(issues)), "")
        response.headers["Retry-After"] = "1"
        return response

    def metrics(self) -> Response:
        """Return counts and latencies of this process."""
        return Response(self._metrics.text(self.engine.host.failures), mimetype="text/plain")


def request_id(given: str | None) -> str:
    """Return the id the caller gave, if it is one, or a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else str(uuid4())
