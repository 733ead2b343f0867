"""The one way in which a document is made: gather its content, lay it out, describe it, keep what it replaces.

The same content again answers the document that exists; a new content replaces the current one of the same kind and variant,
about the same resource. Source: PDSm 3.1.1 (comprehensive DocumentReference); decisions D8, D14.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dui_fhir.api import (
    Answer,
    Context,
    DocumentKind,
    OperationRequest,
    Reader,
    Resource,
    Unprocessable,
    instant,
    to_ms,
)

from .document_bundle import bundle_of
from .document_head import (
    PROTECTED_ADDRESS,
    ins_of,
    is_anonymous,
    is_protected,
    organization_of,
    person_of,
    structure_of,
)
from .document_metadata import (
    IDNAT_PS,
    VARIANT,
    Made,
    content_id,
    digest_of,
    names_content,
    resources,
    title,
)
from .document_nature import check_nature
from .document_record import Record
from .document_sections import sections_of
from .document_signatures import signatures_of
from .document_text import date, part, text
from .gatherer import Gatherer, reference_of
from .lenient import codes, extension_value
from .ppa_content import collect, finess_of

TEMPLATES: Final = Path(__file__).parent / "templates"
"""Layouts where the corridor of the structure has none of its own."""
PROJECT: Final = "ppa"
"""The kind whose content is a whole TDDUI project, not a list of sections."""
FHIR_JSON: Final = "application/fhir+json"
WITH_BUNDLE: Final = frozenset({"dlu"})
"""Kinds of which a FHIR document is kept beside the PDF."""
NOT_FOR_ANONYMOUS: Final = frozenset({"dlu"})


def make(request: OperationRequest, kind: DocumentKind, variant: str = "", **given: str) -> Answer:
    """Return the document of ``request.target`` of a kind, with what is to be written.

    ``given``: inputs that the sections read (``motive``). Raises: Unprocessable (``document-no-patient``,
    ``document-entered-in-error``, ``document-kind-other``, ``document-anonymous``, ``document-template``).
    """
    target = request.target or {}
    patient = patient_of(target, request.context.reader)
    check_nature(kind, target, request.context)
    _check_anonymous(kind, patient)
    record = Record(target, patient, request.context, kind, given)
    content = content_of(record)
    named = title_of(kind, request.context)
    digest = digest_of({"title": named, "content": content, **({"variant": variant} if variant else {})})
    current = current_of(target, kind, variant, request.context.reader)
    if current is not None and names_content(current, content_id(target, digest)):
        return Answer(result=current)
    pdf = pdf_of(request, kind, variant, content, named)
    made = Made(
        source=target,
        patient=patient,
        kind=kind,
        content=content,
        digest=digest,
        title=title(named, request.context),
        author=_requester(request.context),
        organization=organization_of(text(part(content, "structure", "finess")), Gatherer(request.context.reader)),
        variant=variant,
        lacking=tuple(lacking(kind, content)),
        labels=(PROTECTED_ADDRESS,) if is_protected(patient) else (),
        extra={FHIR_JSON: bundle_of(record, content, named)} if kind.id in WITH_BUNDLE and not variant else {},
    )
    return Answer(writes=resources(made, pdf, request.context, current))


def patient_of(target: Resource, reader: Reader) -> Resource:
    """Return the Patient that a resource is about.

    Raises: Unprocessable (``document-no-patient``: no readable one; ``document-entered-in-error``).
    """
    if text(target.get("status")) == "entered-in-error":
        raise Unprocessable.of(
            "document-entered-in-error",
            "Cette ressource a été saisie par erreur : aucun document n'en est établi.",
            "status is entered-in-error",
            [f"{target.get('resourceType')}.status"],
        )
    if target.get("resourceType") == "Patient":
        return target
    subject = target.get("subject") or target.get("patient")
    first = next(iter(subject), None) if isinstance(subject, list) else subject
    literal = text(part(first, "reference"))
    patient = reader.read(literal) if literal else None
    if patient is None or patient.get("resourceType") != "Patient":
        raise Unprocessable.of(
            "document-no-patient",
            "Cette ressource ne mène à aucun dossier de personne : le document ne peut pas être établi.",
            "subject is not a readable Patient",
            [f"{target.get('resourceType')}.subject"],
        )
    return patient


def _check_anonymous(kind: DocumentKind, patient: Resource) -> None:
    if kind.id in NOT_FOR_ANONYMOUS and is_anonymous(patient):
        raise Unprocessable.of(
            "document-anonymous",
            "Cette personne est accueillie sous anonymat : ce document ne peut pas être établi.",
            "anonymous person (decision D12)",
        )


def content_of(record: Record) -> dict[str, Any]:
    """Return the content of a document, as JSON for its template; the day it is made is not part of it.

    Shape: ``structure``, ``person``, ``ins`` (None unless qualified), ``sections`` (``id``, ``title``, ``required``, ``empty``,
    ``blocks``), ``signatures``; for a project, that of :func:`ppa_content.collect`.
    """
    if record.kind.id == PROJECT:
        return collect(record.target, record.context.reader, record.context)
    finess = finess_of(record.target)
    return {
        "structure": structure_of(finess, record.gather, record.context, silent=record.protected),
        "person": person_of(record.patient),
        "ins": ins_of(record.patient, record.context),
        "sections": sections_of(record),
        "signatures": signatures_of(record),
    }


def lacking(kind: DocumentKind, content: Mapping[str, Any]) -> list[str]:
    """Return the titles of the required sections that say nothing (D8: a draft may lack them, a final document may not)."""
    if kind.id == PROJECT:
        filled = {
            "projet-de-vie": content["life_projects"] or content["expectations"],
            "objectifs": content["goals"],
            # the document itself is where people agree
            "accords": True,
        }
        return [s.title for s in kind.sections if s.required and not filled.get(s.id, True)]
    return [s["title"] for s in content["sections"] if s["required"] and s["empty"]]


def title_of(kind: DocumentKind, context: Context) -> str:
    """Return the name of a document: that of its kind, or for a project what the law calls it in this kind of structure."""
    if kind.id == PROJECT and context.structure is not None:
        for corridor in sorted(context.corridors):
            names = context.parameters.get(f"{corridor}.projet_titres", {})
            if context.structure.category in names:
                return _typeset(str(names[context.structure.category]))
    return _typeset(kind.title)


def _typeset(title: str) -> str:
    return title.replace("'", "’")


def pdf_of(
    request: OperationRequest, kind: DocumentKind, variant: str, content: Mapping[str, Any], named: str
) -> bytes:
    """Return the layout of a content. Raises: Unprocessable (``document-template``)."""
    template = kind.variants[variant] if variant else kind.template
    name = f"{kind.id}-{variant}" if variant else kind.id
    own = TEMPLATES / f"{name}.typ"
    template = template or (own if own.is_file() else TEMPLATES / "document.typ")
    return request.renderer.pdf(template, {**content, "document": heading(named, kind, request.context)})


def heading(named: str, kind: DocumentKind, context: Context) -> dict[str, Any]:
    """Return title and day of a document."""
    now = instant(to_ms(context.now))
    day = date(now)
    return {
        "title": named,
        "kind": kind.id,
        "subtitle": f"Document établi le {date(now, long=True)}",
        "date": day,
        "date_iso": "-".join(reversed(day.split("/"))),
    }


def current_of(target: Resource, kind: DocumentKind, variant: str, reader: Reader) -> Resource | None:
    """Return the newest current document of this kind and variant about a resource."""
    wanted = f"{kind.type['system']}|{kind.type['code']}"
    found = reader.search("DocumentReference", [("related", reference_of(target)), ("type", wanted)])
    category = kind.category["code"] if kind.category else None
    current = [
        d
        for d in found
        if d.get("status") == "current"
        and text(extension_value(d, VARIANT)) == variant
        and (category is None or category in codes(d.get("category")))
    ]
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
