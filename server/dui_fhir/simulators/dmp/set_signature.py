"""The XAdES signature of a submission set (IHE DSG, CI-SIS): its manifest against the documents received.

The signature value itself is verified with the certificate inside; its chain is not, no trust anchor being given.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from dui_fhir.simulators.dmp import metadata
from dui_fhir.simulators.dmp.ebrim import Problem, Submission
from dui_fhir.simulators.soap import Element, MalformedXml, parse

DS = "http://www.w3.org/2000/09/xmldsig#"
INVALID = "InvalidDocumentContent"
_NS = {"ds": DS}
_DIGESTS = {
    f"{DS}sha1": "sha1",
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_METHODS: dict[str, hashes.HashAlgorithm] = {
    f"{DS}rsa-sha1": hashes.SHA1(),  # noqa: S303 every public sample of the DMP uses it
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": hashes.SHA512(),
}
# (exclusive, with comments)
_C14N = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": (False, False),
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments": (False, True),
    "http://www.w3.org/2001/10/xml-exc-c14n#": (True, False),
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments": (True, True),
}


class _Refused(Exception):
    """Why a signature is not accepted, in French."""


def check(submission: Submission, documents: dict[str, bytes]) -> Iterator[Problem]:
    """Verify each signature entry of a submission; none is not a fault here (see Policy.signed_set)."""
    clinical = {
        e.external(metadata.DOCUMENT_UNIQUE): documents[e.id]
        for e in submission.entries
        if not metadata.is_signature(e)
    }
    set_unique = submission.packages[0].external(metadata.SET_UNIQUE)
    for entry in submission.entries:
        if metadata.is_signature(entry):
            try:
                _verify(documents[entry.id], set_unique, clinical)
            except _Refused as refused:
                yield Problem(code=INVALID, text=f"Signature du lot : {refused}", location=entry.id)


def _verify(data: bytes, set_unique: str, documents: dict[str, bytes]) -> None:
    try:
        root = parse(data)
    except MalformedXml as error:
        raise _Refused(str(error)) from error
    signature = root if root.tag == f"{{{DS}}}Signature" else root.find(".//ds:Signature", _NS)
    if signature is None:
        raise _Refused("ds:Signature est absent")
    _check_value(signature)
    for reference in signature.iterfind("ds:SignedInfo/ds:Reference", _NS):
        target = _target(signature, reference.get("URI", ""))
        _check_digest(reference, _canonical(target, _transform(reference)))
    _check_manifest(signature, set_unique, documents)


def _target(signature: Element, uri: str) -> Element:
    found = [e for e in signature.iter() if isinstance(e.tag, str) and uri == f"#{e.get('Id', '')}"]
    if len(found) != 1 or len(uri) < 2:
        raise _Refused(f"la référence {uri} ne désigne pas un élément et un seul")
    return found[0]


def _check_manifest(signature: Element, set_unique: str, documents: dict[str, bytes]) -> None:
    manifest = signature.find(".//ds:Manifest", _NS)
    if manifest is None or f"#{manifest.get('Id')}" not in _signed_uris(signature):
        raise _Refused("le manifeste est absent ou n'est pas signé")
    references = {r.get("URI", "").removeprefix("urn:oid:"): r for r in manifest.iterfind("ds:Reference", _NS)}
    if set(references) != {set_unique, *documents}:
        raise _Refused("le manifeste ne désigne pas exactement le lot et ses documents")
    for unique_id, data in documents.items():
        reference = references[unique_id]
        try:
            document = parse(data)
        except MalformedXml as error:
            raise _Refused(str(error)) from error
        _check_digest(reference, _canonical(document.getroottree(), _transform(reference)))


def _signed_uris(signature: Element) -> set[str]:
    return {str(r.get("URI", "")) for r in signature.iterfind("ds:SignedInfo/ds:Reference", _NS)}


def _transform(reference: Element) -> str:
    algorithms = [t.get("Algorithm", "") for t in reference.iterfind("ds:Transforms/ds:Transform", _NS)]
    return algorithms[-1] if algorithms else next(iter(_C14N))


def _canonical(element: Element, algorithm: str) -> bytes:
    if algorithm not in _C14N:
        raise _Refused(f"forme canonique non admise : {algorithm}")
    exclusive, with_comments = _C14N[algorithm]
    return bytes(
        etree.tostring(element, method="c14n", exclusive=exclusive, with_comments=with_comments, with_tail=False)
    )


def _check_digest(reference: Element, data: bytes) -> None:
    method = reference.find("ds:DigestMethod", _NS)
    name = _DIGESTS.get("" if method is None else method.get("Algorithm", ""))
    if name is None:
        raise _Refused("algorithme de condensat non admis")
    found = "".join((reference.findtext("ds:DigestValue", namespaces=_NS) or "").split())
    expected = base64.b64encode(hashlib.new(name, data, usedforsecurity=False).digest()).decode()
    if found != expected:
        raise _Refused(f"condensat faux pour {reference.get('URI')}")


def _check_value(signature: Element) -> None:
    info = signature.find("ds:SignedInfo", _NS)
    if info is None:
        raise _Refused("ds:SignedInfo est absent")
    c14n = info.find("ds:CanonicalizationMethod", _NS)
    method = info.find("ds:SignatureMethod", _NS)
    algorithm = _METHODS.get("" if method is None else method.get("Algorithm", ""))
    if algorithm is None:
        raise _Refused("algorithme de signature non admis")
    signed = _canonical(info, "" if c14n is None else c14n.get("Algorithm", ""))
    try:
        value = _decoded(signature, "ds:SignatureValue")
        certificate = x509.load_der_x509_certificate(_decoded(signature, "ds:KeyInfo//ds:X509Certificate"))
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise _Refused("clé RSA attendue")
        key.verify(value, signed, padding.PKCS1v15(), algorithm)
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise _Refused("certificat illisible ou signature fausse") from error


def _decoded(signature: Element, path: str) -> bytes:
    return base64.b64decode("".join((signature.findtext(path, namespaces=_NS) or "").split()), validate=True)
