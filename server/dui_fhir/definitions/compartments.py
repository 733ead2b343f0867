"""Which parameters put a resource in a compartment. Source: FHIR R4, compartmentdefinition.html (profiles/SOURCES.md)."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from dui_fhir.definitions import source

_FILES = {"Patient": "compartment-patient.json"}


def compartments() -> frozenset[str]:
    """Return the types that have a compartment here."""
    return frozenset(_FILES)


@cache
def compartment(type: str) -> Mapping[str, tuple[str, ...]]:
    """Return, by resource type, the search parameters that link it to the compartment of a ``type``.

    Raises: KeyError for a type without a compartment.
    """
    return MappingProxyType({row["type"]: tuple(row["params"]) for row in source.read("r4", _FILES[type])})
