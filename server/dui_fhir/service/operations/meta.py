"""``$meta``, ``$meta-add`` and ``$meta-delete``. Source: FHIR R4, resource-operation-meta.html and its neighbours.

Profiles, tags and security labels are sets: adding what is there, or removing what is not, makes no new version. Of a type or of
the whole tenant, ``$meta`` gives the union of those of all the resources that the actor may see.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, Unprocessable
from dui_fhir.domain.query import AllOf, AnyOf, Cursor, Missing, Query
from dui_fhir.service import content, etag, parameters, read
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.visibility import Visibility
from dui_fhir.service.write import commit

Merge = Callable[[list[Any], list[Any]], list[Any]]

_CODINGS = ("tag", "security")
_LABELLED = AnyOf(
    (Missing("_profile", "uri", False), Missing("_tag", "token", False), Missing("_security", "token", False))
)
_PAGE_RESOURCES = 1000
_PAGE_BYTES = 8_000_000


def operations() -> tuple[Served, ...]:
    """Return the three operations."""
    meta = {**operation_definitions()["Resource-meta"], "affectsState": False}
    return (
        Served(definition=meta, serve=lambda call: _shown(call, meta)),
        _changing("Resource-meta-add", _united),
        _changing("Resource-meta-delete", _reduced),
    )


def _changing(id: str, merge: Merge) -> Served:
    definition = {**operation_definitions()[id], "affectsState": True}
    return Served(definition=definition, serve=lambda call: _changed(call, definition, merge))


def _shown(call: Call, definition: Resource) -> ServiceResponse:
    """Raises: NotFound, Gone; of a type or of all, Unprocessable (``core-meta-too-many``)."""
    parameters.of_call(call, definition)
    if "id" not in call.names:
        return _answer({"meta": _union(call)})
    found = read.present(call.store.read(call.type, call.id), call.type)
    return _answer(found.resource(), found.version, found.instant_ms)


def _union(call: Call) -> dict[str, list[Any]]:
    """Return the profiles, tags and labels of everything visible, each once, in a stable order."""
    types = (content.known_type(call.type),) if "type" in call.names else call.store.types()
    visibility, left = Visibility(call), int(call.engine.settings.meta_resources_max)
    found: dict[str, dict[Any, Any]] = {"profile": {}, "security": {}, "tag": {}}
    for type in types:
        query = Query(types=(type,), where=AllOf((_LABELLED, *visibility.of(type))))
        left -= _collect(call, query, found, left)
    return {name: [some[key] for key in sorted(some, key=repr)] for name, some in found.items() if some}


def _collect(call: Call, query: Query, found: dict[str, dict[Any, Any]], left: int) -> int:
    """Add the sets of all matches to ``found``; return how many matches there were, at most ``left``."""
    read_so_far = 0
    after: Cursor | None = None
    while True:
        page = call.store.search(replace(query, limit=_PAGE_RESOURCES, bytes_max=_PAGE_BYTES, after=after))
        read_so_far += len(page.matches)
        if read_so_far > left:
            raise _too_many(call)
        for version in page.matches:
            meta = version.resource().get("meta", {})
            for name, values in found.items():
                for value in meta.get(name, ()):
                    values.setdefault(_identity(value), value)
        after = page.next
        if after is None:
            return read_so_far


def _too_many(call: Call) -> Unprocessable:
    limit = call.engine.settings.meta_resources_max
    return Unprocessable.of(
        "core-meta-too-many",
        f"Plus de {limit} ressources portent des étiquettes : demandez $meta type par type, ou d'une ressource.",
        "setting meta_resources_max",
        code="too-costly",
    )


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


def _answer(resource: Resource, version: int | None = None, instant_ms: int | None = None) -> ServiceResponse:
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
