"""Reading for examples and tests: a few resources in memory, searched as the server searches."""

from collections.abc import Iterable, Sequence
from functools import cached_property

from dui_fhir.definitions import search_parameters
from dui_fhir.domain.change import Resource
from dui_fhir.domain.query import AllOf, AnyOf, IdIn, Node, Query, ReferenceIs, TokenIs
from dui_fhir.domain.reference import Reference
from dui_fhir.search.extract import Extractor
from dui_fhir.search.match import Entry, page


class ExampleReader:
    """A :class:`~dui_fhir.domain.context.Reader` over given resources; ``extra`` are SearchParameters of plugins."""

    def __init__(self, resources: Iterable[Resource], extra: Sequence[Resource] = ()) -> None:
        self._resources = {f"{r['resourceType']}/{r['id']}": _as_stored(r) for r in resources}
        self._registry = search_parameters().with_extra(list(extra)) if extra else search_parameters()

    def read(self, reference: str) -> Resource | None:
        """Return the resource of ``Type/id``, None where absent."""
        return self._resources.get(reference)

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """Return all matches of a FHIR search, in the order of their ids."""
        where = AllOf(tuple(self._criterion(type, name, value) for name, value in params))
        found, _, _ = page(self._entries, Query(types=(type,), where=where, limit=len(self._resources) or 1))
        return [self._resources[f"{entry.type}/{entry.id}"] for entry in found]

    @cached_property
    def _entries(self) -> list[Entry]:
        extractor = Extractor(self._registry)
        return [
            Entry(type=r["resourceType"], id=r["id"], instant_ms=0, index=extractor.extract(r))
            for r in self._resources.values()
        ]

    def _criterion(self, type: str, name: str, value: str) -> Node:
        values = value.split(",")
        if name == "_id":
            return IdIn(tuple(values))
        kind = self._registry.for_type(type)[name].type
        if kind == "reference":
            return AnyOf(tuple(_reference(name, v) for v in values))
        if kind == "token":
            return AnyOf(tuple(_token(name, v) for v in values))
        raise NotImplementedError(f"search of examples by a parameter of type {kind}")


def _reference(name: str, value: str) -> ReferenceIs:
    reference = Reference.parse(value)
    return ReferenceIs(name, reference.type, reference.id) if reference else ReferenceIs(name, None, value)


def _token(name: str, value: str) -> TokenIs:
    system, separator, code = value.rpartition("|")
    return TokenIs(name, system if separator else None, code or None)


def _as_stored(resource: Resource) -> Resource:
    meta = {"versionId": "1", **resource.get("meta", {})}
    return {**resource, "meta": meta}
