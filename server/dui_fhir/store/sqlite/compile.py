# ruff: noqa: S608 - only numbers of the store's own dictionaries and fixed names are written into statements
"""Nodes compiled to probes: SQL that tests one candidate, known by the columns ``id`` and ``rid`` of an alias, in the cells of
that resource.

What lists candidates is in :mod:`dui_fhir.store.sqlite.sources`; which of them drives a search is decided by
:mod:`dui_fhir.store.sqlite.search`. Joins are written as ``CROSS JOIN`` so that SQLite keeps the order chosen here.
"""

from collections.abc import Iterable, Sequence
from itertools import count

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
from dui_fhir.store.prefix import prefix_end
from dui_fhir.store.sqlite.dictionary import Dictionary
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.rows import CellKind
from dui_fhir.store.sqlite.sql import FALSE, TRUE, Sql, all_of, among, any_of, concat, union
from dui_fhir.store.sqlite.values import (
    ValueNode,
    compare,
    tests,
)

VALUE_NODES = (TokenIs, StringIs, DateIs, NumberIs, QuantityIs, ReferenceIs, UriIs)
_NO_GROUP = Sql("SELECT 0 AS g WHERE 0")

KEYED_MAX = 8
"""Values of a prefix that are looked up by the id of a resource."""


class Scope:
    """Compilation for one type. ``t`` None: no resource of the type was ever written."""

    def __init__(self, connection: Connection, dictionary: Dictionary, type: str, root: "Scope | None" = None) -> None:
        self._connection = connection
        self._dictionary = dictionary
        self._aliases: count[int] = root._aliases if root is not None else count()
        self._lives: dict[str, int] = root._lives if root is not None else {}
        self.type = type
        self.t = dictionary.type(connection, type)

    def of(self, type: str) -> "Scope":
        """Return the scope of another type, for chains."""
        return Scope(self._connection, self._dictionary, type, self)

    def alias(self) -> str:
        """Return an alias not used yet."""
        return f"r{next(self._aliases)}"

    def live(self) -> int:
        """Return how many resources of the type there are."""
        found = self._lives.get(self.type)
        if found is None:
            row = self._connection.execute("SELECT live FROM type WHERE t = ?", (self.t,)).fetchone()
            found = self._lives[self.type] = row[0] if row else 0
        return found

    def param(self, param: str, kind: CellKind) -> int | None:
        """Return the number of a parameter of this type."""
        return None if self.t is None else self._dictionary.param(self._connection, self.t, param, kind)

    def type_number(self, name: str) -> int | None:
        """See :class:`dui_fhir.store.sqlite.values.Names`."""
        return self._dictionary.type(self._connection, name)

    def system_number(self, text: str) -> int | None:
        """See :class:`dui_fhir.store.sqlite.values.Names`."""
        return self._dictionary.system(self._connection, text)

    def values(self, p: int, first: str, end: str | None, most: int) -> list[str] | None:
        """Return the distinct values ``a`` of ``f_text`` with ``first`` ≤ a < ``end`` (None = no end); None where they are more
        than ``most``."""
        below = "" if end is None else " AND a < ?"
        arguments = [first, *[end] * (end is not None), *[end] * (end is not None)]
        found = self._connection.execute(
            f"WITH RECURSIVE d(x) AS (SELECT min(a) FROM f_text WHERE p = {p} AND a >= ?{below} UNION ALL SELECT"
            f" (SELECT min(a) FROM f_text WHERE p = {p} AND a > d.x{below}) FROM d WHERE d.x IS NOT NULL LIMIT {most + 2})"
            " SELECT x FROM d WHERE x IS NOT NULL",
            arguments,
        ).fetchall()
        return None if len(found) > most else [value for (value,) in found]

    def units(self, p: int, w: int, most: int) -> list[str] | None:
        """Return the distinct units ``c`` of a parameter and width class in ``f_range``; None where they are more than ``most``."""
        found = self._connection.execute(
            f"WITH RECURSIVE d(x) AS (SELECT min(c) FROM f_range WHERE p = {p} AND w = {w} UNION ALL SELECT"
            f" (SELECT min(c) FROM f_range WHERE p = {p} AND w = {w} AND c > d.x) FROM d WHERE d.x IS NOT NULL"
            f" LIMIT {most + 2}) SELECT x FROM d WHERE x IS NOT NULL"
        ).fetchall()
        return None if len(found) > most else [unit for (unit,) in found]

    def classes(self, p: int, most: int) -> set[int]:
        """Return the width classes of which ``f_range`` has a row, as numbers up to ``most``."""
        exists = f"EXISTS(SELECT 1 FROM f_range WHERE p = {p} AND w = "
        row = self._connection.execute("SELECT " + ", ".join(f"{exists}{w})" for w in range(most + 1))).fetchone()
        return {w for w, found in enumerate(row) if found}

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
                return concat(f"EXISTS(SELECT 1 FROM resource z WHERE z.rid = {r}.rid AND ", updated(node, "z"), ")")
            case TextIs():
                return _in_words(node, r)
            case Missing():
                return self._probe_missing(node, r)
        return self._exists(self.rows(node), r)

    def _probe_any(self, nodes: Sequence[Node], r: str) -> list[Sql]:
        """Alternatives on the same parameter share one look at the cells."""
        merged: dict[int, list[Sql]] = {}
        others: list[Sql] = []
        for node in nodes:
            if isinstance(node, VALUE_NODES):
                for p, condition in self.rows(node):
                    merged.setdefault(p, []).append(condition)
            else:
                others.append(self.probe(node, r))
        return [self._exists([(p, any_of(conditions))], r) for p, conditions in merged.items()] + others

    def rows(self, node: ValueNode, alias: str = "v") -> list[tuple[int, Sql]]:
        """Return parameter number and condition of the cells that satisfy a node about one value."""
        found = [(self.param(node.param, test.kind), test.condition) for test in tests(node, self)]
        return [(p, renamed(condition, alias)) for p, condition in found if p is not None]

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
        head = f"v.rid = {r}.rid AND v.p = {p} AND v.b = {target.t} AND "
        keyed, others = target.by_key(flatten(node.node), "v.a")
        if FALSE in keyed:
            return FALSE
        if keyed and not others:
            return concat("EXISTS(SELECT 1 FROM cell v WHERE ", head, all_of(keyed), ")")
        x = self.alias()
        inner = all_of(target.probe(other, x) for other in others)
        if inner == FALSE:
            return FALSE
        join = f"cell v CROSS JOIN resource {x} ON {x}.t = {target.t} AND {x}.id = v.a AND {x}.live"
        return concat(f"EXISTS(SELECT 1 FROM {join} WHERE {head}", all_of([*keyed, inner]), ")")

    def by_key(self, conjuncts: Sequence[Node], column: str) -> tuple[list[Sql], list[Node]]:
        """Return conditions on the id in ``column`` that say which current resources satisfy some of the conjuncts, and the
        others: a forward table answers without a look at the resource."""
        keyed: list[Sql] = []
        others: list[Node] = []
        for node in conjuncts:
            condition = self.keyed(node, column)
            if condition is None:
                others.append(node)
            else:
                keyed.append(condition)
        return keyed, others

    def keyed(self, node: Node, column: str) -> Sql | None:
        """Return the condition on an id that its resource satisfies a node, where a forward table tells it; else None."""
        y = self.alias()
        head = f"EXISTS(SELECT 1 FROM f_text {y} WHERE {y}.id = {column} AND {y}.p = "
        if isinstance(node, StringIs) and node.how == "starts":
            p = self.param(node.param, "string")
            values = None if p is None else self.values(p, node.value, prefix_end(node.value), KEYED_MAX)
            if p is None or values == []:
                return FALSE
            return None if values is None else concat(f"{head}{p} AND ", among(f"{y}.a", values), ")")
        if not (
            (isinstance(node, TokenIs) and node.code is not None)
            or (
                isinstance(node, ReferenceIs) and node.version is None and (node.id is not None or node.url is not None)
            )
            or (isinstance(node, UriIs) and node.how == "exact")
        ):
            return None
        return any_of(concat(f"{head}{p} AND ", condition, ")") for p, condition in self.rows(node, y))

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
        first = next((node for node in nodes if isinstance(node, VALUE_NODES)), None)
        if first is None:
            return concat("EXISTS(", _intersection([self._groups(node, r) for node in nodes]), ")")
        y = self.alias()
        others = all_of(self.in_group(node, y) for node in nodes if node is not first)
        return any_of(
            concat(
                f"EXISTS(SELECT 1 FROM cell {y} WHERE {y}.rid = {r}.rid AND {y}.p = {p} AND ",
                all_of([here, others]),
                ")",
            )
            for p, here in self.rows(first, y)
        )

    def in_group(self, node: Node, r: str) -> Sql:
        """Return the condition that a component of a composite is satisfied in the group ``g`` of the row ``r``."""
        if not isinstance(node, VALUE_NODES):
            return concat(f"{r}.g IN (", self._groups(node, r), ")")
        return any_of(
            concat(
                f"EXISTS(SELECT 1 FROM cell v WHERE v.rid = {r}.rid AND v.p = {p} AND v.g = {r}.g AND ", condition, ")"
            )
            for p, condition in self.rows(node)
        )

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
            for p, condition in self.rows(node)
        ]
        return union(rows) if rows else _NO_GROUP


def _negated(probe: Sql) -> Sql:
    if probe in (TRUE, FALSE):
        return FALSE if probe == TRUE else TRUE
    return concat("NOT (", probe, ")")


def _intersection(queries: Sequence[Sql]) -> Sql:
    parts: list[Sql | str] = []
    for query in queries:
        parts += [" INTERSECT " if parts else "", "SELECT g FROM (", query, ")"]
    return concat(*parts)


def updated(node: LastUpdatedIs, r: str) -> Sql:
    """Return the condition on the column ``instant`` of an alias."""
    low, high = node.low, node.high
    column = f"{r}.instant"
    # an instant has no width: the comparison bounds it directly, which lets the index be used
    match node.comparator:
        case "ge":
            return Sql(f"{column} >= ?", (min(low, high + 1),))
        case "le":
            return Sql(f"{column} <= ?", (max(high, low - 1),))
    return compare(node.comparator, low, high, column, column)


def text_match(node: TextIs) -> Sql:
    """Return the condition on the full-text table ``w``; there is at least one word."""
    words = " AND ".join('"{}"'.format(word.replace('"', '""')) for word in node.words)
    return Sql("w.words MATCH ?", (f"{{{node.where}}} : ({words})",))


def _in_words(node: TextIs, r: str) -> Sql:
    if not node.words:
        return TRUE
    return concat(f"{r}.rid IN (SELECT w.rowid FROM words w WHERE ", text_match(node), ")")


def renamed(condition: Sql, alias: str) -> Sql:
    """Return a condition on rows ``v`` as one on rows of another alias."""
    return condition if alias == "v" else Sql(condition.text.replace("v.", f"{alias}."), condition.args)


def flatten(node: Node) -> tuple[Node, ...]:
    """Return the conjuncts of a node."""
    if isinstance(node, AllOf):
        return tuple(inner for child in node.nodes for inner in flatten(child))
    return (node,)
