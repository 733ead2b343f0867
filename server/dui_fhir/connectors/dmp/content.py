"""The file of a document: there, a PDF, and still the one whose sending was asked for."""

import hashlib
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

from dui_fhir.connectors.dmp.faults import Faults
from dui_fhir.domain.change import Resource
from dui_fhir.domain.reference import Reference
from dui_fhir.ports import Reader

_PATH = "DocumentReference.content"


def content(document: Resource, sha1: str, reader: Reader, faults: Faults) -> bytes:
    """Return the bytes whose SHA-1 is ``sha1`` (hexadecimal); empty, with a fault noted, where they are not to be had."""
    data = _bytes(document, reader)
    if data is None:
        faults.add("dmp-no-content", "Le fichier du document est introuvable.", _PATH)
        return b""
    if hashlib.sha1(data, usedforsecurity=False).hexdigest() != sha1:
        faults.add("dmp-changed", "Le contenu du document a changé depuis la demande d'envoi.", _PATH)
    if not data.startswith(b"%PDF-"):
        faults.add("dmp-not-pdf", "Le fichier du document n'est pas un PDF.", _PATH)
    return data


def _bytes(document: Resource, reader: Reader) -> bytes | None:
    attachment: dict[str, Any] = next((c.get("attachment", {}) for c in document.get("content", [])), {})
    text = attachment.get("data")
    if not text:
        target = Reference.parse(str(attachment.get("url", "")))
        binary = reader.read(str(target)) if target and target.type == "Binary" else None
        text = (binary or {}).get("data")
    try:
        return b64decode(text, validate=True) if text else None
    except (NotBase64, TypeError):
        return None
