"""FHIRPath compiled to closures over FHIR JSON, with a budget of steps and of time. Source: http://hl7.org/fhirpath/N1/.

One engine for the invariants of profiles, the rules of corridors and the criteria of patches (decision 0030).
"""

from dui_fhir.validation.fhirpath.compile import Expression, compile_expression
from dui_fhir.validation.fhirpath.environment import Environment
from dui_fhir.validation.fhirpath.errors import BudgetSpent, FhirPathError, FhirPathSyntaxError
from dui_fhir.validation.fhirpath.moments import Moment
from dui_fhir.validation.fhirpath.values import Node, Quantity, plain, resource_node

__all__ = [
    "BudgetSpent",
    "Environment",
    "Expression",
    "FhirPathError",
    "FhirPathSyntaxError",
    "Moment",
    "Node",
    "Quantity",
    "compile_expression",
    "plain",
    "resource_node",
]
