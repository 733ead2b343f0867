"""FHIRPath for rules: parsed once, strict about syntax, no clock of its own. Source: http://hl7.org/fhirpath/N1/."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from dui_fhir.domain.change import Resource

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
    return found + _syntax(expression)


def compile_expression(expression: str) -> Expression:
    """Return the function of a resource and variables that is True where the expression yields exactly ``true``.

    An empty result is not true (as for the invariants of FHIR R4, conformance-rules.html#constraints).
    Raises: ValueError with a French sentence where the syntax is wrong.
    """
    if found := _syntax(expression):
        raise ValueError(found[0])
    import fhirpathpy
    from fhirpathpy.models import models

    run = fhirpathpy.compile(expression, models["r4"])

    def holds(resource: Resource, variables: Mapping[str, Any]) -> bool:
        return list(run(resource, dict(variables))) == [True]

    return holds


def _syntax(expression: str) -> list[str]:
    from antlr4 import CommonTokenStream, InputStream
    from antlr4.error.ErrorListener import ErrorListener
    from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
    from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

    found: list[str] = []

    class Collect(ErrorListener):  # type: ignore[misc]
        def syntaxError(  # noqa: N802  (name of antlr)
            self,
            recognizer: Any,
            offendingSymbol: Any,  # noqa: N803
            line: int,
            column: int,
            msg: str,
            e: Any,
        ) -> None:
            found.append(f"expression FHIRPath incorrecte, ligne {line}, colonne {column + 1}")

    # fhirpathpy's own parse() only prints what is wrong and goes on with what it understood
    lexer = FHIRPathLexer(InputStream(expression))
    parser = FHIRPathParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(Collect())
    parser.entireExpression()  # type: ignore[no-untyped-call]
    return found[:1]
