"""``$validate``: would this be accepted? Nothing is written. Source: FHIR R4, resource-operation-validate.html.

Without ``mode``, or with ``profile``, the content alone is judged. With ``create``, ``update`` or ``delete`` the whole road of a
write is gone, rules of the corridors included, up to the store. The answer is 200 with all remarks, whatever they say.
"""

from typing import Any

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, DuiError
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.service import content, parameters, read
from dui_fhir.service.create import new_draft
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.preparation import Preparation
from dui_fhir.service.standards import Standard

_WRITES = ("create", "update", "delete")


def operation() -> Served:
    """Return the operation."""
    definition = {**operation_definitions()["Resource-validate"], "affectsState": False}
    return Served(definition=definition, serve=lambda call: _serve(call, definition))


def _serve(call: Call, definition: Resource) -> ServiceResponse:
    """Return an OperationOutcome. Raises: BadRequest (``core-validate-…``, and content that cannot be read as a resource)."""
    # a resource posted bare comes with its mode and profile in the URL; Parameters hold theirs, which win
    inputs = {**parameters.of_query(definition, call.request.params), **parameters.of_call(call, definition)}
    resource, mode = inputs.get("resource"), inputs.get("mode")
    _check_mode(mode, inputs)
    if mode == "delete":
        return _outcome(_remarks(call, _deletion(call)))
    if resource is None:
        resource = _stored(call)
    content.checked(resource, call.type)
    profiles = [str(inputs["profile"])] if inputs.get("profile") else []
    standard = call.engine.standards.of(call.request.tenant, fresh=True)
    issues: tuple[Issue, ...] = tuple(standard.validator.validate(resource, profiles))
    issues = (*_unknown(standard, profiles), *issues)
    if mode in _WRITES:
        issues = tuple(dict.fromkeys((*issues, *_remarks(call, _write(call, resource, mode)))))
    return _outcome(issues)


def _check_mode(mode: str | None, inputs: dict[str, Any]) -> None:
    if mode not in (None, "profile", *_WRITES):
        raise BadRequest.of("core-validate-mode", "mode vaut create, update, delete ou profile.", "unknown mode")
    if mode == "profile" and not inputs.get("profile"):
        raise BadRequest.of(
            "core-validate-mode", "mode=profile demande le profil (profile).", "no profile to validate against"
        )


def _unknown(standard: Standard, profiles: list[str]) -> tuple[Issue, ...]:
    """Return an error for a profile that was asked for and is not known: nothing was checked against it."""
    doubts = [(p, standard.validator.library.doubt(p)) for p in profiles]
    return tuple(
        Issue(
            severity="error",
            code="not-found",
            id="core-validate-profile",
            text=f"Rien n'a été vérifié selon ce profil, {doubt}.",
            diagnostics="profile of the request is not known here",
            expression=(),
        )
        for _, doubt in doubts
        if doubt
    )


def _stored(call: Call) -> Resource:
    if "id" not in call.names:
        raise BadRequest.of(
            "core-validate-resource", "Donnez la ressource à valider, ou son identifiant.", "no resource to validate"
        )
    return read.present(call.store.read(call.type, call.id), call.type).resource()


def _write(call: Call, resource: Resource, mode: str) -> Draft:
    id = call.names.get("id", resource.get("id"))
    if mode == "create":
        return new_draft(resource)
    if id is None:
        raise BadRequest.of(
            "core-validate-id", "Une mise à jour concerne une ressource existante : donnez son « id ».", "no id"
        )
    before = call.store.read(call.type, id)
    return Draft(type=call.type, id=id, resource={**resource, "id": id}, before=before, method="PUT")


def _deletion(call: Call) -> Draft:
    if "id" not in call.names:
        raise BadRequest.of(
            "core-validate-id", "Une suppression concerne une ressource existante : donnez son « id ».", "no id"
        )
    before = read.present(call.store.read(call.type, call.id), call.type)
    return Draft(type=call.type, id=call.id, resource=None, before=before, method="DELETE")


def _remarks(call: Call, draft: Draft) -> tuple[Issue, ...]:
    """Return what the road of a write says of a draft; what refuses it is told like the rest."""
    try:
        prepared = Preparation(call, Drafts(drafts=[draft]))
        prepared.plan()
    except DuiError as error:
        if error.status >= 500:
            raise
        return tuple(error.issues)
    return tuple(issue for issues in prepared.issues for issue in issues)


def _outcome(issues: tuple[Issue, ...]) -> ServiceResponse:
    return ServiceResponse(status=200, body=outcome(tuple(dict.fromkeys(issues))))
