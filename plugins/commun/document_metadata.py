"""The DocumentReference and Binary of a document laid out here (PDSm, comprehensive DocumentReference).

Ids derive from the resource, the content and the document replaced: the same request made twice at once makes the same ids, of
which one is refused by the store, so one content never becomes two documents.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from dui_fhir.api import Context, DocumentKind, Resource, instant, to_ms

from .document_head import IDNAT_ST, LABEL, LOCAL_ID, is_anonymous
from .document_text import date, items, part, text
from .gatherer import reference_of
from .kept import FINAL

CONTENT_SYSTEM: Final = "urn:dui-fhir:document-content"
"""System of the identifier that names a content: number of the resource, ``-DOC-``, start of the SHA-256 of the content."""
IDNAT_PS: Final = "urn:oid:1.2.250.1.71.4.2.1"
VARIANT: Final = "urn:dui-fhir:extension:variante"
LACKING: Final = "urn:dui-fhir:extension:section-manquante"
PDF_FORMAT: Final = {
    "system": "https://mos.esante.gouv.fr/NOS/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
    "code": "urn:ihe:iti:xds-sd:pdf:2008",
    "display": "Document à corps non structuré en Pdf/A-1",
}
_SECTOR: Final = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
_SETTING: Final = "https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice"
_CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SECTORS: Final[Mapping[str, tuple[str, str]]] = {
    "pa": ("SA17", "Etablissement pour personnes âgées"),
    "ph": ("SA16", "Etablissement pour personnes handicapées"),
    "pde": ("SA20", "Etablissement pour la protection de l'enfance"),
    "ahi": ("SA21", "Etablissement d'hébergement et de réadaptation"),
}
"""JDV_J02 code of the sector of activity by corridor; any other is SA41."""
OTHER_SECTOR: Final = ("SA41", "Autre établissement du domaine social ou médico-social")
SETTINGS: Final[Mapping[str, tuple[str, str]]] = {"dom": ("SAD", "Soins à domicile")}
OTHER_SETTING: Final = ("AMBULATOIRE", "Ambulatoire")
"""Practice setting (JDV_J04). ``ESSMS`` is not in the list of the DMP (JDV_J62, 2023-09), so it is not used."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a document is made from: the resource and patient as read, its kind and variant, its content and the hash of that.

    ``lacking``: titles of the required sections that are empty; ``labels``: codes of our security labels; ``extra``: further
    Binary content by media type.
    """

    source: Resource
    patient: Resource
    kind: DocumentKind
    content: Mapping[str, Any]
    digest: str
    title: str
    author: Mapping[str, Any] | None
    organization: Resource | None
    variant: str = ""
    lacking: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    extra: Mapping[str, bytes] = field(default_factory=dict)


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a content, 64 hexadecimal digits; the order of keys has no meaning."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def content_id(source: Resource, digest: str) -> str:
    """Return the value of the identifier that names this content of this resource; never a national number of a person."""
    numbers = items(source.get("identifier"))
    if source["resourceType"] == "Patient":
        numbers = [n for n in numbers if n.get("system") == LOCAL_ID]
    number = next((text(i.get("value")) for i in numbers), "") or reference_of(source)
    return f"{number}-DOC-{digest[:32]}"


def names_content(document: Resource, value: str) -> bool:
    """True where a DocumentReference is of this content."""
    found = items(document.get("identifier"))
    return any(i.get("system") == CONTENT_SYSTEM and i.get("value") == value for i in found)


def resources(made: Made, pdf: bytes, context: Context, replaced: Resource | None) -> list[Resource]:
    """Return what is to be written: DocumentReference, Binaries, and the replaced draft as superseded."""
    key = f"{reference_of(made.source)}|{made.digest}|{replaced['id'] if replaced else ''}"
    document_id, binary_id = str(_id("document", key)), str(_id("binary", key))
    document = _document(made, pdf, context, document_id, binary_id)
    written = [document, _binary(binary_id, document_id, "application/pdf", pdf)]
    for media, data in made.extra.items():
        extra_id = str(_id(media, key))
        document["context"]["related"].append({"reference": f"Binary/{extra_id}", "type": "Binary", "display": media})
        written.append(_binary(extra_id, document_id, media, data))
    if replaced is not None:
        document["relatesTo"] = [{"code": "replaces", "target": {"reference": f"DocumentReference/{replaced['id']}"}}]
        # a signed version stays in force until the new one is signed: $sign supersedes it then
        if replaced.get("docStatus") not in FINAL:
            written.append({**replaced, "status": "superseded"})
    return written


def _binary(id: str, document_id: str, media: str, data: bytes) -> Resource:
    return {
        "resourceType": "Binary",
        "id": id,
        "contentType": media,
        "securityContext": {"reference": f"DocumentReference/{document_id}"},
        "data": b64encode(data).decode(),
    }


def _id(what: str, key: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"urn:dui-fhir:document:{what}:{key}")


def _document(made: Made, pdf: bytes, context: Context, document_id: str, binary_id: str) -> Resource:
    now = instant(to_ms(context.now))
    document: Resource = {
        "resourceType": "DocumentReference",
        "id": document_id,
        "extension": _extensions(made),
        "contained": [_source_patient(made.patient)],
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{UUID(document_id).int}"},
        "identifier": [{"use": "secondary", "system": CONTENT_SYSTEM, "value": content_id(made.source, made.digest)}],
        "status": "current",
        "docStatus": "preliminary",
        "type": {"coding": [dict(made.kind.type)]},
        "category": [{"coding": [dict(c)]} for c in (made.kind.class_, made.kind.category) if c],
        "subject": {"reference": reference_of(made.patient)},
        "date": now,
        "author": [_author(made)],
        "custodian": _custodian(made),
        "description": made.title,
        "securityLabel": [
            {"coding": [{"system": _CONFIDENTIALITY, "code": "N", "display": "normal"}]},
            *({"coding": [{"system": LABEL, "code": code}]} for code in made.labels),
        ],
        "content": [
            {"attachment": _attachment(made, pdf, now, binary_id), "format": dict(made.kind.format or PDF_FORMAT)}
        ],
        "context": _context(made, context, now),
    }
    return {k: v for k, v in document.items() if v != []}


def _extensions(made: Made) -> list[dict[str, Any]]:
    """Return the variant, and the required sections that are empty: rule COM-80 reads them."""
    variant = [{"url": VARIANT, "valueCode": made.variant}] if made.variant else []
    return [*variant, *({"url": LACKING, "valueString": title} for title in made.lacking)]


def _attachment(made: Made, pdf: bytes, now: str, binary_id: str) -> dict[str, Any]:
    return {
        "contentType": "application/pdf",
        "language": "fr-FR",
        "url": f"Binary/{binary_id}",
        "size": len(pdf),
        # SHA-1 is what FHIR and XDS ask of this element; nothing is proved by it here
        "hash": b64encode(hashlib.sha1(pdf, usedforsecurity=False).digest()).decode(),
        "title": made.title,
        "creation": now,
    }


def _context(made: Made, context: Context, now: str) -> dict[str, Any]:
    corridors = sorted(context.corridors - {"commun"})
    corridor = corridors[0] if len(corridors) == 1 else ""
    sector, sector_name = SECTORS.get(corridor, OTHER_SECTOR)
    setting, setting_name = SETTINGS.get(corridor, OTHER_SETTING)
    covered = part(made.source, "period") if made.source["resourceType"] == "CarePlan" else None
    period = {k: v for k, v in (covered or {}).items() if k in ("start", "end")}
    described: dict[str, Any] = {
        "period": {"start": now, **period},
        "facilityType": {"coding": [{"system": _SECTOR, "code": sector, "display": sector_name}]},
        "practiceSetting": {"coding": [{"system": _SETTING, "code": setting, "display": setting_name}]},
        "sourcePatientInfo": {"reference": "#patient"},
        "related": [{"reference": reference_of(made.source)}],
    }
    if isinstance(made.source.get("encounter"), dict):
        described["encounter"] = [made.source["encounter"]]
    return described


def _source_patient(patient: Resource) -> Resource:
    """Return the identity at the time of the document, as contained resource; of an anonymous person, nothing but that."""
    if is_anonymous(patient):
        return {"resourceType": "Patient", "id": "patient"}
    kept = ("identifier", "name", "gender", "birthDate")
    return {"resourceType": "Patient", "id": "patient", **{k: patient[k] for k in kept if k in patient}}


def _custodian(made: Made) -> dict[str, Any]:
    if made.organization is not None:
        return {"reference": f"Organization/{made.organization['id']}"}
    finess, name = part(made.content, "structure", "finess"), part(made.content, "structure", "name")
    reference: dict[str, Any] = {"display": name or "Structure non renseignée"}
    if finess:
        reference["identifier"] = {"system": IDNAT_ST, "value": f"1{finess}"}
    return reference


def _author(made: Made) -> dict[str, Any]:
    """Return who asks for the document, else the author of the resource, else the structure.

    A number alone is no author: the header of a document sent names people.
    """
    if made.author is not None:
        return dict(made.author)
    written = made.source.get("author")
    written = next(iter(items(written)), None) if isinstance(written, list) else written
    return dict(written) if isinstance(written, dict) else _custodian(made)


def title(kind_title: str, context: Context) -> str:
    """Return the title of the document: without the person's name, as it appears in lists and envelopes."""
    return f"{kind_title} du {date(instant(to_ms(context.now)))}"
