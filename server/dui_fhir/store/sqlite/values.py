"""Nodes about one value: the condition on a row, and the ranges of the forward tables that can hold it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeAlias

from dui_fhir.domain.query import (
    Comparator,
    DateIs,
    NumberIs,
    QuantityIs,
    ReferenceIs,
    StringIs,
    TokenIs,
    UriIs,
)
from dui_fhir.search.fold import fold
from dui_fhir.store.prefix import prefix_end
from dui_fhir.store.sqlite.rows import DATE_WIDTHS_MS, UNBOUNDED, CellKind, unit_code
from dui_fhir.store.sqlite.sql import TRUE, Sql, all_of, among, concat

ValueNode: TypeAlias = TokenIs | StringIs | DateIs | NumberIs | QuantityIs | ReferenceIs | UriIs


class Names(Protocol):
    """Numbers of the names that occur in the tenant; None = never written."""

    def type_number(self, name: str) -> int | None:
        """Return the number of a resource type."""

    def system_number(self, text: str) -> int | None:
        """Return the number of a system."""


class Test(NamedTuple):
    """``condition`` on a row ``v`` whose parameter has this kind. ``seek``: it bounds column ``a`` of ``f_text``, so that
    few rows are read; ``exact``: ``f_text`` has all the columns it needs. ``unit``, ``system``: those a quantity must have, as in
    columns ``c`` and ``d``; None = any."""

    kind: CellKind
    condition: Sql
    seek: bool = False
    exact: bool = True
    unit: str | None = None
    system: int | None = None


COMPARISONS: dict[Comparator, str] = {
    "eq": "({a} >= ?1 AND {b} <= ?2)",
    "ne": "({a} < ?1 OR {b} > ?2)",
    "gt": "{b} > ?2",
    "lt": "{a} < ?1",
    "ge": "({b} > ?2 OR ({a} >= ?1 AND {b} <= ?2))",
    "le": "({a} < ?1 OR ({a} >= ?1 AND {b} <= ?2))",
    "sa": "{a} > ?2",
    "eb": "{b} < ?1",
    "ap": "({a} <= ?2 AND {b} >= ?1)",
}


def compare(comparator: Comparator, low: float, high: float, a: str, b: str) -> Sql:
    """Return the comparison of the bounds ``a``, ``b`` (columns) with ``low``, ``high``."""
    text, lows = _comparison(comparator, a, b)
    return Sql(text, tuple([low if is_low else high for is_low in lows]))


@lru_cache(maxsize=256)
def _comparison(comparator: Comparator, a: str, b: str) -> tuple[str, tuple[bool, ...]]:
    """Return the text with a ``?`` per limit, and which of them are the low one."""
    first, *pieces = COMPARISONS[comparator].format(a=a, b=b).split("?")
    return first + "".join("?" + piece[1:] for piece in pieces), tuple(piece[0] == "1" for piece in pieces)


def tests(node: ValueNode, names: Names) -> list[Test]:
    """Return the tests of which a value must pass one; empty = no value can."""
    match node:
        case TokenIs():
            return _token(node, names)
        case StringIs():
            return [_string(node)]
        case UriIs():
            return [_uri(node)]
        case ReferenceIs():
            return _reference(node, names)
        case DateIs(comparator=comparator, low=low, high=high):
            return [Test("date", compare(comparator, low, high, "v.a", "v.b"))]
        case NumberIs(comparator=comparator, low=low, high=high):
            return [Test("number", compare(comparator, low, high, "v.a", "v.b"))]
        case QuantityIs():
            return _quantity(node, names)


def _token(node: TokenIs, names: Names) -> list[Test]:
    conditions = [] if node.code is None else [Sql("v.a = ?", (node.code,))]
    if node.system is not None:
        number = names.system_number(node.system) if node.system else 0
        if number is None:
            return []
        conditions.append(Sql(f"v.b = {number}"))
    return [Test("token", all_of(conditions), seek=node.code is not None)]


def _string(node: StringIs) -> Test:
    if node.how == "exact":
        return Test("string", Sql("v.b = ?", (node.value,)))
    if node.how == "ends":
        return Test("string", Sql("substr(v.a, ?) = ?", (-len(node.value), node.value)) if node.value else TRUE)
    if node.how == "contains":
        return Test("string", Sql("instr(v.a, ?) > 0", (node.value,)) if node.value else TRUE)
    return Test("string", starts_with(node.value), seek=bool(node.value))


def exact_strings(value: str) -> list[Test]:
    """Return the seeking tests of ``:exact``: under the folded text, or under the exact one where folding differs."""
    folded = Sql("v.a = ? AND v.b = ?", (fold(value), value))
    return [Test("string", folded, seek=True), Test("exact", Sql("v.a = ?", (value,)), seek=True)]


def _uri(node: UriIs) -> Test:
    if node.how == "below":
        return Test("uri", starts_with(node.value), seek=bool(node.value))
    if node.how == "exact":
        return Test("uri", Sql("v.a = ?", (node.value,)), seek=True)
    cuts = [i for i, character in enumerate(node.value) if character == "/"]
    above = {node.value, *(node.value[:i] for i in cuts), *(node.value[: i + 1] for i in cuts)}
    return Test("uri", among("v.a", sorted(above)), seek=True)


def _reference(node: ReferenceIs, names: Names) -> list[Test]:
    version = Sql("v.c = ?", (node.version,)) if node.version is not None else TRUE
    exact = node.version is None
    if node.url is not None:
        return [Test("reference", all_of([Sql("v.b = 0 AND v.a = ?", (node.url,)), version]), True, exact)]
    target = Sql("v.b > 0")
    if node.type is not None:
        number = names.type_number(node.type)
        if number is None:
            return []
        target = Sql(f"v.b = {number}")
    id = TRUE if node.id is None else Sql("v.a = ?", (node.id,))
    return [Test("reference", all_of([id, target, version]), node.id is not None, exact)]


def _quantity(node: QuantityIs, names: Names) -> list[Test]:
    bounds = compare(node.comparator, node.low, node.high, "v.a", "v.b")
    unit = None if node.code is None else unit_code(node.code)
    found: list[Test] = []
    number = 0 if node.system is None else names.system_number(node.system)
    if number is not None:
        found.append(_measured("quantity", bounds, unit, None if node.system is None else number))
    if node.code is not None and node.system is None:
        found.append(_measured("unit", bounds, unit, None))
    if node.canonical_code is not None and node.canonical_low is not None and node.canonical_high is not None:
        canonical = compare(node.comparator, node.canonical_low, node.canonical_high, "v.a", "v.b")
        found.append(_measured("canonical", canonical, unit_code(node.canonical_code), None))
    return found


def _measured(kind: CellKind, bounds: Sql, unit: str | None, system: int | None) -> Test:
    named = [] if unit is None else [Sql("v.c = ?", (unit,))]
    if system is not None:
        named.append(Sql(f"v.d = {system}"))
    return Test(kind, all_of([bounds, *named]), unit=unit, system=system)


def starts_with(prefix: str) -> Sql:
    """Return the condition that column ``a`` begins with a text, as a range of an index."""
    if not prefix:
        return TRUE
    end = prefix_end(prefix)
    first = Sql("v.a >= ?", (prefix,))
    return first if end is None else concat(first, Sql(" AND v.a < ?", (end,)))


# ranges of low bounds


class Span(NamedTuple):
    """Low bounds to read, inclusive; None = no limit."""

    first: float | None = None
    last: float | None = None

    def within(self, other: "Span") -> "Span":
        """Return the part of both."""
        firsts = [x for x in (self.first, other.first) if x is not None]
        lasts = [x for x in (self.last, other.last) if x is not None]
        return Span(max(firsts) if firsts else None, min(lasts) if lasts else None)


def span(comparator: Comparator, low: float, high: float, longest: float | None) -> Span | None:
    """Return which low bounds can satisfy the comparison where no interval is longer than ``longest`` (None = unknown).

    None: about all of them.
    """
    early = None if longest is None else (high - longest if comparator in ("gt", "ge") else low - longest)
    match comparator:
        case "eq":
            return Span(low, high)
        case "ne":
            return None
        case "gt":
            return Span(early, None)
        case "ge":
            return Span(None if early is None else min(low, early), None)
        case "lt" | "eb":
            return Span(None, low)
        case "le":
            return Span(None, high)
        case "sa":
            return Span(high, None)
        case "ap":
            return Span(early, high)


def widths(kind: CellKind) -> Sequence[tuple[int, float | None]]:
    """Return the width classes of a kind, each with its longest interval."""
    if kind == "date":
        return [*enumerate(DATE_WIDTHS_MS), (UNBOUNDED, None)]
    return [(0, 0), (UNBOUNDED, None)]


def bounds_of(node: ValueNode, kind: CellKind) -> tuple[Comparator, float, float] | None:
    """Return comparator and bounds that a node sets for rows of one kind; None where it is not about a range."""
    if isinstance(node, DateIs | NumberIs):
        return node.comparator, node.low, node.high
    if not isinstance(node, QuantityIs):
        return None
    if kind != "canonical":
        return node.comparator, node.low, node.high
    if node.canonical_low is None or node.canonical_high is None:
        return None
    return node.comparator, node.canonical_low, node.canonical_high
