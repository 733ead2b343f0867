"""A whole CDA R2 level 1 document. The order of elements is that of the CDA schema.

Source: CI-SIS, volet Structuration minimale V1.16.8; IHE ITI XDS-SD for the body.
"""

from base64 import b64encode

from lxml import etree

from dui_fhir.connectors.cda.elements import (
    coded,
    el,
    entity,
    identifier,
    interval,
    name,
    organization,
    time,
)
from dui_fhir.connectors.cda.patient import record_target
from dui_fhir.connectors.cda.values import Act, Author, CdaInput, Relative, Signatory, Stay
from dui_fhir.connectors.markup import Element, document, extend

_TEMPLATES = ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20")


def build(source: CdaInput) -> bytes:
    """Return the document, UTF-8: the same bytes for the same input.

    Raises: nothing of its own; the values are taken as they are, XML's forbidden characters become spaces.
    """
    root = etree.Element(el("ClinicalDocument").tag, nsmap={None: "urn:hl7-org:v3"})
    extend(root, *_head(source), record_target(source.patient), *_people(source), *_context(source))
    return document(extend(root, el("component", el("nonXMLBody", _body(source)))))


def _head(source: CdaInput) -> list[Element]:
    return [
        el("realmCode", code="FR"),
        el("typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        *(el("templateId", root=template) for template in _TEMPLATES),
        identifier(source.unique_id),
        coded("code", source.type),
        el("title", source.title),
        time("effectiveTime", source.created),
        coded("confidentialityCode", source.confidentiality),
        el("languageCode", code="fr-FR"),
        el("setId", root=source.set_id),
        el("versionNumber", value=str(source.version)),
    ]


def _people(source: CdaInput) -> list[Element]:
    custodian = organization("representedCustodianOrganization", source.custodian)
    return [
        *(_author(author) for author in source.authors),
        *(_informant(relative) for relative in source.informants),
        el("custodian", el("assignedCustodian", custodian)),
        _signatory("legalAuthenticator", source.legal_authenticator),
        *(_signatory("authenticator", signatory) for signatory in source.authenticators),
    ]


def _context(source: CdaInput) -> list[Element | None]:
    return [
        el("documentationOf", _act(source.act)),
        _replaced(source.replaces),
        el("componentOf", _stay(source.stay)),
    ]


def _author(author: Author) -> Element:
    return el("author", time("time", author.time), entity("assignedAuthor", author.who, author.organization))


def _informant(relative: Relative) -> Element:
    related = el(
        "relatedEntity",
        coded("code", relative.relationship),
        el("addr", nullFlavor="NASK"),
        el("telecom", nullFlavor="NASK"),
        el("relatedPerson", name(relative.name)),
        classCode=relative.kind,
    )
    return el("informant", related)


def _signatory(tag: str, signatory: Signatory) -> Element:
    return el(
        tag,
        time("time", signatory.time),
        el("signatureCode", code="S"),
        entity("assignedEntity", signatory.who, signatory.organization),
    )


def _act(act: Act) -> Element:
    performer = entity("assignedEntity", act.performer, act.organization, act.practice)
    return el(
        "serviceEvent",
        coded("code", act.code),
        interval(act.start, act.stop),
        el("performer", performer, typeCode="PRF"),
    )


def _replaced(unique_id: str | None) -> Element | None:
    if unique_id is None:
        return None
    return el("relatedDocument", el("parentDocument", identifier(unique_id)), typeCode="RPLC")


def _stay(stay: Stay) -> Element:
    return el(
        "encompassingEncounter",
        identifier(*stay.id) if stay.id else None,
        interval(stay.start, stay.stop),
        el("location", el("healthCareFacility", coded("code", stay.facility))),
    )


def _body(source: CdaInput) -> Element:
    text = b64encode(source.content).decode("ascii")
    return el("text", text, mediaType=source.media_type, representation="B64")
