"""What leaves for one document: CDA, metadata, signature of the set. Pure given the signer."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dui_fhir.connectors import cda, nomenclature
from dui_fhir.connectors.cda.values import Author, CdaInput, Device
from dui_fhir.connectors.dmp import ids
from dui_fhir.connectors.dmp.gather import PDF_FORMAT, Gathered
from dui_fhir.connectors.dmp.mtom import Part
from dui_fhir.connectors.dmp.set_signature import sign_set
from dui_fhir.connectors.dmp.signing import Signer
from dui_fhir.connectors.dmp.vihf import Identity, Software, roles
from dui_fhir.connectors.markup import Element, document
from dui_fhir.connectors.nomenclature import CONFIDENTIALITY, CONTENT_TYPES, VISIBILITY, Code
from dui_fhir.connectors.xds import SetSignature, Submission, provide_and_register
from dui_fhir.connectors.xds.request import DOCUMENT, SIGNATURE, content_id
from dui_fhir.domain.dates import interval
from dui_fhir.domain.job import Job
from dui_fhir.settings import Settings

_CONTENT_TYPES = {"SA41": ("16", "Lieu de vie")}
_FULL_STAY = ("11", "Hébergement complet")
_SIGNATURE_HIDDEN = (
    Code(code="N", system=CONFIDENTIALITY, display="Normal"),
    Code(code="MASQUE_PS", system=VISIBILITY, display="Masqué aux professionnels de santé"),
    Code(code="INVISIBLE_PATIENT", system=VISIBILITY, display="Non visible par le patient"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """``cda`` and ``metadata`` as bytes; ``request`` the body of ITI-41; ``parts`` of the MTOM message; ``sha1`` of the CDA."""

    document: CdaInput
    cda: bytes
    sha1: str
    metadata: bytes
    request: Element
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """What the settings say of the sending software."""

    settings: Settings
    software_version: str

    def source_id(self, tenant: str) -> str:
        """Return the OID of the installation."""
        return str(self.settings.dmp_source_oid) or ids.source_id(tenant)

    def identity(self, source: CdaInput) -> Identity:
        """Return who the VIHF speaks for."""
        return Identity(
            subject=subject(source),
            sector=source.stay.facility,
            software=Software(
                id=str(self.settings.dmp_lps_id),
                name="dui-fhir",
                version=self.software_version,
                approval=str(self.settings.dmp_lps_approval),
            ),
            mode=str(self.settings.dmp_authentication),
            version=str(self.settings.dmp_vihf_version),
        )

    def content_type(self, facility: Code) -> Code:
        """Return the activity of the structure (JDV_J59)."""
        code, display = _CONTENT_TYPES.get(facility.code, _FULL_STAY)
        chosen = str(self.settings.dmp_content_type)
        return Code(code=chosen or code, system=CONTENT_TYPES, display=display if chosen in ("", code) else chosen)


def subject(source: CdaInput) -> Author:
    """Return who answers for the sending: a health professional among authors and signatories, else the structure's software.

    The DMP gives no role to professions outside health (JDV_J65): then the structure itself speaks, as ``AUTOMATE``.
    """
    signed = source.legal_authenticator
    signatory = Author(who=signed.who, organization=signed.organization, time=signed.time)
    for author in (*source.authors, signatory):
        if roles(author.who.code):
            return author
    automate = nomenclature.specialty("AUTOMATE")
    if automate is None:
        raise LookupError("AUTOMATE")
    finess = source.custodian.id[1:]
    software = Device(id=f"3{finess}/dui", model="dui-fhir", software="dui-fhir", code=automate)
    return Author(who=software, organization=source.custodian, time=source.created)


def outgoing(
    tenant: str, job: Job, gathered: Gathered, sender: Sender, signer: Signer, replaced_entry: str | None
) -> Outgoing:
    """Return the message of a job; ``replaced_entry`` is the entryUUID of the version to replace, None for a new document."""
    source = gathered.document if replaced_entry else _original(gathered.document)
    built = cda.build(source)
    time = datetime.fromtimestamp(interval(str(job.payload["requested"]))[0] // 1000, UTC)
    set_id = ids.submission_id(source.unique_id)
    sign = bool(sender.settings.dmp_sign_set)
    signature_id = ids.signature_id(source.unique_id)
    submission = Submission(
        unique_id=set_id,
        source_id=sender.source_id(tenant),
        time=time,
        author=subject(source),
        content_type=sender.content_type(source.stay.facility),
        class_code=gathered.class_code,
        format_code=PDF_FORMAT,
        visibility=gathered.visibility,
        replaced_entry=replaced_entry,
        signature=SetSignature(unique_id=signature_id, signed_at=time, visibility=_SIGNATURE_HIDDEN) if sign else None,
    )
    request = provide_and_register(source, submission)
    parts = [Part(content_id=content_id(DOCUMENT), data=built)]
    if sign:
        signature = sign_set(set_id, [(source.unique_id, built)], time, signer)
        parts.append(Part(content_id=content_id(SIGNATURE), data=signature))
    return Outgoing(
        document=source,
        cda=built,
        sha1=hashlib.sha1(built, usedforsecurity=False).hexdigest(),
        metadata=document(request),
        request=request,
        parts=tuple(parts),
    )


def _original(source: CdaInput) -> CdaInput:
    """Return the same document without its link to a version that never reached the DMP."""
    return replace(source, replaces=None)
