"""Note what plugins read, so that a write built on it fails where it changed meanwhile."""

from collections.abc import Iterator, Sequence

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Reader
from dui_fhir.domain.plan import ABSENT


class NotedReader:
    """A reader that remembers the version of each resource it gave (:data:`ABSENT` where there was none)."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.reads: dict[str, int] = {}

    def read(self, reference: str) -> Resource | None:
        """Return the current resource of ``Type/id``; None where absent or deleted."""
        resource = self._reader.read(reference)
        self.reads[reference] = ABSENT if resource is None else _version(resource)
        return resource

    def search(self, type: str, params: Sequence[tuple[str, str]]) -> list[Resource]:
        """Return all matches; the versions of those found are noted (what was not found cannot be)."""
        found = self._reader.search(type, params)
        for resource in found:
            self.reads[f"{resource['resourceType']}/{resource['id']}"] = _version(resource)
        return found

    def every(self, type: str, params: Sequence[tuple[str, str]]) -> Iterator[Resource]:
        """Yield all matches; their versions are not noted."""
        return self._reader.every(type, params)


def _version(resource: Resource) -> int:
    return int(resource["meta"]["versionId"])
