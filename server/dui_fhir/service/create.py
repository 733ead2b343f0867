"""create, and its conditional form. Source: FHIR R4, http.html#create and #ccreate."""

from dui_fhir.domain.change import Resource
from dui_fhir.domain.ids import new_id
from dui_fhir.service import answers, conditional, content
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.write import commit


def create(call: Call) -> ServiceResponse:
    """Store a new resource under an id of ours; ``id`` and version of the content are ignored.

    Raises: BadRequest, NotFound (unknown type), PreconditionFailed (``core-multiple-matches``), and those of a write.
    """
    resource = content.received(call, content.stored_type(call.type))
    criteria = call.request.conditions.if_none_exist
    if criteria is not None:
        return _create_unless_there(call, resource, criteria)
    (stored,) = commit(call, lambda: Drafts(drafts=[new_draft(resource)]))
    return answers.written(call, stored)


def new_draft(resource: Resource, path: str = "") -> Draft:
    """Return the draft of a resource that does not exist yet."""
    fresh = {**resource, "id": new_id()}
    return Draft(type=fresh["resourceType"], id=fresh["id"], resource=fresh, before=None, method="POST", path=path)


def _create_unless_there(call: Call, resource: Resource, criteria: str) -> ServiceResponse:
    existing: list[conditional.Found] = []

    def build() -> Drafts:
        found = conditional.find(call, call.type, criteria)
        existing[:] = [found]
        drafts = [] if found.version else [new_draft(resource)]
        return Drafts(drafts=drafts, preconditions=[found.precondition])

    stored = commit(call, build)
    if stored:
        return answers.written(call, stored[0])
    version = existing[0].version
    assert version is not None
    return answers.existing(call, version)
