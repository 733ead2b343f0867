"""``CarePlan/[id]/$ppa-document``: the personalised project as a document to sign, PDF/A-1b with its DocumentReference.

The same content again answers the document that exists; a new content replaces the current one. Source: PDSm 3.1.1
(comprehensive DocumentReference); LOINC 80788-3.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dui_fhir.api import (
    Answer,
    Context,
    NotFound,
    Operation,
    OperationRequest,
    Reader,
    Resource,
    Unprocessable,
    instant,
    to_ms,
)

from .ppa_content import collect, organization_of
from .ppa_metadata import IDNAT_PS, Made, content_id, digest_of, names_content, resources, title
from .ppa_text import date, text

__all__ = ["DEFINITION", "collect", "operations"]

TEMPLATE: Final = Path(__file__).parent / "templates" / "ppa.typ"
"""Layout where the corridor of the structure has none of its own for the document type ``ppa``."""
TYPE: Final = "http://loinc.org|80788-3"
TITLES: Final[Mapping[str, str]] = {"pa": "Projet d’accompagnement personnalisé"}
"""Name of the document by corridor, where the law of the corridor has its own (CASF, D312-155-0)."""
TITLE: Final = "Projet personnalisé d’accompagnement"

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
    plan, context = request.target, request.context
    if plan is None:
        raise NotFound.of("ppa-no-plan", "Le projet personnalisé n'existe pas.")
    patient = _patient(plan, context.reader)
    content = collect(plan, context.reader, context)
    named = _title(context)
    digest = digest_of({"title": named, "content": content})
    current = _current(plan, context.reader)
    wanted = content_id(plan, digest)
    if current is not None and names_content(current, wanted):
        return Answer(result=current)
    template = request.templates.get("ppa", TEMPLATE)
    pdf = request.renderer.pdf(template, {**content, "document": _heading(named, context)})
    made = Made(
        plan=plan,
        patient=patient,
        content=content,
        digest=digest,
        title=title(named, context),
        author=_requester(context),
        organization=organization_of(content, context.reader),
    )
    return Answer(writes=resources(made, pdf, context, current))


def _patient(plan: Resource, reader: Reader) -> Resource:
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
    return patient


def _title(context: Context) -> str:
    titles = [TITLES[c] for c in sorted(context.corridors) if c in TITLES]
    return titles[0] if len(titles) == 1 else TITLE


def _heading(named: str, context: Context) -> dict[str, Any]:
    now = instant(to_ms(context.now))
    day = date(now)
    return {
        "title": named,
        "subtitle": f"Document établi le {date(now, long=True)}",
        "date": day,
        "date_iso": "-".join(reversed(day.split("/"))),
    }


def _current(plan: Resource, reader: Reader) -> Resource | None:
    """Return the newest current document of this plan."""
    found = reader.search("DocumentReference", [("related", f"CarePlan/{plan['id']}"), ("type", TYPE)])
    current = [d for d in found if d.get("status") == "current"]
    return max(current, key=lambda d: (text(d.get("date")), text(d.get("id"))), default=None)


def _requester(context: Context) -> dict[str, str] | None:
    """Return a reference to the professional who asks, where the tenant knows exactly one of this number."""
    number = context.actor.professional
    if not number:
        return None
    bare = number[1:] if number.startswith("8") and len(number) == 12 else number
    values = ",".join(f"{IDNAT_PS}|{n}" for n in dict.fromkeys((number, bare)))
    found = context.reader.search("Practitioner", [("identifier", values)])
    return {"reference": f"Practitioner/{found[0]['id']}"} if len(found) == 1 else None
