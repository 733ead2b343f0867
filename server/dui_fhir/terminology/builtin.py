"""The code systems and value sets that ship: an index in memory, each resource read from its line when it is asked for."""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson

from dui_fhir.terminology.concepts import Resource
from dui_fhir.terminology.registry import Registry

RESOURCES_KEPT = 64


class BuiltIn:
    """The facts of ``profiles/terminology``."""

    def __init__(self) -> None:
        self._folder = files("dui_fhir_profiles") / "terminology"
        self._index: dict[str, Any] = orjson.loads((self._folder / "index.json").read_bytes())
        self._aliases: dict[str, str] = self._index.pop("aliases", {})
        self._read = lru_cache(maxsize=RESOURCES_KEPT)(self._at)

    def _rows(self, kind: str, url: str) -> list[tuple[str, str, int, int]]:
        found: list[tuple[str, str, int, int]] = self._index.get(kind, {}).get(self._aliases.get(url, url), [])
        return found

    def _at(self, name: str, offset: int, length_bytes: int) -> Resource:
        with (self._folder / name).open("rb") as file:
            file.seek(offset)
            return orjson.loads(file.read(length_bytes))  # type: ignore[no-any-return]

    def versions(self, kind: str, url: str) -> Iterable[str]:
        """Return the versions held of a canonical, or of another name of it (``urn:oid:…``)."""
        return [row[0] for row in self._rows(kind, url)]

    def get(self, kind: str, url: str, version: str) -> Resource | None:
        """Return a resource."""
        for held, name, offset, length_bytes in self._rows(kind, url):
            if held == version:
                return self._read(name, offset, length_bytes)
        return None

    def all(self, kind: str) -> Iterator[Resource]:
        """Return the resources of a kind."""
        for rows in self._index.get(kind, {}).values():
            for _, name, offset, length_bytes in rows:
                yield self._at(name, offset, length_bytes)

    def canonicals(self, kind: str) -> Iterable[str]:
        """Return the URLs held."""
        held: dict[str, Any] = self._index.get(kind, {})
        return held.keys()

    def supplements(self, url: str) -> Iterable[Resource]:
        """Return the supplements of a code system: none ships."""
        return ()


@cache
def shipped() -> BuiltIn:
    """Return the facts that ship, their index read once."""
    return BuiltIn()


@cache
def builtin() -> Registry:
    """Return the registry of what ships."""
    return Registry([shipped()])
