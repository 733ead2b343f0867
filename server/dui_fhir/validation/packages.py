"""FHIR packages (``.tgz``) of implementation guides: added safely to a folder, listed, removed, and read as a source.

Source: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification (``package/package.json``, one resource a file).
Nothing is ever extracted as it is named: each resource is parsed, reduced to its facts where it is a profile, and written in
files of ours, named by number. A package lives in ``<folder>/<id>#<version>``.
"""

import gzip
import re
import shutil
import tarfile
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from dui_fhir.domain.errors import DuiError, Unprocessable
from dui_fhir.validation import shelf
from dui_fhir.validation.library import Structure
from dui_fhir.validation.shelf import Entry, Shelves, entries

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
_FORMAT = 2
"""Raised when the files written change their shape; older folders are written anew when they are read."""


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
    no package, a link, a path that leaves it, too many or too large files, a resource that is no JSON, another release of
    FHIR than R4, a canonical defined twice, profiles that derive from one another.
    """
    try:
        manifest, rows = _read(path)
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        raise _invalid("Ce fichier n'est pas un paquet FHIR lisible.", type(error).__name__) from error
    return _placed(_described(manifest, rows), rows, store_dir)


def add_resources(manifest: Mapping[str, Any], rows: list[dict[str, Any]], store_dir: Path) -> Package:
    """Put resources that come from no archive in ``store_dir`` as a package; the same version is replaced.

    ``manifest``: ``name``, ``version``, ``title`` as in a ``package.json``. Raises: Unprocessable (``validation-package``).
    """
    return _placed(_described(manifest, rows), rows, store_dir)


def _placed(package: Package, rows: list[dict[str, Any]], store_dir: Path) -> Package:
    """Write a package beside, then put it in place at once."""
    store_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = store_dir / package.key
    fresh = store_dir / f".{package.key}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
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


def stamp(store_dir: Path) -> int:
    """Return what changes when a package is added to a folder or removed from it: one ``stat``. 0 without folder."""
    try:
        return store_dir.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


class Packages:
    """The profiles of the packages of a folder, as a source of a library: each definition read when it is asked for."""

    def __init__(self, store_dir: Path) -> None:
        self._folder = store_dir
        self._shelves = Shelves()
        self._index: dict[str, list[Entry]] = {}
        for package in list_packages(store_dir):
            for entry in entries(store_dir / package.key, "profiles"):
                self._index.setdefault(entry.url, []).append(entry)

    def find(self, url: str, version: str | None) -> Structure | None:
        """Return a definition; without version, that of the latest package that has it."""
        for entry in reversed(self._index.get(url, [])):
            if version is None or entry.version == version or entry.version.startswith(version + "."):
                return self._shelves.read(entry)
        return None

    def versions(self, url: str) -> list[str]:
        """Return the versions of a definition, the latest first."""
        return [entry.version for entry in reversed(self._index.get(url, []))]

    def canonicals(self) -> Iterator[str]:
        """Yield the urls of the profiles held."""
        yield from self._index

    def terminology(self) -> "PackageTerminology":
        """Return the code systems, value sets and concept maps of all packages, as a source of a terminology."""
        keys = [package.key for package in list_packages(self._folder)]
        return PackageTerminology(e for key in keys for e in entries(self._folder / key, "terminology"))

    def others(self, type: str) -> Iterator[dict[str, Any]]:
        """Yield the resources of another kind: ``SearchParameter``, ``Questionnaire``…"""
        for package in list_packages(self._folder):
            yield from self._shelves.all(e for e in entries(self._folder / package.key, "others") if e.kind == type)


class PackageTerminology:
    """See :class:`dui_fhir.terminology.registry.Source`; of one canonical and version, the latest package's counts."""

    def __init__(self, found: Iterable[Entry] = ()) -> None:
        self._shelves = Shelves()
        self._index: dict[tuple[str, str], dict[str, Entry]] = {}
        for entry in found:
            if entry.url:
                self._index.setdefault((entry.kind, entry.url), {})[entry.version] = entry

    def versions(self, kind: str, url: str) -> Iterable[str]:
        """Return the versions held of a canonical."""
        return self._index.get((kind, url), {}).keys()

    def get(self, kind: str, url: str, version: str) -> dict[str, Any] | None:
        """Return a resource."""
        entry = self._index.get((kind, url), {}).get(version)
        return None if entry is None else self._shelves.read(entry)

    def all(self, kind: str) -> Iterator[dict[str, Any]]:
        """Return the resources of a kind."""
        return self._shelves.all(self._entries(kind))

    def supplements(self, url: str) -> Iterable[dict[str, Any]]:
        """Return the supplements of a code system."""
        found = (e for e in self._entries("CodeSystem") if e.supplements.partition("|")[0] == url)
        return [self._shelves.read(entry) for entry in found]

    def _entries(self, kind: str) -> Iterator[Entry]:
        return (e for (held, _), versions in self._index.items() if held == kind for e in versions.values())


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    manifest: dict[str, Any] | None = None
    rows: list[dict[str, Any]] = []
    packed_bytes = path.stat().st_size
    with _Unfolded(path, packed_bytes) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        for name, data in _members(archive, packed_bytes):
            if name == "package.json":
                manifest = _object(data, name)
            elif name != ".index.json":
                resource = _object(data, name)
                if resource.get("resourceType") in _KEPT:
                    rows.append(resource)
    if manifest is None:
        raise _invalid("Le paquet n'a pas de fichier package/package.json.", "no manifest")
    return manifest, rows


class _Unfolded(gzip.GzipFile):
    """The bytes of an archive, counted as they unfold: headers of the tar format have a size of their own, any size."""

    def __init__(self, path: Path, packed_bytes: int) -> None:
        super().__init__(path, "rb")
        self._packed_bytes, self._total_bytes = packed_bytes, 0

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes. Raises: Unprocessable beyond the ratio or the size allowed, slack for headers included."""
        data = super().read(size)
        self._total_bytes += len(data)
        if self._total_bytes > TOTAL_BYTES_MAX + FILES_MAX * 2 * tarfile.BLOCKSIZE:
            raise _invalid("Le paquet est trop volumineux une fois déplié.", "size limit")
        if self._total_bytes > max(_RATIO_FLOOR_BYTES, self._packed_bytes * RATIO_MAX):
            raise _invalid("Le paquet se déplie bien au-delà de sa taille.", "compression ratio limit")
        return data


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
    _refuse_other_release(manifest)
    _refuse_twice(rows)
    _refuse_circle(rows)
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


def _refuse_other_release(manifest: Mapping[str, Any]) -> None:
    """R4 and R4B pass; a manifest that names no release is taken at its word."""
    named = manifest.get("fhirVersions") or manifest.get("fhir-version-list")
    releases = [str(r) for r in named] if isinstance(named, list) else []
    if releases and not any(r.startswith("4.") for r in releases):
        raise _invalid(
            f"Ce paquet est écrit pour FHIR {', '.join(releases)[:60]} ; ce serveur est en R4.", "FHIR release"
        )


def _refuse_twice(rows: list[dict[str, Any]]) -> None:
    held = Counter((r["resourceType"], r["url"], str(r.get("version"))) for r in rows if _has_url(r))
    twice = next((url for (_, url, _), count in held.items() if count > 1), None)
    if twice is not None:
        raise _invalid(f"Le paquet définit deux fois « {twice[:200]} ».", "duplicate canonical")


def _refuse_circle(rows: list[dict[str, Any]]) -> None:
    """Source: FHIR R4, StructureDefinition.baseDefinition: a derivation ends at a type of the specification."""
    parents = {r["url"]: _parent(r) for r in rows if r["resourceType"] == "StructureDefinition" and _has_url(r)}
    ended: set[str] = set()
    for start in parents:
        seen: dict[str, None] = {}
        at = start
        while at in parents and at not in ended and at not in seen:
            seen[at] = None
            at = parents[at]
        if at in seen:
            raise _invalid(f"Le profil « {at[:200]} » dérive de lui-même.", "cyclic derivation")
        ended.update(seen)


def _has_url(row: dict[str, Any]) -> bool:
    return isinstance(row.get("url"), str)


def _parent(row: dict[str, Any]) -> str:
    base = row.get("baseDefinition")
    return base.partition("|")[0] if isinstance(base, str) else ""


def _write(folder: Path, package: Package, rows: list[dict[str, Any]]) -> None:
    profiles = [_lean(r) for r in rows if r["resourceType"] == "StructureDefinition" and isinstance(r.get("url"), str)]
    shelf.write(folder, "profiles", profiles)
    shelf.write(folder, "terminology", [r for r in rows if r["resourceType"] in _TERMINOLOGY])
    shelf.write(folder, "others", [r for r in rows if r["resourceType"] not in _TERMINOLOGY | {"StructureDefinition"}])
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
    written = row.pop("format", None)
    package = Package(**row) if written in (1, _FORMAT) else None
    if package is not None and written == 1:
        _upgrade(path, package)
    return package


def _upgrade(path: Path, package: Package) -> None:
    """Write anew a package of format 1, which held whole lists; another process may do the same at this moment."""
    names = ("profiles", "terminology", "others")
    rows = [r for name in names for r in orjson.loads((path / f"{name}.json").read_bytes())]
    with tempfile.TemporaryDirectory(prefix=".upgrade-", dir=path) as folder:
        fresh = Path(folder)
        _write(fresh, package, rows)
        # the description last: until it is there, the format is still the former
        for file in sorted(fresh.iterdir(), key=lambda f: f.name == "package.json"):
            file.replace(path / file.name)


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
