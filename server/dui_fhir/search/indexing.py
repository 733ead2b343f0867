"""Under which added search parameters the resources of a tenant are indexed: what is known, and what is still to be done.

R4's own parameters are indexed from the first write on. Those that a plugin or the tenant adds come later: resources written
before have no values for them until they are indexed again. The state of a tenant is kept in its marker (``domain.marker``).
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from dui_fhir.definitions import SearchParameter
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource

ENTRY: Final = "urn:dui-fhir:index"
ABSTRACT: Final = frozenset({"Resource", "DomainResource"})
"""Bases of parameters for all types."""


@dataclass(frozen=True, order=True, slots=True)
class Indexed:
    """A parameter as it is indexed for one of its bases; ``digest`` changes with anything that changes the values found."""

    base: str
    code: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexState:
    """``complete``: indexed in all current resources. ``stale``: ``(base, code)`` that may have values left over. ``asked``: of
    packages, told to all processes and not complete yet."""

    complete: frozenset[Indexed] = frozenset()
    stale: frozenset[tuple[str, str]] = frozenset()
    asked: frozenset[Indexed] = frozenset()

    def pending(self, added: Iterable[SearchParameter]) -> frozenset[Indexed]:
        """Return what is in force and not in all resources yet."""
        return wanted(added) - self.complete

    def outdated(self, added: Iterable[SearchParameter]) -> bool:
        """Tell whether it claims what writes do not index any more."""
        return not self.complete <= wanted(added)

    def moved(
        self, before: Iterable[SearchParameter], after: Iterable[SearchParameter], empty: Collection[str] = ()
    ) -> "IndexState":
        """Return the state once other parameters are in force; ``empty``: bases without a resource, where all is done."""
        former, now = wanted(before) | self.complete, wanted(after)
        left = {(one.base, one.code) for one in former - now} | self.stale
        return IndexState(
            complete=frozenset((self.complete & now) | {one for one in now if one.base in empty}),
            stale=frozenset(pair for pair in left if pair[0] not in empty),
            asked=self.asked & now,
        )

    def asking(self, guided: Iterable[SearchParameter]) -> "IndexState":
        """Return the state once every process knows that the values of these are wanted.

        Processes have a package at different moments. Those that know a marker with this state read it after the package
        came, so all they write is indexed: only then may what was there before be said to be indexed too.
        """
        return replace(self, asked=self.pending(guided))

    def finished(self, base: str, done: Iterable[Indexed]) -> "IndexState":
        """Return the state once the resources of a base are indexed again."""
        return IndexState(
            complete=self.complete | frozenset(done),
            stale=frozenset(pair for pair in self.stale if pair[0] != base),
            asked=frozenset(one for one in self.asked if one.base != base),
        )

    def to_do(self, added: Iterable[SearchParameter]) -> tuple[str, ...]:
        """Return the bases with something to index or to remove, sorted."""
        return tuple(sorted({one.base for one in self.pending(added)} | {base for base, _ in self.stale}))

    def codes(self, base: str, added: Iterable[SearchParameter]) -> tuple[str, ...]:
        """Return the codes to index again in the resources of a base, sorted."""
        left = {code for of, code in self.stale if of == base}
        return tuple(sorted({one.code for one in self.pending(added) if one.base == base} | left))

    # as kept in the marker

    def extensions(self) -> list[dict[str, Any]]:
        """Return the state as extensions of the marker."""
        entries = [[("base", one.base), ("code", one.code), ("digest", one.digest)] for one in sorted(self.complete)]
        entries += [[("base", base), ("code", code)] for base, code in sorted(self.stale)]
        entries += [[("base", one.base), ("code", one.code), ("asked", one.digest)] for one in sorted(self.asked)]
        return [{"url": ENTRY, "extension": [{"url": u, "valueString": v} for u, v in parts]} for parts in entries]


def state_of(marker: Resource | None) -> IndexState:
    """Return the state that a marker holds."""
    complete, stale, asked = set(), set(), set()
    for entry in (marker or {}).get("extension", ()):
        if entry.get("url") == ENTRY:
            parts = {part["url"]: part["valueString"] for part in entry["extension"]}
            if "digest" in parts:
                complete.add(Indexed(parts["base"], parts["code"], parts["digest"]))
            elif "asked" in parts:
                asked.add(Indexed(parts["base"], parts["code"], parts["asked"]))
            else:
                stale.add((parts["base"], parts["code"]))
    return IndexState(complete=frozenset(complete), stale=frozenset(stale), asked=frozenset(asked))


def wanted(added: Iterable[SearchParameter]) -> frozenset[Indexed]:
    """Return what parameters are to be indexed as, one per base."""
    return frozenset(Indexed(base, p.code, digest(p)) for p in added for base in p.base)


def digest(parameter: SearchParameter) -> str:
    """Return a name for what a parameter finds: the same while nothing that matters to its values changes."""
    parts = [
        parameter.code, parameter.type, parameter.expression, sorted(parameter.target),
        [[c.definition, c.expression] for c in parameter.components],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts)).hexdigest()[:16]
