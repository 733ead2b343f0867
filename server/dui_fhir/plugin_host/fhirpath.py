"""FHIRPath for rules: compiled once, with the engine of validation and its budget, no clock of its own.

Source: http://hl7.org/fhirpath/N1/.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from dui_fhir.domain.change import Resource
from dui_fhir.validation import fhirpath as engine

Expression: TypeAlias = Callable[[Resource, Mapping[str, Any]], bool]

_CLOCK = re.compile(r"\b(today|now|timeOfDay)\s*\(")
_DURATION = re.compile(r"\b\d+\s*(years?|months?|weeks?|days?|hours?|minutes?)\b")
_UCUM_DURATION = re.compile(r"\b\d+\s*'(a|mo|wk|d|h|min)'")
_VARIABLE = re.compile(r"%([A-Za-z_][A-Za-z0-9_]*)")
_BUILT_IN = frozenset({"today", "resource", "rootResource", "context", "ucum", "sct", "loinc"})
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'")


def variables(expression: str) -> list[str]:
    """Return the names of the plugin's parameters that an expression uses (``%name``), sorted."""
    return sorted(set(_VARIABLE.findall(_TEXT.sub("''", expression))) - _BUILT_IN)


def problems(expression: str) -> list[str]:
    """Return what makes an expression unfit for a rule, as French sentences: syntax, clock, delays written in it."""
    bare = _TEXT.sub("''", expression)
    found = []
    if _CLOCK.search(bare):
        found.append("utilisez %today : today() et now() dépendent de l'horloge de la machine")
    if _DURATION.search(bare) or _UCUM_DURATION.search(expression):
        found.append("un délai est écrit dans l'expression : mettez-le dans parameters.json et utilisez %<paramètre>")
    return found + _faults(expression)


def compile_expression(expression: str) -> Expression:
    """Return the function of a resource and variables that is True where the expression yields exactly ``true``.

    An empty result is not true (as for the invariants of FHIR R4, conformance-rules.html#constraints). ``today`` among the
    variables is a date. Each call has its budget of steps and of time; the function raises FhirPathError where it is spent or
    the expression has no value, and the host then refuses the write.
    Raises: ValueError with a French sentence where the expression is wrong.
    """
    if found := _faults(expression):
        raise ValueError(found[0])
    compiled = engine.compile_expression(expression)

    def holds(resource: Resource, variables: Mapping[str, Any]) -> bool:
        focus = engine.resource_node(resource)
        values = {name: _system_value(name, value) for name, value in variables.items()}
        found = compiled.evaluate(focus, engine.Environment(resource=focus, variables=values))
        return len(found) == 1 and engine.plain(found[0]) is True

    return holds


def _system_value(name: str, value: Any) -> Any:
    """Parameters are JSON: their numbers and the day become the types that FHIRPath compares."""
    if name == "today" and isinstance(value, str):
        return engine.Moment.read(value, "Date")
    return Decimal(repr(value)) if isinstance(value, float) else value


def _faults(expression: str) -> list[str]:
    try:
        engine.compile_expression(expression)
    except engine.FhirPathSyntaxError as error:
        before = expression[: error.offset]
        line, column = before.count("\n") + 1, error.offset - (before.rfind("\n") + 1) + 1
        return [f"expression FHIRPath incorrecte, ligne {line}, colonne {column}"]
    except engine.FhirPathError as error:
        return [_told(str(error))]
    return []


_FRENCH = {
    "unknown function ": "fonction inconnue : ",
    "unknown type ": "type inconnu : ",
    "wrong number of arguments for ": "nombre d'arguments incorrect : ",
}


def _told(message: str) -> str:
    for english, french in _FRENCH.items():
        if message.startswith(english):
            return f"expression FHIRPath incorrecte, {french}{message.removeprefix(english)}"
    return f"expression FHIRPath incorrecte ({message})"
