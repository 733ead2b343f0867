"""ITI-18 GetDocuments by unique id: has this document arrived, and under which entryUUID. Source: IHE ITI TF-2 §3.18."""

from dataclasses import dataclass

from dui_fhir.connectors.markup import Element, maker, under
from dui_fhir.connectors.xds.ebrim import RIM, rim, slot

QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
ACTION = "urn:ihe:iti:2007:RegistryStoredQuery"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
_GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An entry of the registry; ``status``, ``sha1`` and ``unique_id`` are empty where the answer does not tell them."""

    uuid: str
    status: str = ""
    sha1: str = ""
    unique_id: str = ""


def get_documents(unique_id: str) -> Element:
    """Return the AdhocQueryRequest for one unique id, with metadata."""
    query = maker(QUERY)
    body = query(
        "AdhocQueryRequest",
        query("ResponseOption", returnComposedObjects="true", returnType="LeafClass"),
        rim("AdhocQuery", slot("$XDSDocumentEntryUniqueId", f"('{unique_id}')"), id=_GET_DOCUMENTS),
    )
    return under({"query": QUERY, "rim": RIM}, body)


def entries(answer: Element) -> tuple[Entry, ...]:
    """Return the entries of an AdhocQueryResponse."""
    found = [*answer.iter(f"{{{RIM}}}ExtrinsicObject"), *answer.iter(f"{{{RIM}}}ObjectRef")]
    return tuple(_entry(node) for node in found)


def _entry(node: Element) -> Entry:
    hashes = [
        v.text or ""
        for s in node.findall(f"{{{RIM}}}Slot")
        if s.get("name") == "hash"
        for v in s.iter(f"{{{RIM}}}Value")
    ]
    ids = [
        e.get("value", "")
        for e in node.findall(f"{{{RIM}}}ExternalIdentifier")
        if e.get("identificationScheme") == "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
    ]
    return Entry(
        uuid=node.get("id", ""),
        status=node.get("status", ""),
        sha1=next(iter(hashes), "").lower(),
        unique_id=next(iter(ids), ""),
    )
