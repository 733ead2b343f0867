"""JSON resources kept a line each in one file, with an index beside: opening costs the index, reading one line.

Lines and index are made once, when a package is added: they are the disk cache of what was parsed and reduced.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

RESOURCES_KEPT = 64
"""Resources held parsed, by each reader."""


class Entry(NamedTuple):
    """Where a resource is. ``url`` is empty where it has none, ``supplements`` where it is no supplement."""

    kind: str
    url: str
    version: str
    supplements: str
    file: Path
    offset: int
    length_bytes: int


def write(folder: Path, name: str, resources: Iterable[dict[str, Any]]) -> None:
    """Write ``<name>.ndjson`` and its index."""
    index, offset = [], 0
    with (folder / f"{name}.ndjson").open("wb") as file:
        for resource in resources:
            line = orjson.dumps(resource)
            file.write(line + b"\n")
            facts = [_text(resource, key) for key in ("resourceType", "url", "version", "supplements")]
            index.append([*facts, offset, len(line)])
            offset += len(line) + 1
    (folder / f"{name}.index.json").write_bytes(orjson.dumps(index))


def _text(resource: dict[str, Any], key: str) -> str:
    value = resource.get(key)
    return value if isinstance(value, str) else ""


def entries(folder: Path, name: str) -> list[Entry]:
    """Return the index, in the order written."""
    rows: list[tuple[str, str, str, str, int, int]] = orjson.loads((folder / f"{name}.index.json").read_bytes())
    file = folder / f"{name}.ndjson"
    return [Entry(kind, url, version, of, file, offset, length) for kind, url, version, of, offset, length in rows]


class Shelves:
    """Reads entries, the last ones kept parsed."""

    def __init__(self) -> None:
        self.read = lru_cache(maxsize=RESOURCES_KEPT)(read)

    def all(self, found: Iterable[Entry]) -> Iterator[dict[str, Any]]:
        """Yield resources without keeping them."""
        return (read(entry) for entry in found)


def read(entry: Entry) -> dict[str, Any]:
    """Return the resource of an entry. Raises: OSError where its package went away meanwhile."""
    with entry.file.open("rb") as file:
        file.seek(entry.offset)
        return orjson.loads(file.read(entry.length_bytes))  # type: ignore[no-any-return]
