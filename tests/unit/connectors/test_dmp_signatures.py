"""VIHF and signature of the set, verified by signxml: an implementation that did not make them."""

import hashlib
from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier
from signxml.exceptions import InvalidDigest, InvalidSignature

from dui_fhir.connectors.dmp import signing, soap, vihf
from dui_fhir.connectors.dmp.package import Sender, subject
from dui_fhir.connectors.dmp.set_signature import sign_set
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.settings import Settings

NOW = datetime(2026, 6, 17, 8, 0, tzinfo=UTC)
# IHE's SignatureProperty holds text alone, which the XML Signature schema does not allow: the set is verified without it
SAML = {"s": "urn:oasis:names:tc:SAML:2.0:assertion", "ds": "http://www.w3.org/2000/09/xmldsig#"}
XADES = "{http://uri.etsi.org/01903/v1.1.1#}"


@pytest.fixture(params=["sha256", "sha1"])
def any_signer(request):
    return signing.for_trial(request.param)


def _verify(data, signer, *, validate_schema=True, **options):
    sha1 = signer.digest == "sha1"
    expect = SignatureConfiguration(
        signature_methods=frozenset({SignatureMethod.RSA_SHA1 if sha1 else SignatureMethod.RSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA1 if sha1 else DigestAlgorithm.SHA256}),
        **options,
    )
    certificate = signer.certificate.public_bytes(Encoding.PEM).decode()
    return XMLVerifier().verify(data, x509_cert=certificate, expect_config=expect, validate_schema=validate_schema)


def _assertion(gathered, dossier, signer):
    document = gathered(dossier).document
    identity = Sender(settings=Settings({}), software_version="0.1").identity(document)
    return vihf.assertion(identity, document.patient, NOW, signer)


def _in_envelope(assertion):
    body = etree.Element("{urn:x}Body", nsmap={None: "urn:x"})
    return etree.fromstring(soap.envelope("urn:action", "http://127.0.0.1/", assertion, body))


def test_vihf__inside_its_envelope__signature_verifies(gathered, dossier, any_signer):
    root = _in_envelope(_assertion(gathered, dossier, any_signer))
    (assertion,) = root.iter("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
    signed = _verify(etree.tostring(assertion), any_signer).signed_xml
    assert signed.get("ID") == assertion.get("ID")


def test_vihf__an_attribute_changed__signature_fails(gathered, dossier, signer):
    data = etree.tostring(_assertion(gathered, dossier, signer)).replace(b"SA17^", b"SA16^")
    with pytest.raises((InvalidDigest, InvalidSignature)):
        _verify(data, signer)


def test_vihf__attributes__structure_person_and_patient(gathered, dossier, signer):
    assertion = _assertion(gathered, dossier, signer)
    told = {
        a.get("Name").rpartition(":")[2]: [v.text for v in a]
        for a in assertion.xpath(".//s:Attribute", namespaces=SAML)
    }
    assert told["Identifiant_Structure"] == ["1350000000"]
    assert told["Secteur_Activite"] == ["SA17^1.2.250.1.71.4.2.4"]
    assert told["subject-id"] == ["Modèle Anne"]
    assert told["resource-id"] == ["259118414600153^^^&1.2.250.1.213.1.4.10&ISO^NH"]
    assert told["Authentification_mode"] == ["INDIRECTE"]
    assert told["Ressource_URN"] == ["urn:dmp"]
    assert assertion.xpath("string(s:Subject/s:NameID)", namespaces=SAML) == "899700000012"
    assert [etree.QName(n).localname for n in assertion] == [
        "Issuer",
        "Signature",
        "Subject",
        "AuthnStatement",
        "AttributeStatement",
    ]


def test_vihf__two_messages__two_assertions(gathered, dossier, signer):
    one, two = (_assertion(gathered, dossier, signer) for _ in range(2))
    assert one.get("ID") != two.get("ID")


def test_subject__no_health_professional__the_software_of_the_structure(gathered, dossier):
    del dossier.resources["Provenance/signature"]
    dossier["DocumentReference/projet-1"]["author"] = [{"reference": "PractitionerRole/directrice-ehpad"}]
    found = subject(gathered(dossier).document)
    assert (found.who.id, found.who.code.code) == ("3350000000/dui", "AUTOMATE")


def test_sign_set__file__verifies_and_names_every_document(any_signer):
    cda = b"<?xml version='1.0'?><d xmlns='urn:hl7-org:v3'><!-- c --><e b='1' a='2'/></d>"
    data = sign_set("2.25.1", [("2.25.2", cda)], NOW, any_signer)
    _verify(data, any_signer, expect_references=2, validate_schema=False)
    root = etree.fromstring(data)
    references = root.xpath("//ds:Manifest/ds:Reference", namespaces=SAML)
    assert [r.get("URI") for r in references] == ["urn:oid:2.25.1", "urn:oid:2.25.2"]
    assert references[0].findtext("ds:DigestValue", namespaces=SAML) == "AA=="
    canonical = b'<d xmlns="urn:hl7-org:v3"><!-- c --><e a="2" b="1"></e></d>'
    digest = hashlib.new(any_signer.digest, canonical).digest()
    assert references[1].findtext("ds:DigestValue", namespaces=SAML) == b64encode(digest).decode()


def test_sign_set__signed_properties__time_and_certificate(signer):
    root = etree.fromstring(sign_set("2.25.1", [], NOW, signer))
    assert root.findtext(f".//{XADES}SigningTime") == "2026-06-17T08:00:00Z"
    der = signer.certificate.public_bytes(Encoding.DER)
    assert b64decode(root.findtext(f".//{XADES}CertDigest/{XADES}DigestValue")) == hashlib.sha256(der).digest()


def test_sign_set__manifest_changed__signature_fails(signer):
    data = sign_set("2.25.1", [], NOW, signer).replace(b"urn:oid:2.25.1", b"urn:oid:2.25.9")
    with pytest.raises((InvalidDigest, InvalidSignature)):
        _verify(data, signer, expect_references=2, validate_schema=False)


def test_load__files_that_are_no_seal__one_clear_refusal(tmp_path):
    with pytest.raises(ConfigurationError) as refused:
        signing.load(tmp_path / "absent.key", tmp_path / "absent.pem", "sha256")
    assert refused.value.issues[0].id == "dmp-seal"
