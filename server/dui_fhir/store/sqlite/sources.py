"""What may lead a search: nodes compiled to parts of forward tables that list candidates of one type.

Each row of a part, of alias ``q``, has the columns ``id`` and ``rid``. The rows of a part ``by_id`` come in the order of
``id`` by themselves, so that a page of them is read without the rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dui_fhir.domain.query import (
    AnyOf,
    Comparator,
    DateIs,
    IdIn,
    LastUpdatedIs,
    Node,
    NumberIs,
    QuantityIs,
    ReferenceIs,
    SameGroup,
    StringIs,
    TextIs,
    TokenIs,
    UriIs,
)
from dui_fhir.store.prefix import prefix_end
from dui_fhir.store.sqlite.compile import VALUE_NODES, Scope, renamed, text_match, updated
from dui_fhir.store.sqlite.rows import RANGED, UNBOUNDED, CellKind
from dui_fhir.store.sqlite.sql import TRUE, Sql, all_of, among, concat
from dui_fhir.store.sqlite.values import (
    Span,
    Test,
    ValueNode,
    bounds_of,
    compare,
    exact_strings,
    span,
    tests,
    widths,
)

STREAMS_MAX = 8
"""Streams in order of id that are merged; of more, all rows are read and sorted."""
UNITS_MAX = 24
"""Units of one quantity that are looked at one after the other where a search names none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Rows of alias ``q``: ``tables`` follows ``FROM``, ``where`` bounds what is read."""

    tables: Sql
    where: Sql = TRUE
    by_id: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The rows of all parts; a resource may be in several rows. ``satisfies``: conjuncts that each row makes true, once the
    condition ``extra`` on its columns ``rid`` and ``g`` holds."""

    parts: tuple[Part, ...]
    satisfies: frozenset[int] = frozenset()
    extra: Sql = TRUE
    repeats: int = 1
    """How many rows tell the same of a resource, as a rule: a quantity is there as written, and in its canonical unit."""

    @property
    def by_id(self) -> bool:
        """True where the parts are to be merged rather than sorted."""
        return len(self.parts) <= STREAMS_MAX and all(part.by_id for part in self.parts)

    def whole(self, conjuncts: int) -> bool:
        """Tell whether each row makes so many conjuncts true, without a test."""
        return len(self.satisfies) == conjuncts and self.extra == TRUE


F_TEXT, F_RANGE, RESOURCE = Sql("f_text q"), Sql("f_range q"), Sql("resource q")
NOTHING = Sql("")


def everything(scope: Scope) -> Source:
    """Return all resources of the type, in order."""
    return Source(parts=(Part(tables=RESOURCE, where=Sql(f"q.t = {scope.t} AND q.live"), by_id=True),))


def sources(scope: Scope, conjuncts: Sequence[Node]) -> list[Source]:
    """Return what leads to the resources that satisfy all conjuncts; chains are for the caller."""
    found = list(_intervals(scope, conjuncts))
    whole = {position for source in found for position in source.satisfies}
    for position, node in enumerate(conjuncts):
        mine = frozenset({position})
        if position in whole:
            continue
        if isinstance(node, SameGroup):
            found += [
                Source(parts=parts, satisfies=mine, extra=extra, repeats=_repeats(component))
                for component, parts, extra in _grouped(scope, node)
            ]
        elif (lead := _lead(scope, node)) is not None:
            found.append(Source(parts=lead[0], satisfies=mine if lead[1] else frozenset(), repeats=_repeats(node)))
    return found


_Lead = tuple[tuple[Part, ...], bool]
"""Parts, and whether each of their rows satisfies the node."""


def _lead(scope: Scope, node: Node) -> _Lead | None:
    """Return the best for one node, None where nothing better than all resources of the type is known."""
    match node:
        case AnyOf(nodes):
            return _any(scope, nodes)
        case IdIn(ids) if ids:
            return (
                Part(tables=RESOURCE, where=all_of([Sql(f"q.t = {scope.t} AND q.live"), among("q.id", ids)])),
            ), True
        case LastUpdatedIs() if node.comparator != "ne":
            table = Sql("resource q INDEXED BY resource_updated")
            where = concat(f"q.t = {scope.t} AND q.live AND ", updated(node, "q"))
            return (Part(tables=table, where=where),), True
        case TextIs(words=words) if words:
            table = Sql(f"words w CROSS JOIN resource q ON q.rid = w.rowid AND q.t = {scope.t}")
            return (Part(tables=table, where=text_match(node)),), True
        case TokenIs() | StringIs() | DateIs() | NumberIs() | UriIs() | ReferenceIs():
            return _value(scope, node)
    return _value(scope, node) if isinstance(node, VALUE_NODES) else None


def _any(scope: Scope, nodes: Sequence[Node]) -> _Lead | None:
    merged = _codes(scope, nodes)
    if merged is not None:
        return merged, True
    found = [lead for child in nodes if (lead := _lead(scope, child)) is not None]
    if not found or len(found) < len(nodes) or not all(exact for _, exact in found):
        return None
    return tuple(part for parts, _ in found for part in parts), True


def _codes(scope: Scope, nodes: Sequence[Node]) -> tuple[Part, ...] | None:
    """Many codes, or many targets, of one parameter are one list; a few are streams."""
    if len(nodes) <= STREAMS_MAX:
        return None
    if all(isinstance(n, TokenIs) and n.code is not None for n in nodes):
        named = [(n.param, n.system, n.code) for n in nodes if isinstance(n, TokenIs)]
    elif all(isinstance(n, ReferenceIs) and n.id and n.type and not n.version and not n.url for n in nodes):
        named = [(n.param, n.type, n.id) for n in nodes if isinstance(n, ReferenceIs)]
    else:
        return None
    groups: dict[tuple[str, str | None], list[str]] = {}
    for param, group, value in named:
        groups.setdefault((param, group), []).append(value or "")
    token = isinstance(nodes[0], TokenIs)
    return tuple(
        Part(tables=F_TEXT, where=concat(f"q.p = {p} AND ", all_of([among("q.a", values), condition])))
        for (param, group), values in groups.items()
        for p, condition in scope.rows(TokenIs(param, group, None) if token else ReferenceIs(param, group), "q")
    )


def _value(scope: Scope, node: ValueNode) -> _Lead | None:
    found = exact_strings(node.value) if isinstance(node, StringIs) and node.how == "exact" else tests(node, scope)
    parts: list[Part] = []
    for test in found:
        p = scope.param(node.param, test.kind)
        if p is None:
            continue
        some = _read(scope, node, p, test)
        if some is None:
            return None
        parts += some
    return tuple(parts), all(test.exact for test in found)


def _read(scope: Scope, node: ValueNode, p: int, test: Test) -> Sequence[Part] | None:
    """Return the rows of one test, None where these are about all rows of the parameter."""
    if test.kind in RANGED:
        bounds = bounds_of(node, test.kind)
        return None if bounds is None else _ranged(scope, p, test.kind, [bounds], test)
    if not test.seek:
        return None
    if isinstance(node, StringIs) and node.how == "starts":
        streams = _prefixed(scope, p, node.value)
        if streams is not None:
            return streams
    where = concat(f"q.p = {p} AND ", seeking(test))
    equal = not (isinstance(node, StringIs) and node.how == "starts") and not (
        isinstance(node, UriIs) and node.how != "exact"
    )
    return [Part(tables=F_TEXT, where=where, by_id=equal)]


def _prefixed(scope: Scope, p: int, prefix: str) -> list[Part] | None:
    """The few values that begin with a text are as many streams."""
    values = scope.values(p, prefix, prefix_end(prefix), STREAMS_MAX)
    if values is None:
        return None
    return [Part(tables=F_TEXT, where=Sql(f"q.p = {p} AND q.a = ?", (value,)), by_id=True) for value in values]


def seeking(test: Test) -> Sql:
    """Return the condition of a test on rows ``q`` of ``f_text``, which knows no versions of references."""
    text, args = test.condition
    if not test.exact:
        text, args = text.replace(" AND v.c = ?", ""), args[:-1]
    return renamed(Sql(text, args), "q")


# intervals


def _intervals(scope: Scope, conjuncts: Sequence[Node]) -> Iterable[Source]:
    """Where a resource has one value for a parameter, ``ge`` and ``lt`` on it are one interval."""
    ranges: dict[str, list[int]] = {}
    for position, node in enumerate(conjuncts):
        if isinstance(node, DateIs | NumberIs):
            ranges.setdefault(node.param, []).append(position)
    for param, positions in ranges.items():
        nodes = [node for i in positions if isinstance(node := conjuncts[i], DateIs | NumberIs)]
        kind: CellKind = "date" if isinstance(nodes[0], DateIs) else "number"
        p = scope.param(param, kind) if len(nodes) > 1 else None
        if p is None or scope.is_multi(p):
            continue
        parts = _ranged(scope, p, kind, [(n.comparator, n.low, n.high) for n in nodes], None)
        if parts is not None:
            yield Source(parts=tuple(parts), satisfies=frozenset(positions))


def _ranged(
    scope: Scope, p: int, kind: CellKind, bounds: Sequence[tuple[Comparator, float, float]], test: Test | None
) -> list[Part] | None:
    """Return the rows of ``f_range`` within all bounds, None where that is most of them. ``test``: where it names a unit."""
    if any(comparator == "ne" for comparator, _, _ in bounds):
        return None
    compared = concat(*(concat(" AND ", compare(c, low, high, "q.a", "q.b")) for c, low, high in bounds))
    parts: list[Part] = []
    present = scope.classes(p, UNBOUNDED) if kind == "date" else None
    for w, longest in widths(kind):
        if present is not None and w not in present:
            continue
        limits = Span()
        for comparator, low, high in bounds:
            limits = limits.within(span(comparator, low, high, longest) or limits)
        bounding = _bounding(limits)
        for unit in _units(scope, p, kind, w, test):
            where = concat(f"q.p = {p} AND q.w = {w}", unit, bounding, compared)
            parts.append(Part(tables=F_RANGE, where=where))
    return parts


def _units(scope: Scope, p: int, kind: CellKind, w: int, test: Test | None) -> list[Sql]:
    """Return the condition on the unit, which comes before the value in the table: one per unit where none is named."""
    if kind in ("date", "number"):
        return [Sql(" AND q.c = ''")]
    named = _named_unit(test)
    if named is not None:
        return [named]
    units = scope.units(p, w, UNITS_MAX)
    others = _named_system(test)
    if units is None:
        return [others]
    return [Sql(f" AND q.c = ?{others.text}", (unit, *others.args)) for unit in units]


def _named_unit(test: Test | None) -> Sql | None:
    if test is None or test.unit is None:
        return None
    return concat(Sql(" AND q.c = ?", (test.unit,)), _named_system(test))


def _named_system(test: Test | None) -> Sql:
    return NOTHING if test is None or test.system is None else Sql(f" AND q.d = {test.system}")


def _bounding(limits: Span) -> Sql:
    first, last = limits
    if first is None:
        return NOTHING if last is None else Sql(" AND q.a <= ?", (last,))
    return Sql(" AND q.a >= ?", (first,)) if last is None else Sql(" AND q.a >= ? AND q.a <= ?", (first, last))


# composites


def _repeats(node: Node) -> int:
    return 2 if isinstance(node, QuantityIs) and node.canonical_code is not None else 1


def _grouped(scope: Scope, node: SameGroup) -> Iterable[tuple[Node, tuple[Part, ...], Sql]]:
    """Any component may lead, a code is often common where its value is rare; the others are tested in its group."""
    for position, child in enumerate(node.nodes):
        lead = _lead(scope, child) if isinstance(child, VALUE_NODES) else None
        if lead is not None and lead[1]:
            others = [scope.in_group(other, "q") for i, other in enumerate(node.nodes) if i != position]
            yield child, lead[0], all_of(others)
