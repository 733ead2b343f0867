"""Unique ids of a sending, derived so that the same job always gives the same ones.

OIDs are ``2.25.<UUID as an integer>`` (ITU-T X.667): globally unique without an arc of one's own, at most 44 characters. The
UUID is version 5 of a name: tenant, document and SHA-1 of its content. A ``masterIdentifier`` that is an OID or a UUID is
taken instead, for it is the document's own name.
"""

import re
from uuid import UUID, uuid5

from dui_fhir.domain.change import Resource
from dui_fhir.domain.outbox import content_sha1

_NAMESPACE = UUID("5f1c1f2e-3f0d-5d0a-8f63-4a5a0a9f9c11")
_OID = re.compile(r"urn:oid:([0-2](?:\.(?:0|[1-9]\d*))+)")
_OID_CHARS_MAX = 64


def oid(*name: str) -> str:
    """Return the OID of a name."""
    return f"2.25.{uuid5(_NAMESPACE, '|'.join(name)).int}"


def document_id(tenant: str, document: Resource) -> str:
    """Return the unique id of the CDA of a DocumentReference: ``ClinicalDocument/id``, ``XDSDocumentEntry.uniqueId``."""
    return master_id(document) or oid("document", tenant, document["id"], content_sha1(document))


def master_id(document: Resource) -> str | None:
    """Return the OID that ``masterIdentifier`` gives, None where it gives none."""
    value = str(document.get("masterIdentifier", {}).get("value", ""))
    if (match := _OID.fullmatch(value)) and len(match[1]) <= _OID_CHARS_MAX:
        return match[1]
    if value.startswith("urn:uuid:"):
        try:
            return f"2.25.{UUID(value.removeprefix('urn:uuid:')).int}"
        except ValueError:
            return None
    return None


def version_set_id(tenant: str, first: Resource) -> str:
    """Return the ``setId`` shared by all versions of a document, from the first of them."""
    return oid("set", tenant, first["id"])


def submission_id(document_id: str) -> str:
    """Return the unique id of the submission set that carries a document."""
    return oid("submission", document_id)


def signature_id(document_id: str) -> str:
    """Return the unique id of the signature of that submission set."""
    return oid("signature", document_id)


def source_id(tenant: str) -> str:
    """Return the OID of the sending installation where the settings give none."""
    return oid("source", tenant)
