# ruff: noqa: S608 - only numbers of the store's own dictionaries and fixed names are written into statements
"""Nodes compiled to SQL, for resources of one type.

A node is compiled in two ways. A *probe* tests one candidate, known by the columns ``id`` and ``rid`` of an alias, in the
cells of that resource. A *source* lists candidates from a forward table. Which source drives a search is decided by
:mod:`dui_fhir.store.sqlite.search`; joins are written as ``CROSS JOIN`` so that SQLite keeps the order chosen here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from dui_fhir.domain.query import (
    AllOf,
    AnyOf,
    Chain,
    DateIs,
    Has,
    IdIn,
    LastUpdatedIs,
    Missing,
    Node,
    Not,
    NumberIs,
    QuantityIs,
    ReferenceIs,
    SameGroup,
    StringIs,
    TextIs,
    TokenIs,
    TypeIn,
    UriIs,
)
from dui_fhir.store.sqlite.dictionary import Dictionary
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.rows import RANGED, CellKind
from dui_fhir.store.sqlite.sql import FALSE, TRUE, Sql, all_of, among, any_of, concat, union
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

VALUE_NODES = (TokenIs, StringIs, DateIs, NumberIs, QuantityIs, ReferenceIs, UriIs)
_NO_GROUP = Sql("SELECT 0 AS g WHERE 0")

Lead: TypeAlias = "Source | Chain | Has"
"""What can lead a search: a source, or a node whose inner search has to be led first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """``query`` lists ``id, rid`` of candidates, perhaps twice. ``satisfies``: positions of the conjuncts it makes true.

    ``ordered``: the text after ``SELECT … FROM`` of a single range whose rows, of alias ``q``, come by id.
    """

    query: Sql
    satisfies: frozenset[int] = frozenset()
    ordered: Sql | None = None


class Scope:
    """Compilation for one type. ``t`` None: no resource of the type was ever written."""

    def __init__(self, connection: Connection, dictionary: Dictionary, type: str, aliases: "count[int] | None" = None):
        self._connection = connection
        self._dictionary = dictionary
        self._aliases = aliases if aliases is not None else count()
        self.type = type
        self.t = dictionary.type(connection, type)

    def of(self, type: str) -> "Scope":
        """Return the scope of another type, for chains."""
        return Scope(self._connection, self._dictionary, type, self._aliases)

    def alias(self) -> str:
        """Return an alias not used yet."""
        return f"r{next(self._aliases)}"

    def live(self) -> int:
        """Return how many resources of the type there are."""
        row = self._connection.execute("SELECT live FROM type WHERE t = ?", (self.t,)).fetchone()
        return row[0] if row else 0

    def param(self, param: str, kind: CellKind) -> int | None:
        """Return the number of a parameter of this type."""
        return None if self.t is None else self._dictionary.param(self._connection, self.t, param, kind)

    def type_number(self, name: str) -> int | None:
        """See :class:`dui_fhir.store.sqlite.values.Names`."""
        return self._dictionary.type(self._connection, name)

    def system_number(self, text: str) -> int | None:
        """See :class:`dui_fhir.store.sqlite.values.Names`."""
        return self._dictionary.system(self._connection, text)

    def is_multi(self, p: int) -> bool:
        """Tell whether a resource ever had several values for the parameter."""
        return bool(self._connection.execute("SELECT multi FROM name WHERE p = ?", (p,)).fetchone()[0])

    # probes

    def probe(self, node: Node, r: str) -> Sql:
        """Return the condition that the candidate of alias ``r`` satisfies the node."""
        match node:
            case AllOf(nodes):
                return all_of(self.probe(child, r) for child in nodes)
            case AnyOf(nodes):
                return any_of(self._probe_any(nodes, r))
            case Not(child):
                return _negated(self.probe(child, r))
            case Chain():
                return any_of(self._probe_chain(node, type, r) for type in node.types)
            case Has():
                return self._probe_has(node, r)
            case SameGroup(nodes):
                return self._probe_group(nodes, r)
            case IdIn(ids):
                return among(f"{r}.id", ids) if ids else FALSE
            case TypeIn(types):
                return TRUE if self.type in types else FALSE
            case LastUpdatedIs():
                return concat(f"EXISTS(SELECT 1 FROM resource z WHERE z.rid = {r}.rid AND ", _updated(node, "z"), ")")
            case TextIs():
                return _text(node, f"{r}.rid IN (SELECT w.rowid FROM words w WHERE ", ")")
            case Missing():
                return self._probe_missing(node, r)
        return self._exists(self._rows(node), r)

    def _probe_any(self, nodes: Sequence[Node], r: str) -> list[Sql]:
        """Alternatives on the same parameter share one look at the cells."""
        merged: dict[int, list[Sql]] = {}
        others: list[Sql] = []
        for node in nodes:
            if isinstance(node, VALUE_NODES):
                for p, condition in self._rows(node):
                    merged.setdefault(p, []).append(condition)
            else:
                others.append(self.probe(node, r))
        return [self._exists([(p, any_of(conditions))], r) for p, conditions in merged.items()] + others

    def _rows(self, node: ValueNode) -> list[tuple[int, Sql]]:
        """Return parameter number and condition of the cells that satisfy a node about one value."""
        found = [(self.param(node.param, test.kind), test.condition) for test in tests(node, self)]
        return [(p, condition) for p, condition in found if p is not None]

    def _exists(self, rows: Iterable[tuple[int, Sql]], r: str) -> Sql:
        return any_of(
            concat(f"EXISTS(SELECT 1 FROM cell v WHERE v.rid = {r}.rid AND v.p = {p} AND ", condition, ")")
            for p, condition in rows
        )

    def _probe_missing(self, node: Missing, r: str) -> Sql:
        p = self.param(node.param, node.kind)
        if p is None:
            return TRUE if node.missing else FALSE
        return Sql(f"{'NOT ' * node.missing}EXISTS(SELECT 1 FROM cell v WHERE v.rid = {r}.rid AND v.p = {p})")

    def _probe_chain(self, node: Chain, type: str, r: str) -> Sql:
        p, target = self.param(node.param, "reference"), self.of(type)
        if p is None or target.t is None:
            return FALSE
        x = self.alias()
        inner = target.probe(node.node, x)
        if inner == FALSE:
            return FALSE
        join = f"cell v CROSS JOIN resource {x} ON {x}.t = {target.t} AND {x}.id = v.a AND {x}.live"
        where = f"v.rid = {r}.rid AND v.p = {p} AND v.b = {target.t} AND "
        return concat(f"EXISTS(SELECT 1 FROM {join} WHERE {where}", inner, ")")

    def _probe_has(self, node: Has, r: str) -> Sql:
        source = self.of(node.type)
        p = source.param(node.param, "reference")
        if p is None or self.t is None:
            return FALSE
        x = self.alias()
        inner = source.probe(node.node, x)
        if inner == FALSE:
            return FALSE
        where = f"{x}.p = {p} AND {x}.a = {r}.id AND {x}.b = {self.t} AND "
        return concat(f"EXISTS(SELECT 1 FROM f_text {x} WHERE {where}", inner, ")")

    def _probe_group(self, nodes: Sequence[Node], r: str) -> Sql:
        if not nodes:
            return TRUE
        return concat("EXISTS(", _intersection([self._groups(node, r) for node in nodes]), ")")

    def _groups(self, node: Node, r: str) -> Sql:
        """Return the query of the group numbers in which a component of a composite is satisfied."""
        if isinstance(node, AnyOf):
            return union([self._groups(child, r) for child in node.nodes]) if node.nodes else _NO_GROUP
        if isinstance(node, AllOf):
            return _intersection([self._groups(child, r) for child in node.nodes]) if node.nodes else _NO_GROUP
        if not isinstance(node, VALUE_NODES):
            raise TypeError(f"not a component of a composite: {type(node).__name__}")
        rows = [
            concat(f"SELECT v.g AS g FROM cell v WHERE v.rid = {r}.rid AND v.p = {p} AND ", condition)
            for p, condition in self._rows(node)
        ]
        return union(rows) if rows else _NO_GROUP

    # sources

    def leads(self, conjuncts: Sequence[Node]) -> list[tuple[Lead, frozenset[int]]]:
        """Return what may lead a search for resources that satisfy all conjuncts, and which of them it satisfies."""
        found: list[tuple[Lead, frozenset[int]]] = []
        ranges: dict[str, list[int]] = {}
        for position, node in enumerate(conjuncts):
            mine = frozenset({position})
            if isinstance(node, Chain | Has):
                found.append((node, mine))
                continue
            if isinstance(node, SameGroup):
                # any component may lead: a code is often common where its value is rare
                found += [(Source(query=s.query), frozenset()) for n in node.nodes if (s := self.source(n)) is not None]
                continue
            source = self.source(node)
            if source is not None:
                found.append((source, source.satisfies and mine))
            if isinstance(node, DateIs | NumberIs):
                ranges.setdefault(node.param, []).append(position)
        found += self._merged(conjuncts, ranges)
        return found

    def _merged(self, conjuncts: Sequence[Node], ranges: dict[str, list[int]]) -> Iterable[tuple[Lead, frozenset[int]]]:
        """From one value per resource, ``ge`` and ``lt`` on it are one range."""
        for param, positions in ranges.items():
            nodes = [conjuncts[position] for position in positions]
            kind: CellKind = "date" if isinstance(nodes[0], DateIs) else "number"
            p = self.param(param, kind)
            if len(nodes) < 2 or p is None or self.is_multi(p):
                continue
            chosen = [node for node in nodes if isinstance(node, DateIs | NumberIs)]
            query = _ranged(p, kind, [(n.comparator, n.low, n.high) for n in chosen], TRUE)
            if query is not None:
                yield Source(query=query), frozenset(positions)

    def source(self, node: Node) -> Source | None:
        """Return a source for one node, None where nothing better than all resources of the type is known.

        ``satisfies`` is not empty where each candidate satisfies the node.
        """
        match node:
            case AnyOf(nodes):
                return self._source_any(nodes)
            case IdIn(ids) if ids:
                where = all_of([Sql(f"q.t = {self.t} AND q.live"), among("q.id", ids)])
                return _source(concat("SELECT q.id, q.rid FROM resource q WHERE ", where))
            case LastUpdatedIs() if node.comparator != "ne":
                head = f"SELECT q.id, q.rid FROM resource q INDEXED BY resource_updated WHERE q.t = {self.t} AND q.live AND "
                return _source(concat(head, _updated(node, "q")))
            case TextIs(words=words) if words:
                head = f"SELECT q.id, q.rid FROM words w CROSS JOIN resource q ON q.rid = w.rowid AND q.t = {self.t} WHERE "
                return _source(_text(node, head, ""))
            case SameGroup(nodes):
                component = next((found for child in nodes if (found := self.source(child)) is not None), None)
                return None if component is None else Source(query=component.query)
            case TokenIs() | StringIs() | DateIs() | NumberIs() | QuantityIs() | ReferenceIs() | UriIs():
                return self._source_value(node)
        return None

    def _source_any(self, nodes: Sequence[Node]) -> Source | None:
        if merged := self._source_codes(nodes):
            return merged
        found = [self.source(child) for child in nodes]
        if not found or any(s is None or not s.satisfies for s in found):
            return None
        return _source(union([s.query for s in found if s is not None]))

    def _source_codes(self, nodes: Sequence[Node]) -> Source | None:
        """Many codes, or many targets, of one parameter are one list."""
        if len(nodes) < 2:
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
        first = nodes[0]
        queries = [
            concat(f"SELECT v.id, v.rid FROM f_text v WHERE v.p = {p} AND ", among("v.a", values), condition)
            for (param, group), values in groups.items()
            for p, condition in self._column_b(type(first), param, group)
        ]
        return _source(union(queries)) if queries else _source(Sql("SELECT id, rid FROM resource WHERE 0"))

    def _column_b(self, kind: type, param: str, group: str | None) -> list[tuple[int, Sql]]:
        node: ValueNode = TokenIs(param, group, None) if kind is TokenIs else ReferenceIs(param, type=group)
        rows = self._rows(node)
        return [(p, Sql("") if c == TRUE else concat(" AND ", c)) for p, c in rows]

    def _source_value(self, node: ValueNode) -> Source | None:
        found = exact_strings(node.value) if isinstance(node, StringIs) and node.how == "exact" else tests(node, self)
        queries: list[Sql] = []
        ordered: Sql | None = None
        for test in found:
            p = self.param(node.param, test.kind)
            if p is None:
                continue
            query = self._read(node, p, test)
            if query is None:
                return None
            queries.append(query)
            ordered = _by_id(p, node, test)
        if not queries:
            return _source(Sql("SELECT id, rid FROM resource WHERE 0"))
        complete = all(test.exact for test in found)
        return Source(
            query=union(queries),
            satisfies=frozenset({0}) if complete else frozenset(),
            ordered=ordered if complete and len(queries) == 1 else None,
        )

    def _read(self, node: ValueNode, p: int, test: Test) -> Sql | None:
        if test.kind in RANGED:
            bounds = bounds_of(node, test.kind)
            return None if bounds is None else _ranged(p, test.kind, [bounds], test.condition)
        if not test.seek:
            return None
        condition = (
            test.condition
            if test.exact
            else Sql(test.condition.text.replace(" AND v.c = ?", ""), test.condition.args[:-1])
        )
        return concat(f"SELECT v.id, v.rid FROM f_text v WHERE v.p = {p} AND ", condition)


def _by_id(p: int, node: ValueNode, test: Test) -> Sql | None:
    """An equality on the value leaves the rows of a forward table in order of id."""
    equal = (isinstance(node, TokenIs) and node.code is not None) or (
        isinstance(node, ReferenceIs) and (node.id is not None or node.url is not None)
    )
    if not equal and not (isinstance(node, UriIs) and node.how == "exact"):
        return None
    return concat(f"f_text q WHERE q.p = {p} AND ", Sql(test.condition.text.replace("v.", "q."), test.condition.args))


def _ranged(p: int, kind: CellKind, bounds: Sequence[tuple[Any, float, float]], condition: Sql) -> Sql | None:
    """Return the query of the rows of ``f_range`` that satisfy all ``bounds``, None where it would read most of them."""
    queries: list[Sql] = []
    for w, longest in widths(kind):
        limits = Span()
        for comparator, low, high in bounds:
            one = span(comparator, low, high, longest)
            if one is None:
                return None
            limits = limits.within(one)
        parts = [Sql(f"v.p = {p} AND v.w = {w}"), condition]
        if limits.first is not None:
            parts.append(Sql("v.a >= ?", (limits.first,)))
        if limits.last is not None:
            parts.append(Sql("v.a <= ?", (limits.last,)))
        parts += [compare(comparator, low, high, "v.a", "v.b") for comparator, low, high in bounds]
        queries.append(concat("SELECT v.id, v.rid FROM f_range v WHERE ", all_of(parts)))
    return union(queries)


def _source(query: Sql) -> Source:
    return Source(query=query, satisfies=frozenset({0}))


def _negated(probe: Sql) -> Sql:
    if probe in (TRUE, FALSE):
        return FALSE if probe == TRUE else TRUE
    return concat("NOT (", probe, ")")


def _intersection(queries: Sequence[Sql]) -> Sql:
    parts: list[Sql | str] = []
    for query in queries:
        parts += [" INTERSECT " if parts else "", "SELECT g FROM (", query, ")"]
    return concat(*parts)


def _updated(node: LastUpdatedIs, r: str) -> Sql:
    low, high = node.low, node.high
    column = f"{r}.instant"
    # an instant has no width: the comparison bounds it directly, which lets the index be used
    match node.comparator:
        case "ge":
            return Sql(f"{column} >= ?", (min(low, high + 1),))
        case "le":
            return Sql(f"{column} <= ?", (max(high, low - 1),))
    return compare(node.comparator, low, high, column, column)


def _text(node: TextIs, head: str, tail: str) -> Sql:
    if not node.words:
        return TRUE
    words = " AND ".join('"{}"'.format(word.replace('"', '""')) for word in node.words)
    return concat(head, Sql("w.words MATCH ?", (f"{{{node.where}}} : ({words})",)), tail)
