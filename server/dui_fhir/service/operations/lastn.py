"""``Observation/$lastn``: the most recent observations of each kind. Source: FHIR R4, observation-operation-lastn.html.

Kinds are told by code: two observations are of one kind where they share a coding, or a text where they have none.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, Unprocessable
from dui_fhir.domain.query import SortKey
from dui_fhir.domain.version import Version
from dui_fhir.ports import every
from dui_fhir.service import bundles, content, parameters
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.incomplete import relied_on
from dui_fhir.service.message import Params, ServiceResponse
from dui_fhir.service.visibility import Visibility

READ_MAX = 20_000
"""Observations looked at in one request."""
_PAGE = 500
_SUBJECT = ("subject", "patient")
_KIND = ("category", "code", "_id")
_REFUSED = ("_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total")


def operation() -> Served:
    """Return the operation; its search parameters are those of Observation, beside ``max``."""
    definition = {**operation_definitions()["Observation-lastn"], "affectsState": False}
    return Served(definition=definition, serve=lambda call: _serve(call, definition))


def _serve(call: Call, definition: Resource) -> ServiceResponse:
    """Return the observations, kinds one after the other, the most recent first in each.

    Raises: BadRequest (``core-lastn-criteria``, ``search-…``), Unprocessable (``core-lastn-too-many``).
    """
    most, params = _inputs(call, definition)
    groups: list[list[Version]] = []
    places: dict[Any, list[Version]] = {}
    for version in _newest_first(call, params):
        names = _names(version.resource())
        group = next((places[name] for name in names if name in places), None)
        if group is None:
            groups.append(group := [])
        places |= {name: group for name in names if name not in places}
        if len(group) < most:
            group.append(version)
    return _answer(call, [version for group in groups for version in group])


def _inputs(call: Call, definition: Resource) -> tuple[int, Params]:
    given = list(call.request.params)
    if call.request.method == "POST" and (call.request.resource is not None or call.request.body.strip()):
        body = call.request.resource or content.received(call)
        # a POST carries the criteria as string parameters beside max
        given += [(p["name"], str(next((v for k, v in p.items() if k.startswith("value")), ""))) for p in _items(body)]
    inputs = parameters.of_query(definition, tuple((n, v) for n, v in given if n == "max"))
    most = int(inputs.get("max", 1))
    if most < 1:
        raise BadRequest.of("core-parameter-type", "Le paramètre max est un entier positif.", "max is not positive")
    params = tuple((n, v) for n, v in given if n not in ("max", "_format", "_pretty"))
    _check(params)
    return most, params


def _items(body: Resource) -> list[dict[str, Any]]:
    items = body.get("parameter", [])
    if body.get("resourceType") != "Parameters" or not isinstance(items, list):
        raise BadRequest.of(
            "core-parameters-expected",
            "Cette opération attend une ressource Parameters.",
            "body is not a Parameters resource",
        )
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]


def _check(params: Params) -> None:
    names = {name.partition(":")[0].partition(".")[0] for name, _ in params}
    refused = sorted(names & set(_REFUSED))
    if refused or not names & set(_SUBJECT) or not names & set(_KIND):
        raise BadRequest.of(
            "core-lastn-criteria",
            "$lastn demande une personne (patient ou subject) et une sorte (category ou code), sans tri ni pagination.",
            f"unexpected {refused[0]}" if refused else "patient or subject, and category or code, are required",
        )


def _newest_first(call: Call, params: Params) -> Iterator[Version]:
    wanted = relied_on(call, "Observation", params)
    for node in Visibility(call).of("Observation"):
        wanted = wanted.within(node)
    query = replace(
        wanted.query,
        sort=(SortKey("date", "date", descending=True),),
        limit=_PAGE,
        bytes_max=call.engine.settings.page_bytes_max,
        total="none",
    )
    for looked_at, version in enumerate(every(call.store, query)):
        if looked_at >= READ_MAX:
            raise Unprocessable.of(
                "core-lastn-too-many",
                f"Plus de {READ_MAX} observations répondent : précisez la sorte ou la période.",
                f"over {READ_MAX} observations match",
                code="too-costly",
            )
        yield version


def _names(observation: Resource) -> list[Any]:
    code = observation.get("code", {})
    codings = [(c.get("system"), c.get("code")) for c in code.get("coding", ()) if c.get("code")]
    return codings or [code.get("text")]


def _answer(call: Call, found: list[Version]) -> ServiceResponse:
    base = call.request.base_url
    entries = [
        bundles.entry({"fullUrl": f"{base}/Observation/{v.id}", "search": {"mode": "match"}}, v.body) for v in found
    ]
    links = {"self": f"{base}/{call.request.path}"}
    now_ms = call.engine.clock.now_ms()
    return ServiceResponse(
        status=200, body=bundles.bundle("searchset", entries, links=links, total=len(found), now_ms=now_ms)
    )
