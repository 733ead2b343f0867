"""The terminology resources that a tenant has stored, found by search, for the time of one request."""

from collections.abc import Iterable, Iterator

from dui_fhir.domain.context import Reader
from dui_fhir.terminology.concepts import Resource


class Stored:
    """What a reader gives of CodeSystem, ValueSet and ConceptMap; each canonical is searched once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._found: dict[tuple[str, str], dict[str, Resource]] = {}

    def _by_version(self, kind: str, url: str) -> dict[str, Resource]:
        held = self._found.get((kind, url))
        if held is None:
            rows = self._reader.search(kind, [("url", _exact(url))]) if url else []
            held = self._found[kind, url] = {row.get("version", ""): row for row in rows if row.get("url") == url}
        return held

    def versions(self, kind: str, url: str) -> Iterable[str]:
        """Return the versions stored of a canonical."""
        return self._by_version(kind, url).keys()

    def get(self, kind: str, url: str, version: str) -> Resource | None:
        """Return a resource."""
        return self._by_version(kind, url).get(version)

    def all(self, kind: str) -> Iterator[Resource]:
        """Return the resources of a kind. Raises: Unprocessable over 1 000."""
        return (row for row in self._reader.search(kind, []) if "url" in row)

    def supplements(self, url: str) -> Iterable[Resource]:
        """Return the supplements of a code system."""
        return self._reader.search("CodeSystem", [("supplements", _exact(url))])


def _exact(value: str) -> str:
    """Escape a value for a search (FHIR R4, search.html#escaping)."""
    for character in ("\\", "$", ",", "|"):
        value = value.replace(character, "\\" + character)
    return value
