"""Where profiles are found: given ones, packages, and those shipped, by canonical and version."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from threading import RLock
from typing import Any, Protocol, TypeVar

from dui_fhir.definitions.elements import kind
from dui_fhir.validation.spec import BASE, Spec, build

Structure = Mapping[str, Any]
_DEPTH_MAX = 20
CANONICALS_KEPT = 4096
_CANONICAL_CHARACTERS_KEPT = 500
T = TypeVar("T")


def keep(answers: dict[str, T], canonical: str, answer: T) -> T:
    """Remember and return an answer about a canonical. Clients write canonicals: at a bound all answers are forgotten."""
    if len(answers) >= CANONICALS_KEPT:
        answers.clear()
    if len(canonical) <= _CANONICAL_CHARACTERS_KEPT:
        answers[canonical] = answer
    return answer


class Source(Protocol):
    """Something that holds StructureDefinitions."""

    def find(self, url: str, version: str | None) -> Structure | None:
        """Return a definition; without version, the latest that the source has."""

    def versions(self, url: str) -> list[str]:
        """Return the versions of a definition that the source has."""

    def canonicals(self) -> Iterable[str]:
        """Return the urls of the definitions that the source has."""


class Given:
    """Definitions held in memory."""

    def __init__(self, structures: Iterable[Structure] = ()) -> None:
        self._by_url: dict[str, list[Structure]] = {}
        for structure in structures:
            self.add(structure)

    def add(self, structure: Structure) -> None:
        """Add one definition; the last one given of a canonical is its latest."""
        self._by_url.setdefault(str(structure.get("url")), []).append(structure)

    def find(self, url: str, version: str | None) -> Structure | None:
        """Return a definition."""
        found = self._by_url.get(url, [])
        if version is None:
            return found[-1] if found else None
        return next((s for s in found if _matches(str(s.get("version", "")), version)), None)

    def versions(self, url: str) -> list[str]:
        """Return the versions of a definition, in the order given."""
        return [str(s["version"]) for s in self._by_url.get(url, ()) if s.get("version")]

    def canonicals(self) -> Iterable[str]:
        """Return the urls held."""
        return self._by_url.keys()


def _matches(version: str, wanted: str) -> bool:
    return version == wanted or version.startswith(wanted + ".")


def _type(structure: Structure | None) -> str | None:
    return None if structure is None else str(structure.get("type"))


def underlay(spec: Spec, under: Spec) -> None:
    """Complete the slices below a node with those of the profile of its type: what tells them apart, and their types."""
    for name, child in spec.children.items():
        other = under.children.get(name)
        if other is None:
            continue
        if child.slices:
            child.slicing = child.slicing or other.slicing
            for key, piece in other.slices.items():
                if key in child.slices:
                    _complete(child.slices[key], piece)
                else:
                    child.slices[key] = piece
        underlay(child, other)


def _complete(piece: Spec, other: Spec) -> None:
    piece.types = piece.types or other.types
    piece.fixed = other.fixed if piece.fixed is None else piece.fixed
    piece.pattern = other.pattern if piece.pattern is None else piece.pattern
    for name, child in other.children.items():
        piece.children.setdefault(name, child)
    underlay(piece, other)


class Library:
    """All sources, in order; trees are built once per canonical."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._sources = list(sources)
        self._bases: dict[str, bool] = {}
        self._found: dict[str, Structure | None] = {}
        self._types: dict[str, str | None] = {}
        self._specs: dict[str, Spec | None] = {}
        self._building: set[str] = set()
        self._lock = RLock()

    def structure(self, canonical: str) -> Structure | None:
        """Return the definition of a canonical, with or without ``|version``."""
        try:
            return self._found[canonical]
        except KeyError:
            return keep(self._found, canonical, self._find(canonical))

    def _find(self, canonical: str) -> Structure | None:
        url, _, version = canonical.partition("|")
        for source in self._sources:
            found = source.find(url, version or None)
            if found is not None:
                return found
        return None

    def other_versions(self, canonical: str) -> list[str]:
        """Return the versioned canonicals that one without version may also mean, besides the one it is taken for."""
        if "|" in canonical:
            return []
        taken = self.structure(canonical)
        versions = dict.fromkeys(v for s in self._sources for v in s.versions(canonical))
        return [f"{canonical}|{v}" for v in versions if taken is not None and v != taken.get("version")]

    def doubt(self, canonical: str) -> str | None:
        """Return a French clause where a canonical is not known here, with the nearest one that is; None where it is."""
        if self.type_of(canonical) is not None:
            return None
        close = self.nearest(canonical)
        return f"inconnu ici : {canonical[:200]}{f' (le plus proche : {close})' if close else ''}"

    def nearest(self, canonical: str) -> str | None:
        """Return the known canonical that an unknown one was most likely meant to be; None where none looks like it.

        Reads all that ships: for an answer to a person, not for each write.
        """
        url, _, version = canonical.partition("|")
        known = sorted({u for source in self._sources for u in source.canonicals()})
        if version and url in known:
            return f"{url}|{next(v for s in self._sources for v in s.versions(url))}"
        tails = {u.rpartition("/")[2]: u for u in known}
        close = get_close_matches(url, known, n=1, cutoff=0.8)
        close = close or [tails[t] for t in get_close_matches(url.rpartition("/")[2], tails, n=1, cutoff=0.7)]
        return close[0] if close else None

    def type_of(self, canonical: str) -> str | None:
        """Return the R4 type that a canonical constrains or defines; None where it is not known."""
        try:
            return self._types[canonical]
        except KeyError:
            name = canonical.partition("|")[0].removeprefix(BASE)
            return keep(self._types, canonical, name if kind(name) is not None else _type(self.structure(canonical)))

    def is_base(self, canonical: str) -> bool:
        """Return whether a canonical is that of an R4 type, which the base check covers."""
        try:
            return self._bases[canonical]
        except KeyError:
            return keep(self._bases, canonical, self._is_base(canonical))

    def _is_base(self, canonical: str) -> bool:
        url = canonical.partition("|")[0]
        return url.startswith(BASE) and kind(url.removeprefix(BASE)) is not None

    def spec(self, canonical: str) -> Spec | None:
        """Return the tree of a profile; None where it, or the type it constrains, is not known."""
        try:
            return self._specs[canonical]
        except KeyError:
            pass
        with self._lock:  # a tree half completed by one thread must not be kept by another
            if canonical in self._specs:
                return self._specs[canonical]
            return keep(self._specs, canonical, self._build(canonical))

    def _build(self, canonical: str) -> Spec | None:
        structure = self.structure(canonical)
        if structure is None or kind(str(structure.get("type"))) is None:
            return None
        spec = build(self.chain(structure), str(structure["type"]))
        self._building.add(canonical)
        self._fill(spec)
        self._building.discard(canonical)
        return spec

    def _fill(self, spec: Spec) -> None:
        """Give the slices named inside an element what the profile of its type says of them."""
        for node in (*spec.children.values(), *spec.slices.values()):
            profiles = [p for t in node.types for p in t.profiles]
            if (
                len(profiles) == 1
                and node.children
                and not self.is_base(profiles[0])
                and profiles[0] not in self._building
            ):
                under = self.spec(profiles[0])
                if under is not None:
                    underlay(node, under)
            self._fill(node)

    def chain(self, structure: Structure) -> list[Structure]:
        """Return a definition after its parents. Where a parent is missing, its snapshot speaks for all of them."""
        chain = [structure]
        while len(chain) <= _DEPTH_MAX:
            base = str(chain[0].get("baseDefinition", ""))
            if not base or self.is_base(base):
                return chain
            parent = self.structure(base)
            if parent is None:
                return [{**chain[0], "_whole": True}, *chain[1:]] if "snapshot" in chain[0] else chain
            chain.insert(0, parent)
        return chain


Loader = Callable[[], Library]
