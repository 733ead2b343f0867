"""Signing as a port (decision D17): a seal key here, a card on the editor's workstation elsewhere."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from dui_fhir.domain.errors import ConfigurationError

Digest: TypeAlias = Literal["sha256", "sha1"]


class Signer(Protocol):
    """Who signs, and with what: RSA PKCS#1 v1.5 over ``digest``."""

    @property
    def certificate(self) -> x509.Certificate:
        """Return the certificate of the key."""

    @property
    def digest(self) -> Digest:
        """Return the digest algorithm of signatures and references."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data``."""


class KeySigner:
    """A key held by the server."""

    def __init__(self, key: rsa.RSAPrivateKey, certificate: x509.Certificate, digest: Digest) -> None:
        self._key = key
        self._certificate = certificate
        self._digest = digest

    @property
    def certificate(self) -> x509.Certificate:
        """See :class:`Signer`."""
        return self._certificate

    @property
    def digest(self) -> Digest:
        """See :class:`Signer`."""
        return self._digest

    def sign(self, data: bytes) -> bytes:
        """See :class:`Signer`."""
        return self._key.sign(data, padding.PKCS1v15(), hash_of(self._digest))


def hash_of(digest: Digest) -> hashes.HashAlgorithm:
    """Return the algorithm of that name."""
    return hashes.SHA256() if digest == "sha256" else hashes.SHA1()  # noqa: S303 - the DMP's public samples are in SHA-1


def load(key: Path, certificate: Path, digest: Digest) -> KeySigner:
    """Read a seal from two PEM files. Raises: ConfigurationError (``dmp-seal``)."""
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        public = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise _bad_seal(type(error).__name__) from error
    if not isinstance(private, rsa.RSAPrivateKey) or private.public_key() != public.public_key():
        raise _bad_seal("not an RSA key, or not the key of the certificate")
    return KeySigner(private, public, digest)


def for_trial(digest: Digest, *, now: datetime | None = None) -> KeySigner:
    """Return a seal made now, self-signed, valid for a day: local simulators and tests only."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Structure d'essai"),
            x509.NameAttribute(NameOID.COMMON_NAME, "dui-fhir cle d'essai"),
        ]
    )
    now = now or datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return KeySigner(key, certificate, digest)


def _bad_seal(why: str) -> ConfigurationError:
    return ConfigurationError.of(
        "dmp-seal",
        "Le cachet du DMP (réglages dmp_seal_key et dmp_seal_certificate) ne peut pas être lu.",
        f"DMP seal: {why}",
    )
