"""Reading for documents: each resource once, in a stable order, without what was entered in error."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dui_fhir.api import Reader, Reference, Resource

from .document_text import items, part, text
from .lenient import tags

_GONE: Final = ("entered-in-error",)
_MUTED_TAGS: Final = frozenset({"outbox", "work-list"})
_VALUES: Final = 50
"""Values given to one search parameter at a time."""


class Gatherer:
    """Reads through one reader, each resource once; a search leaves out what ``shown`` says no of."""

    def __init__(self, reader: Reader, shown: Callable[[Resource], bool] = lambda resource: True) -> None:
        self._reader, self.shown = reader, shown
        self._read: dict[str, Resource | None] = {}

    def get(self, reference: Any) -> Resource | None:
        """Return what a Reference element or a literal points to; None where absent, elsewhere, or not readable."""
        literal = text(part(reference, "reference")) if isinstance(reference, dict) else text(reference)
        parsed = Reference.parse(literal)
        if parsed is None:
            return None
        key = str(parsed)
        if key not in self._read:
            self._read[key] = self._reader.read(key)
        return self._read[key]

    def search(self, type: str, *params: tuple[str, str]) -> list[Resource]:
        """Return the matches in a stable order, without what was entered in error and without our own Tasks."""
        return self._kept(self._reader.search(type, list(params)))

    def every(self, type: str, *params: tuple[str, str]) -> list[Resource]:
        """Return the same of a type that a file holds by the thousand; not noted as read."""
        return self._kept(list(self._reader.every(type, list(params))))

    def _kept(self, found: list[Resource]) -> list[Resource]:
        for resource in found:
            self._read.setdefault(reference_of(resource), resource)
        kept = [r for r in found if text(r.get("status")) not in _GONE and text(r.get("lifecycleStatus")) not in _GONE]
        return sorted((r for r in kept if not tags(r) & _MUTED_TAGS and self.shown(r)), key=order)

    def search_all(self, type: str, param: str, references: Sequence[str]) -> list[Resource]:
        """Return the matches of a reference parameter that has one of many values, a few values at a time."""
        batches = [references[i : i + _VALUES] for i in range(0, len(references), _VALUES)]
        return [r for batch in batches for r in self.search(type, (param, ",".join(batch)))]


def reference_of(resource: Mapping[str, Any]) -> str:
    """Return ``Type/id``."""
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def order(resource: Resource) -> tuple[str, str]:
    """Business number first, so that a document does not depend on ids given by a server."""
    first = next(iter(items(resource.get("identifier"))), {}) if isinstance(resource.get("identifier"), list) else {}
    return text(first.get("value")), text(resource.get("id"))
