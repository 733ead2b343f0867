"""``CarePlan/[id]/$ppa-document``: the personalised project as a document to sign (LOINC 80788-3): ``$generate`` of that kind."""

from typing import Final

from dui_fhir.api import Answer, NotFound, Operation, OperationRequest, Reader, Resource, Unprocessable

from . import documents
from .document_text import text

DEFINITION: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-ppa-document",
    "url": "urn:dui-fhir:operation:ppa-document",
    "name": "PpaDocument",
    "title": "Document du projet personnalisé",
    "status": "active",
    "kind": "operation",
    "affectsState": True,
    "code": "ppa-document",
    "description": (
        "Met en page le projet personnalisé (PDF/A-1b) et enregistre son DocumentReference, à signer. "
        "Un contenu inchangé rend le document existant ; un contenu nouveau remplace le document courant."
    ),
    "resource": ["CarePlan"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [
        {
            "name": "return",
            "use": "out",
            "min": 1,
            "max": "1",
            "type": "DocumentReference",
            "documentation": "Le document, docStatus preliminary tant qu'il n'est pas signé.",
        }
    ],
}


def operations() -> list[Operation]:
    """Return the operations of this module."""
    return [Operation(definition=DEFINITION, run=make_document)]


def make_document(request: OperationRequest) -> Answer:
    """Return the document of a plan, with what is to be written.

    Raises: Unprocessable (``ppa-no-patient``: no readable Patient; ``ppa-entered-in-error``; ``document-template``).
    """
    if request.target is None:
        raise NotFound.of("ppa-no-plan", "Le projet personnalisé n'existe pas.")
    _check(request.target, request.context.reader)
    return documents.make(request, request.documents[documents.PROJECT])


def _check(plan: Resource, reader: Reader) -> None:
    if text(plan.get("status")) == "entered-in-error":
        raise Unprocessable.of(
            "ppa-entered-in-error", "Ce projet a été saisi par erreur.", "status", ["CarePlan.status"]
        )
    subject = plan.get("subject")
    patient = reader.read(text(subject.get("reference"))) if isinstance(subject, dict) else None
    if patient is None or patient.get("resourceType") != "Patient":
        raise Unprocessable.of(
            "ppa-no-patient",
            "Le projet ne mène à aucun dossier de personne : le document ne peut pas être établi.",
            "CarePlan.subject is not a readable Patient",
            ["CarePlan.subject"],
        )
