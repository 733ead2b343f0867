"""``$everything`` of a person, a stay or an episode of care: its members page by page, with what they point to.

Source: FHIR R4, patient-operation-everything.html and encounter-operation-everything.html.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import MS_MAX, MS_MIN, interval
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import Cursor
from dui_fhir.domain.version import Version
from dui_fhir.service import bundles, content, read
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.operations import pages, record
from dui_fhir.service.operations.record import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is asked for. ``types`` None = all."""

    inputs: dict[str, Any]
    types: tuple[str, ...] | None
    since_ms: int | None
    limit: int
    after: Cursor | None


def operations() -> tuple[Served, ...]:
    """Return the three operations."""
    patient = _official("Patient-everything", without=("_offset",))
    return (
        Served(definition=patient, serve=_serving(patient, _of_patient)),
        Served(definition=_ENCOUNTER, serve=_serving(_ENCOUNTER, lambda call, _: record.of_encounter(call.id))),
        Served(definition=_EPISODE, serve=_serving(_EPISODE, lambda call, _: record.of_episode(call, call.id))),
    )


def _official(id: str, without: tuple[str, ...] = ()) -> Resource:
    """Return the definition of R4, of which only the instance level is offered."""
    found = operation_definitions()[id]
    kept = [p for p in found["parameter"] if p["name"] not in without]
    return {**found, "type": False, "affectsState": False, "parameter": kept}


_ENCOUNTER = _official("Encounter-everything")
_EPISODE: Resource = {
    **_ENCOUNTER,
    "id": "dui-episode-of-care-everything",
    "url": "urn:dui-fhir:operation:episode-of-care-everything",
    "name": "EpisodeOfCareEverything",
    "resource": ["EpisodeOfCare"],
}


def _serving(definition: Resource, members: Callable[[Call, Wanted], Record]) -> Callable[[Call], ServiceResponse]:
    def serve(call: Call) -> ServiceResponse:
        read.present(call.store.read(call.type, call.id), call.type)
        wanted = _wanted(call, definition)
        return _answer(call, wanted, record.seen_by_actor(call, members(call, wanted)))

    return serve


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise BadRequest.of(
            "core-parameter-type", "Le paramètre _count est un entier positif.", "_count is not positive"
        )
    return value


def _of_patient(call: Call, wanted: Wanted) -> Record:
    found = record.of_patient(call.id)
    start, end = wanted.inputs.get("start"), wanted.inputs.get("end")
    if start is None and end is None:
        return found
    low = _interval(call, "start", start)[0] if start is not None else MS_MIN
    high = _interval(call, "end", end)[1] if end is not None else MS_MAX
    return record.between(call, found, low, high)


def _wanted(call: Call, definition: Resource) -> Wanted:
    inputs, after = pages.inputs(call, definition)
    types = [content.known_type(t) for given in inputs.get("_type", ()) for t in given.split(",") if t]
    since = inputs.get("_since")
    most = call.engine.settings.page_size_max
    return Wanted(
        inputs=inputs,
        types=tuple(dict.fromkeys(types)) or None,
        since_ms=_interval(call, "_since", since)[0] if since is not None else None,
        limit=min(_count(inputs.get("_count", most)), most),
        after=after,
    )


def _interval(call: Call, name: str, text: Any) -> tuple[int, int]:
    try:
        # a "+" of an offset that the client did not encode arrives as a space
        return interval(str(text).replace(" ", "+"), ZoneInfo(call.engine.settings.time_zone))
    except ValueError:
        raise BadRequest.of(
            "core-parameter-type", f"Le paramètre {name} est une date ou un instant FHIR.", "not a FHIR date"
        ) from None


def _answer(call: Call, wanted: Wanted, found: Record) -> ServiceResponse:
    conditions = () if wanted.since_ms is None else (record.updated_since(wanted.since_ms),)
    shown = found.narrowed(wanted.types, *conditions)
    page = record.page(
        call.store,
        shown.members,
        after=wanted.after,
        limit=wanted.limit,
        bytes_max=call.engine.settings.page_bytes_max,
    )
    others = record.referenced(call, found, page.matches, wanted.types)
    since_ms = wanted.since_ms or 0
    entries = [*_entries(call, page.matches, "match")]
    entries += _entries(call, (v for v in others if v.instant_ms >= since_ms), "include")
    body = bundles.bundle(
        "searchset",
        entries,
        links=pages.links(call, wanted.inputs, page.next),
        total=page.total,
        now_ms=call.engine.clock.now_ms(),
    )
    return ServiceResponse(status=200, body=body)


def _entries(call: Call, versions: Iterable[Version], mode: str) -> Iterable[bytes]:
    # hundreds of them: written around the stored bytes by hand; types and ids need no escape
    head = b'{"fullUrl":' + json.dumps(call.request.base_url)[:-1]
    tail = b',"search":{"mode":"' + mode.encode() + b'"}}'
    for version in versions:
        yield head + f'/{version.type}/{version.id}","resource":'.encode() + (version.body or b"null") + tail
