"""Typed models of resources, for plugins and connectors; never on a read path (0.4 ms to build a Patient).

fhir.resources has no R4 4.0.1: its R4B classes have the same fields for the types of this project, not always the same
cardinalities; validation uses the tables of :mod:`dui_fhir.definitions.elements`.
"""

from functools import cache
from importlib import import_module
from typing import Any

from dui_fhir.definitions.elements import data_types, resource_types


@cache
def model(name: str) -> Any:
    """Return the class of a resource or data type (``model("Patient").model_validate(resource)``).

    Imported at first use. Raises: KeyError for a type that R4 or the library does not have.
    """
    if name not in resource_types() and name not in data_types():
        raise KeyError(name)
    try:
        return getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    except (ImportError, AttributeError):
        raise KeyError(name) from None
