"""FHIR packages (``.tgz``) of implementation guides: added safely to a folder, listed, removed, and read as a source.

Source: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification (``package/package.json``, one resource a file).
Nothing is ever extracted as it is named: each resource is parsed, reduced to its facts where it is a profile, and written in
files of ours, named by number. A package lives in ``<folder>/<id>#<version>``.
"""

import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from dui_fhir.domain.errors import DuiError, Unprocessable
from dui_fhir.validation.library import Given, Structure

FILES_MAX = 20_000
FILE_BYTES_MAX = 50_000_000
TOTAL_BYTES_MAX = 300_000_000
RATIO_MAX = 200
_RATIO_FLOOR_BYTES = 10_000_000
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_MEMBER = re.compile(r"package/([A-Za-z0-9._-]{1,200}\.json)")
_TERMINOLOGY = frozenset({"CodeSystem", "ValueSet", "ConceptMap"})
_KEPT = _TERMINOLOGY | {
    "StructureDefinition",
    "SearchParameter",
    "NamingSystem",
    "Questionnaire",
    "OperationDefinition",
}
_FORMAT = 1
"""Raised when the files written change their shape: older folders are then read as absent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """An added package. ``dependencies`` maps ids to versions; ``missing`` are those not in the same folder."""

    id: str
    version: str
    canonical: str
    title: str
    dependencies: Mapping[str, str]
    counts: Mapping[str, int]
    missing: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return ``id#version``."""
        return f"{self.id}#{self.version}"


def add(path: Path, store_dir: Path) -> Package:
    """Read a package and put its resources in ``store_dir``; an added version replaces the same one.

    Returns: the package, with the dependencies that ``store_dir`` lacks. Raises: Unprocessable (``validation-package``):
    no package, a link, a path that leaves it, too many or too large files, a resource that is no JSON.
    """
    try:
        manifest, rows = _read(path)
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        raise _invalid("Ce fichier n'est pas un paquet FHIR lisible.", type(error).__name__) from error
    package = _described(manifest, rows)
    target = store_dir / package.key
    fresh = store_dir / f".{package.key}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    _write(fresh, package, rows)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return _with_missing(package, store_dir)


def list_packages(store_dir: Path) -> list[Package]:
    """Return the packages of a folder, by id and version; a folder that is not one of ours is left out."""
    found = [p for path in sorted(store_dir.glob("*#*")) if (p := _load(path)) is not None]
    return [_with_missing(p, store_dir) for p in sorted(found, key=lambda p: (p.id, _order(p.version)))]


def remove(id: str, version: str, store_dir: Path) -> bool:
    """Remove a package; return whether it was there."""
    if _ID.fullmatch(id) is None or _VERSION.fullmatch(version) is None:
        return False
    target = store_dir / f"{id}#{version}"
    if not target.is_dir():
        return False
    shutil.rmtree(target)
    return True


class Packages:
    """The profiles of the packages of a folder, as a source of a library: each package read at its first use."""

    def __init__(self, store_dir: Path) -> None:
        self._folder = store_dir
        self._index: dict[str, list[tuple[str, int, Path]]] = {}
        self._read: dict[Path, Given] = {}
        for package in list_packages(store_dir):
            path = store_dir / package.key
            for url, version in orjson.loads((path / "profiles.index.json").read_bytes()):
                self._index.setdefault(url, []).append((version, len(self._index), path))

    def find(self, url: str, version: str | None) -> Structure | None:
        """Return a definition; without version, that of the latest package that has it."""
        for known, _, path in reversed(self._index.get(url, [])):
            if version is None or known == version or known.startswith(version + "."):
                return self._given(path).find(url, known)
        return None

    def versions(self, url: str) -> list[str]:
        """Return the versions of a definition, the latest first."""
        return [version for version, _, _ in reversed(self._index.get(url, []))]

    def _given(self, path: Path) -> Given:
        if path not in self._read:
            self._read[path] = Given(orjson.loads((path / "profiles.json").read_bytes()))
        return self._read[path]

    def terminology(self) -> Iterator[dict[str, Any]]:
        """Yield the code systems, value sets and concept maps of all packages, the older versions first."""
        for package in list_packages(self._folder):
            yield from orjson.loads((self._folder / package.key / "terminology.json").read_bytes())

    def others(self, type: str) -> Iterator[dict[str, Any]]:
        """Yield the resources of another kind: ``SearchParameter``, ``Questionnaire``…"""
        for package in list_packages(self._folder):
            rows = orjson.loads((self._folder / package.key / "others.json").read_bytes())
            yield from (r for r in rows if r["resourceType"] == type)


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    manifest: dict[str, Any] | None = None
    rows: list[dict[str, Any]] = []
    with tarfile.open(path, "r:gz") as archive:
        for name, data in _members(archive, path.stat().st_size):
            if name == "package.json":
                manifest = _object(data, name)
            elif name != ".index.json":
                resource = _object(data, name)
                if resource.get("resourceType") in _KEPT:
                    rows.append(resource)
    if manifest is None:
        raise _invalid("Le paquet n'a pas de fichier package/package.json.", "no manifest")
    return manifest, rows


def _members(archive: tarfile.TarFile, packed_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield the JSON files of ``package/``, all limits checked before anything is read."""
    total = 0
    for count, member in enumerate(archive, start=1):
        if count > FILES_MAX:
            raise _invalid("Le paquet contient trop de fichiers.", f"more than {FILES_MAX} members")
        _refuse_unsafe(member)
        total += member.size
        if member.size > FILE_BYTES_MAX or total > TOTAL_BYTES_MAX:
            raise _invalid("Le paquet est trop volumineux une fois déplié.", "size limit")
        if total > max(_RATIO_FLOOR_BYTES, packed_bytes * RATIO_MAX):
            raise _invalid("Le paquet se déplie bien au-delà de sa taille.", "compression ratio limit")
        match = _MEMBER.fullmatch(member.name.removeprefix("./"))
        if member.isfile() and match is not None:
            yield match[1], _bytes(archive.extractfile(member))


def _refuse_unsafe(member: tarfile.TarInfo) -> None:
    parts = member.name.replace("\\", "/").split("/")
    if not (member.isfile() or member.isdir()):
        raise _invalid("Le paquet contient un lien ou un fichier spécial.", "link or special member")
    if member.name.startswith(("/", "\\")) or ".." in parts or "\x00" in member.name or ":" in parts[0]:
        raise _invalid("Le paquet contient un chemin qui sort de son dossier.", "path escape")


def _bytes(file: IO[bytes] | None) -> bytes:
    return b"" if file is None else file.read(FILE_BYTES_MAX + 1)


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = orjson.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _invalid("Un fichier du paquet n'est pas un objet JSON.", f"{name[:100]} is not a JSON object")
    return found


def _described(manifest: Mapping[str, Any], rows: list[dict[str, Any]]) -> Package:
    id, version = str(manifest.get("name", "")), str(manifest.get("version", ""))
    if _ID.fullmatch(id) is None or _VERSION.fullmatch(version) is None:
        raise _invalid("Le paquet n'a ni nom ni version corrects.", "name or version")
    dependencies = manifest.get("dependencies")
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["resourceType"]] = counts.get(row["resourceType"], 0) + 1
    return Package(
        id=id,
        version=version,
        canonical=str(manifest.get("canonical", "")),
        title=str(manifest.get("title") or manifest.get("description") or "")[:200],
        dependencies={str(k): str(v) for k, v in dependencies.items()} if isinstance(dependencies, dict) else {},
        counts=dict(sorted(counts.items())),
    )


def _write(folder: Path, package: Package, rows: list[dict[str, Any]]) -> None:
    profiles = [_lean(r) for r in rows if r["resourceType"] == "StructureDefinition" and isinstance(r.get("url"), str)]
    _dump(folder / "profiles.json", profiles)
    _dump(folder / "profiles.index.json", [[p["url"], str(p.get("version", ""))] for p in profiles])
    _dump(folder / "terminology.json", [r for r in rows if r["resourceType"] in _TERMINOLOGY])
    others = [r for r in rows if r["resourceType"] not in _TERMINOLOGY | {"StructureDefinition"}]
    _dump(folder / "others.json", others)
    facts = {n: getattr(package, n) for n in ("id", "version", "canonical", "title", "dependencies", "counts")}
    _dump(folder / "package.json", {"format": _FORMAT, **facts})


def _lean(structure: dict[str, Any]) -> dict[str, Any]:
    """Leave out what validation never reads: it is nine tenths of a published definition."""
    kept = {k: v for k, v in structure.items() if k not in _HEADS}
    for view in ("differential", "snapshot"):
        elements = (structure.get(view) or {}).get("element")
        if isinstance(elements, list):
            kept[view] = {"element": [_lean_element(e) for e in elements if isinstance(e, dict)]}
    return kept


_HEADS = frozenset({"text", "mapping", "contact", "description", "differential", "snapshot"})
_PROSE = frozenset({"definition", "comment", "requirements", "alias", "mapping", "example", "short", "base", "label"})


def _lean_element(element: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in element.items() if k not in _PROSE}


def _dump(path: Path, value: Any) -> None:
    path.write_bytes(orjson.dumps(value))


def _load(path: Path) -> Package | None:
    try:
        row = orjson.loads((path / "package.json").read_bytes())
    except (OSError, ValueError):
        return None
    if row.pop("format", None) != _FORMAT:
        return None
    return Package(**row)


def _with_missing(package: Package, store_dir: Path) -> Package:
    """A dependency counts as there in any of its versions: guides name patch versions of one another."""
    present = {p.name.partition("#")[0] for p in store_dir.glob("*#*")}
    missing = tuple(
        f"{id}#{version}"
        for id, version in sorted(package.dependencies.items())
        if id not in present and not id.startswith("hl7.fhir.r4.")
    )
    return Package(
        **{n: getattr(package, n) for n in ("id", "version", "canonical", "title", "dependencies", "counts")},
        missing=missing,
    )


def _order(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Order versions by their numbers; a release follows its previews."""
    numbers, _, label = version.partition("-")
    return tuple(int(n) for n in re.findall(r"\d+", numbers)), not label, label


def _invalid(text: str, diagnostics: str) -> DuiError:
    return Unprocessable.of("validation-package", text, diagnostics)
