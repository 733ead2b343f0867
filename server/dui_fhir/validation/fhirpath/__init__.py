"""FHIRPath compiled to closures over FHIR JSON, with a budget of steps and of time. Source: http://hl7.org/fhirpath/N1/.

The engine is ours because a budget cannot be put into fhirpathpy, which interprets its parse tree at about one millisecond
an expression; fhirpathpy stays the second opinion of the tests (docs/validation.md).
"""

from dui_fhir.validation.fhirpath.compile import Expression, compile_expression
from dui_fhir.validation.fhirpath.environment import Environment
from dui_fhir.validation.fhirpath.errors import BudgetSpent, FhirPathError
from dui_fhir.validation.fhirpath.values import Node, Quantity

__all__ = [
    "BudgetSpent",
    "Environment",
    "Expression",
    "FhirPathError",
    "Node",
    "Quantity",
    "compile_expression",
]
