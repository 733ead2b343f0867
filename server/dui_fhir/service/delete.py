"""delete, and its conditional form. Source: FHIR R4, http.html#delete."""

from dui_fhir.domain.version import Version
from dui_fhir.service import answers, conditional, content, etag
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Conditions, ServiceResponse
from dui_fhir.service.write import commit


def delete(call: Call) -> ServiceResponse:
    """Delete; history stays. What never existed or is deleted already stays so: 204.

    Raises: PreconditionFailed (``core-if-match-stale``), and those of a write.
    """
    content.known_type(call.type)

    conditions = call.request.conditions

    def build() -> Drafts:
        before = call.store.read(call.type, call.id)
        etag.check_given(conditions.if_match, before, required=call.engine.settings.if_match_required)
        found = draft(before, conditions)
        return Drafts(drafts=[found] if found else [])

    stored = commit(call, build)
    return answers.deleted(call, stored[0] if stored else None)


def conditional_delete(call: Call) -> ServiceResponse:
    """Delete the one match of the criteria, or all of them where the setting ``conditional_delete`` allows; none: 204.

    Several are deleted in one transaction. Raises: PreconditionFailed (several matches, too many, no criteria).
    """
    content.known_type(call.type)
    if call.engine.settings.conditional_delete == "multiple":
        return answers.deleted_all(call, commit(call, lambda: _all(call)))

    def build() -> Drafts:
        found = conditional.find_params(call, call.type, call.request.params)
        wanted = draft(found.version, call.request.conditions)
        return Drafts(drafts=[wanted] if wanted else [], preconditions=[found.precondition])

    stored = commit(call, build)
    return answers.deleted(call, stored[0] if stored else None)


def _all(call: Call) -> Drafts:
    # what matches only since the criteria were read stays: each of those deleted is checked by the version it had
    found = conditional.find_all(call, call.type, call.request.params, call.engine.settings.conditional_delete_max)
    wanted = [draft(version, call.request.conditions) for version in found]
    return Drafts(drafts=[one for one in wanted if one is not None])


def draft(before: Version | None, conditions: Conditions, path: str = "") -> Draft | None:
    """Return the draft of a delete, or None where nothing is there to delete."""
    etag.check_match(conditions.if_match, before)
    if before is None or before.deleted:
        return None
    return Draft(type=before.type, id=before.id, resource=None, before=before, method="DELETE", path=path)
