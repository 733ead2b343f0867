"""Where code systems, value sets and concept maps are found: by canonical and version, the newest by default.

Registries are layered: those of a tenant, or of one request, over those of the plugins, over the facts that ship.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from dui_fhir.terminology import versions
from dui_fhir.terminology.concepts import CodeSystem, Resource

KINDS = ("CodeSystem", "ValueSet", "ConceptMap")
CONCEPTS_KEPT = 60_000
"""Bound of the concepts indexed at once in one registry: about 60 MB."""


class Source(Protocol):
    """Something that holds terminology resources."""

    def versions(self, kind: str, url: str) -> Iterable[str]:
        """Return the versions held of a canonical; ``""`` stands for none."""

    def get(self, kind: str, url: str, version: str) -> Resource | None:
        """Return a resource."""

    def all(self, kind: str) -> Iterator[Resource]:
        """Return the resources of a kind. Meant for the kinds that are few (ConceptMap)."""

    def supplements(self, url: str) -> Iterable[Resource]:
        """Return the supplements of a code system."""


class Loaded:
    """Resources in memory."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._held: dict[tuple[str, str], dict[str, Resource]] = {}
        for resource in resources:
            self.add(resource)

    def add(self, resource: Resource) -> None:
        """Add a resource, in place of the one of the same canonical and version. Raises: ValueError without ``url``."""
        kind, url = resource.get("resourceType", ""), resource.get("url")
        if kind not in KINDS or not isinstance(url, str):
            raise ValueError("a CodeSystem, ValueSet or ConceptMap with a url is expected")
        self._held.setdefault((kind, url), {})[resource.get("version", "")] = resource

    def remove(self, resource: Resource) -> None:
        """Remove a resource; nothing happens where it is not there."""
        held = self._held.get((resource["resourceType"], resource["url"]), {})
        held.pop(resource.get("version", ""), None)

    def versions(self, kind: str, url: str) -> Iterable[str]:
        """Return the versions held of a canonical."""
        return self._held.get((kind, url), {}).keys()

    def get(self, kind: str, url: str, version: str) -> Resource | None:
        """Return a resource."""
        return self._held.get((kind, url), {}).get(version)

    def all(self, kind: str) -> Iterator[Resource]:
        """Return the resources of a kind."""
        for (held, _), by_version in list(self._held.items()):
            if held == kind:
                yield from list(by_version.values())

    def supplements(self, url: str) -> Iterable[Resource]:
        """Return the supplements of a code system."""
        return [r for r in self.all("CodeSystem") if versions.split(r.get("supplements", ""))[0] == url]


class Registry:
    """Sources, the nearest first, with the code systems that were indexed last kept ready.

    ``base``: a registry of the last of these sources, asked for what they hold: what it indexed serves several registries.
    """

    def __init__(
        self, sources: Sequence[Source], concepts_kept: int = CONCEPTS_KEPT, base: "Registry | None" = None
    ) -> None:
        self.sources = tuple(sources)
        self._base = base
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, tuple[str, ...]], CodeSystem] = OrderedDict()
        self._concepts = 0
        self._concepts_kept = concepts_kept

    def over(self, resources: Iterable[Resource]) -> "Registry":
        """Return this registry with resources on top, for one request."""
        return self.under(Loaded(resources))

    def under(self, source: Source, concepts_kept: int | None = None) -> "Registry":
        """Return this registry with a source on top; ``concepts_kept`` bounds what is indexed of it."""
        return Registry([source, *self.sources], concepts_kept or self._concepts_kept, self)

    def versions(self, kind: str, url: str) -> list[str]:
        """Return the versions known of a canonical, oldest first."""
        found = {version for source in self.sources for version in source.versions(kind, url)}
        return sorted(found, key=versions.order)

    def resource(self, kind: str, url: str, version: str | None = None) -> Resource | None:
        """Return a resource by canonical; ``version`` may hold wildcards (``1.x``), None = the newest."""
        known = self.versions(kind, url)
        chosen = versions.latest(v for v in known if version is None or versions.matches(version, v))
        return None if chosen is None else self._held(kind, url, chosen)[1]

    def _held(self, kind: str, url: str, version: str) -> tuple[Source | None, Resource | None]:
        for source in self.sources:
            found = source.get(kind, url, version)
            if found is not None:
                return source, found
        return None, None

    def value_set(self, url: str, version: str | None = None) -> Resource | None:
        """Return a ValueSet by canonical."""
        bare, inside = versions.split(url)
        return self.resource("ValueSet", bare, version or inside)

    def code_system(self, url: str, version: str | None = None, supplements: Sequence[str] = ()) -> CodeSystem | None:
        """Return an indexed code system, with the supplements named (canonicals) merged in; None where not known."""
        resource = self.resource("CodeSystem", url, version)
        if resource is None:
            return None
        exact = resource.get("version", "")
        if self._base is not None and not supplements and self._held("CodeSystem", url, exact)[0] in self._base.sources:
            return self._base.code_system(url, exact)
        more = [s for s in (self.supplement(canonical) for canonical in supplements) if s is not None]
        more = [s for s in more if versions.split(s.get("supplements", ""))[0] == url]
        key = (url, resource.get("version", ""), tuple(f"{s['url']}|{s.get('version', '')}" for s in more))
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        return self._keep(key, CodeSystem(resource, more))

    def _keep(self, key: tuple[str, str, tuple[str, ...]], system: CodeSystem) -> CodeSystem:
        with self._lock:
            if key not in self._kept:
                self._concepts += len(system.concepts)
            self._kept[key] = system
            while self._concepts > self._concepts_kept and len(self._kept) > 1:
                _, dropped = self._kept.popitem(last=False)
                self._concepts -= len(dropped.concepts)
        return system

    def supplement(self, canonical: str) -> Resource | None:
        """Return a supplement by canonical, None where it is not known or no supplement."""
        url, version = versions.split(canonical)
        found = self.resource("CodeSystem", url, version)
        return found if found is not None and found.get("content") == "supplement" else None

    def supplements_in(self, url: str, language_ok: Sequence[str]) -> list[str]:
        """Return the canonicals of the supplements of a system written in one of these languages (``fr``)."""
        return [
            f"{s['url']}|{s['version']}" if s.get("version") else s["url"]
            for source in self.sources
            for s in source.supplements(url)
            if (s.get("language") or "").split("-")[0] in language_ok
        ]

    def concept_maps(self) -> Iterator[Resource]:
        """Return the concept maps known, each canonical and version once."""
        seen: set[tuple[str, str]] = set()
        for source in self.sources:
            for found in source.all("ConceptMap"):
                key = (found["url"], found.get("version", ""))
                if key not in seen:
                    seen.add(key)
                    yield found
