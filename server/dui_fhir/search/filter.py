"""``_filter`` → nodes of the query. Source: FHIR R4, search_filter.html.

A comparison becomes the criterion that the same parameter would be, so that it reads values as any search does. ``eq`` on a text
compares it as written, ``co``, ``sw`` and ``ew`` without case or accents. ``ne`` asks for a value, as the specification does; on
tokens, references and texts it is satisfied where no value is equal.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from dui_fhir.definitions import SearchParameter, resource_types
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import AllOf, AnyOf, Chain, DateIs, Node, Not, StringIs
from dui_fhir.search import faults
from dui_fhir.search.criteria import CONTENT, Criteria, checked_type
from dui_fhir.search.escapes import escape
from dui_fhir.search.filter_syntax import Comparison, Filter, FilterSyntax, Logical, Negation, Step, comparisons, parse
from dui_fhir.search.options import SearchOptions

_Words: TypeAlias = dict[str, str]
_TOKEN: _Words = {"eq": "", "ss": ":below", "sb": ":above", "in": ":in", "ni": ":not-in"}
_SUFFIXES: dict[str, _Words] = {
    "token": _TOKEN,
    "string": {"eq": ":exact", "co": ":contains", "sw": ""},
    "uri": {"eq": "", "sw": ":below"},
    "reference": {"eq": "", "re": ""},
}
"""By type of parameter: the operators, and the modifier that says the same."""
_PREFIXED = {
    "date": frozenset({"eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"}),
    "number": frozenset({"eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"}),
    "quantity": frozenset({"eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb"}),
}


def filter_node(type: str | None, text: str, criteria: Criteria, options: SearchOptions) -> Node:
    """Return the node of a filter. Raises: BadRequest (``search-filter…``, and those of the parameters it names)."""
    try:
        found = parse(text)
    except FilterSyntax as error:
        raise BadRequest.of(
            "search-filter",
            f"_filter est mal écrit au caractère {error.position} : {error}.",
            f"_filter: syntax error at {error.position}",
        ) from None
    if comparisons(found) > options.filter_terms_max:
        raise BadRequest.of(
            "search-filter-too-long",
            f"_filter fait plus de {options.filter_terms_max} comparaisons.",
            "setting search_filter_terms_max",
            code="too-costly",
        )
    return _Compiler(criteria, options).node(type, found, 0)


class _Compiler:
    def __init__(self, criteria: Criteria, options: SearchOptions) -> None:
        self._criteria, self._options, self._links = criteria, options, 0

    def node(self, type: str | None, filter: Filter, depth: int) -> Node:
        match filter:
            case Negation(inner):
                return Not(self.node(type, inner, depth))
            case Logical(operator, filters):
                nodes = tuple(self.node(type, one, depth) for one in filters)
                return AllOf(nodes) if operator == "and" else AnyOf(nodes)
            case Comparison(path):
                return self._along(type, path, filter, depth)

    def _along(self, type: str | None, path: tuple[Step, ...], comparison: Comparison, depth: int) -> Node:
        if len(path) == 1:
            return self._compared(type, path[0].name, comparison)
        if depth >= self._options.chain_depth_max:
            raise faults.too_deep("_filter", self._options.chain_depth_max)
        code, _, target = path[0].name.partition(":")
        parameter = self._criteria.parameter(type, code)
        if parameter.type != "reference":
            raise BadRequest.of(
                "search-chain-target",
                f"Le paramètre « {code} » n'est pas une référence : il ne s'enchaîne pas.",
                f"{code}: not a reference parameter",
            )
        types = [checked_type(target)] if target else self._having(parameter, path)
        return self._linked(code, types, lambda of: self._reached(of, path, comparison, depth + 1))

    def _reached(self, type: str, path: tuple[Step, ...], comparison: Comparison, depth: int) -> Node:
        rest = self._along(type, path[1:], comparison, depth)
        inside = path[0].filter
        return rest if inside is None else AllOf((self.node(type, inside, depth), rest))

    def _linked(self, code: str, types: Iterable[str], of: Callable[[str], Node]) -> Node:
        reached: dict[Node, list[str]] = {}
        refused: BadRequest | None = None
        for type in types:
            self._links += 1
            if self._links > self._options.chain_width_max:
                raise faults.too_wide("_filter")
            try:
                reached.setdefault(of(type), []).append(type)
            except faults.UnknownParameter as error:
                refused = error
        if not reached and refused is not None:
            raise refused
        return _any([Chain(code, tuple(some), node) for node, some in reached.items()])

    def _having(self, parameter: SearchParameter, path: tuple[Step, ...]) -> list[str]:
        code = path[1].name.partition(":")[0]
        types = parameter.target or sorted(resource_types())
        return [t for t in types if code in self._options.registry.for_type(t)] or list(types[:1])

    def _compared(self, type: str | None, name: str, comparison: Comparison) -> Node:
        code, typed, target = name.partition(":")
        parameter = self._criteria.parameter(type, code)
        if typed and parameter.type != "reference":
            raise faults.modifier(code, target, ())
        operator, value = comparison.operator, comparison.value
        if code in CONTENT:
            if operator != "co":
                raise _operator(code, operator, ["co"])
            return self._criterion(type, code, escape(value))
        if operator == "pr":
            return self._present(type, code, value)
        if operator == "ew" and parameter.type == "string":
            return self._ending(type, code, value)
        if operator == "po" and parameter.type == "date":
            return self._overlapping(type, code, value)
        if operator in _PREFIXED.get(parameter.type, ()):
            return self._criterion(type, code, f"{operator}{value}" if operator != "eq" else value)
        words = _SUFFIXES.get(parameter.type, {})
        if operator == "ne" and "eq" in words:
            equal = self._criterion(type, f"{name}{words['eq']}", _literal(parameter, value))
            return AllOf((self._present(type, code, "true"), Not(equal)))
        if operator not in words or code == "_id" and operator != "eq":
            more = {"ew"} if parameter.type == "string" else set()
            raise _operator(code, operator, {"pr", "ne", *more, *words, *_PREFIXED.get(parameter.type, ())})
        return self._criterion(type, f"{name}{words[operator]}", _literal(parameter, value))

    def _present(self, type: str | None, code: str, value: str) -> Node:
        if value not in ("true", "false"):
            raise faults.value("_filter", "pr se compare à true ou false", "pr takes a boolean")
        if code in ("_id", "_lastUpdated"):
            return AllOf(()) if value == "true" else AnyOf(())
        return self._criterion(type, f"{code}:missing", "false" if value == "true" else "true")

    def _ending(self, type: str | None, code: str, value: str) -> Node:
        node = self._criterion(type, f"{code}:contains", escape(value))
        if not isinstance(node, StringIs):
            raise TypeError("a text is compared with one value")
        return replace(node, how="ends")

    def _overlapping(self, type: str | None, code: str, value: str) -> Node:
        node = self._criterion(type, code, value)
        if not isinstance(node, DateIs) or node.comparator != "eq":
            raise _operator(code, "po", _PREFIXED["date"])
        # without widened bounds, "approximately" is "has a moment in common"
        return DateIs(node.param, "ap", node.low, node.high)

    def _criterion(self, type: str | None, name: str, value: str) -> Node:
        return self._criteria.node(type, name, value)


def _literal(parameter: SearchParameter, value: str) -> str:
    """Return a value of a filter, which has no escapes, as one value of a criterion; in a token, bars separate."""
    escaped = escape(value)
    return escaped.replace("\\|", "|") if parameter.type == "token" else escaped


def _operator(code: str, operator: str, allowed: Iterable[str]) -> BadRequest:
    listed = ", ".join(sorted(allowed))
    return BadRequest.of(
        "search-filter-operator",
        f"Dans _filter, « {faults.shown(code)} » n'accepte pas « {operator} » ; possibles : {listed}.",
        f"_filter: {operator} does not apply to {faults.shown(code)}",
        code="not-supported",
    )


def _any(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))
