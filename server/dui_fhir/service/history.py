"""history of a resource, of a type, of the tenant. Source: FHIR R4, http.html#history."""

import zoneinfo
from typing import Any
from urllib.parse import urlencode

from dui_fhir.domain.dates import instant, interval
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.version import Version
from dui_fhir.service import bundles, content, etag, read
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse

_ALLOWED = frozenset({"_count", "_since", "_at", "_before", "_format", "_pretty", "_total"})


def history(call: Call) -> ServiceResponse:
    """Return a page of versions, newest first.

    Raises: NotFound (nothing ever was under this id), BadRequest (``core-history-parameter``).
    """
    type, id = call.names.get("type"), call.names.get("id")
    if type is not None:
        content.known_type(type)
    if id is not None and call.store.read(call.type, id) is None:
        read.present(None, call.type)
    given = _given(call)
    limit = min(_integer(given, "_count", call.engine.settings.page_size), call.engine.settings.page_size_max)
    page = call.store.history(
        type=type,
        id=id,
        since_ms=_moment(call, given, "_since", 0),
        at=_at(call, given),
        before=_integer(given, "_before", 0) or None,
        limit=max(limit, 1),
        total=True,
    )
    entries = [_entry(call, v) for v in page.versions] if limit else []
    body = bundles.bundle(
        "history",
        entries,
        links=_links(call, given, page.next if limit else None),
        total=page.total,
        now_ms=call.engine.clock.now_ms(),
    )
    return ServiceResponse(status=200, body=body)


def _given(call: Call) -> dict[str, str]:
    given = dict(call.request.params)
    unknown = sorted(set(given) - _ALLOWED)
    if unknown and call.request.prefer.handling != "lenient":
        raise _wrong(f"Paramètre inconnu de l'historique : {unknown[0][:64]}.", "unknown history parameter")
    return {name: value for name, value in given.items() if name in _ALLOWED}


def _wrong(text: str, diagnostics: str) -> BadRequest:
    return BadRequest.of("core-history-parameter", text, diagnostics)


def _integer(given: dict[str, str], name: str, default: int) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _wrong(f"{name} est un nombre entier.", f"{name} is not an integer")
    return int(text)


def _interval(call: Call, given: dict[str, str], name: str) -> tuple[int, int] | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        # a "+" of an offset that the client did not encode arrives as a space
        return interval(text.replace(" ", "+"), zoneinfo.ZoneInfo(call.engine.settings.time_zone))
    except ValueError:
        raise _wrong(f"{name} est une date ou un instant FHIR.", f"{name} is not a FHIR date") from None


def _moment(call: Call, given: dict[str, str], name: str, bound: int) -> int | None:
    found = _interval(call, given, name)
    return None if found is None else found[bound]


def _at(call: Call, given: dict[str, str]) -> tuple[int, int] | None:
    return _interval(call, given, "_at")


def _links(call: Call, given: dict[str, str], following: int | None) -> dict[str, str]:
    base = f"{call.request.base_url}/{call.request.path}"
    links = {"self": f"{base}?{urlencode(given)}" if given else base}
    if following is not None:
        links["next"] = f"{base}?{urlencode({**given, '_before': following})}"
    return links


def _entry(call: Call, version: Version) -> bytes:
    reference = f"{version.type}/{version.id}"
    status = "204 No Content" if version.deleted else "201 Created" if version.version == 1 else "200 OK"
    fields: dict[str, Any] = {
        "fullUrl": f"{call.request.base_url}/{reference}",
        "request": {"method": version.method, "url": version.type if version.method == "POST" else reference},
        "response": {
            "status": status,
            "etag": etag.render(version.version),
            "lastModified": instant(version.instant_ms),
        },
    }
    return bundles.entry(fields, version.body)
