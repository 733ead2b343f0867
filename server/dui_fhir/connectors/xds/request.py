"""The body of ITI-41: submission set, document entry, signature entry, associations.

Every value that the CDA holds too is read from the same :class:`CdaInput`, so both cannot disagree.
Source: IHE ITI TF-3 §4.2, French profile of the DMP (docs/dmp.md).
"""

from dataclasses import dataclass
from datetime import datetime

from dui_fhir.connectors.cda.values import Author, CdaInput
from dui_fhir.connectors.markup import Element, extend, maker, under
from dui_fhir.connectors.nomenclature import Code
from dui_fhir.connectors.xds import formats
from dui_fhir.connectors.xds.ebrim import RIM, Owner, association, label, rim, slot

XDSB = "urn:ihe:iti:xds-b:2007"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
XOP = "http://www.w3.org/2004/08/xop/include"
NAMESPACES: dict[str | None, str] = {"xdsb": XDSB, "lcm": LCM, "rim": RIM, "xop": XOP}

DOCUMENT, SIGNATURE, SET = "Document01", "Signature01", "SubmissionSet01"
"""Symbolic ids of the message: the registry gives its own."""

HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
REPLACES = "urn:ihe:iti:2007:AssociationType:RPLC"
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"

_STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
_SET_NODE = "a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
_ENTRY = {
    "author": "93606bcf-9494-43ec-9b4e-a7748d1a838d",
    "class": "41a5887f-8865-4c09-adf7-e362475b143a",
    "type": "f0306f51-975f-434e-a61c-c59651d33983",
    "format": "a09d5840-386c-46f2-b5ad-9c3699a4309d",
    "confidentiality": "f4f85eac-e6cb-4883-b524-f2705394840f",
    "facility": "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
    "practice": "cccf5598-8b07-4b77-a05e-ae952c785ead",
    "event": "2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4",
    "patient": "58a6f841-87b3-4a3e-92fd-a8ffeff98427",
    "unique": "2e82c1f6-a085-4c72-9da3-8640a32e42ab",
}
_SET = {
    "author": "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d",
    "content": "aa543740-bdda-424e-8c96-df4873be8500",
    "patient": "6b5aea1a-874d-4603-a4bc-96a0a7b38446",
    "source": "554ac39e-e3fe-47fe-b233-965d2a147832",
    "unique": "96fdda7c-d067-4183-912e-bf5ee74998a8",
}
_SIGNATURE_CODES = (
    (
        "class",
        Code(code="urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", system="URN", display="Digital Signature"),
    ),
    ("type", Code(code="E1762", system="ASTM", display="Full Document")),
    (
        "format",
        Code(code="http://www.w3.org/2000/09/xmldsig#", system="URN", display="Default Signature Style"),
    ),
    ("event", Code(code="1.2.840.10065.1.12.1.14", system="1.2.840.10065.1.12", display="Source")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSignature:
    """The signature of the submission set, sent beside the documents. ``visibility``: codes that hide it."""

    unique_id: str
    signed_at: datetime
    visibility: tuple[Code, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What metadata say besides the CDA.

    ``time`` is that of the submission; ``visibility`` up to three codes beside the confidentiality of the CDA;
    ``replaced_entry`` the entryUUID (``urn:uuid:…``) that the registry gave to the version replaced; ``sha1`` and ``size_bytes``
    of the CDA, left out where None (the repository computes them).
    """

    unique_id: str
    source_id: str
    time: datetime
    author: Author
    content_type: Code
    class_code: Code
    format_code: Code
    visibility: tuple[Code, ...] = ()
    replaced_entry: str | None = None
    comments: str | None = None
    sha1: str | None = None
    size_bytes: int | None = None
    signature: SetSignature | None = None


def provide_and_register(document: CdaInput, submission: Submission) -> Element:
    """Return ``ProvideAndRegisterDocumentSetRequest``; its documents are ``xop:Include`` of ``cid:<entry id>@dui-fhir``."""
    objects = rim(
        "RegistryObjectList",
        _set(document, submission),
        _entry(document, submission),
        _signature_entry(document, submission),
        *_associations(submission),
    )
    ids = [DOCUMENT] if submission.signature is None else [DOCUMENT, SIGNATURE]
    body = maker(XDSB)(
        "ProvideAndRegisterDocumentSetRequest",
        maker(LCM)("SubmitObjectsRequest", objects),
        *(_document(id) for id in ids),
    )
    return under(NAMESPACES, body)


def content_id(entry: str) -> str:
    """Return the Content-ID of the MIME part that carries the document of an entry."""
    return f"{entry}@dui-fhir"


def _document(id: str) -> Element:
    include = maker(XOP)("Include", href=f"cid:{content_id(id)}")
    return maker(XDSB)("Document", include, id=id)


def _set(document: CdaInput, submission: Submission) -> Element:
    owner = Owner(SET)
    return rim(
        "RegistryPackage",
        slot("submissionTime", formats.dtm(submission.time)),
        label("Name", document.title),
        label("Description", submission.comments),
        owner.marker(_SET_NODE),
        owner.author(_SET["author"], submission.author),
        owner.classification(_SET["content"], submission.content_type),
        owner.identifier(_SET["patient"], "XDSSubmissionSet.patientId", formats.ins(document.patient)),
        owner.identifier(_SET["source"], "XDSSubmissionSet.sourceId", submission.source_id),
        owner.identifier(_SET["unique"], "XDSSubmissionSet.uniqueId", submission.unique_id),
        id=SET,
        objectType="urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage",
    )


def _entry(document: CdaInput, submission: Submission) -> Element:
    owner = Owner(DOCUMENT)
    node = rim("ExtrinsicObject", id=DOCUMENT, mimeType="text/xml", objectType=_STABLE)
    extend(node, *_entry_slots(document, submission), label("Name", document.title))
    extend(node, label("Description", submission.comments))
    extend(node, *(owner.author(_ENTRY["author"], author) for author in document.authors))
    coded = [
        ("class", submission.class_code),
        ("type", document.type),
        ("format", submission.format_code),
        *(("confidentiality", code) for code in (document.confidentiality, *submission.visibility)),
        *_place(document),
        *((("event", document.act.code),) if document.act.code else ()),
    ]
    return _identified(node, owner, document, document.unique_id, coded)


def _place(document: CdaInput) -> tuple[tuple[str, Code], ...]:
    return (("facility", document.stay.facility), ("practice", document.act.practice))


def _identified(
    node: Element, owner: Owner, document: CdaInput, unique_id: str, coded: list[tuple[str, Code]]
) -> Element:
    return extend(
        node,
        *(owner.classification(_ENTRY[kind], code) for kind, code in coded),
        owner.identifier(_ENTRY["patient"], "XDSDocumentEntry.patientId", formats.ins(document.patient)),
        owner.identifier(_ENTRY["unique"], "XDSDocumentEntry.uniqueId", unique_id),
    )


def _entry_slots(document: CdaInput, submission: Submission) -> list[Element | None]:
    stop = document.act.stop
    return [
        slot("creationTime", formats.dtm(document.created)),
        slot("languageCode", "fr-FR"),
        slot("legalAuthenticator", formats.xcn(document.legal_authenticator.who)),
        slot("serviceStartTime", formats.dtm(document.act.start)),
        slot("serviceStopTime", formats.dtm(stop)) if stop is not None else None,
        slot("sourcePatientId", formats.source_patient_id(document.patient)),
        slot("sourcePatientInfo", *formats.source_patient_info(document.patient)),
        slot("hash", submission.sha1) if submission.sha1 is not None else None,
        slot("size", str(submission.size_bytes)) if submission.size_bytes is not None else None,
    ]


def _signature_entry(document: CdaInput, submission: Submission) -> Element | None:
    signature = submission.signature
    if signature is None:
        return None
    owner = Owner(SIGNATURE)
    node = rim("ExtrinsicObject", id=SIGNATURE, mimeType="text/xml", objectType=_STABLE)
    extend(
        node,
        slot("creationTime", formats.dtm(signature.signed_at)),
        slot("languageCode", "art"),
        slot("legalAuthenticator", formats.xcn(document.legal_authenticator.who)),
        slot("serviceStartTime", formats.dtm(signature.signed_at)),
        slot("sourcePatientId", formats.source_patient_id(document.patient)),
        slot("sourcePatientInfo", *formats.source_patient_info(document.patient)),
        label("Name", "Source"),
        owner.author(_ENTRY["author"], submission.author),
    )
    hidden = [("confidentiality", code) for code in signature.visibility]
    coded = [*_SIGNATURE_CODES, *hidden, *_place(document)]
    return _identified(node, owner, document, signature.unique_id, coded)


def _associations(submission: Submission) -> list[Element]:
    original = "SubmissionSetStatus"
    made = [association("as-member-1", HAS_MEMBER, SET, DOCUMENT, [slot(original, "Original")])]
    if submission.replaced_entry is not None:
        made.append(association("as-replaces", REPLACES, DOCUMENT, submission.replaced_entry))
    if submission.signature is not None:
        made.append(association("as-member-2", HAS_MEMBER, SET, SIGNATURE, [slot(original, "Original")]))
        made.append(association("as-signs", SIGNS, SIGNATURE, SET))
    return made
