"""Reading for examples and tests: a few resources in memory, searched as the server searches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from dui_fhir.definitions import search_parameters
from dui_fhir.domain.change import Resource
from dui_fhir.search.extract import Extractor
from dui_fhir.search.match import Entry, page
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import parse


class ExampleReader:
    """A :class:`~dui_fhir.domain.context.Reader` over given resources; ``extra`` are SearchParameters of plugins."""

    def __init__(self, resources: Iterable[Resource], extra: Sequence[Resource] = ()) -> None:
        self._resources = {f"{r['resourceType']}/{r['id']}": _as_stored(r) for r in resources}
        self._registry = search_parameters().with_extra(list(extra)) if extra else search_parameters()

    def read(self, reference: str) -> Resource | None:
        """Return the resource of ``Type/id``, None where absent."""
        return self._resources.get(reference)

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """Return all matches of a FHIR search, in the order it asks for. Raises: BadRequest, as the server would."""
        query = replace(
            parse(type, params, SearchOptions(registry=self._registry)).query, limit=len(self._resources) or 1
        )
        found, _, _ = page(self._entries, query)
        return [self._resources[f"{entry.type}/{entry.id}"] for entry in found]

    def every(self, type: str, params: Sequence[tuple[str, str]]) -> Iterator[Resource]:
        """Yield the same, one by one."""
        return iter(self.search(type, params))

    @cached_property
    def _entries(self) -> list[Entry]:
        extractor = Extractor(self._registry)
        return [
            Entry(type=r["resourceType"], id=r["id"], instant_ms=0, index=extractor.extract(r))
            for r in self._resources.values()
        ]


def _as_stored(resource: Resource) -> Resource:
    meta = {"versionId": "1", **resource.get("meta", {})}
    return {**resource, "meta": meta}
