"""XML signatures over a :class:`Signer`: the enveloped one of an assertion, and the parts that XAdES shares with it.

Source: W3C XML Signature 1.1; exclusive canonicalisation for what travels inside an envelope.
"""

import hashlib
from base64 import b64encode

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from dui_fhir.connectors.dmp.signing import Digest, Signer
from dui_fhir.connectors.markup import Element, maker

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE_WITH_COMMENTS = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
ENVELOPED = f"{DS}enveloped-signature"

_SIGNATURES: dict[Digest, str] = {
    "sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "sha1": f"{DS}rsa-sha1",
}
_DIGESTS: dict[Digest, str] = {"sha256": "http://www.w3.org/2001/04/xmlenc#sha256", "sha1": f"{DS}sha1"}

ds = maker(DS)


def canonical(node: Element, *, exclusive: bool) -> bytes:
    """Return the canonical form of an element that stands alone; comments are kept in the inclusive form only."""
    data: bytes = etree.tostring(node, method="c14n", exclusive=exclusive, with_comments=not exclusive)
    return data


def digest_of(data: bytes, algorithm: Digest) -> str:
    """Return a digest in base64."""
    return b64encode(hashlib.new(algorithm, data, usedforsecurity=algorithm != "sha1").digest()).decode()


def digest_method(algorithm: Digest) -> str:
    """Return the URI of a digest algorithm."""
    return _DIGESTS[algorithm]


def reference(uri: str, digest: str, algorithm: Digest, *transforms: str, type: str | None = None) -> Element:
    """Return a Reference with its digest in base64."""
    steps = ds("Transforms", *(ds("Transform", Algorithm=t) for t in transforms)) if transforms else None
    return ds(
        "Reference",
        steps,
        ds("DigestMethod", Algorithm=_DIGESTS[algorithm]),
        ds("DigestValue", digest),
        URI=uri,
        Type=type,
    )


def alone(node: Element, **namespaces: str) -> Element:
    """Return a copy that declares these prefixes itself: the canonical form it will have where they are in scope."""
    root = etree.Element(node.tag, node.attrib, nsmap=namespaces)
    root.text = node.text
    root.extend(list(node))
    etree.cleanup_namespaces(root, top_nsmap=namespaces, keep_ns_prefixes=list(namespaces))
    return root


def signed_info(method: str, algorithm: Digest, *references: Element) -> Element:
    """Return the SignedInfo."""
    return alone(
        ds(
            "SignedInfo",
            ds("CanonicalizationMethod", Algorithm=method),
            ds("SignatureMethod", Algorithm=_SIGNATURES[algorithm]),
            *references,
        ),
        ds=DS,
    )


def key_info(signer: Signer) -> Element:
    """Return the KeyInfo with the certificate."""
    der = signer.certificate.public_bytes(Encoding.DER)
    return ds("KeyInfo", ds("X509Data", ds("X509Certificate", b64encode(der).decode())))


def signature_value(info: Element, signer: Signer, *, exclusive: bool) -> Element:
    """Return the SignatureValue of a SignedInfo."""
    value = signer.sign(canonical(info, exclusive=exclusive))
    return ds("SignatureValue", b64encode(value).decode())


def enveloped(node: Element, id: str, signer: Signer) -> Element:
    """Return the Signature to put inside ``node``, which must be complete and carry no signature yet."""
    digest = digest_of(canonical(node, exclusive=True), signer.digest)
    info = signed_info(EXCLUSIVE, signer.digest, reference(f"#{id}", digest, signer.digest, ENVELOPED, EXCLUSIVE))
    value = signature_value(info, signer, exclusive=True)
    return alone(ds("Signature", info, value, key_info(signer)), ds=DS)
