"""Reading for examples and tests: a few resources in memory, searched as the server searches."""

from collections.abc import Iterable, Sequence

from dui_fhir.domain.change import Resource


class ExampleReader:
    """A :class:`~dui_fhir.domain.context.Reader` over given resources; ``extra`` are SearchParameters of plugins."""

    def __init__(self, resources: Iterable[Resource], extra: Sequence[Resource] = ()) -> None:
        self._resources = {f"{r['resourceType']}/{r['id']}": _as_stored(r) for r in resources}
        self._extra = tuple(extra)

    def read(self, reference: str) -> Resource | None:
        """Return the resource of ``Type/id``, None where absent."""
        return self._resources.get(reference)

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """Return all matches of a FHIR search, in the order of their ids."""
        raise NotImplementedError


def _as_stored(resource: Resource) -> Resource:
    meta = {"versionId": "1", **resource.get("meta", {})}
    return {**resource, "meta": meta}
