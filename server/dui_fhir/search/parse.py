"""A search as received → a query, and what is to be done with its answer.

Unknown parameters are refused, with the nearest valid name: a misspelt one that is ignored finds everybody.
Source: FHIR R4, search.html.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from dui_fhir.definitions import SearchParameter
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.query import EVERYTHING, AllOf, AnyOf, Cursor, Kind, Node, Query, SortKey, TypeIn
from dui_fhir.search import faults, near
from dui_fhir.search.compartment import compartment_node
from dui_fhir.search.criteria import CONTENT, Criteria, checked_type
from dui_fhir.search.filter import filter_node
from dui_fhir.search.includes import Include, include
from dui_fhir.search.listed import list_node
from dui_fhir.search.options import SearchOptions, Terminology

__all__ = ["Include", "ParsedSearch", "SearchOptions", "Terminology", "compartment_node", "parse", "served_parameters"]

Summary = Literal["true", "text", "data", "count", "false"]
Total = Literal["none", "estimate", "accurate"]

FORMATS = frozenset({"_format", "_pretty"})
"""Parameters of every interaction: kept in the links, without a part in the search."""
RESULTS = frozenset({
    "_sort", "_count", "_total", "_summary", "_elements", "_include", "_revinclude", "_contained", "_containedType", "_type",
})  # fmt: skip
REFUSED = frozenset({"_query", "_containedType"})
"""Parameters of R4 that this server does not have."""
WHOLE = (
    SearchParameter(code="_filter", type="special", base=("Resource",), url=""),
    SearchParameter(code="_list", type="special", base=("Resource",), url=""),
)
"""Parameters of every search that are no criterion on an element."""


@dataclass(frozen=True, kw_only=True)
class ParsedSearch:
    """A search understood.

    ``self_params``: the parameters taken into account, for the ``self`` link. ``issues``: warnings about the others.
    ``elements``: top-level names of ``_elements``. ``count_only``: only the total is wanted (``query.limit`` is 0).
    """

    type: str | None
    query: Query
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    total: Total | None = None
    self_params: tuple[tuple[str, str], ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def count_only(self) -> bool:
        """True for ``_summary=count`` and ``_count=0``."""
        return self.query.limit == 0

    def at(self, cursor: Cursor | None) -> "ParsedSearch":
        """Return the same search, from the page that starts after ``cursor``."""
        return replace(self, query=replace(self.query, after=cursor))

    def within(self, node: Node) -> "ParsedSearch":
        """Return the same search among the resources that satisfy ``node`` (a compartment, an access rule)."""
        where = node if self.query.where == EVERYTHING else AllOf((node, self.query.where))
        return replace(self, query=replace(self.query, where=where))


def served_parameters(type: str | None, options: SearchOptions) -> tuple[SearchParameter, ...]:
    """Return the parameters that searches on a type really take: what a CapabilityStatement may claim."""
    unkept = {"none": CONTENT, "text": frozenset({"_content"}), "content": frozenset()}[options.full_text]
    found = (
        parameter
        for code, parameter in options.registry.for_type(type).items()
        if code not in REFUSED and code not in unkept and (parameter.type != "special" or code == near.CODE)
    )
    return (*found, *WHOLE)


def parse(type: str | None, params: Sequence[tuple[str, str]], options: SearchOptions | None = None) -> ParsedSearch:
    """Parse the parameters of a search on a resource type, or on all (None), in the order received.

    Raises: BadRequest, with a stable id ``search-…`` and never a value of the search; all faults together.
    """
    parser = _Parser(type, options or SearchOptions())
    parser.take_types(params)
    issues: list[Issue] = []
    for name, value in params:
        try:
            parser.take(name, value)
        except BadRequest as error:
            issues.extend(error.issues)
    if issues:
        raise BadRequest(issues)
    return parser.result()


class _Parser:
    """Collects what one search says."""

    def __init__(self, type: str | None, options: SearchOptions) -> None:
        self._type = None if type is None else checked_type(type)
        self._types: tuple[str, ...] = () if type is None else (type,)
        self._options = options
        self._criteria = Criteria(options)
        self._nodes: list[Node] = []
        self._once: dict[str, Any] = {}
        self._includes: list[Include] = []
        self._revincludes: list[Include] = []
        self._self: list[tuple[str, str]] = []
        self._issues: list[Issue] = []

    def take_types(self, params: Sequence[tuple[str, str]]) -> None:
        """Read ``_type`` first: the other parameters are those of its types."""
        given = [value for name, value in params if name == "_type"] if self._type is None else []
        if given:
            self._types = tuple(dict.fromkeys(checked_type(t) for t in given[0].split(",")))

    def take(self, name: str, value: str) -> None:
        """Read one parameter."""
        try:
            kept = self._take(name, value)
        except (faults.UnknownParameter, faults.UnsupportedParameter) as error:
            if not self._options.lenient:
                raise
            self._issues.extend(replace(issue, severity="warning") for issue in error.issues)
            return
        self._self.append((name, kept))

    def _take(self, name: str, value: str) -> str:
        base, _, modifier = name.partition(":")
        if name in FORMATS:
            return value
        if base in REFUSED:
            raise faults.unsupported_parameter(base)
        if base in ("_include", "_revinclude"):
            found = self._includes if base == "_include" else self._revincludes
            found.append(include(base, modifier, value, self._options.registry))
            return value
        if name in RESULTS:
            return self._take_result(name, value)
        self._nodes.append(self._node(name, value))
        return value

    # criteria

    def _node(self, name: str, value: str) -> Node:
        if len(self._types) <= 1:
            return self._checked(self._types[0] if self._types else None, name, value)
        by_type = {type_: self._checked(type_, name, value) for type_ in self._types}
        distinct = list(dict.fromkeys(by_type.values()))
        if len(distinct) == 1:
            return distinct[0]
        return AnyOf(tuple(AllOf((TypeIn((type_,)), node)) for type_, node in by_type.items()))

    def _checked(self, type: str | None, name: str, value: str) -> Node:
        if name in ("_filter", "_list"):
            if not value:
                raise faults.empty(name)
            return list_node(value) if name == "_list" else filter_node(type, value, self._criteria, self._options)
        if name == "_has":
            name = "_has:"
        try:
            return self._criteria.node(type, name, value)
        except faults.UnknownParameter:
            code = name.partition(":")[0].partition(".")[0]
            known = self._options.registry.for_type(type)
            if code in known or name.startswith("_has:"):
                raise
            raise faults.unknown_parameter(
                code, type, [*known, *RESULTS, *FORMATS, "_has", "_filter", "_list"]
            ) from None

    # what is wanted in the answer

    def _take_result(self, name: str, value: str) -> str:
        if name in self._once:
            raise faults.repeated(name)
        if name == "_type" and self._type is not None:
            raise faults.unknown_parameter(name, self._type, ())
        if not value:
            raise faults.empty(name)
        read: Callable[[str], tuple[Any, str]] = getattr(self, f"_read{name}")
        self._once[name], kept = read(value)
        return kept

    def _read_type(self, value: str) -> tuple[Any, str]:
        return self._types, value

    def _read_contained(self, value: str) -> tuple[Any, str]:
        if value != "false":
            raise faults.unsupported_parameter("_contained")
        return value, value

    def _read_count(self, value: str) -> tuple[int, str]:
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise faults.value("_count", "un entier positif est attendu", "not a non-negative integer")
        count = min(int(value), self._options.page_size_max)
        return count, str(count)

    def _read_total(self, value: str) -> tuple[str, str]:
        return _one_of("_total", value, ("none", "estimate", "accurate"))

    def _read_summary(self, value: str) -> tuple[str, str]:
        return _one_of("_summary", value, ("true", "text", "data", "count", "false"))

    def _read_elements(self, value: str) -> tuple[tuple[str, ...], str]:
        names = tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))
        if not names:
            raise faults.empty("_elements")
        return names, value

    def _read_sort(self, value: str) -> tuple[tuple[SortKey, ...], str]:
        return tuple(self._sort_key(part) for part in value.split(",")), value

    def _sort_key(self, text: str) -> SortKey:
        descending, code = text.startswith("-"), text.removeprefix("-")
        if code in ("_id", "_lastUpdated"):
            return SortKey(code, "token" if code == "_id" else "date", descending)
        kinds = {self._criteria.parameter(type_, code).type for type_ in self._types or (None,)}
        if len(kinds) != 1 or kinds & {"composite", "special"} or code in CONTENT:
            raise BadRequest.of(
                "search-sort",
                f"On ne peut pas trier selon « {faults.shown(code)} ».",
                f"{faults.shown(code)}: no order for it",
                code="not-supported",
            )
        return SortKey(code, cast(Kind, kinds.pop()), descending)

    # the whole

    def result(self) -> ParsedSearch:
        """Return the search."""
        summary, total = self._once.get("_summary"), self._once.get("_total")
        count = 0 if summary == "count" else self._once.get("_count", self._options.page_size)
        counted: Total = total if total in ("accurate", "estimate") else "accurate" if count == 0 else "none"
        nodes = self._nodes
        query = Query(
            types=self._types,
            where=EVERYTHING if not nodes else nodes[0] if len(nodes) == 1 else AllOf(tuple(nodes)),
            sort=self._once.get("_sort", ()),
            limit=count,
            total=counted,
        )
        return ParsedSearch(
            type=self._type,
            query=query,
            includes=tuple(self._includes),
            revincludes=tuple(self._revincludes),
            summary=summary,
            elements=self._once.get("_elements", ()),
            total=total,
            self_params=tuple(self._self),
            issues=tuple(self._issues),
        )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    if value not in allowed:
        raise faults.value(name, " ou ".join(allowed) + " est attendu", f"not one of {', '.join(allowed)}")
    return value, value
