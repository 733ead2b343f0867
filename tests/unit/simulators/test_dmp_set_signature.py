"""The signature of the submission set: built by hand here, verified there."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

from dui_fhir.simulators.dmp import metadata, set_signature
from dui_fhir.simulators.dmp.ebrim import Classification, ExternalId, RegistryObject, Submission

DS = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SET, DOCUMENT = "1.2.250.1.999.7.1.1", "1.2.250.1.999.1.1.42.1"
CDA = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>a</title></ClinicalDocument>'


def canonical(element):
    return etree.tostring(element, method="c14n", with_comments=True, with_tail=False)


def digest(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def reference(uri, value, kind=""):
    typed = f' Type="{kind}"' if kind else ""
    return (
        f'<Reference URI="{uri}"{typed}><Transforms><Transform Algorithm="{C14N}"/></Transforms>'
        f'<DigestMethod Algorithm="{SHA256}"/><DigestValue>{value}</DigestValue></Reference>'
    )


def signature(identity, documents=None):
    """Return a ds:Signature over the manifest of a submission set."""
    listed = "".join(reference(f"urn:oid:{oid}", digest(canonical(etree.fromstring(d).getroottree()))) for oid, d in
                     (documents or {DOCUMENT: CDA}).items())  # fmt: skip
    manifest = f'<Manifest Id="IHEManifest">{reference(f"urn:oid:{SET}", "AA==")}{listed}</Manifest>'
    text = (
        f'<Signature xmlns="{DS}" Id="s"><SignedInfo><CanonicalizationMethod Algorithm="{C14N}"/>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
        f"{reference('#IHEManifest', 'PENDING', DS + 'Manifest')}</SignedInfo><SignatureValue/>"
        f"<KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo><Object>{manifest}</Object></Signature>"
    )
    root = etree.fromstring(text)
    find = root.find
    find(f"{{{DS}}}SignedInfo/{{{DS}}}Reference/{{{DS}}}DigestValue").text = digest(
        canonical(find(f".//{{{DS}}}Manifest"))
    )
    value = identity.key.sign(canonical(find(f"{{{DS}}}SignedInfo")), padding.PKCS1v15(), hashes.SHA256())
    find(f"{{{DS}}}SignatureValue").text = base64.b64encode(value).decode()
    der = identity.certificate.public_bytes(serialization.Encoding.DER)
    find(f".//{{{DS}}}X509Certificate").text = base64.b64encode(der).decode()
    return etree.tostring(root)


def registry_object(identifier, kind, scheme, unique, codes=()):
    external = ExternalId(id="e", owner=identifier, scheme=scheme, name="", value=unique)
    return RegistryObject(
        id=identifier, kind=kind, attributes={}, slots={}, repeated_slots=(), title="", comments="",
        classifications=tuple(codes), external_ids=(external,), element=None,
    )  # fmt: skip


def submission():
    form = Classification(
        id="c", owner="Sig", scheme=metadata.FORMAT, node="", code=DS, display="", slots={"codingScheme": ("URN",)}
    )
    return Submission(
        packages=(registry_object("Lot", "RegistryPackage", metadata.SET_UNIQUE, SET),),
        entries=(
            registry_object("Doc1", "ExtrinsicObject", metadata.DOCUMENT_UNIQUE, DOCUMENT),
            registry_object("Sig", "ExtrinsicObject", metadata.DOCUMENT_UNIQUE, "1.2.3", [form]),
        ),
        associations=(),
        others=(),
    )


def check(signed, document=CDA):
    return [p.text for p in set_signature.check(submission(), {"Doc1": document, "Sig": signed})]


def test_signature__over_the_documents_received__is_accepted(identity):
    assert check(signature(identity)) == []


def test_signature__document_changed__is_refused(identity):
    [text] = check(signature(identity), CDA.replace(b">a<", b">b<"))

    assert f"condensat faux pour urn:oid:{DOCUMENT}" in text


def test_signature__of_other_documents__is_refused(identity):
    [text] = check(signature(identity, {"1.2.3.4": CDA}))

    assert "exactement le lot" in text


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"IHEManifest", b"IHEManifesto", "signature fausse"),
        (b"AA==", b"AAA=", "condensat faux pour #IHEManifest"),
        (b"rsa-sha256", b"rsa-md5", "algorithme de signature"),
        (b"<SignedInfo>", b"<Signed>", "Signature du lot"),
    ],
)
def test_signature__tampered__is_refused(identity, old, new, reason):
    [text] = check(signature(identity).replace(old, new))

    assert reason in text


def coded(identifier, scheme, code, system):
    return (
        f'<rim:Classification id="{identifier}" classifiedObject="Sig" classificationScheme="{scheme}"'
        f' nodeRepresentation="{code}"><rim:Slot name="codingScheme"><rim:ValueList><rim:Value>{system}</rim:Value>'
        '</rim:ValueList></rim:Slot><rim:Name><rim:LocalizedString value="x"/></rim:Name></rim:Classification>'
    )


def slot(name, value):
    return f'<rim:Slot name="{name}"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>'


def external(identifier, scheme, value, name):
    return (
        f'<rim:ExternalIdentifier id="{identifier}" registryObject="Sig" identificationScheme="{scheme}" value="{value}">'
        f'<rim:Name><rim:LocalizedString value="XDSDocumentEntry.{name}"/></rim:Name></rim:ExternalIdentifier>'
    )


def signature_entry():
    """Write the entry of the signature, its HasMember and its signs association."""
    cx = "259118414600153^^^&amp;1.2.250.1.213.1.4.10&amp;ISO^NH"
    person = "899700000012^MODELE^Anne^^^^^^&amp;1.2.250.1.71.4.2.1&amp;ISO^D^^^IDNPS"
    structure = "EHPAD DES ESSAIS^^^^^&amp;1.2.250.1.71.4.2.2&amp;ISO^IDNST^^^1350000000"
    visibility = "1.2.250.1.213.1.1.4.13"
    objects = [
        '<rim:ExtrinsicObject id="Sig" mimeType="text/xml" objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1">',
        slot("creationTime", "20260615130000") + slot("languageCode", "art") + slot("sourcePatientId", cx),
        '<rim:Name><rim:LocalizedString value="Source"/></rim:Name>',
        f'<rim:Classification id="Sig-a" classifiedObject="Sig" classificationScheme="{metadata.DOCUMENT_AUTHOR}">',
        slot("authorPerson", person) + slot("authorInstitution", structure) + "</rim:Classification>",
        coded("Sig-1", metadata.CLASS, "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN"),
        coded("Sig-2", metadata.TYPE, "E1762", "ASTM"),
        coded("Sig-3", metadata.FORMAT, DS, "URN"),
        coded("Sig-4", metadata.CONFIDENTIALITY, "N", "2.16.840.1.113883.5.25"),
        coded("Sig-5", metadata.CONFIDENTIALITY, "MASQUE_PS", visibility),
        coded("Sig-6", metadata.CONFIDENTIALITY, "INVISIBLE_PATIENT", visibility),
        coded("Sig-7", metadata.FACILITY, "SA17", "1.2.250.1.71.4.2.4"),
        coded("Sig-8", metadata.PRACTICE, "AMBULATOIRE", "1.2.250.1.213.1.1.4.9"),
        external("Sig-p", metadata.DOCUMENT_PATIENT, cx, "patientId"),
        external("Sig-u", metadata.DOCUMENT_UNIQUE, "1.2.250.1.999.1.1.99", "uniqueId"),
        "</rim:ExtrinsicObject>",
        '<rim:Association id="A2" sourceObject="Lot" targetObject="Sig"',
        ' associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember">',
        slot("SubmissionSetStatus", "Original") + "</rim:Association>",
        '<rim:Association id="A3" sourceObject="Sig" targetObject="Lot"',
        ' associationType="urn:ihe:iti:2007:AssociationType:signs"/>',
    ]
    return "".join(objects)


def test_provide__signed_set__is_accepted_and_its_signature_hidden_from_queries(make_dmp, identity, cda_text):
    dmp = make_dmp(signed_set=True)
    signed = base64.b64encode(signature(identity, {DOCUMENT: cda_text.encode()})).decode()
    end = "</xdsb:ProvideAndRegisterDocumentSetRequest>"

    result = dmp.provide(
        more=signature_entry(), envelope=[(end, f'<xdsb:Document id="Sig">{signed}</xdsb:Document>{end}')]
    )

    assert result == "Success"
    assert [row["signature"] for row in dmp.received()] == [False, True]


def test_provide__signature_of_another_document__is_refused(make_dmp, identity):
    signed = base64.b64encode(signature(identity)).decode()
    end = "</xdsb:ProvideAndRegisterDocumentSetRequest>"

    result = make_dmp().provide(
        more=signature_entry(), envelope=[(end, f'<xdsb:Document id="Sig">{signed}</xdsb:Document>{end}')]
    )

    assert result == ["InvalidDocumentContent"]
