"""``$erase`` of a resource with its history, ``Patient/$purge`` of a person's record: for good, and for administrators only.

Ordinary deletion keeps the history, as records of care must. These two answer a decision of the data controller (GDPR, article 17;
end of the retention period) or mend a file created for nobody. A deletion mark without content stays, so that those who copy
changes remove their copy. Source of ``$purge``: the Patient operation of FHIR R5, patient-operation-purge.html.
"""

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import Forbidden, NotFound
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.domain.plan import ANY, Committed, Erase, Plan
from dui_fhir.domain.query import Node, ReferenceIs
from dui_fhir.service import content, etag, parameters
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.operations import record

ROUNDS_MAX = 1000
_LOT = 1000
_KEPT = frozenset({"AuditEvent", "Patient"})
"""Traces of access outlive the record (PGSSI-S); the person goes last, so that an interrupted purge can be asked again."""

_ERASE: Resource = {
    "resourceType": "OperationDefinition",
    "id": "dui-erase",
    "url": "urn:dui-fhir:operation:erase",
    "name": "Erase",
    "title": "Effacement définitif d'une ressource et de son historique",
    "status": "active",
    "kind": "operation",
    "affectsState": True,
    "code": "erase",
    "resource": ["Resource"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [{"name": "return", "use": "out", "min": 1, "max": "1", "type": "OperationOutcome"}],
}
_PURGE: Resource = {
    **_ERASE,
    "id": "dui-purge",
    "url": "http://hl7.org/fhir/OperationDefinition/Patient-purge",
    "name": "Purge",
    "title": "Effacement définitif du dossier d'une personne",
    "code": "purge",
    "resource": ["Patient"],
}


def operations() -> tuple[Served, ...]:
    """Return both operations."""
    return (
        Served(definition=_ERASE, serve=_erase, methods=("POST",)),
        Served(definition=_PURGE, serve=_purge, methods=("POST",)),
    )


def _erase(call: Call) -> ServiceResponse:
    """Erase one resource. Raises: Forbidden (``core-erase-disabled``), NotFound, PreconditionFailed (``If-Match``)."""
    _check_allowed(call)
    parameters.of_call(call, _ERASE)
    found = call.store.read(content.known_type(call.type), call.id)
    if found is None:
        raise _absent(call)
    etag.check_match(call.request.conditions.if_match, found)
    expect = found.version if call.request.conditions.if_match is not None else ANY
    result = call.store.submit(Plan(operations=(Erase(type=call.type, id=call.id, expect=expect),)))
    if not isinstance(result, Committed):
        etag.check_match(call.request.conditions.if_match, call.store.read(call.type, call.id))
    _forget(call)
    return _told([_erased(1)])


def _purge(call: Call) -> ServiceResponse:
    """Erase all that belongs to a person, lot by lot, the person last; asked again, it goes on where it stopped.

    What several persons share, and what was deleted before, is not reached: the answer says so.
    Raises: Forbidden (``core-erase-disabled``), NotFound.
    """
    _check_allowed(call)
    parameters.of_call(call, _PURGE)
    if call.store.read("Patient", call.id) is None:
        raise _absent(call)
    owner: Node = ReferenceIs(record.OWNER_PARAM, "Patient", call.id)
    mine = {type: owner for type in record.of_patient(call.id).members if type not in _KEPT}
    erased = 0
    for _ in range(ROUNDS_MAX):
        page = _page(call, mine)
        if not page:
            break
        call.store.submit(Plan(operations=tuple(Erase(type=type, id=id) for type, id in page)))
        erased += len(page)
    shared = _page(call, {t: n for t, n in record.of_patient(call.id).members.items() if t not in _KEPT})
    call.store.submit(Plan(operations=(Erase(type="Patient", id=call.id),)))
    return _told([_erased(erased + 1), *_not_reached(shared)])


def _page(call: Call, members: dict[str, Node]) -> list[record.Key]:
    settings = call.engine.settings
    page = record.page(call.store, members, after=None, limit=_LOT, bytes_max=settings.page_bytes_max)
    return [(v.type, v.id) for v in page.matches]


def _check_allowed(call: Call) -> None:
    if not call.engine.settings.erase_allowed or call.request.actor.kind != "system":
        raise Forbidden.of(
            "core-erase-disabled",
            "L'effacement définitif n'est pas ouvert sur ce serveur : l'administrateur l'autorise par erase_allowed.",
            "setting erase_allowed",
        )


def _absent(call: Call) -> NotFound:
    return NotFound.of("core-not-found", f"Aucune ressource {call.type} sous cet identifiant.", "no such resource")


def _forget(call: Call) -> None:
    if call.type == "Organization":
        call.engine.structures.forget(call.request.tenant)


def _erased(count: int) -> Issue:
    return Issue(
        severity="information",
        code="informational",
        id="core-erased",
        text=f"{count} ressource(s) effacée(s) définitivement, historique compris.",
        diagnostics=f"{count} erased",
    )


def _not_reached(shared: list[record.Key]) -> list[Issue]:
    left = Issue(
        severity="warning",
        code="incomplete",
        id="core-purge-deleted",
        text="Les ressources supprimées avant l'effacement ne sont pas atteintes : effacez-les une à une ($erase).",
        diagnostics="history of resources deleted earlier is not searched",
    )
    if not shared:
        return [left]
    others = Issue(
        severity="warning",
        code="incomplete",
        id="core-purge-shared",
        text=f"{len(shared)} ressource(s) concernent aussi d'autres personnes ou personne en particulier : elles restent.",
        diagnostics="resources of the compartment that the person does not own",
        expression=tuple(f"{type}/{id}" for type, id in shared[:100]),
    )
    return [left, others]


def _told(issues: list[Issue]) -> ServiceResponse:
    return ServiceResponse(status=200, body=outcome(issues))
