"""``$calendar-link`` and ``$calendar-revoke``: opening and closing the calendar feed of a person or of a professional."""

import secrets
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.domain.errors import NotFound
from dui_fhir.search.parse import parse
from dui_fhir.service import calendar_links as links
from dui_fhir.service import parameters, read
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.write import commit

TOKEN_BYTES = 32


def operations() -> tuple[Served, ...]:
    """Return both operations."""
    return (Served(definition=_LINK, serve=_link), Served(definition=_REVOKE, serve=_revoke))


def _definition(code: str, name: str, inputs: list[dict[str, Any]]) -> Resource:
    return {
        "resourceType": "OperationDefinition",
        "id": f"dui-{code}",
        "url": f"urn:dui-fhir:operation:{code}",
        "name": name,
        "status": "active",
        "kind": "operation",
        "code": code,
        "affectsState": True,
        "resource": list(links.SUBJECTS),
        "system": False,
        "type": False,
        "instance": True,
        "parameter": [*inputs, {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Parameters"}],
    }


def _in(name: str, type: str) -> dict[str, Any]:
    return {"name": name, "use": "in", "min": 0, "max": "1", "type": type}


_LINK = _definition("calendar-link", "CalendarLink", [_in("days", "positiveInt"), _in("replace", "boolean")])
_REVOKE = _definition("calendar-revoke", "CalendarRevoke", [_in("link", "string")])


def _link(call: Call) -> ServiceResponse:
    """Make a link: its address is in this answer and nowhere else, not even in the base.

    ``days``: how long it stays open, at most the setting ``agenda_link_days``; ``replace``: the others are closed.
    """
    inputs = parameters.of_call(call, _LINK)
    subject = _subject(call)
    longest = int(call.engine.settings.agenda_link_days)
    now_ms, token = call.engine.clock.now_ms(), secrets.token_urlsafe(TOKEN_BYTES)
    made = links.link_of(call.request.tenant, token, subject, now_ms, min(int(inputs.get("days", longest)), longest))

    def build() -> Drafts:
        closing = _closings(call, subject, now_ms) if inputs.get("replace") else []
        draft = Draft(type="Basic", id=made["id"], resource=made, before=None, method="PUT")
        return Drafts(drafts=[draft, *closing], by_server=True)

    commit(call, build)
    base = call.request.base_url.removesuffix("/fhir")
    values = [
        {"name": "url", "valueUrl": f"{base}/agenda/{token}.ics"},
        {"name": "link", "valueReference": {"reference": f"Basic/{made['id']}"}},
        {"name": "expires", "valueInstant": made["extension"][0]["valueInstant"]},
    ]
    return ServiceResponse(
        status=200, body={"resourceType": "Parameters", "parameter": values}, headers={"Cache-Control": "no-store"}
    )


def _revoke(call: Call) -> ServiceResponse:
    """Close one link (``link``: its Basic), or all those of the person. Raises: NotFound (``agenda-link``)."""
    inputs = parameters.of_call(call, _REVOKE)
    subject, now_ms = _subject(call), call.engine.clock.now_ms()
    wanted = str(inputs["link"]).removeprefix("Basic/") if "link" in inputs else None
    closed: list[str] = []

    def build() -> Drafts:
        drafts = [d for d in _closings(call, subject, now_ms) if wanted in (None, d.id)]
        closed[:] = [d.id for d in drafts]
        return Drafts(drafts=drafts, by_server=True)

    commit(call, build)
    if wanted is not None and not closed:
        raise NotFound.of("agenda-link", "Ce lien d'agenda n'existe pas, ou n'est plus ouvert.", "no open link")
    values = [
        {"name": "revoked", "valueInteger": len(closed)},
        {"name": "at", "valueInstant": instant(now_ms)},
    ]
    return ServiceResponse(status=200, body={"resourceType": "Parameters", "parameter": values})


def _subject(call: Call) -> str:
    read.present(call.store.read(call.type, call.id), call.type)
    return f"{call.type}/{call.id}"


def _closings(call: Call, subject: str, now_ms: int) -> list[Draft]:
    criteria = [("code", f"{links.OBJECT_SYSTEM}|{links.CODE}"), ("subject", subject)]
    found = call.store.search(parse("Basic", criteria, call.options).query).matches
    return [
        Draft(type="Basic", id=v.id, resource=links.revoked(v.resource(), now_ms), before=v, method="PUT")
        for v in found
        if links.is_open(v.resource(), now_ms)
    ]
