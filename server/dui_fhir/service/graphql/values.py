"""Arguments, directives and filters of a GraphQL field. Source: FHIR R4, graphql.html#lists and #flatten."""

import re
from typing import Any

from graphql.language import ast

from dui_fhir.domain.errors import BadRequest
from dui_fhir.validation.fhirpath import Environment, FhirPathError, Node, compile_expression, plain

_STEPS_MAX = 2000
_PATTERN = re.compile(r"\b(?:matches|matchesFull|replaceMatches)\s*\(")
_OWN = frozenset({"fhirpath", "_count", "_offset"})


def invalid(text: str, diagnostics: str) -> BadRequest:
    """Return the fault of a query (``core-graphql-invalid``)."""
    return BadRequest.of("core-graphql-invalid", text, diagnostics)


def value(node: ast.ValueNode, variables: dict[str, Any]) -> Any:
    """Return the value of an argument, variables replaced. Raises: BadRequest for one that is not given."""
    match node:
        case ast.VariableNode():
            if node.name.value not in variables:
                raise invalid("Une variable GraphQL n'a pas de valeur.", f"variable {node.name.value[:60]} is missing")
            return variables[node.name.value]
        case ast.ListValueNode():
            return [value(one, variables) for one in node.values]
        case ast.NullValueNode():
            return None
        case ast.BooleanValueNode():
            return node.value
        case ast.IntValueNode() | ast.FloatValueNode() | ast.StringValueNode() | ast.EnumValueNode():
            return node.value
    raise invalid("Un objet n'est pas attendu comme argument GraphQL.", "object value")


def arguments(field: ast.FieldNode | ast.DirectiveNode, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments by name."""
    return {argument.name.value: value(argument.value, variables) for argument in field.arguments or ()}


def text(found: Any) -> str:
    """Return a value as it is compared and searched: ``true``, ``3``, the text itself."""
    return str(found).lower() if isinstance(found, bool) else str(found)


def directives(
    node: ast.FieldNode | ast.FragmentSpreadNode | ast.InlineFragmentNode, variables: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the directives by name. Raises: BadRequest for one that is not known."""
    found = {one.name.value: arguments(one, variables) for one in node.directives or ()}
    unknown = set(found) - {"skip", "include", "first", "singleton", "flatten", "slice"}
    if unknown:
        raise invalid("Directive GraphQL inconnue.", f"directive @{sorted(unknown)[0][:60]}")
    return found


def wanted(given: dict[str, dict[str, Any]]) -> bool:
    """Tell what ``@skip`` and ``@include`` decide."""
    return given.get("skip", {}).get("if") is not True and given.get("include", {}).get("if") is not False


def filtered(items: list[Any], given: dict[str, Any], type: str) -> list[Any]:
    """Return the items of a list that its arguments keep: equal children, ``fhirpath``, then ``_offset`` and ``_count``."""
    equal = {name: text(v) for name, v in given.items() if name not in _OWN}
    kept = [i for i in items if all(isinstance(i, dict) and text(i.get(n)) == v for n, v in equal.items())]
    if "fhirpath" in given:
        kept = [i for i in kept if evaluated(str(given["fhirpath"]), i, type) == [True]]
    start = number(given.get("_offset", 0))
    return kept[start : start + number(given["_count"])] if "_count" in given else kept[start:]


def number(given: Any) -> int:
    """Return a count. Raises: BadRequest."""
    if not text(given).isdigit() or len(text(given)) > 9:
        raise invalid("_count et _offset sont des entiers positifs.", "not a non-negative integer")
    return int(text(given))


def evaluated(expression: str, item: Any, type: str) -> list[Any]:
    """Return what FHIRPath finds from an item, with a budget. Raises: BadRequest (``core-graphql-invalid``)."""
    if _PATTERN.search(expression):
        raise invalid("Le FHIRPath d'une requête GraphQL n'emploie pas d'expression régulière.", "regular expression")
    focus = Node(item, type)
    try:
        found = compile_expression(expression).evaluate(focus, Environment(resource=focus, steps=_STEPS_MAX))
    except FhirPathError as error:
        raise invalid("Le FHIRPath d'une requête GraphQL n'est pas valable.", str(error)[:200]) from error
    return [plain(one) for one in found]
