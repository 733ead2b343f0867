# ruff: noqa: S608 - only numbers of the store's own dictionaries and fixed names are written into statements
"""Searches of one tenant: which source leads, in what order, from where on.

A source with few candidates is *gathered*: all of them are tested, then sorted. Where every source has many, the search
*walks*: it reads an index that is already in the order asked for and stops when the page is full. "Many" is where walking
becomes cheaper, if conditions are independent: about the square root of page size times resources.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import Any, TypeAlias

from dui_fhir.domain.query import AllOf, Chain, Cursor, Has, Node, Query, SortKey
from dui_fhir.search.match import compare
from dui_fhir.store.sqlite.compile import Lead, Scope, Source
from dui_fhir.store.sqlite.dictionary import Dictionary
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.rows import CellKind
from dui_fhir.store.sqlite.sql import FALSE, TRUE, Sql, all_of, any_of, concat, union

GATHERED_MIN = 1000
DEPTHS = (1, 16, 256)
"""Multiples of the limit up to which sources are counted, one after the other, to find the smallest."""

Hit: TypeAlias = tuple[Cursor, int]
"""Position in the order, and number of the resource."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """``query`` lists ``id, rid`` (perhaps twice) of resources that satisfy the conjuncts in ``satisfied``."""

    query: Sql
    satisfied: frozenset[int]
    ordered: Sql | None = None
    few: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    """A sort key compiled: ``value`` is an expression over the candidate ``q``; None = no resource has one."""

    sort: SortKey
    value: Sql | None
    p: int | None = None
    kind: CellKind | None = None


class TypeSearch:
    """The search of a query among the resources of one type."""

    def __init__(self, connection: Connection, dictionary: Dictionary, type: str, query: Query) -> None:
        self._connection = connection
        self._query = query
        self._scope = Scope(connection, dictionary, type)
        self._conjuncts = flatten(query.where)
        self._live = self._scope.live()
        self._few = max(GATHERED_MIN, int((query.limit * self._live) ** 0.5))

    def count(self) -> int:
        """Return how many resources match."""
        everything = self._probes("q", frozenset())
        if self._live == 0 or everything == FALSE:
            return 0
        if everything == TRUE:
            return self._live
        found = self._smallest(self._scope, self._conjuncts, DEPTHS)
        if found is None:
            head = f"SELECT count(*) FROM resource q WHERE q.t = {self._scope.t} AND q.live AND "
            return self._one(concat(head, everything))
        probes = self._probes("q", found.satisfied)
        return self._one(
            concat("SELECT count(*) FROM (SELECT DISTINCT id, rid FROM (", found.query, ")) q WHERE ", probes)
        )

    def hits(self, limit: int) -> list[Hit]:
        """Return the first ``limit`` hits after the cursor, in order."""
        if self._live == 0 or self._probes("q", frozenset()) == FALSE:
            return []
        keys = [self._key(sort) for sort in self._query.sort]
        found = self._smallest(self._scope, self._conjuncts, DEPTHS[:1])
        if found is not None and found.few:
            return self._gather(found, keys, limit)
        if not keys:
            return self._walk_by_id(found, limit)
        return self._walk_by_key(keys, limit)

    # what leads

    def _smallest(self, scope: Scope, conjuncts: Sequence[Node], depths: Sequence[int]) -> Candidates | None:
        """Return the smallest source; where all are larger than the last depth, one that is in order, or any."""
        known = [c for lead, satisfied in scope.leads(conjuncts) if (c := self._candidates(scope, lead, satisfied))]
        for depth in depths:
            best: tuple[int, Candidates] | None = None
            limit = self._few * depth
            for candidates in known:
                counted = self._count_up_to(candidates.query, limit)
                if counted < limit and (best is None or counted < best[0]):
                    best = counted, candidates
                    limit = counted + 1
                if counted == 0:
                    break
            if best is not None:
                return replace(best[1], few=depth == 1)
        return next((c for c in known if c.ordered is not None), known[0] if known else None)

    def _candidates(self, scope: Scope, lead: Lead, satisfied: frozenset[int]) -> Candidates | None:
        if isinstance(lead, Source):
            return Candidates(query=lead.query, satisfied=satisfied, ordered=lead.ordered)
        query = self._chained(scope, lead) if isinstance(lead, Chain) else self._referring(scope, lead)
        return None if query is None else Candidates(query=query, satisfied=satisfied)

    def _chained(self, scope: Scope, node: Chain) -> Sql | None:
        p = scope.param(node.param, "reference")
        queries: list[Sql] = []
        for type in node.types:
            target = scope.of(type)
            if p is None or target.t is None:
                continue
            inner = self._few_inside(target, node.node)
            if inner is None:
                return None
            head = f") x CROSS JOIN f_text v ON v.p = {p} AND v.a = x.id AND v.b = {target.t}"
            queries.append(concat("SELECT v.id, v.rid FROM (", inner, head))
        return union(queries) if queries else Sql("SELECT id, rid FROM resource WHERE 0")

    def _referring(self, scope: Scope, node: Has) -> Sql | None:
        source = scope.of(node.type)
        p = source.param(node.param, "reference")
        if p is None or source.t is None:
            return Sql("SELECT id, rid FROM resource WHERE 0")
        inner = self._few_inside(source, node.node)
        if inner is None:
            return None
        join = (
            f") x CROSS JOIN cell v ON v.rid = x.rid AND v.p = {p} AND v.b = {scope.t}"
            f" CROSS JOIN resource q ON q.t = {scope.t} AND q.id = v.a AND q.live"
        )
        return concat("SELECT q.id, q.rid FROM (", inner, join)

    def _few_inside(self, scope: Scope, node: Node) -> Sql | None:
        """Return the query of the resources inside a chain, None where there are too many to start from."""
        conjuncts = flatten(node)
        found = self._smallest(scope, conjuncts, DEPTHS[:1])
        if found is None or not found.few:
            return None
        probes = all_of(scope.probe(n, "q") for i, n in enumerate(conjuncts) if i not in found.satisfied)
        return concat("SELECT DISTINCT q.id, q.rid FROM (", found.query, ") q WHERE ", probes)

    def _count_up_to(self, query: Sql, limit: int) -> int:
        return self._one(concat("SELECT count(*) FROM (SELECT 1 FROM (", query, Sql(") LIMIT ?)", (limit,))))

    # ways to the page

    def _gather(self, found: Candidates, keys: Sequence[_Key], limit: int) -> list[Hit]:
        candidates = concat("(SELECT DISTINCT id, rid FROM (", found.query, ")) q")
        return self._sorted(candidates, self._probes("q", found.satisfied), keys, limit)

    def _sorted(self, candidates: Sql, where: Sql, keys: Sequence[_Key], limit: int) -> list[Hit]:
        columns = [concat(", ", key.value or "NULL", f" AS k{i}") for i, key in enumerate(keys)]
        inner = concat("SELECT q.id AS id, q.rid AS rid", *columns, " FROM ", candidates, " WHERE ", where)
        order = "".join(f"k{i} IS NULL, k{i}{' DESC' * key.sort.descending}, " for i, key in enumerate(keys))
        names = "".join(f", k{i}" for i in range(len(keys)))
        text = concat(
            f"SELECT id, rid{names} FROM (", inner, ") WHERE ", self._after(keys), f" ORDER BY {order}id LIMIT {limit}"
        )
        return self._hits(text)

    def _walk_by_id(self, found: Candidates | None, limit: int) -> list[Hit]:
        everything = Sql(f"resource q WHERE q.t = {self._scope.t} AND q.live")
        ordered = found.ordered if found is not None else None
        satisfied = found.satisfied if found is not None and ordered is not None else frozenset()
        parts: list[Sql | str] = ["SELECT DISTINCT q.id, q.rid FROM ", ordered or everything, " AND "]
        parts += [self._probes("q", satisfied), " AND ", self._id_after("q.id"), f" ORDER BY q.id LIMIT {limit}"]
        return self._hits(concat(*parts))

    def _walk_by_key(self, keys: Sequence[_Key], limit: int) -> list[Hit]:
        first = keys[0]
        started = self._query.after is not None
        position = self._query.after[0] if self._query.after is not None else None
        everything = f"resource q WHERE q.t = {self._scope.t} AND q.live"
        if first.value is None or (first.kind is None and first.p is not None) or first.kind in ("number", "order"):
            return self._sorted(Sql(f"(SELECT q.* FROM {everything}) q"), self._probes("q", frozenset()), keys, limit)
        hits: list[Hit] = []
        if not started or position is not None:
            hits = self._hits(self._ordered_walk(first, keys, position, limit))
        if len(hits) < limit and first.p is not None:
            # those without a value come last, in the order of the other keys
            absent = Sql(f"NOT EXISTS(SELECT 1 FROM cell v WHERE v.rid = q.rid AND v.p = {first.p})")
            where = all_of([self._probes("q", frozenset()), absent])
            rest = [replace(first, value=None), *keys[1:]]
            hits += self._sorted(Sql(f"(SELECT q.* FROM {everything}) q"), where, rest, limit - len(hits))
        return hits

    def _ordered_walk(self, first: _Key, keys: Sequence[_Key], position: Any, limit: int) -> Sql:
        table, column, value = self._index(first)
        down = first.sort.descending and not table.startswith("f_order")
        parts = [self._probes("q", frozenset())]
        if position is not None:
            bound = -position if table.startswith("f_order") and first.sort.descending else position
            parts.append(Sql(f"{column} {'<=' if down else '>='} ?", (bound,)))
        columns = [concat(", ", k.value or "NULL", f" AS k{i}") for i, k in enumerate(keys) if i > 0]
        order = "".join(f"k{i} IS NULL, k{i}{' DESC' * k.sort.descending}, " for i, k in enumerate(keys) if i > 0)
        distinct = "DISTINCT " * table.startswith("f_text")
        parts.append(self._after(keys, first=value, id="q.id"))
        tail = f" ORDER BY {column}{' DESC' * down}, {order}q.id LIMIT {limit}"
        head = f"SELECT {distinct}q.id AS id, q.rid AS rid, {value} AS k0"
        return concat(head, *columns, f" FROM {table} AND ", all_of(parts), tail)

    def _index(self, key: _Key) -> tuple[str, str, str]:
        """Return the table to walk with its condition, the column that orders it, and the key's value."""
        t, p = self._scope.t, key.p
        if key.sort.param == "_id":
            return f"resource q WHERE q.t = {t} AND q.live", "q.id", "q.id"
        if key.sort.param == "_lastUpdated":
            return f"resource q INDEXED BY resource_updated WHERE q.t = {t} AND q.live", "q.instant", "q.instant"
        if key.kind == "date":
            down = key.sort.descending
            return f"f_order q WHERE q.p = {p} AND q.d = {int(down)}", "q.k", "-q.k" if down else "q.k"
        table = f"f_text q WHERE q.p = {p}"
        if p is not None and self._scope.is_multi(p):
            better = ">" if key.sort.descending else "<"
            table += f" AND NOT EXISTS(SELECT 1 FROM cell v WHERE v.rid = q.rid AND v.p = {p} AND v.a {better} q.a)"
        return table, "q.a", "q.a"

    # order and position

    def _key(self, sort: SortKey) -> _Key:
        if sort.param == "_id":
            return _Key(sort, Sql("q.id"))
        if sort.param == "_lastUpdated":
            return _Key(sort, Sql("(SELECT z.instant FROM resource z WHERE z.rid = q.rid)"))
        kind: CellKind = "order" if sort.kind == "quantity" else sort.kind
        p = self._scope.param(sort.param, kind)
        if p is None:
            return _Key(sort, None)
        column = "b" if sort.descending and kind in ("date", "number", "order") else "a"
        value = f"v.{column}"
        if kind == "reference":
            value = "CASE v.b WHEN 0 THEN v.a ELSE (SELECT y.name FROM type y WHERE y.t = v.b) || '/' || v.a END"
        best = "max" if sort.descending else "min"
        expression = Sql(f"(SELECT {best}({value}) FROM cell v WHERE v.rid = q.rid AND v.p = {p})")
        return _Key(sort, expression, p, None if kind == "reference" else kind)

    def _after(self, keys: Sequence[_Key], *, first: str = "k0", id: str = "id") -> Sql:
        """Return the condition that a hit comes after the cursor; keys are named as they are selected."""
        if self._query.after is None:
            return TRUE
        condition = self._id_after(id)
        for i in range(len(keys) - 1, -1, -1):
            name, position = first if i == 0 else f"k{i}", self._query.after[i]
            same = concat(Sql(f"({name} IS ? AND ", (position,)), condition, ")")
            better = "<" if keys[i].sort.descending else ">"
            beyond = [] if position is None else [Sql(f"{name} {better} ?", (position,)), Sql(f"{name} IS NULL")]
            condition = any_of([*beyond, same])
        return condition

    def _id_after(self, column: str) -> Sql:
        if self._query.after is None:
            return TRUE
        type, id = self._query.after[-2:]
        if self._scope.type != type:
            return TRUE if self._scope.type > str(type) else FALSE
        return Sql(f"{column} > ?", (id,))

    # running

    def _probes(self, r: str, satisfied: frozenset[int]) -> Sql:
        return all_of(self._scope.probe(node, r) for i, node in enumerate(self._conjuncts) if i not in satisfied)

    def _hits(self, sql: Sql) -> list[Hit]:
        rows = self._connection.execute(*sql).fetchall()
        return [((*row[2:], self._scope.type, row[0]), row[1]) for row in rows]

    def _one(self, sql: Sql) -> int:
        found: int = self._connection.execute(*sql).fetchone()[0]
        return found


def flatten(node: Node) -> tuple[Node, ...]:
    """Return the conjuncts of a node."""
    if isinstance(node, AllOf):
        return tuple(inner for child in node.nodes for inner in flatten(child))
    return (node,)


def _by_cursor(sort: Sequence[SortKey]) -> Callable[[Hit, Hit], int]:
    return lambda left, right: compare(left[0], right[0], sort)


def merged(found: Iterable[Hit], sort: Sequence[SortKey]) -> list[Hit]:
    """Return hits of several types in the order of the query."""
    return sorted(found, key=cmp_to_key(_by_cursor(sort)))
