"""The R4 definitions as tables of facts, loaded type by type (profiles/r4), and the typed models."""

from dui_fhir.definitions.compartments import compartment, compartments
from dui_fhir.definitions.elements import (
    Element,
    ElementType,
    TypeTable,
    data_types,
    element_table,
    resource_types,
    summary_elements,
)
from dui_fhir.definitions.operations import operation_definitions
from dui_fhir.definitions.search_parameters import SearchParameter, SearchRegistry, search_parameters

__all__ = [
    "Element",
    "ElementType",
    "SearchParameter",
    "SearchRegistry",
    "TypeTable",
    "compartment",
    "compartments",
    "data_types",
    "element_table",
    "operation_definitions",
    "resource_types",
    "search_parameters",
    "summary_elements",
]
