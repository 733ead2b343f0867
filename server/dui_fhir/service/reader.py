"""Reading on behalf of rules and operations, noting what was read: those versions become preconditions of the write."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.plan import ABSENT, VersionIs
from dui_fhir.domain.reference import Reference
from dui_fhir.domain.version import Version
from dui_fhir.ports import Store, every
from dui_fhir.search.parse import ParsedSearch, SearchOptions, parse

MATCHES_MAX = 1000
SLICE = 500


class TrackingReader:
    """A :class:`dui_fhir.ports.Reader` over one store. ``reads`` maps ``(type, id)`` to the version seen, 0 for none."""

    def __init__(self, store: Store, options: SearchOptions | None = None) -> None:
        self._store, self._options = store, options
        self.reads: dict[tuple[str, str], int] = {}

    def read(self, reference: str) -> Resource | None:
        """See :class:`dui_fhir.domain.context.Reader`; what is no local ``Type/id`` is absent."""
        target = Reference.parse(reference)
        if target is None or target.base is not None:
            return None
        found = self._store.read(target.type, target.id)
        self.note(target.type, target.id, found)
        return None if found is None or found.deleted else found.resource()

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """See :class:`dui_fhir.domain.context.Reader`."""
        parsed: ParsedSearch = parse(type, params, self._options)
        page = self._store.search(replace(parsed.query, limit=MATCHES_MAX))
        if page.next is not None:
            raise Unprocessable.of(
                "core-too-many-matches",
                f"Une recherche interne trouve plus de {MATCHES_MAX} ressources.",
                f"internal search of {type} over {MATCHES_MAX} matches",
            )
        for version in page.matches:
            self.note(version.type, version.id, version)
        return [version.resource() for version in page.matches]

    def every(self, type: str, params: Sequence[tuple[str, str]]) -> Iterator[Resource]:
        """See :class:`dui_fhir.domain.context.Reader`."""
        query = replace(parse(type, params, self._options).query, limit=SLICE)
        yield from (version.resource() for version in every(self._store, query))

    def note(self, type: str, id: str, found: Version | None) -> None:
        """Keep the version seen first: a later read of another one means that the write must be tried again."""
        self.reads.setdefault((type, id), ABSENT if found is None or found.deleted else found.version)

    def preconditions(self) -> tuple[VersionIs, ...]:
        """Return the read-set."""
        return read_set({f"{type}/{id}": version for (type, id), version in self.reads.items()})


def read_set(reads: Mapping[str, int]) -> tuple[VersionIs, ...]:
    """Return the preconditions for ``Type/id`` → version."""
    return tuple(
        VersionIs(type=type, id=id, version=version)
        for reference, version in reads.items()
        for type, _, id in [reference.partition("/")]
    )
