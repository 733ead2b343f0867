"""The terminology resources that a tenant has stored: known by canonical, read when they are asked for.

What is known follows the history of the tenant: a change costs the reading of what changed.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from dui_fhir.domain.query import Query
from dui_fhir.domain.version import Version
from dui_fhir.ports import Store, every
from dui_fhir.terminology.concepts import Resource
from dui_fhir.terminology.registry import KINDS

RESOURCES_KEPT = 32
_PAGE = 200


class _Canonicals:
    """Canonicals of one kind. ``head``: sequence of the last version seen. Values are replaced whole, never changed."""

    def __init__(self, head: int = 0, by_id: dict[str, tuple[str, str, str]] | None = None) -> None:
        self.head = head
        self.by_id = by_id or {}
        self.by_url: dict[str, dict[str, str]] = {}
        self.supplements: dict[str, list[str]] = {}
        for id, (url, version, supplemented) in self.by_id.items():
            self.by_url.setdefault(url, {})[version] = id
            if supplemented:
                self.supplements.setdefault(supplemented, []).append(id)

    def after(self, head: int, versions: Iterable[Version]) -> "_Canonicals":
        """Return what is known once these versions, the oldest first, are."""
        by_id = dict(self.by_id)
        for version in versions:
            by_id.pop(version.id, None)
            facts = None if version.deleted else _facts(version.resource())
            if facts is not None:
                by_id[version.id] = facts
        return _Canonicals(head, by_id)


def _facts(resource: Resource) -> tuple[str, str, str] | None:
    url, version = resource.get("url"), resource.get("version")
    if not isinstance(url, str):
        return None
    supplemented = str(resource.get("supplements") or "").partition("|")[0]
    return url, version if isinstance(version, str) else "", supplemented


class Stored:
    """See :class:`dui_fhir.terminology.registry.Source`. A value: :meth:`current` returns the one to use."""

    def __init__(self, store: Store, known: dict[str, _Canonicals] | None = None) -> None:
        self._store = store
        self._known = known or {kind: _Canonicals() for kind in KINDS}
        self._read = lru_cache(maxsize=RESOURCES_KEPT)(self._current)

    def __bool__(self) -> bool:
        return any(known.by_id for known in self._known.values())

    def current(self) -> "Stored":
        """Return this object where nothing was written since, else a new one. One look into the history of each kind."""
        known = {kind: self._updated(kind, before) for kind, before in self._known.items()}
        return self if all(known[kind] is self._known[kind] for kind in KINDS) else Stored(self._store, known)

    def _updated(self, kind: str, before: _Canonicals) -> _Canonicals:
        newest = self._store.history(type=kind, limit=1).versions
        if not newest or newest[0].sequence == before.head:
            return before
        head = newest[0].sequence
        # what is written between the two readings is read again at the next question
        found = self._since(kind, before.head) if before.head else every(self._store, Query(types=(kind,), limit=_PAGE))
        return before.after(head, found)

    def _since(self, kind: str, head: int) -> list[Version]:
        found: list[Version] = []
        before: int | None = None
        while True:
            page = self._store.history(type=kind, limit=_PAGE, before=before)
            found += [version for version in page.versions if version.sequence > head]
            if page.next is None or page.versions[-1].sequence <= head:
                return found[::-1]
            before = page.next

    def _current(self, kind: str, id: str) -> Resource | None:
        found = self._store.read(kind, id)
        return None if found is None or found.deleted else found.resource()

    def versions(self, kind: str, url: str) -> Iterable[str]:
        """Return the versions stored of a canonical."""
        return self._known[kind].by_url.get(url, {}).keys()

    def get(self, kind: str, url: str, version: str) -> Resource | None:
        """Return a resource."""
        id = self._known[kind].by_url.get(url, {}).get(version)
        return None if id is None else self._read(kind, id)

    def all(self, kind: str) -> Iterator[Resource]:
        """Return the resources of a kind."""
        found = (self._current(kind, id) for id in self._known[kind].by_id)
        return (resource for resource in found if resource is not None)

    def supplements(self, url: str) -> Iterable[Resource]:
        """Return the supplements of a code system."""
        found = (self._read("CodeSystem", id) for id in self._known["CodeSystem"].supplements.get(url, ()))
        return [resource for resource in found if resource is not None]
