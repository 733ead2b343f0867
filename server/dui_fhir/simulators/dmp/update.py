"""TD3.3c (delete) and TD3.3d (archive): Update Document Set (IHE ITI-57), change of availability status.

TD3.3a and b (visibility), which send a whole entry again, are not simulated.
"""

from collections.abc import Iterator

from dui_fhir.simulators.dmp import metadata, registry, schemas
from dui_fhir.simulators.dmp.ebrim import (
    APPROVED,
    ARCHIVED,
    DELETED,
    LCM,
    UPDATE_STATUS,
    Problem,
    RegistryObject,
    Submission,
    submission,
)
from dui_fhir.simulators.dmp.request import Request, check_patient
from dui_fhir.simulators.dmp.vihf import refuse

BODY = f"{{{LCM}}}SubmitObjectsRequest"
ACTION = "urn:ihe:iti:2010:UpdateDocumentSet"
ANSWER_ACTION = "urn:ihe:iti:2010:UpdateDocumentSet-Response"  # with the hyphen of the DMP's own samples
_NEW = frozenset({APPROVED, ARCHIVED, DELETED})


def update(request: Request) -> list[Problem]:
    """Check and apply status changes; return the problems, none when all were applied.

    Raises: SoapFault (VIHF, rights).
    """
    read = submission(request.body)
    problems = [*schemas.check(request.body, request.policy.xsd_folder), *metadata.check_update(read, request.policy)]
    if problems:
        return problems
    check_patient(request.vihf, read.packages[0].external(metadata.SET_PATIENT))
    with request.registry.lock:
        problems = list(_problems(request, read))
        if not problems:
            statuses = {a.attributes["targetObject"]: a.one("NewStatus") for a in read.associations}
            request.registry.change_statuses(read.packages[0].external(metadata.SET_UNIQUE), statuses)
    return problems


def _problems(request: Request, read: Submission) -> Iterator[Problem]:
    if request.registry.has_set(read.packages[0].external(metadata.SET_UNIQUE)):
        yield Problem(code="XDSDuplicateUniqueIdInRegistry", text="Lot déjà reçu.", location=read.packages[0].id)
    if not read.associations:
        yield Problem(code="XDSMetadataUpdateError", text="Aucun changement demandé.")
    for association in read.associations:
        if association.attributes.get("associationType") != UPDATE_STATUS:
            text = "Ce simulateur ne traite que UpdateAvailabilityStatus (suppression, archivage)."
            yield Problem(code="XDSMetadataUpdateOperationError", text=text, location=association.id)
        else:
            yield from _change(request, read.packages[0], association)


def _change(request: Request, package: RegistryObject, association: RegistryObject) -> Iterator[Problem]:
    old, new = association.one("OriginalStatus"), association.one("NewStatus")
    entry = request.registry.entry(association.attributes.get("targetObject", ""))
    if association.attributes.get("sourceObject") != package.id:
        yield Problem(code="XDSMetadataUpdateError", text="sourceObject doit être le lot.", location=association.id)
    if new not in _NEW:
        yield Problem(code="XDSMetadataUpdateError", text=f"NewStatus inconnu : {new}", location=association.id)
    if entry is None:
        yield Problem(code="UnresolvedReferenceException", text="Document inconnu.", location=association.id)
        return
    _check_rights(request, entry, new)
    if entry.status != old or old in (DELETED, new):
        text = "OriginalStatus n'est pas le statut présent, ou le changement est impossible."
        yield Problem(code="XDSMetadataUpdateError", text=text, location=association.id)


def _check_rights(request: Request, entry: registry.Entry, new: str) -> None:
    mine = entry.structure == request.vihf.structure
    if request.vihf.mode == "INDIRECTE" and (new != DELETED or not mine):
        reason = "Le mode INDIRECTE permet seulement de supprimer les documents de la structure (TD3.3c)."
        raise refuse("DROITS", reason, "FailedAuthentication")
    if entry.patient.partition("^")[0] != request.vihf.patient.partition("^")[0]:
        raise refuse("PATIENT", "Le document est celui d'un autre patient.", "FailedAuthentication")
