"""The definitions that ship with the project, each file read at the first question about its canonicals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from dui_fhir.definitions import source
from dui_fhir.validation.library import Given, Library, Source, Structure

_CORE = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShippedPackage:
    """A guide whose profiles ship as facts. ``derived``: also those written from the guide, for want of a published file."""

    id: str
    version: str
    canonical: str
    file: str
    derived: str | None
    dependencies: Mapping[str, str]


@cache
def shipped_packages() -> tuple[ShippedPackage, ...]:
    """Return the guides that ship, the older versions of a guide first."""
    rows = source.read("fr", "packages.json")
    return tuple(
        ShippedPackage(
            id=row["id"],
            version=row["version"],
            canonical=row["canonical"],
            file=row["file"],
            derived=row.get("derived"),
            dependencies=row.get("dependencies", {}),
        )
        for row in rows
    )


@cache
def structures(file: str) -> tuple[Structure, ...]:
    """Return the definitions of one file of ``profiles/fr``."""
    return tuple(source.read("fr", file))


@cache
def core_extensions() -> Given:
    """Return the extensions that R4 itself defines."""
    return Given(source.read("r4", "extensions.json"))


@cache
def _package(package_id: str, version: str) -> Given:
    package = next(p for p in shipped_packages() if (p.id, p.version) == (package_id, version))
    files = [package.file, *([package.derived] if package.derived else [])]
    return Given(s for file in files for s in structures(file))


class Shipped:
    """The source of all that ships. ``preferred``: the version of a guide that a canonical without version means."""

    def __init__(self, preferred: Mapping[str, str] | None = None) -> None:
        self._preferred = preferred or {}

    def find(self, url: str, version: str | None) -> Structure | None:
        """Return a definition; without version, that of the preferred version of its guide, or else of the latest."""
        if url.startswith(_CORE):
            # guides name them with the version of the extension pack, which numbers them apart from R4
            return core_extensions().find(url, None)
        for package in self._candidates(url):
            found = _package(package.id, package.version).find(url, version)
            if found is not None:
                return found
        return None

    def versions(self, url: str) -> list[str]:
        """Return the versions of a guide's definition that ship, the preferred one first."""
        return [v for p in self._candidates(url) for v in _package(p.id, p.version).versions(url)]

    def canonicals(self) -> Iterable[str]:
        """Return the urls of all profiles that ship, extensions of R4 aside."""
        return [url for p in shipped_packages() for url in _package(p.id, p.version).canonicals()]

    def _candidates(self, url: str) -> list[ShippedPackage]:
        fitting = [p for p in reversed(shipped_packages()) if url.startswith(p.canonical)]
        return sorted(fitting, key=lambda p: self._preferred.get(p.id) != p.version)


def library(*sources: Source, preferred: Mapping[str, str] | None = None) -> Library:
    """Return a library of the given sources, then of what ships."""
    return Library([*sources, Shipped(preferred)])


__all__ = ["Shipped", "ShippedPackage", "core_extensions", "library", "shipped_packages", "structures"]
