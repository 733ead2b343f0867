"""update, update-as-create, and the conditional form. Source: FHIR R4, http.html#update, #upsert and #cond-update."""

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, PreconditionFailed
from dui_fhir.domain.version import Version
from dui_fhir.service import answers, conditional, content, etag
from dui_fhir.service.create import new_draft
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Conditions, ServiceResponse
from dui_fhir.service.write import commit


def update(call: Call) -> ServiceResponse:
    """Store a new version, or the first one under the client's own id; an equal content makes no version.

    Raises: BadRequest (``core-id-mismatch``, …), PreconditionFailed (``core-if-match-stale``, ``core-if-none-match``),
    PreconditionRequired, and those of a write.
    """
    resource = content.received(call, content.stored_type(call.type))
    check_same_id(resource, call.id)
    conditions = call.request.conditions

    def build() -> Drafts:
        wanted = draft(call, resource, conditions)
        etag.check_given(conditions.if_match, wanted.before, required=call.engine.settings.if_match_required)
        return Drafts(drafts=[wanted])

    (stored,) = commit(call, build)
    return answers.written(call, stored)


def conditional_update(call: Call) -> ServiceResponse:
    """Update the one match of the criteria; create where there is none.

    Raises: PreconditionFailed (``core-multiple-matches``, ``core-criteria-empty``), BadRequest (``core-id-mismatch``).
    """
    resource = content.received(call, content.stored_type(call.type))

    def build() -> Drafts:
        found = conditional.find_params(call, call.type, call.request.params)
        return Drafts(
            drafts=[matched_draft(call, resource, found.version, call.request.conditions)],
            preconditions=[found.precondition],
        )

    (stored,) = commit(call, build)
    return answers.written(call, stored)


def matched_draft(
    call: Call, resource: Resource, found: Version | None, conditions: Conditions, path: str = ""
) -> Draft:
    """Return the draft of a conditional update whose criteria found ``found``."""
    if found is not None:
        if resource.get("id") is not None:
            check_same_id(resource, found.id, path)
        return draft(call, {**resource, "id": found.id}, conditions, path)
    etag.check_match(conditions.if_match, None)
    return new_draft(resource, path) if resource.get("id") is None else draft(call, resource, conditions, path)


def draft(call: Call, resource: Resource, conditions: Conditions, path: str = "") -> Draft:
    """Return the draft of an update, its conditions checked on the current version."""
    type, id = resource["resourceType"], resource["id"]
    before = call.store.read(type, id)
    check_conditions(conditions, before)
    return Draft(type=type, id=id, resource=resource, before=before, method="PUT", path=path)


def check_conditions(conditions: Conditions, before: Version | None) -> None:
    """Check ``If-Match`` and ``If-None-Match`` of a write. Raises: PreconditionFailed."""
    etag.check_match(conditions.if_match, before)
    forbidden = conditions.if_none_match
    if forbidden is not None and before is not None and not before.deleted and etag.listed(forbidden, before.version):
        raise PreconditionFailed.of(
            "core-if-none-match", "Cette ressource existe déjà.", "If-None-Match names the current version"
        )


def check_same_id(resource: Resource, id: str, path: str = "") -> None:
    """Raises: BadRequest (``core-id-mismatch``) where the content does not repeat the id of the URL."""
    if resource.get("id") != id:
        found = "sans identifiant" if resource.get("id") is None else "d'un autre identifiant"
        raise BadRequest.of(
            "core-id-mismatch",
            f"Le contenu est {found} : « id » doit être celui de l'adresse.",
            "resource.id differs from the URL",
            [f"{path or resource['resourceType']}.id"],
        )
