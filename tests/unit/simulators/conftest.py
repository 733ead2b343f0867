"""Hand-written DMP messages: text templates, changed by replacement, signed and packed as a client would."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner
from werkzeug.test import TestResponse

from dui_fhir.simulators.dmp.app import BASE, create_app
from dui_fhir.simulators.dmp.policy import Policy

Pairs = Sequence[tuple[str, str]]
NOW = datetime(2026, 6, 15, 13, 0, tzinfo=UTC)
INS = "259118414600153"
PATIENT = f"{INS}^^^&1.2.250.1.213.1.4.10&ISO^NH"
UNIQUE = "1.2.250.1.999.1.1.42.1"
PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"

CDA = f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.2.8.2.1"/><templateId root="1.2.250.1.213.1.1.1.1"/>
<templateId root="1.3.6.1.4.1.19376.1.2.20"/>
<id root="{UNIQUE}"/>
<code code="80788-3" codeSystem="2.16.840.1.113883.6.1" displayName="Projet personnalisé d'accompagnement"/>
<title>Projet personnalisé d'accompagnement</title>
<effectiveTime value="20260615143000+0200"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25" displayName="Normal"/>
<languageCode code="fr-FR"/>
<setId root="1.2.250.1.999.1.1.42"/><versionNumber value="1"/>
<recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="{INS}"/><id root="1.2.250.1.999.2" extension="IPP-1"/>
<addr nullFlavor="NASK"/><telecom value="tel:0200000000"/>
<patient><name><family qualifier="BR">EXEMPLE</family><given>JEANNE MARIE</given><given qualifier="BR">JEANNE</given></name>
<administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19591104"/>
<birthplace><place><addr><county>35238</county></addr></place></birthplace></patient></patientRole></recordTarget>
<author><time value="20260615143000+0200"/><assignedAuthor><id root="1.2.250.1.71.4.2.1" extension="899700000012"/>
<code code="G15_10/SM26" codeSystem="1.2.250.1.213.1.1.4.5" displayName="Médecin"/>
<addr nullFlavor="NASK"/><telecom nullFlavor="NASK"/>
<assignedPerson><name><given>Anne</given><family>MODELE</family></name></assignedPerson>
<representedOrganization><id root="1.2.250.1.71.4.2.2" extension="1350000000"/>
<name>EHPAD DES ESSAIS</name></representedOrganization>
</assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1350000000"/>
</representedCustodianOrganization></assignedCustodian></custodian>
<legalAuthenticator><time value="20260615143000+0200"/><signatureCode code="S"/><assignedEntity>
<id root="1.2.250.1.71.4.2.1" extension="899700000012"/><assignedPerson><name><family>MODELE</family></name></assignedPerson>
</assignedEntity></legalAuthenticator>
<documentationOf><serviceEvent><effectiveTime><low value="20260615143000+0200"/></effectiveTime><performer typeCode="PRF">
<assignedEntity><id root="1.2.250.1.71.4.2.1" extension="899700000012"/><representedOrganization>
<id root="1.2.250.1.71.4.2.2" extension="1350000000"/>
<standardIndustryClassCode code="AMBULATOIRE" codeSystem="1.2.250.1.213.1.1.4.9" displayName="Ambulatoire"/>
</representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>
<componentOf><encompassingEncounter><effectiveTime><low value="20260615140000+0200"/></effectiveTime><location><healthCareFacility>
<code code="SA17" codeSystem="1.2.250.1.71.4.2.4" displayName="Etablissement pour personnes âgées"/></healthCareFacility></location>
</encompassingEncounter></componentOf>
<component><nonXMLBody><text mediaType="application/pdf" representation="B64">JVBERi0xLjQKJeLjz9MK</text></nonXMLBody></component>
</ClinicalDocument>
"""

XCN = "899700000012^MODELE^Anne^^^^^^&amp;1.2.250.1.71.4.2.1&amp;ISO^D^^^IDNPS"
XON = "EHPAD DES ESSAIS^^^^^&amp;1.2.250.1.71.4.2.2&amp;ISO^IDNST^^^1350000000"


def slot(name: str, *values: str) -> str:
    """Write a rim:Slot."""
    listed = "".join(f"<rim:Value>{value}</rim:Value>" for value in values)
    return f'<rim:Slot name="{name}"><rim:ValueList>{listed}</rim:ValueList></rim:Slot>'


def name_of(text: str) -> str:
    """Write a rim:Name."""
    return f'<rim:Name><rim:LocalizedString charset="UTF8" xml:lang="FR" value="{text}"/></rim:Name>'


def coded(identifier: str, owner: str, scheme: str, code: str, system: str, label: str) -> str:
    """Write a coded rim:Classification."""
    return (
        f'<rim:Classification id="{identifier}" classifiedObject="{owner}" classificationScheme="urn:uuid:{scheme}"'
        f' nodeRepresentation="{code}">{slot("codingScheme", system)}{name_of(label)}</rim:Classification>'
    )


def author(identifier: str, owner: str, scheme: str) -> str:
    """Write an author's rim:Classification."""
    specialty = "G15_10/SM26^Médecin^1.2.250.1.213.1.1.4.5"
    slots = slot("authorPerson", XCN) + slot("authorInstitution", XON) + slot("authorSpecialty", specialty)
    return (
        f'<rim:Classification id="{identifier}" classifiedObject="{owner}" classificationScheme="urn:uuid:{scheme}"'
        f' nodeRepresentation="">{slots}</rim:Classification>'
    )


def external(identifier: str, owner: str, scheme: str, value: str, name: str) -> str:
    """Write a rim:ExternalIdentifier."""
    return (
        f'<rim:ExternalIdentifier id="{identifier}" registryObject="{owner}" identificationScheme="urn:uuid:{scheme}"'
        f' value="{value}">{name_of(name)}</rim:ExternalIdentifier>'
    )


_CX = PATIENT.replace("&", "&amp;")
PACKAGE = "".join(
    [
        '<rim:RegistryPackage id="Lot">',
        slot("submissionTime", "20260615130000"),
        '<rim:Classification id="Lot-m" classifiedObject="Lot"',
        ' classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>',
        author("Lot-a", "Lot", "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"),
        coded("Lot-c", "Lot", "aa543740-bdda-424e-8c96-df4873be8500", "11", "1.2.250.1.213.2.2", "Hébergement complet"),
        external("Lot-p", "Lot", "6b5aea1a-874d-4603-a4bc-96a0a7b38446", _CX, "XDSSubmissionSet.patientId"),
        external(
            "Lot-s", "Lot", "554ac39e-e3fe-47fe-b233-965d2a147832", "1.2.250.1.999.7", "XDSSubmissionSet.sourceId"
        ),
        external(
            "Lot-u", "Lot", "96fdda7c-d067-4183-912e-bf5ee74998a8", "1.2.250.1.999.7.1.1", "XDSSubmissionSet.uniqueId"
        ),
        "</rim:RegistryPackage>",
    ]
)
ENTRY = "".join(
    [
        '<rim:ExtrinsicObject id="Doc1" mimeType="text/xml" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1">',
        slot("creationTime", "20260615123000"),
        slot("languageCode", "fr-FR"),
        slot("legalAuthenticator", XCN),
        slot("serviceStartTime", "20260615123000"),
        slot("sourcePatientId", "IPP-1^^^&amp;1.2.250.1.999.2&amp;ISO^PI"),
        slot("sourcePatientInfo", "PID-5|EXEMPLE^JEANNE^^^^^L", "PID-7|19591104", "PID-8|F"),
        name_of("Projet personnalisé d'accompagnement"),
        author("Doc1-a", "Doc1", "93606bcf-9494-43ec-9b4e-a7748d1a838d"),
        coded("Doc1-1", "Doc1", "41a5887f-8865-4c09-adf7-e362475b143a", "44", "1.2.250.1.213.1.1.4.1", "Plan de soins"),
        coded("Doc1-2", "Doc1", "f0306f51-975f-434e-a61c-c59651d33983", "80788-3", "2.16.840.1.113883.6.1", "Projet"),
        coded("Doc1-3", "Doc1", "a09d5840-386c-46f2-b5ad-9c3699a4309d", "urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3",
              "PDF"),
        coded("Doc1-4", "Doc1", "f4f85eac-e6cb-4883-b524-f2705394840f", "N", "2.16.840.1.113883.5.25", "Normal"),
        coded("Doc1-5", "Doc1", "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", "SA17", "1.2.250.1.71.4.2.4", "Personnes âgées"),
        coded("Doc1-6", "Doc1", "cccf5598-8b07-4b77-a05e-ae952c785ead", "AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
        external("Doc1-p", "Doc1", "58a6f841-87b3-4a3e-92fd-a8ffeff98427", _CX, "XDSDocumentEntry.patientId"),
        external("Doc1-u", "Doc1", "2e82c1f6-a085-4c72-9da3-8640a32e42ab", UNIQUE, "XDSDocumentEntry.uniqueId"),
        "</rim:ExtrinsicObject>",
    ]
)  # fmt: skip
_OBJECT_TYPE = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Association"
MEMBER = (
    f'<rim:Association id="Asso1" objectType="{_OBJECT_TYPE}" sourceObject="Lot" targetObject="Doc1"'
    ' associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember">'
    f"{slot('SubmissionSetStatus', 'Original')}</rim:Association>"
)
SUBMIT = (
    '<lcm:SubmitObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"'
    ' xmlns:rim="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">'
    "<rim:RegistryObjectList>{objects}</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"
)
BODY = (
    '<xdsb:ProvideAndRegisterDocumentSetRequest xmlns:xdsb="urn:ihe:iti:xds-b:2007">{submit}'
    '<xdsb:Document id="Doc1"><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:doc1%40essai"/>'
    "</xdsb:Document></xdsb:ProvideAndRegisterDocumentSetRequest>"
)
VIHF = (
    '<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" Version="2.0" ID="{id}" IssueInstant="{instant}">'
    '<saml2:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName">'
    "CN=essais,OU=1350000000,O=EHPAD DES ESSAIS,C=FR</saml2:Issuer>"
    '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>'
    "<saml2:Subject><saml2:NameID>899700000012</saml2:NameID></saml2:Subject>"
    '<saml2:AuthnStatement AuthnInstant="{instant}"><saml2:AuthnContext>'
    "<saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>"
    "<saml2:AttributeStatement>{attributes}</saml2:AttributeStatement></saml2:Assertion>"
)
ROLE = '<Role xmlns="urn:hl7-org:v3" xsi:type="CE" code="10" codeSystem="1.2.250.1.71.1.2.7" displayName="Médecin"/>'
PURPOSE = (
    '<PurposeOfUse xmlns="urn:hl7-org:v3" xsi:type="CE" code="normal" codeSystem="1.2.250.1.213.1.1.4.248"'
    ' codeSystemName="mode acces VIHF 2.0" displayName="Accès normal"/>'
)
ATTRIBUTES = {
    "Identifiant_Structure": "1350000000",
    "Secteur_Activite": "SA17^1.2.250.1.71.4.2.4",
    "urn:oasis:names:tc:xspa:1.0:subject:subject-id": "MODELE Anne",
    "urn:oasis:names:tc:xacml:2.0:subject:role": ROLE,
    "VIHF_Version": "3.0",
    "Authentification_mode": "INDIRECTE",
    "urn:oasis:names:tc:xacml:2.0:resource:resource-id": _CX,
    "Ressource_URN": "urn:dmp",
    "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse": PURPOSE,
    "LPS_ID": "1",
    "LPS_Nom": "essai",
    "LPS_Version": "1.0",
    "LPS_ID_HOMOLOGATION_DMP": "ESSAI-1",
}
ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://www.w3.org/2005/08/addressing">'
    '<soap:Header><wsa:Action soap:mustUnderstand="1">{action}</wsa:Action><wsa:MessageID>urn:uuid:{uuid}</wsa:MessageID>'
    "<wsa:To>https://dmp.example/service</wsa:To>"
    '<wsa:ReplyTo soap:mustUnderstand="1"><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>'
    '<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">'
    "{vihf}</wsse:Security></soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"
)


def replaced(text: str, pairs: Pairs) -> str:
    """Apply replacements; each must change the text."""
    for old, new in pairs:
        assert old in text, f"not in the template: {old}"
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Identity:
    """A signing key and its self-signed certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    def sign(self, assertion: str, method: SignatureMethod = SignatureMethod.RSA_SHA256) -> str:
        """Sign an assertion in place of its ds:Signature placeholder."""
        signer = XMLSigner(
            signature_algorithm=method, c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
        )
        root = etree.fromstring(assertion.encode())
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        signed = signer.sign(root, key=self.key, cert=pem, reference_uri=root.get("ID"), id_attribute="ID")
        return etree.tostring(signed, encoding="unicode")


@pytest.fixture(scope="session")
def identity() -> Identity:
    """The structure's seal certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "EHPAD DES ESSAIS"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "1350000000"),
            x509.NameAttribute(NameOID.COMMON_NAME, "essais"),
        ]
    )
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    )
    return Identity(key, builder.sign(key, hashes.SHA256()))


def outcome(response: TestResponse) -> str | list[str]:
    """Reduce an answer: ``Success``, the registry's error codes, or the detail code of a SOAP fault."""
    found = re.search(rb"<soap:Envelope.*</soap:Envelope>", response.data, re.S)
    assert found, (response.status_code, response.data[:300])
    root = etree.fromstring(found[0])
    fault = root.findtext(".//{urn:dui-fhir:simulateur}code")
    if fault is not None:
        return fault
    codes = [error.get("errorCode") for error in root.iter("{urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0}RegistryError")]
    status = next(e.get("status") for e in root.iter() if e.get("status", "").find("ResponseStatusType") > 0)
    assert (status.rpartition(":")[2] == "Success") == (not codes)
    return sorted(set(codes)) or "Success"


@dataclass
class Dmp:
    """A simulated DMP in the test client, and a hand that writes to it."""

    identity: Identity
    folder: Path
    client: FlaskClient
    clock_ms: list[int] = field(default_factory=lambda: [int(NOW.timestamp() * 1000)])

    def vihf(
        self, pairs: Pairs = (), *, method: SignatureMethod = SignatureMethod.RSA_SHA256, **attributes: str
    ) -> str:
        """Write and sign a fresh VIHF; an attribute given as an empty text is left out."""
        values = {k: v for k, v in {**ATTRIBUTES, **attributes}.items() if v}
        written = "".join(
            f'<saml2:Attribute Name="{n}"><saml2:AttributeValue>{v}</saml2:AttributeValue></saml2:Attribute>'
            for n, v in values.items()
        )
        instant = datetime.fromtimestamp(self.clock_ms[0] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = VIHF.format(id=f"_{uuid4()}", instant=instant, attributes=written)
        return self.identity.sign(replaced(text, pairs), method)

    def envelope(self, body: str, action: str, vihf: str | None = None, pairs: Pairs = ()) -> bytes:
        """Write the SOAP envelope."""
        text = ENVELOPE.format(action=action, uuid=uuid4(), vihf=self.vihf() if vihf is None else vihf, body=body)
        return replaced(text, pairs).encode()

    def post(self, envelope: bytes, service: str = "registry") -> TestResponse:
        """Send a plain SOAP 1.2 message."""
        return self.client.post(f"{BASE}/{service}", data=envelope, content_type="application/soap+xml; charset=UTF-8")

    def provide_response(
        self,
        *,
        metadata: Pairs = (),
        cda: Pairs = (),
        vihf: str | None = None,
        envelope: Pairs = (),
        package: Pairs = (),
        content_type: Pairs = (),
        more: str = "",
    ) -> TestResponse:
        """Send one document by TD2.1, with changes."""
        submit = SUBMIT.replace("{objects}", replaced(PACKAGE + ENTRY + MEMBER + more, metadata))
        document = replaced(CDA, cda).encode()
        message = self.envelope(BODY.replace("{submit}", submit), PROVIDE, vihf, envelope)
        parts = [
            b'--b0\r\nContent-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n',
            b"Content-Transfer-Encoding: binary\r\nContent-ID: <root@essai>\r\n\r\n" + message,
            b"\r\n--b0\r\nContent-Type: text/xml\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <doc1@essai>\r\n\r\n",
            document + b"\r\n--b0--\r\n",
        ]
        options = 'type="application/xop+xml"; start="<root@essai>"; start-info="application/soap+xml"; boundary=b0'
        return self.client.post(
            f"{BASE}/repository",
            data=replaced(b"".join(parts).decode(), package).encode(),
            content_type=replaced(f"multipart/related; {options}", content_type),
        )

    def provide(self, **changes: object) -> str | list[str]:
        """Send one document and reduce the answer."""
        return outcome(self.provide_response(**changes))  # type: ignore[arg-type]

    def submission_set(self) -> str:
        """Write the submission set of an ITI-57 message."""
        return replaced(PACKAGE, [("1.2.250.1.999.7.1.1", "1.2.250.1.999.7.1.9")])

    def received(self) -> list[dict[str, object]]:
        """Return the simulator's own list."""
        listed: list[dict[str, object]] = self.client.get("/_simulateur/documents").get_json()
        return listed


@pytest.fixture
def make_dmp(identity: Identity, tmp_path: Path) -> Callable[..., Dmp]:
    """Build a DMP over the test's folder, with a policy."""

    def make(**policy: object) -> Dmp:
        clock_ms = [int(NOW.timestamp() * 1000)]
        app = create_app(tmp_path / "dmp", Policy(**policy), lambda: clock_ms[0])  # type: ignore[arg-type]
        return Dmp(identity, tmp_path / "dmp", app.test_client(), clock_ms)

    return make


@pytest.fixture
def dmp(make_dmp: Callable[..., Dmp]) -> Dmp:
    """A DMP with the default policy."""
    return make_dmp()


@pytest.fixture
def cda_text() -> str:
    """The document that every message carries."""
    return CDA
