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
