"""The search parameters that packages bring (``dui-fhir ig add``): which are in force, and why the others are not.

Those of a package of the tenant come before those of the packages of all; a parameter that cannot be indexed is left out, as
its POST by a client would be refused. Source: FHIR R4, searchparameter.html.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dui_fhir.definitions import SearchParameter, SearchRegistry
from dui_fhir.definitions.search_parameters import from_resource
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.search.extract import fault
from dui_fhir.search.indexing import ABSTRACT

RESERVED: Final = "_:$.,|"
"""Characters that mean something beside a code in the address of a search."""
SAMPLES: Final = {"Resource": "Basic", "DomainResource": "Basic"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Guided:
    """``left_out`` maps the canonicals of parameters that are not in force to the reason (English, technical)."""

    parameters: tuple[SearchParameter, ...] = ()
    left_out: Mapping[str, str]


def guided(resources: Iterable[Mapping[str, Any]], registry: SearchRegistry) -> Guided:
    """Return what packages add to a registry; ``resources`` come the most important first."""
    kept: list[SearchParameter] = []
    left_out: dict[str, str] = {}
    seen: set[str] = set()
    for resource in resources:
        url = str(resource.get("url"))
        if resource.get("status") != "active" or url in seen or registry.by_url(url) is not None:
            continue
        seen.add(url)
        try:
            parameter = from_resource(resource)
        except ConfigurationError as error:
            left_out[url] = error.issues[0].diagnostics
            continue
        reason = next(refusals(parameter, SearchRegistry([*registry, *kept])), None)
        if reason is None:
            kept.append(parameter)
        else:
            left_out[url] = reason
    return Guided(parameters=tuple(kept), left_out=left_out)


def refusals(parameter: SearchParameter, registry: SearchRegistry) -> Iterator[str]:
    """Yield what keeps a parameter from being added to a registry."""
    if any(c in parameter.code for c in RESERVED):
        yield f"code with one of {RESERVED}"
    if parameter.type == "special":
        yield "type special has no values to index"
    for other in clashes(parameter, registry):
        yield f"code {parameter.code} taken by {other.url}"
    for base in parameter.base:
        reason = fault(parameter, SAMPLES.get(base, base), registry)
        if reason is not None:
            yield f"{base}: {reason}"


def clashes(parameter: SearchParameter, registry: SearchRegistry) -> Iterator[SearchParameter]:
    """Yield the parameters of a registry that have the code of another one on one of its bases."""
    if ABSTRACT & set(parameter.base):
        yield from (other for other in registry if other.code == parameter.code)
    found = (registry.get(base, parameter.code) for base in parameter.base)
    yield from (other for other in found if other is not None)
