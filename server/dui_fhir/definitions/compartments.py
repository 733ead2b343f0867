"""Which parameters put a resource in a compartment. Source: FHIR R4, compartmentdefinition.html (profiles/SOURCES.md)."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from dui_fhir.definitions import source

_TYPES = frozenset({"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"})


def compartments() -> frozenset[str]:
    """Return the types that have a compartment."""
    return _TYPES


@cache
def compartment(type: str) -> Mapping[str, tuple[str, ...]]:
    """Return, by resource type, the search parameters that link it to the compartment of a ``type``.

    Raises: KeyError for a type without a compartment.
    """
    if type not in _TYPES:
        raise KeyError(type)
    rows = source.read("r4", f"compartment-{type.lower()}.json")
    return MappingProxyType({row["type"]: tuple(row["params"]) for row in rows})
