"""The chain of documents that a document replaces, newest first."""

from collections.abc import Iterator

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Reader
from dui_fhir.domain.reference import Reference

DEPTH_MAX = 100


def ancestors(document: Resource, reader: Reader) -> Iterator[Resource]:
    """Yield the DocumentReferences replaced by this one, directly or not; each once, whatever loops the data hold."""
    seen = {str(document.get("id"))}
    waiting = _replaced(document)
    while waiting and len(seen) < DEPTH_MAX:
        id = waiting.pop(0)
        if id in seen:
            continue
        seen.add(id)
        found = reader.read(f"DocumentReference/{id}")
        if found is not None:
            yield found
            waiting += _replaced(found)


def _replaced(document: Resource) -> list[str]:
    links = [r for r in document.get("relatesTo", ()) if r.get("code") == "replaces"]
    targets = [Reference.parse(str(r.get("target", {}).get("reference", ""))) for r in links]
    return [t.id for t in targets if t is not None and t.type == "DocumentReference" and t.base is None]
