"""Operations that make and give documents: ``$generate``, ``Patient/$dlu``, ``Patient/$summary``."""

import json
from base64 import b64decode, b64encode
from typing import Any, Final

from dui_fhir.api import (
    Answer,
    BadRequest,
    DocumentKind,
    Issue,
    NotFound,
    Operation,
    OperationRequest,
    Resource,
    add_months,
    day_of,
)

from .document_bundle import bundle
from .document_record import Record
from .document_text import date, items, text
from .documents import FHIR_JSON, content_of, make, pdf_of, title_of
from .kept import FINAL
from .lenient import tags, target

PDF: Final = "application/pdf"
MADE_FROM: Final = ("CarePlan", "Composition", "Consent", "Contract", "Patient", "QuestionnaireResponse")
SUMMARY: Final = "synthese"
DLU: Final = "dlu"


def _definition(code: str, title: str, description: str, resource: list[str], **more: Any) -> Resource:
    return {
        "resourceType": "OperationDefinition",
        "id": f"dui-{code}",
        "url": f"urn:dui-fhir:operation:{code}",
        "name": "".join(w.capitalize() for w in code.split("-")),
        "title": title,
        "status": "active",
        "kind": "operation",
        "code": code,
        "description": description,
        "resource": resource,
        "system": False,
        "type": False,
        "instance": True,
        **more,
    }


def _input(name: str, type: str, min: int, words: str) -> dict[str, Any]:
    return {"name": name, "use": "in", "min": min, "max": "1", "type": type, "documentation": words}


def _output(type: str, words: str) -> dict[str, Any]:
    return {"name": "return", "use": "out", "min": 1, "max": "1", "type": type, "documentation": words}


_PRINTED: Final = {
    "name": "printed", "use": "out", "min": 0, "max": "1", "type": "Binary",
    "documentation": "Le même, à imprimer : _format=application/pdf, ou Accept: application/pdf.",
}  # fmt: skip

GENERATE: Final = _definition(
    "generate",
    "Établir un document",
    "Met en page un document du couloir (PDF/A-1b) à partir de cette ressource et enregistre son DocumentReference, à signer. "
    "Un contenu inchangé rend le document existant ; un contenu nouveau remplace le document courant.",
    list(MADE_FROM),
    affectsState=True,
    parameter=[
        _input("kind", "code", 1, "Type de document : son id dans documents.json (dlu, contrat-sejour, dipc, ppe…)."),
        _input("variant", "code", 0, "Forme : falc (facile à lire et à comprendre)."),
        _input("motive", "string", 0, "Motif, pour une fiche de transfert ou une lettre de liaison."),
        _output("DocumentReference", "Le document, docStatus preliminary tant qu'il n'est pas signé."),
    ],
)
DLU_DEFINITION: Final = _definition(
    "dlu",
    "Document de liaison d'urgence",
    "Rend le dernier DLU signé de la personne : Bundle document, ou PDF. Il s'établit par $generate (kind=dlu).",
    ["Patient"],
    affectsState=False,
    parameter=[_output("Bundle", "Le document FHIR."), _PRINTED],
)
SUMMARY_DEFINITION: Final = _definition(
    "summary",
    "Fiche de synthèse",
    "Rend la fiche de synthèse de la personne telle que le dossier est maintenant : Bundle document, ou PDF d'une page. "
    "Rien n'est enregistré.",
    ["Patient"],
    affectsState=False,
    parameter=[_output("Bundle", "Le document FHIR."), _PRINTED],
)


def operations() -> list[Operation]:
    """Return the operations of this module."""
    return [
        Operation(definition=GENERATE, run=generate),
        Operation(definition=DLU_DEFINITION, run=dlu),
        Operation(definition=SUMMARY_DEFINITION, run=summary),
    ]


def generate(request: OperationRequest) -> Answer:
    """Return the document of a kind, made from the target.

    Raises: BadRequest (``document-kind-unknown``, ``document-variant-unknown``) and those of :func:`documents.make`.
    """
    kind = _kind(request, str(request.parameters["kind"]))
    variant = str(request.parameters.get("variant", ""))
    if variant and variant not in kind.variants:
        known = ", ".join(sorted(kind.variants)) or "aucune"
        raise BadRequest.of(
            "document-variant-unknown",
            f"Ce document n'a pas cette forme ; formes connues : {known}.",
            "no such variant",
            ["Parameters.parameter.where(name='variant')"],
        )
    return make(request, kind, variant, motive=str(request.parameters.get("motive", "")))


def _kind(request: OperationRequest, asked: str) -> DocumentKind:
    """Return the kind asked for, where the structure makes it from this type of resource."""
    kind = request.documents.get(asked)
    if kind is None or request.type not in kind.made_from:
        offered = sorted(k.id for k in request.documents.values() if request.type in k.made_from)
        raise BadRequest.of(
            "document-kind-unknown",
            f"Ce document ne s'établit pas ici à partir de {request.type} ; possibles : {', '.join(offered) or 'aucun'}.",
            "no such kind for this type of resource in this structure",
            ["Parameters.parameter.where(name='kind')"],
        )
    return kind


def dlu(request: OperationRequest) -> Answer:
    """Return the person's last signed DLU (decision D21).

    Raises: NotFound (``dlu-none``: none is signed; ``dlu-no-bundle``: it was stored as a file only).
    """
    kind = request.documents[DLU]
    document = _last_signed(request, kind)
    if document is None:
        raise NotFound.of(
            "dlu-none",
            "Aucun document de liaison d'urgence signé. La fiche de synthèse ($summary) donne les données de sécurité.",
            "no signed emergency liaison document",
        )
    wanted = request.media or FHIR_JSON
    binary = _content(document, wanted, request)
    if binary is None:
        raise NotFound.of(
            "dlu-no-bundle",
            "Ce document n'existe pas sous cette forme : demandez-le en PDF (_format=application/pdf).",
            "no such content on the signed document",
        )
    result = binary if request.media else json.loads(b64decode(binary["data"]))
    return Answer(result=result, issues=tuple(_stale(document, request)))


def _last_signed(request: OperationRequest, kind: DocumentKind) -> Resource | None:
    person = f"Patient/{(request.target or {}).get('id')}"
    wanted = f"{kind.type['system']}|{kind.type['code']}"
    found = request.context.reader.search("DocumentReference", [("patient", person), ("type", wanted)])
    signed = [d for d in found if d.get("status") == "current" and d.get("docStatus") in FINAL]
    own = [d for d in signed if not any(t.startswith("recu-") for t in tags(d))]
    return max(own, key=lambda d: (text(d.get("date")), text(d.get("id"))), default=None)


def _content(document: Resource, media: str, request: OperationRequest) -> Resource | None:
    """Return the Binary of the document in a media type: its attachment, or a related one."""
    attachments = [c.get("attachment", {}) for c in items(document.get("content"))]
    places = [text(a.get("url")) for a in attachments if a.get("contentType") == media]
    related = items(document.get("context", {}).get("related"))
    places += [target(r) for r in related if r.get("type") == "Binary" and r.get("display") == media]
    return next((b for place in places if (b := request.context.reader.read(place))), None)


def _stale(document: Resource, request: OperationRequest) -> list[Issue]:
    """Tell that a DLU is older than the delay of the corridor (PA-07, DOM-08)."""
    made, today = day_of(document.get("date")), request.context.now.date()
    delays = [request.context.parameters.get(f"{c}.dlu_actualisation_mois") for c in request.context.corridors]
    known = [int(d) for d in delays if d is not None]
    if made is None or not known or today <= add_months(made, min(known)):
        return []
    return [
        Issue(
            severity="warning",
            code="business-rule",
            id="dlu-stale",
            text=f"Ce document de liaison d'urgence date du {date(made.isoformat())} : il est à actualiser.",
        )
    ]


def summary(request: OperationRequest) -> Answer:
    """Return the person's summary as the file is now, as a document Bundle or as a page to print; nothing is written."""
    kind = request.documents[SUMMARY]
    patient = request.target or {}
    record = Record(patient, patient, request.context, kind, {})
    content = content_of(record)
    named = title_of(kind, request.context)
    if not request.media:
        return Answer(result=bundle(record, content, named))
    pdf = pdf_of(request, kind, "", content, named)
    return Answer(result={"resourceType": "Binary", "contentType": PDF, "data": b64encode(pdf).decode()})
