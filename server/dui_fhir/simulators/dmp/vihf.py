"""The VIHF: the SAML 2.0 assertion that every message to the DMP carries, for one patient and one message.

Sources: VIHF 3.0 and 4.0 mapping (ANS), SAML 2.0 core, WSS SAML token profile 1.1, XML-DSig.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, InvalidSignature
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from dui_fhir.simulators.dmp import forms, nomenclature
from dui_fhir.simulators.dmp.policy import Policy
from dui_fhir.simulators.soap import Element, SoapFault

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
SECURITY = f"{{{WSSE}}}Security"
_NS = {"s": SAML, "ds": DS, "v3": "urn:hl7-org:v3"}
_X509_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
_ENVELOPED = f"{DS}enveloped-signature"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")
_CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
_INDIRECT_CONTEXTS = frozenset(
    _CLASSES + name for name in ("SmartcardPKI", "TLSClient", "unspecified", "MobileTwoFactorUnregistered")
)
MODES = {
    "DIRECTE": frozenset({_CLASSES + "SmartcardPKI"}),
    "INDIRECTE": _INDIRECT_CONTEXTS,
    "INDIRECTE_RENFORCEE": _INDIRECT_CONTEXTS,
}
STRUCTURE = "Identifiant_Structure"
SECTOR = "Secteur_Activite"
SUBJECT = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
VERSION = "VIHF_Version"
PATIENT = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
RESOURCE = "Ressource_URN"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
_MODE_NAMES = ("Authentification_mode", "Authentification_Mode")
_SOFTWARE = ("LPS_ID", "LPS_Nom", "LPS_Version", "LPS_ID_HOMOLOGATION_DMP")
_PURPOSE_SYSTEM = "1.2.250.1.213.1.1.4.248"
_SECTOR_FORM = re.compile(r"SA\d\d\^1\.2\.250\.1\.71\.4\.2\.4")


@dataclass(frozen=True, kw_only=True, slots=True)
class Vihf:
    """What the assertion says once verified. ``patient`` is a CX, empty when no patient is meant."""

    id: str
    issued_ms: int
    mode: str
    person: str
    structure: str
    patient: str
    purpose: str


def read(header: Element, policy: Policy, now_ms: int) -> Vihf:
    """Verify the assertion of a SOAP header.

    Raises: SoapFault, with a wsse subcode and a detail ``SIM-VIHF-…`` (the DMP's own codes are not public).
    """
    assertion = _assertion(header)
    certificate = _certificate(assertion)
    signed = _verified(assertion, certificate, policy, now_ms)
    _check_issuer(signed, certificate)
    issued_ms = _check_times(signed, policy, now_ms)
    attributes = _attributes(signed)
    return _content(signed, attributes, policy, issued_ms)


def refuse(code: str, reason: str, subcode: str = "InvalidSecurityToken") -> SoapFault:
    """Build the fault of a VIHF."""
    return SoapFault("Sender", reason, subcode=f"{{{WSSE}}}{subcode}", detail=f"SIM-VIHF-{code}")


def _assertion(header: Element) -> Element:
    found = header.findall(SECURITY)
    if len(found) != 1:
        raise refuse("ABSENT", "Il faut un en-tête wsse:Security et un seul.", "InvalidSecurity")
    assertions = found[0].findall(f"{{{SAML}}}Assertion")
    if len(assertions) != 1:
        raise refuse("ABSENT", "wsse:Security doit contenir une assertion SAML 2.0 et une seule.", "InvalidSecurity")
    if assertions[0].get("Version") != "2.0" or not re.fullmatch(r"[A-Za-z_][\w.-]*", assertions[0].get("ID", "")):
        raise refuse("STRUCTURE", "Assertion : Version 2.0 et ID (un NCName) sont obligatoires.")
    names = [etree.QName(child).localname for child in assertions[0] if isinstance(child.tag, str)]
    required = ["Issuer", "Signature", "Subject", "AuthnStatement", "AttributeStatement"]
    if [n for n in names if n != "Conditions"] != required:
        raise refuse("STRUCTURE", f"Assertion : enfants attendus, dans cet ordre : {', '.join(required)}.")
    return assertions[0]


def _certificate(assertion: Element) -> x509.Certificate:
    found = assertion.findall("ds:Signature/ds:KeyInfo/ds:X509Data/ds:X509Certificate", _NS)
    if len(found) != 1:
        raise refuse("CERTIFICAT", "KeyInfo doit contenir un certificat X.509 et un seul.")
    try:
        return x509.load_der_x509_certificate(base64.b64decode("".join((found[0].text or "").split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise refuse("CERTIFICAT", "Certificat X.509 illisible.") from error


def _verified(assertion: Element, certificate: x509.Certificate, policy: Policy, now_ms: int) -> Element:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise refuse("CERTIFICAT", "Certificat de signature hors de sa période de validité.")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < policy.rsa_bits_min:
        raise refuse("CERTIFICAT", f"Clé RSA d'au moins {policy.rsa_bits_min} bits attendue.")
    transforms = [t.get("Algorithm") for t in assertion.iterfind("ds:Signature/ds:SignedInfo//ds:Transform", _NS)]
    if transforms != [_ENVELOPED, _EXCLUSIVE]:
        raise refuse("SIGNATURE", "Transformations attendues : enveloped-signature puis exc-c14n.", "FailedCheck")
    # Only this copy is verified and read: what lies elsewhere in the message cannot pass for what was signed.
    alone = etree.fromstring(etree.tostring(assertion, method="c14n", exclusive=True))
    try:
        result = XMLVerifier().verify(
            alone, x509_cert=certificate, id_attribute="ID", expect_config=_configuration(policy, now)
        )
    except (InvalidSignature, InvalidInput, ValueError) as error:
        raise refuse("SIGNATURE", f"Signature non valide : {error}", "FailedCheck") from error
    signed = result.signed_xml if isinstance(result, VerifyResult) else None
    if signed is None or signed.tag != f"{{{SAML}}}Assertion" or signed.get("ID") != assertion.get("ID"):
        raise refuse("SIGNATURE", "La signature ne porte pas sur l'assertion elle-même.", "FailedCheck")
    return signed


def _configuration(policy: Policy, now: datetime) -> SignatureConfiguration:
    methods = {SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512}
    digests = {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
    if policy.weak_digests:
        methods.add(SignatureMethod.RSA_SHA1)
        digests.add(DigestAlgorithm.SHA1)
    return SignatureConfiguration(
        location="./",
        signature_methods=frozenset(methods),
        digest_algorithms=frozenset(digests),
        expect_references=1,
        verification_time=now,
    )


def _check_issuer(signed: Element, certificate: x509.Certificate) -> None:
    issuer = signed.find("s:Issuer", _NS)
    if issuer.get("Format") != _X509_NAME:
        raise refuse("EMETTEUR", f"Issuer/@Format attendu : {_X509_NAME}")
    try:
        name = x509.Name.from_rfc4514_string((issuer.text or "").strip())
    except ValueError as error:
        raise refuse("EMETTEUR", "Issuer doit être le nom (DN) du certificat de signature.") from error
    # The order in which a DN is printed differs between tools.
    if {(a.oid, a.value) for a in name} != {(a.oid, a.value) for a in certificate.subject}:
        raise refuse("EMETTEUR", "Issuer n'est pas le sujet du certificat de signature.")


def _check_times(signed: Element, policy: Policy, now_ms: int) -> int:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    skew = timedelta(seconds=policy.clock_skew_s)
    issued = _instant(signed.get("IssueInstant", ""), "IssueInstant")
    _instant(signed.find("s:AuthnStatement", _NS).get("AuthnInstant", ""), "AuthnInstant")
    if not -skew <= now - issued <= timedelta(seconds=policy.vihf_age_s):
        raise refuse("PERIME", "IssueInstant trop ancien ou dans l'avenir.", "MessageExpired")
    conditions = signed.find("s:Conditions", _NS)
    if conditions is not None:
        before, after = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
        early = before is not None and now + skew < _instant(before, "NotBefore")
        late = after is not None and now - skew >= _instant(after, "NotOnOrAfter")
        if early or late:
            raise refuse("PERIME", "Message hors de la période de Conditions.", "MessageExpired")
    return int(issued.timestamp() * 1000)


def _instant(text: str, name: str) -> datetime:
    if not _INSTANT.fullmatch(text):
        raise refuse("STRUCTURE", f"{name} : date UTC terminée par Z attendue.")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise refuse("STRUCTURE", f"{name} : date impossible.") from error


def _attributes(signed: Element) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for attribute in signed.iterfind("s:AttributeStatement/s:Attribute", _NS):
        name = attribute.get("Name", "")
        if name in found:
            raise refuse("STRUCTURE", f"Attribut répété : {name}")
        found[name] = attribute.findall("s:AttributeValue", _NS)
    return found


def _content(signed: Element, attributes: dict[str, list[Element]], policy: Policy, issued_ms: int) -> Vihf:
    person = (signed.findtext("s:Subject/s:NameID", namespaces=_NS) or "").strip()
    if not forms.PS_ID.fullmatch(person):
        raise refuse("PROFESSIONNEL", "Subject/NameID : PS_IdNat attendu (8 et RPPS, 3 et FINESS/identifiant…).")
    mode = _mode(signed, attributes)
    structure = _single(attributes, STRUCTURE)
    if not forms.STRUCTURE_ID.fullmatch(structure):
        raise refuse("STRUCTURE-ID", "Identifiant_Structure : Struct_IdNat attendu (1 et FINESS…).")
    if not _SECTOR_FORM.fullmatch(_single(attributes, SECTOR)):
        raise refuse("SECTEUR", "Secteur_Activite : SAxx^1.2.250.1.71.4.2.4 attendu.")
    if mode != "DIRECTE":
        _single(attributes, SUBJECT)
    if _single(attributes, VERSION) not in policy.vihf_versions:
        raise refuse("VERSION", f"VIHF_Version : {' ou '.join(sorted(policy.vihf_versions))} attendu.")
    if _single(attributes, RESOURCE) != "urn:dmp":
        raise refuse("RESSOURCE", "Ressource_URN doit valoir urn:dmp.")
    for name in _SOFTWARE:
        _single(attributes, name)
    _check_roles(attributes.get(ROLE, []))
    patient = _single(attributes, PATIENT) if PATIENT in attributes else ""
    if patient and not forms.INS_CX.fullmatch(patient):
        raise refuse("PATIENT", "resource-id : INS attendue, <15 caractères>^^^&<oid>&ISO^NH.")
    return Vihf(
        id=signed.get("ID", ""),
        issued_ms=issued_ms,
        mode=mode,
        person=person,
        structure=structure,
        patient=patient,
        purpose=_purpose(attributes.get(PURPOSE, [])),
    )


def _mode(signed: Element, attributes: dict[str, list[Element]]) -> str:
    name = next((n for n in _MODE_NAMES if n in attributes), _MODE_NAMES[0])
    mode = _single(attributes, name)
    if mode not in MODES:
        raise refuse("MODE", f"{name} : {', '.join(MODES)} attendu.")
    path = "s:AuthnStatement/s:AuthnContext/s:AuthnContextClassRef"
    if (signed.findtext(path, namespaces=_NS) or "").strip() not in MODES[mode]:
        raise refuse("MODE", f"AuthnContextClassRef ne va pas avec le mode {mode}.")
    return mode


def _single(attributes: dict[str, list[Element]], name: str) -> str:
    values = [(value.text or "").strip() for value in attributes.get(name, [])]
    if len(values) != 1 or not values[0]:
        raise refuse("ATTRIBUT", f"Attribut absent, vide ou multiple : {name}")
    return values[0]


def _check_roles(values: list[Element]) -> None:
    roles = [value.find("v3:Role", _NS) for value in values]
    if not 1 <= len(roles) <= 2 or any(role is None for role in roles):
        raise refuse("ROLE", "subject:role : un ou deux éléments Role (urn:hl7-org:v3) attendus.")
    for role in roles:
        if (role.get("code", ""), role.get("codeSystem", "")) not in nomenclature.pairs("subjectRole"):
            raise refuse("ROLE", f"Rôle hors de la liste JDV_J65 : {role.get('code')} ({role.get('codeSystem')})")


def _purpose(values: list[Element]) -> str:
    found = values[0].find("v3:PurposeOfUse", _NS) if len(values) == 1 else None
    if found is None or found.get("codeSystem") != _PURPOSE_SYSTEM or not found.get("code"):
        raise refuse("FINALITE", f"purposeofuse : PurposeOfUse de codeSystem {_PURPOSE_SYSTEM} attendu.")
    return str(found.get("code"))
