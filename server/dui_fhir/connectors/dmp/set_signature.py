"""The signature of a submission set: IHE DSG manifest in a XAdES signature.

Source: IHE ITI TF-3 §5.5 (Document Digital Signature), XAdES 1.1.1, French profile of the DMP. Inclusive canonicalisation: each
part is canonicalised with the prefixes that are in scope at its place.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding

from dui_fhir.connectors.dmp import xmldsig
from dui_fhir.connectors.dmp.signing import Signer
from dui_fhir.connectors.dmp.xmldsig import DS, INCLUSIVE_WITH_COMMENTS, alone, canonical, ds
from dui_fhir.connectors.markup import Element, document, maker, parse

XADES = "http://uri.etsi.org/01903/v1.1.1#"
_PURPOSE = "1.2.840.10065.1.12.1.14"
_SIGNATURE, _MANIFEST, _PROPERTIES = "IHESignature", "IHEManifest", "IHESignedProperties"

xades = maker(XADES)


def sign_set(set_id: str, documents: Sequence[tuple[str, bytes]], signed_at: datetime, signer: Signer) -> bytes:
    """Return the signature file of the set ``set_id`` and its documents, given as ``(unique id, XML bytes)``."""
    digest = signer.digest
    manifest = alone(_manifest(set_id, documents, signer), ds=DS)
    properties = alone(_signed_properties(signed_at, signer), xades=XADES, ds=DS)
    info = xmldsig.signed_info(
        INCLUSIVE_WITH_COMMENTS,
        digest,
        xmldsig.reference(
            f"#{_MANIFEST}",
            xmldsig.digest_of(canonical(manifest, exclusive=False), digest),
            digest,
            INCLUSIVE_WITH_COMMENTS,
            type=f"{DS}Manifest",
        ),
        xmldsig.reference(
            f"#{_PROPERTIES}",
            xmldsig.digest_of(canonical(properties, exclusive=False), digest),
            digest,
            INCLUSIVE_WITH_COMMENTS,
            type="http://uri.etsi.org/01903/v1.1.1#SignedProperties",
        ),
    )
    value = xmldsig.signature_value(info, signer, exclusive=False)
    signature = ds("Signature", info, value, xmldsig.key_info(signer), *_objects(manifest, properties), Id=_SIGNATURE)
    return document(alone(signature, ds=DS))


def _objects(manifest: Element, properties: Element) -> list[Element]:
    qualifying = alone(xades("QualifyingProperties", properties, Target=f"#{_SIGNATURE}"), xades=XADES)
    purpose = ds("SignatureProperty", _PURPOSE, Id="purposeOfSignature", Target=f"#{_SIGNATURE}")
    return [ds("Object", qualifying), ds("Object", ds("SignatureProperties", purpose)), ds("Object", manifest)]


def _manifest(set_id: str, documents: Sequence[tuple[str, bytes]], signer: Signer) -> Element:
    # the set itself has no bytes to digest: the profile asks for a digest of one zero byte
    first = xmldsig.reference(f"urn:oid:{set_id}", "AA==", signer.digest)
    return ds("Manifest", first, *(_document(id, data, signer) for id, data in documents), Id=_MANIFEST)


def _document(id: str, data: bytes, signer: Signer) -> Element:
    digest = xmldsig.digest_of(canonical(parse(data, trusted=True), exclusive=False), signer.digest)
    return xmldsig.reference(f"urn:oid:{id}", digest, signer.digest, INCLUSIVE_WITH_COMMENTS)


def _signed_properties(signed_at: datetime, signer: Signer) -> Element:
    certificate = signer.certificate
    der = certificate.public_bytes(Encoding.DER)
    return xades(
        "SignedProperties",
        xades(
            "SignedSignatureProperties",
            xades("SigningTime", signed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            xades(
                "SigningCertificate",
                xades(
                    "Cert",
                    xades(
                        "CertDigest",
                        xades("DigestMethod", Algorithm=xmldsig.digest_method(signer.digest)),
                        xades("DigestValue", xmldsig.digest_of(der, signer.digest)),
                    ),
                    xades(
                        "IssuerSerial",
                        ds("X509IssuerName", certificate.issuer.rfc4514_string()),
                        ds("X509SerialNumber", str(certificate.serial_number)),
                    ),
                ),
            ),
            xades("SignaturePolicyIdentifier", xades("SignaturePolicyImplied")),
        ),
        Id=_PROPERTIES,
    )
