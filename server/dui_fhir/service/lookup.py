"""Resources that a write looks at: those of its own transaction first, then the store, each read once."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from dui_fhir.domain.change import Resource
from dui_fhir.domain.reference import Reference, elements
from dui_fhir.domain.version import Version
from dui_fhir.ports import Store


class Lookup:
    """Current resources by ``Type/id``; deleted ones are absent. Reads are kept for the life of the object."""

    def __init__(self, store: Store, siblings: Mapping[str, Resource], gone: Iterable[str] = ()) -> None:
        self._store = store
        self.siblings = siblings
        self._gone = frozenset(gone)
        self._read: dict[str, Version | None] = {}

    def get(self, reference: str) -> Resource | None:
        """Return the resource that ``Type/id`` will name once the transaction is done."""
        if reference in self.siblings:
            return self.siblings[reference]
        if not self.exists(reference):
            return None
        version = self._read[reference]
        return version.resource() if version else None

    def exists(self, reference: str) -> bool:
        """Tell whether something will be there once the transaction is done."""
        if reference in self.siblings:
            return True
        self.prefetch([reference])
        version = self._read[reference]
        return reference not in self._gone and version is not None and not version.deleted

    @cached_property
    def _pointing(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for key, sibling in self.siblings.items():
            for element in elements(sibling):
                found.setdefault(element["reference"], []).append(key)
        return found

    def pointing_to(self, reference: str) -> list[Resource]:
        """Return the other resources of the transaction that cite ``Type/id``."""
        keys = dict.fromkeys(self._pointing.get(reference, ()))
        return [self.siblings[key] for key in keys if key != reference]

    def prefetch_all(self) -> None:
        """Read, in one go, all that the transaction cites."""
        self.prefetch(self._pointing)

    def prefetch(self, references: Iterable[str]) -> None:
        """Read several at once; what is known already is not read again."""
        keys: dict[tuple[str, str], str] = {}
        for text in references:
            parsed = Reference.parse(text)
            name = str(parsed) if parsed is not None and parsed.base is None else ""
            if parsed is not None and name and name not in self._read and name not in self.siblings:
                keys[parsed.type, parsed.id] = name
        if keys:
            found = self._store.read_many(keys)
            self._read |= {name: found.get(key) for key, name in keys.items()}
