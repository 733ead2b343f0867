"""The search parameters of R4, and those that plugins or tenants add.

Source: FHIR R4, searchparameter-registry.html (profiles/SOURCES.md).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from dui_fhir.definitions import source
from dui_fhir.definitions.elements import resource_types
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.issues import Issue

ParamType = Literal["token", "string", "date", "number", "quantity", "reference", "uri", "composite", "special"]
BASE = "http://hl7.org/fhir/SearchParameter/"
_TYPES = frozenset({"token", "string", "date", "number", "quantity", "reference", "uri", "composite", "special"})
# DomainResource has all resources but these. Source: FHIR R4, resource.html.
_NOT_DOMAIN = frozenset({"Binary", "Bundle", "Parameters"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One part of a composite: the parameter it is like (its URL), and where its values are below the composite's own."""

    definition: str
    expression: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchParameter:
    """One search parameter. ``expression`` is FHIRPath, "" for the three that read no element; ``target`` resource types."""

    code: str
    type: ParamType
    base: tuple[str, ...]
    url: str
    expression: str = ""
    target: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()


class SearchRegistry:
    """The parameters in force, by resource type. Immutable: :meth:`with_extra` returns another one."""

    def __init__(self, parameters: Iterable[SearchParameter]) -> None:
        self._all = tuple(parameters)
        self._by_url = {p.url: p for p in self._all}
        self._by_base: dict[str, list[SearchParameter]] = {}
        for parameter in self._all:
            for base in parameter.base:
                self._by_base.setdefault(base, []).append(parameter)
        self._for_type: dict[str, Mapping[str, SearchParameter]] = {}

    def __iter__(self) -> Iterator[SearchParameter]:
        return iter(self._all)

    def for_type(self, type: str | None) -> Mapping[str, SearchParameter]:
        """Return the parameters of a resource type by code, those of Resource and DomainResource included.

        None = those of all types (Resource).
        """
        found = self._for_type.get(type or "")
        if found is None:
            found = self._for_type[type or ""] = self._collect(type)
        return found

    def _collect(self, type: str | None) -> Mapping[str, SearchParameter]:
        bases = ["Resource"]
        if type is not None:
            bases += [type] if type in _NOT_DOMAIN else ["DomainResource", type]
        return MappingProxyType({p.code: p for base in bases for p in self._by_base.get(base, ())})

    def get(self, type: str | None, code: str) -> SearchParameter | None:
        """Return one parameter of a type."""
        return self.for_type(type).get(code)

    def by_url(self, url: str) -> SearchParameter | None:
        """Return the parameter with this canonical URL."""
        return self._by_url.get(url)

    def with_extra(self, resources: Iterable[Mapping[str, Any]]) -> "SearchRegistry":
        """Return a registry with SearchParameter resources added; one with a known code and base replaces it.

        Raises: ConfigurationError (``search-parameter-invalid``) with one issue per faulty resource.
        """
        added: list[SearchParameter] = []
        issues: list[Issue] = []
        for resource in resources:
            try:
                added.append(from_resource(resource))
            except ConfigurationError as error:
                issues.extend(error.issues)
        if issues:
            raise ConfigurationError(issues)
        return SearchRegistry([*self._all, *added])


def from_resource(resource: Mapping[str, Any]) -> SearchParameter:
    """Return the parameter that a SearchParameter resource defines. Raises: ConfigurationError."""
    fault = _fault(resource)
    if fault is not None:
        name = str(resource.get("url") or resource.get("id") or "?")
        raise ConfigurationError.of(
            "search-parameter-invalid", f"Paramètre de recherche inutilisable : {name}.", f"{name}: {fault}"
        )
    return SearchParameter(
        code=resource["code"],
        type=resource["type"],
        base=tuple(resource["base"]),
        url=resource["url"],
        expression=resource.get("expression", ""),
        target=tuple(resource.get("target", ())),
        components=tuple(
            Component(definition=c["definition"], expression=c["expression"]) for c in resource.get("component", ())
        ),
    )


def _fault(resource: Mapping[str, Any]) -> str | None:
    missing = [k for k in ("url", "code", "type", "base", "expression") if not resource.get(k)]
    if missing:
        return f"missing {', '.join(missing)}"
    if resource["type"] not in _TYPES:
        return f"unknown type {resource['type']}"
    unknown = set(resource["base"]) - resource_types() - {"Resource", "DomainResource"}
    if unknown:
        return f"unknown base {', '.join(sorted(unknown))}"
    return None


@cache
def search_parameters() -> SearchRegistry:
    """Return the parameters of R4 itself."""
    return SearchRegistry(_parameter(row) for row in source.read("r4", "search-parameters.json"))


# R4 publishes this composite with the expressions of its two components exchanged (the code of a relation as a reference)
_EXCHANGED = frozenset({"DocumentReference-relationship"})


def _parameter(row: dict[str, Any]) -> SearchParameter:
    components = row.get("component", [])
    expressions = [c["expression"] for c in components]
    if row["id"] in _EXCHANGED:
        expressions.reverse()
    return SearchParameter(
        code=row["code"],
        type=row["type"],
        base=tuple(row["base"]),
        url=BASE + row["id"],
        expression=row.get("expression", ""),
        target=tuple(row.get("target", ())),
        components=tuple(
            Component(definition=BASE + component["definition"], expression=expression)
            for component, expression in zip(components, expressions, strict=True)
        ),
    )
