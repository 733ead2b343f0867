"""``/agenda/<token>.ics``: the feed that a calendar application reads with nothing but its address.

The address is the key: it is not logged, not indexed, not cached by others, and says the same of a link that never was and
of one that was closed.
"""

import hashlib

from flask import Blueprint, Response, request

from dui_fhir.domain.errors import DuiError, NotFound
from dui_fhir.domain.icalendar import MEDIA, calendar
from dui_fhir.service import calendar_links
from dui_fhir.service.engine import Engine

_HEADERS = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class Agenda:
    """The feeds of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        blueprint = Blueprint("agenda", __name__)
        for prefix in ("", "/t/<tenant>"):
            blueprint.add_url_rule(f"{prefix}/agenda/<token>.ics", view_func=self.feed)
        return blueprint

    def feed(self, token: str, tenant: str | None = None) -> Response:
        """Return the calendar of a token, or 304, or 404."""
        try:
            body = self._calendar(tenant or str(self._engine.settings.default_tenant), token)
        except NotFound:
            return _told(404, "Ce lien d'agenda n'existe pas, ou n'est plus ouvert.")
        except DuiError:
            return _told(503, "L'agenda ne peut pas être lu maintenant.")
        response = Response(body, mimetype=MEDIA, headers=_HEADERS)
        response.headers["Content-Disposition"] = 'inline; filename="agenda.ics"'
        response.set_etag(hashlib.sha256(body).hexdigest()[:32])
        response.make_conditional(request)
        return response

    def _calendar(self, tenant: str, token: str) -> bytes:
        engine = self._engine
        store, now_ms = engine.stores.open(tenant), engine.clock.now_ms()
        subject = calendar_links.subject_of(store, tenant, token, now_ms)
        return calendar(calendar_links.events(store, subject, now_ms, engine.options, engine.settings))


def _told(status: int, text: str) -> Response:
    return Response(f"{text}\n", status=status, mimetype="text/plain", headers=_HEADERS)
