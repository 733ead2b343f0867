"""The VIHF: who asks, for whom, in a SAML 2.0 assertion sealed by the structure. One per message, never sent twice.

Source: CI-SIS, volet Transport synchrone, VIHF 3.0; DMP, indirect mode.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from dui_fhir.connectors.cda.values import Author, Device, Patient
from dui_fhir.connectors.dmp.signing import Signer
from dui_fhir.connectors.dmp.xmldsig import enveloped
from dui_fhir.connectors.markup import Element, maker, under
from dui_fhir.connectors.nomenclature import Code, role
from dui_fhir.connectors.xds import formats

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SUBJECT_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"
_NAMESPACES: dict[str | None, str] = {"saml2": SAML, "xsi": _XSI}
_AUTOMATE = "AUTOMATE"

saml = maker(SAML)


@dataclass(frozen=True, kw_only=True, slots=True)
class Software:
    """The software as the VIHF names it: serial number, name, version, homologation number (empty before homologation)."""

    id: str
    name: str
    version: str
    approval: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """On whose behalf the structure asks.

    ``sector`` is the sector of activity (``SA17``); ``mode`` ``INDIRECTE`` or ``INDIRECTE_RENFORCEE``; ``version`` that of the
    VIHF.
    """

    subject: Author
    sector: Code
    software: Software
    mode: str = "INDIRECTE"
    version: str = "3.0"


def roles(code: Code) -> tuple[Code, ...]:
    """Return profession and speciality of JDV_J65 for a code of JDV_J01; empty where the DMP gives this profession no role."""
    profession, _, speciality = code.code.removeprefix("G15_").partition("/")
    found = role(profession) if code.code.startswith("G15_") or code.code == _AUTOMATE else None
    if found is None:
        return ()
    return tuple(r for r in (found, role(speciality) if speciality else None) if r is not None)


def assertion(identity: Identity, patient: Patient, now: datetime, signer: Signer) -> Element:
    """Return the signed assertion for one message about one patient."""
    id = f"_{uuid4()}"
    root = under(_NAMESPACES, _unsigned(id, identity, patient, now, signer))
    root.insert(1, enveloped(root, id, signer))
    return root


def _unsigned(id: str, identity: Identity, patient: Patient, now: datetime, signer: Signer) -> Element:
    instant = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    context = saml("AuthnContext", saml("AuthnContextClassRef", _CONTEXT))
    return saml(
        "Assertion",
        saml("Issuer", signer.certificate.subject.rfc4514_string(), Format=_SUBJECT_NAME),
        saml("Subject", saml("NameID", identity.subject.who.id)),
        saml("AuthnStatement", context, AuthnInstant=instant),
        saml("AttributeStatement", *_attributes(identity, patient)),
        ID=id,
        IssueInstant=instant,
        Version="2.0",
    )


def _attributes(identity: Identity, patient: Patient) -> list[Element]:
    software = identity.software
    texts = {
        "Identifiant_Structure": identity.subject.organization.id,
        "Secteur_Activite": f"{identity.sector.code}^{identity.sector.system}",
        "urn:oasis:names:tc:xspa:1.0:subject:subject-id": _name(identity.subject),
        "VIHF_Version": identity.version,
        "Authentification_mode": identity.mode,
        "urn:oasis:names:tc:xacml:2.0:resource:resource-id": formats.ins(patient),
        "Ressource_URN": "urn:dmp",
        "LPS_ID": software.id,
        "LPS_Nom": software.name,
        "LPS_Version": software.version,
        "LPS_ID_HOMOLOGATION_DMP": software.approval,
    }
    held = [_attribute(name, value) for name, value in texts.items()]
    subject_roles = (_coded("Role", r) for r in roles(identity.subject.who.code))
    held.append(_attribute("urn:oasis:names:tc:xacml:2.0:subject:role", *subject_roles))
    held.append(_attribute("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", _purpose()))
    return held


def _name(subject: Author) -> str:
    if isinstance(subject.who, Device):
        return subject.organization.name
    return f"{subject.who.name.family} {subject.who.name.given}".strip()


def _attribute(name: str, *values: "Element | str") -> Element:
    return saml("Attribute", *(saml("AttributeValue", value) for value in values), Name=name)


def _coded(tag: str, code: Code, system_name: str | None = None) -> Element:
    node = maker("urn:hl7-org:v3")(
        tag, code=code.code, codeSystem=code.system, codeSystemName=system_name, displayName=code.display
    )
    node.set(f"{{{_XSI}}}type", "CE")
    return under({None: "urn:hl7-org:v3", "xsi": _XSI}, node)


def _purpose() -> Element:
    normal = Code(code="normal", system="1.2.250.1.213.1.1.4.248", display="Accès normal")
    return _coded("PurposeOfUse", normal, "mode acces VIHF 2.0")
