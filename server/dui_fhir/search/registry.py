"""The registry of a deployment: R4's search parameters and those of its plugins or tenants, all of them searchable."""

from collections.abc import Iterable, Mapping
from typing import Any

from dui_fhir.definitions import SearchParameter, SearchRegistry, search_parameters
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.issues import Issue
from dui_fhir.search.extract import fault

# any resource will do where a parameter is for all of them
_SAMPLES = {"Resource": "Basic", "DomainResource": "Basic"}


def registry_with(resources: Iterable[Mapping[str, Any]]) -> SearchRegistry:
    """Return R4's registry completed by SearchParameter resources.

    Raises: ConfigurationError (``search-parameter-invalid``), one issue per parameter that is malformed or whose expression
    leads to nothing that can be indexed.
    """
    given = list(resources)
    registry = search_parameters().with_extra(given)
    issues = []
    for resource in given:
        parameter = registry.by_url(resource["url"])
        issues += _issues(parameter, registry) if parameter else []
    if issues:
        raise ConfigurationError(issues)
    return registry


def _issues(parameter: SearchParameter, registry: SearchRegistry) -> list[Issue]:
    found = []
    for base in parameter.base:
        reason = fault(parameter, _SAMPLES.get(base, base), registry)
        if reason is not None:
            found.append(
                Issue(
                    severity="error",
                    code="exception",
                    id="search-parameter-invalid",
                    text=f"Paramètre de recherche inutilisable : {parameter.url} ({base}).",
                    diagnostics=f"{parameter.url}: {reason}",
                )
            )
    return found
