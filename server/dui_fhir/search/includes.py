"""``_include`` and ``_revinclude``. Source: FHIR R4, search.html#include."""

from collections.abc import Iterable
from dataclasses import dataclass

from dui_fhir.definitions import SearchRegistry
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import AnyOf, Query, ReferenceIs
from dui_fhir.search import faults
from dui_fhir.search.criteria import checked_type


@dataclass(frozen=True, kw_only=True, slots=True)
class Include:
    """One inclusion: references of ``source`` resources (None = any type) by ``param`` (None = any) to ``target`` ones
    (None = any). ``iterate``: also from the resources that were included."""

    source: str | None
    param: str | None
    target: str | None = None
    iterate: bool = False


def include(name: str, modifier: str, value: str, registry: SearchRegistry) -> Include:
    """Parse ``Observation:subject:Patient``, ``Observation:*`` or ``*``. Raises: BadRequest."""
    if modifier not in ("", "iterate", "recurse"):
        raise faults.modifier(name, modifier, ["iterate"])
    iterate = modifier != ""
    if value == "*":
        return Include(source=None, param=None, iterate=iterate)
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    if not code:
        raise faults.value(name, "forme attendue Type:paramètre ou Type:paramètre:Type", "expected Type:param[:Type]")
    checked_type(source)
    if code != "*":
        _check_reference(source, code, registry)
    return Include(
        source=source,
        param=None if code == "*" else code,
        target=checked_type(target) if target else None,
        iterate=iterate,
    )


def _check_reference(source: str, code: str, registry: SearchRegistry) -> None:
    known = {c: p for c, p in registry.for_type(source).items() if p.type == "reference"}
    if code not in known:
        near = faults.nearest(code, known)
        hint = f" Vouliez-vous dire « {near} » ?" if near else ""
        raise BadRequest.of(
            "search-include",
            f"« {faults.shown(code)} » n'est pas une référence de {source}.{hint}",
            f"{faults.shown(code)!r} is not a reference parameter of {source}",
        )


def reverse_query(wanted: Include, targets: Iterable[tuple[str, str]], registry: SearchRegistry, limit: int) -> Query:
    """Return the query of the resources that point to ``targets`` (``(type, id)``) by a ``_revinclude``."""
    keys = [key for key in targets if wanted.target in (None, key[0])]
    types = {key[0] for key in keys}
    sources = [wanted.source] if wanted.source else sorted(_sources(registry, types))
    params = [wanted.param] if wanted.param else sorted({c for s in sources for c in _params(registry, s, types)})
    nodes = tuple(ReferenceIs(param, type_, id_) for param in params for type_, id_ in keys)
    return Query(types=tuple(sources), where=AnyOf(nodes), limit=limit)


def _params(registry: SearchRegistry, source: str, targets: set[str]) -> list[str]:
    """Return the parameters of a type that may point to one of these types (no target said = any)."""
    parameters = registry.for_type(source).values()
    return [p.code for p in parameters if p.type == "reference" and (not p.target or targets.intersection(p.target))]


def _sources(registry: SearchRegistry, targets: set[str]) -> set[str]:
    found = {
        base for p in registry if p.type == "reference" for base in p.base if base not in ("Resource", "DomainResource")
    }
    return {source for source in found if _params(registry, source, targets)}
