"""``$meta``, ``$meta-add`` and ``$meta-delete`` of a resource. Source: FHIR R4, resource-operation-meta.html and its neighbours.

Profiles, tags and security labels are sets: adding what is there, or removing what is not, makes no new version.
"""

from collections.abc import Callable
from typing import Any

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.service import etag, parameters, read
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.write import commit

Merge = Callable[[list[Any], list[Any]], list[Any]]

_CODINGS = ("tag", "security")


def operations() -> tuple[Served, ...]:
    """Return the three operations."""
    meta = {**operation_definitions()["Resource-meta"], "system": False, "type": False, "affectsState": False}
    return (
        Served(definition=meta, serve=lambda call: _shown(call, meta)),
        _changing("Resource-meta-add", _united),
        _changing("Resource-meta-delete", _reduced),
    )


def _changing(id: str, merge: Merge) -> Served:
    definition = {**operation_definitions()[id], "affectsState": True}
    return Served(definition=definition, serve=lambda call: _changed(call, definition, merge))


def _shown(call: Call, definition: Resource) -> ServiceResponse:
    parameters.of_call(call, definition)
    found = read.present(call.store.read(call.type, call.id), call.type)
    return _answer(found.resource(), found.version, found.instant_ms)


def _changed(call: Call, definition: Resource, merge: Merge) -> ServiceResponse:
    """Write the resource with its sets merged. Raises: PreconditionFailed (``If-Match``), and those of a write."""
    given = _checked(parameters.of_call(call, definition)["meta"])

    def build() -> Drafts:
        before = read.present(call.store.read(call.type, call.id), call.type)
        etag.check_match(call.request.conditions.if_match, before)
        resource = before.resource()
        resource["meta"] = _merged(resource.get("meta", {}), given, merge)
        return Drafts(drafts=[Draft(type=call.type, id=call.id, resource=resource, before=before, method="PUT")])

    (stored,) = commit(call, build)
    return _answer(json.loads(stored.body or b""), stored.written.version, stored.written.instant_ms)


def _answer(resource: Resource, version: int, instant_ms: int) -> ServiceResponse:
    body = {"resourceType": "Parameters", "parameter": [{"name": "return", "valueMeta": resource.get("meta", {})}]}
    return ServiceResponse(status=200, body=body, version=version, instant_ms=instant_ms)


def _checked(meta: Any) -> dict[str, list[Any]]:
    sets = {name: meta.get(name, []) for name in ("profile", *_CODINGS)} if isinstance(meta, dict) else {}
    if not sets or not all(isinstance(values, list) for values in sets.values()):
        raise _malformed()
    if not all(isinstance(coding, dict) for name in _CODINGS for coding in sets[name]):
        raise _malformed()
    return sets


def _malformed() -> BadRequest:
    return BadRequest.of(
        "core-meta-invalid",
        "« meta » a des listes : profile, tag, security.",
        "meta has no list of profiles, tags or labels",
        ["Parameters.parameter"],
    )


def _merged(before: dict[str, Any], given: dict[str, list[Any]], merge: Merge) -> dict[str, Any]:
    sets = {name: merge(before.get(name, []), values) for name, values in given.items()}
    return {**{k: v for k, v in before.items() if k not in sets}, **{k: v for k, v in sets.items() if v}}


def _identity(value: Any) -> tuple[Any, ...] | str:
    return (value.get("system"), value.get("version"), value.get("code")) if isinstance(value, dict) else str(value)


def _united(before: list[Any], given: list[Any]) -> list[Any]:
    known = {_identity(value) for value in before}
    added = {_identity(value): value for value in given if _identity(value) not in known}
    return [*before, *added.values()]


def _reduced(before: list[Any], given: list[Any]) -> list[Any]:
    removed = {_identity(value) for value in given}
    return [value for value in before if _identity(value) not in removed]
