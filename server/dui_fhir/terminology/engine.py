"""The terminology of a server or of a tenant, as the rest of the server asks for it: bindings, searches, operations."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from dui_fhir.domain.errors import DuiError
from dui_fhir.terminology import compose, faults
from dui_fhir.terminology.builtin import builtin
from dui_fhir.terminology.concepts import Resource
from dui_fhir.terminology.lookup import known_system
from dui_fhir.terminology.membership import Given, Search
from dui_fhir.terminology.registry import Loaded, Registry, Source
from dui_fhir.terminology.scope import Scope
from dui_fhir.terminology.versions import split

Verdict = Literal["valid", "invalid", "unknown"]
VERDICTS_KEPT = 20_000
VERDICTS_KEPT_OVER = 4_000
CONCEPTS_KEPT_OVER = 20_000
"""Bounds of what one tenant adds: about 20 MB at worst."""


class Terminology:
    """What ships, and over it the resources added at run time (those of plugins, of packages, of a tenant).

    Serves the ``Terminology`` protocols of ``search`` and ``validation``. Safe to read from several threads; ``add`` and
    ``remove`` swap what readers see.
    """

    def __init__(
        self, resources: Iterable[Resource] = (), base: Registry | None = None, *, verdicts_kept: int = VERDICTS_KEPT
    ) -> None:
        self._base = base or builtin()
        self._own = Loaded(resources)
        self._verdicts_kept = verdicts_kept
        self._swap()

    def _swap(self) -> None:
        self.registry = self._base.under(self._own)
        self._verdict = lru_cache(maxsize=self._verdicts_kept)(self._judged)

    def over(self, source: Source) -> "Terminology":
        """Return this terminology with a source on top, such as packages or what a tenant has stored.

        Verdicts and indexed code systems are remembered: to be made anew when the source changes.
        """
        registry = self.registry.under(source, CONCEPTS_KEPT_OVER)
        return Terminology((), registry, verdicts_kept=VERDICTS_KEPT_OVER)

    def add(self, resource: Resource) -> None:
        """Add or replace a CodeSystem, ValueSet or ConceptMap. Raises: ValueError for another resource or without ``url``."""
        self._own.add(resource)
        self._swap()

    def remove(self, resource: Resource) -> None:
        """Remove a resource added before."""
        self._own.remove(resource)
        self._swap()

    # bindings

    def validate(self, value_set: str, system: str | None, code: str, display: str | None = None) -> Verdict:
        """Tell whether a code is in a value set (canonical, perhaps with ``|version``); ``system`` None: the implied one.

        ``unknown``: the value set, or a code system it needs, is not known here or only in part. A display is not judged.
        """
        return self._verdict(value_set, system, code)

    def _judged(self, value_set: str, system: str | None, code: str) -> Verdict:
        scope = Scope(registry=self.registry)
        try:
            found = scope.value_set(value_set)
            return _implied(scope, found, code) if system is None else _member(scope, found, system, code)
        except DuiError:
            return "unknown"

    # searches

    def expand(self, valueset: str) -> Iterable[tuple[str, str]]:
        """Return ``(system, code)`` of a value set. Raises: NotFound, Unprocessable."""
        scope = Scope(registry=self.registry)
        found = compose.members(scope, scope.value_set(valueset))
        return list(dict.fromkeys((m.system.url, m.concept.code) for m in found.values()))

    def subsumed(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """Return a code and those below it. Raises: NotFound for a system not known here, BadRequest without system."""
        return self._related(system, code, down=True)

    def subsuming(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """Return a code and those above it. Raises: NotFound for a system not known here, BadRequest without system."""
        return self._related(system, code, down=False)

    def _related(self, system: str | None, code: str, *, down: bool) -> list[tuple[str, str]]:
        if system is None:
            raise faults.no_code()
        url, version = split(system)
        known = known_system(Scope(registry=self.registry), url, version)
        return [(url, c) for c in (code, *(known.descendants(code) if down else known.ancestors(code)))]


def _member(scope: Scope, value_set: Resource, system: str, code: str) -> Verdict:
    search = Search(scope=scope, given=Given(code=code, system=system))
    hits = search.hits(value_set)
    if any(hit.clean and hit.sure for hit in hits):
        return "valid"
    return "unknown" if hits or search.blocked else "invalid"


def _implied(scope: Scope, value_set: Resource, code: str) -> Verdict:
    """A code without system: any system of the value set will do (bindings on ``code`` elements)."""
    verdicts = {_member(scope, value_set, system, code) for system in _systems(scope, value_set, ())}
    return "valid" if "valid" in verdicts else "unknown" if "unknown" in verdicts or not verdicts else "invalid"


def _systems(scope: Scope, value_set: Resource, through: tuple[str, ...]) -> set[str]:
    """Return the systems that a value set or its imports name."""
    found: set[str] = set()
    for include in value_set.get("compose", {}).get("include", ()):
        if "system" in include:
            found.add(include["system"])
            continue
        for url in include.get("valueSet", ()):
            if url not in through:
                found |= _systems(scope, scope.value_set(url, within=value_set), (*through, url))
    return found
