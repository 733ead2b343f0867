# ruff: noqa: S608 - only numbers of the store's own dictionaries and fixed names are written into statements
"""Searches of one tenant: which source leads, in what order, from where on.

Without ``_sort`` the order is that of ids. A source *in order* is walked until the page is full; another is *gathered*: all
its candidates are sorted, and tested until the page is full. What each way costs is foreseen from the sizes of the sources,
counted up to a limit, as if conditions were independent; a wrong foresight costs time, never an answer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, cmp_to_key
from typing import Any, TypeAlias

from dui_fhir.domain.query import AllOf, AnyOf, Chain, Cursor, Has, Node, Not, Query, SameGroup, SortKey
from dui_fhir.search.match import compare
from dui_fhir.store.sqlite.compile import Scope, flatten
from dui_fhir.store.sqlite.dictionary import Dictionary
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.rows import CellKind
from dui_fhir.store.sqlite.sources import STREAMS_MAX, Part, Source, everything, sources
from dui_fhir.store.sqlite.sql import FALSE, TRUE, Sql, all_of, any_of, concat, union

DEPTHS = (256, 4096, 16_384)
"""Rows up to which sources are counted, one after the other, until one of them is smaller."""
WALKED_US, GATHERED_US, SORTED_US, PROBE_US, KEY_US = 0.1, 0.1, 0.3, 0.5, 1.0
"""Microseconds: a row read in order, one read and compared with the page so far, one sorted, one tested, the value of a sort
key. Measured on warm pages; only their ratios matter."""
SAMPLED = 10_000
"""Candidates that are tested for a total, where an estimate will do."""
UNTESTED = 10
"""So many times more of them are counted where there is nothing to test."""
ALL = 1 << 62
UNKNOWN_SHARE = 0.5
"""Of resources that satisfy a node about which nothing can be counted."""

Hit: TypeAlias = tuple[Cursor, int]
"""Position in the order, and number of the resource."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lead:
    """A source with the number of its rows (``size``, at least), and what it costs to have them beyond reading them."""

    source: Source
    size: int
    known: bool
    cost_us: float = 0.0
    shares: float | None = None
    """Share of the type that satisfies its node, where that is not ``size``."""
    about: frozenset[int] | None = None
    """The conjuncts that this share is about, where the source satisfies more."""
    passing: float = 1.0
    """Share of the rows that hold the condition ``extra`` of the source."""
    extra_us: float = 0.0


@dataclass(frozen=True, slots=True)
class _Key:
    """A sort key compiled: ``value`` is an expression over the candidate ``q``; None = no resource has one."""

    sort: SortKey
    value: Sql | None
    p: int | None = None
    kind: CellKind | None = None


class Leads:
    """What may lead to the resources of one type that satisfy all conjuncts.

    ``paged``: a page in the order of ids is wanted; where one source gives it without a test, nothing is counted.
    """

    def __init__(
        self,
        connection: Connection,
        dictionary: Dictionary,
        scope: Scope,
        conjuncts: Sequence[Node],
        *,
        paged: bool = False,
    ) -> None:
        self._connection, self._dictionary = connection, dictionary
        self._scope, self.conjuncts = scope, conjuncts
        self.live = scope.live()
        found = sources(scope, conjuncts)
        if paged and len(found) == 1 and found[0].by_id and found[0].whole(len(conjuncts)):
            self.found = [Lead(source=found[0], size=self.live, known=False)]
            return
        self.found = self._related(self._sized(found))
        for position, node in enumerate(conjuncts):
            lead = self._linked(node, frozenset({position}))
            if lead is not None:
                self.found.append(lead)

    def probes(self, source: Source, r: str = "q") -> Sql:
        """Return the test of what a source does not make true."""
        return all_of(self._scope.probe(node, r) for i, node in enumerate(self.conjuncts) if i not in source.satisfies)

    def share(self, satisfied: frozenset[int] = frozenset()) -> float:
        """Return about what part of the type satisfies the other conjuncts."""
        share, left = 1.0, set(range(len(self.conjuncts))) - satisfied
        for positions, part in self._shares.items():
            if positions <= left:
                share, left = share * part, left - positions
        return share * UNKNOWN_SHARE ** len(left)

    @cached_property
    def _shares(self) -> dict[frozenset[int], float]:
        """The share of the type that satisfies conjuncts, for those some lead satisfies; several at once come first."""
        found: dict[frozenset[int], float] = {}
        for lead in sorted(self.found, key=lambda lead: -len(lead.source.satisfies)):
            about = lead.source.satisfies if lead.about is None else lead.about
            if about:
                own = lead.size / lead.source.repeats / max(1, self.live) if lead.shares is None else lead.shares
                found[about] = min(1.0, own, found.get(about, 1.0))
        return found

    def probe_us(self, satisfied: frozenset[int] = frozenset()) -> float:
        """Return about what it costs to test the other conjuncts on one candidate."""
        return sum(self._cost(node, self._scope) for i, node in enumerate(self.conjuncts) if i not in satisfied)

    def tested(self, lead: Lead, limit: float) -> float:
        """Return about how many rows of a lead are tested before ``limit`` of them pass."""
        share = lead.passing * self.share(lead.source.satisfies)
        return min(float(lead.size), limit / max(share, 1e-9))

    def tested_us(self, lead: Lead) -> float:
        """Return about what it costs to test a row of a lead."""
        return lead.extra_us + self.probe_us(lead.source.satisfies)

    def smallest(self) -> Lead | None:
        """Return the lead from which all candidates are had at the least cost."""
        return min(self.found, key=self.gathered_us, default=None)

    def gathered_us(self, lead: Lead) -> float:
        """Return what it costs to have all candidates of a lead, tested."""
        return lead.cost_us + lead.size * (GATHERED_US + self.tested_us(lead))

    def _cost(self, node: Node, scope: Scope) -> float:
        match node:
            case Not(child):
                return self._cost(child, scope)
            case AllOf(nodes) | AnyOf(nodes):
                return sum(self._cost(child, scope) for child in nodes)
            case SameGroup(nodes):
                return PROBE_US * (1 + len(nodes))
            case Chain(types=types, node=child):
                return sum(PROBE_US + self._cost(child, scope.of(type)) for type in types)
            case Has(type=type, node=child):
                source = scope.of(type)
                return max(1.0, source.live() / max(1, scope.live())) * (PROBE_US + self._cost(child, source))
        return PROBE_US

    # sizes

    def _sized(self, found: list[Source]) -> list[Lead]:
        """Count until one source is known to be small; of the others it is known that they are larger."""
        leads = [Lead(source=source, size=0, known=not source.parts) for source in found]
        for depth in DEPTHS:
            leads = [lead if lead.known else self._counted(lead.source, depth) for lead in leads]
            if any(lead.known for lead in leads):
                break
        return leads

    def _counted(self, source: Source, depth: int) -> Lead:
        size = self._dictionary.sizes.get(source.parts, depth)
        if size is None:
            query = concat("SELECT count(*) FROM (", _rows(source, "1"), f" LIMIT {depth})")
            size = self._connection.execute(*query).fetchone()[0]
            self._dictionary.sizes.put(source.parts, depth, size)
        return Lead(source=source, size=size, known=size < depth)

    def _related(self, leads: list[Lead]) -> list[Lead]:
        """Of the leads of one composite, the smallest tells how many rows of the others pass."""
        least: dict[frozenset[int], float] = {}
        for lead in leads:
            if lead.source.extra != TRUE:
                satisfied, size = lead.source.satisfies, lead.size / lead.source.repeats
                least[satisfied] = min(least.get(satisfied, size), size)
        return [
            lead
            if lead.source.extra == TRUE
            else replace(
                lead,
                passing=min(1.0, lead.source.repeats * least[lead.source.satisfies] / max(1, lead.size)),
                shares=least[lead.source.satisfies] / max(1, self.live),
                extra_us=PROBE_US * lead.source.extra.text.count("EXISTS"),
            )
            for lead in leads
        ]

    # links to other types

    def _linked(self, node: Node, mine: frozenset[int]) -> Lead | None:
        if isinstance(node, Chain):
            return self._chained(node, mine)
        return self._referring(node, mine) if isinstance(node, Has) else None

    def _chained(self, node: Chain, mine: frozenset[int]) -> Lead | None:
        p, parts, size, shares, cost_us = self._scope.param(node.param, "reference"), [], 0.0, 0.0, 0.0
        for type in node.types:
            target = self._scope.of(type)
            if p is None or target.t is None:
                continue
            inner = self._inside(target, node.node)
            if inner is None:
                return None
            query, found, inner_us = inner
            tables = concat("(", query, f") x CROSS JOIN f_text q ON q.p = {p} AND q.a = x.id AND q.b = {target.t}")
            parts.append(Part(tables=tables))
            spread = max(1.0, self.live / max(1, target.live()))
            size, shares = size + found * spread, shares + found / max(1, target.live())
            cost_us += inner_us + found * PROBE_US
        source = Source(parts=tuple(parts), satisfies=mine)
        return Lead(source=source, size=int(size), known=True, cost_us=cost_us, shares=min(1.0, shares))

    def _referring(self, node: Has, mine: frozenset[int]) -> Lead | None:
        target = self._scope.of(node.type)
        p = target.param(node.param, "reference")
        if p is None or target.t is None:
            return Lead(source=Source(parts=(), satisfies=mine), size=0, known=True)
        inner = self._inside(target, node.node)
        if inner is None:
            return None
        query, found, inner_us = inner
        t = self._scope.t
        tables = concat(
            "(", query, f") x CROSS JOIN cell v ON v.rid = x.rid AND v.p = {p} AND v.b = {t}"
            f" CROSS JOIN resource q ON q.t = {t} AND q.id = v.a AND q.live",
        )  # fmt: skip
        keyed, share = self._by_key(mine, "v.a")
        matching = found * share
        return Lead(
            source=Source(
                parts=(Part(tables=tables, where=all_of(keyed.values())),), satisfies=frozenset({*mine, *keyed})
            ),
            size=int(matching),
            known=True,
            cost_us=inner_us + (1 + len(keyed)) * found * PROBE_US + matching * PROBE_US,
            shares=min(1.0, found / max(1, self.live)),
            about=mine,
        )

    def _by_key(self, mine: frozenset[int], column: str) -> tuple[dict[int, Sql], float]:
        """Return the other conjuncts that an id answers to before its resource is read, and the share they let through."""
        conditions = {
            i: condition
            for i, node in enumerate(self.conjuncts)
            if i not in mine and (condition := self._scope.keyed(node, column)) is not None
        }
        share = 1.0
        for position in conditions:
            sizes = [lead.size for lead in self.found if lead.source.satisfies == {position}]
            share *= min([1.0, *(size / max(1, self.live) for size in sizes)])
        return conditions, share

    def _inside(self, scope: Scope, node: Node) -> tuple[Sql, float, float] | None:
        """Return the query of the resources inside a chain, about how many there are, and what the query costs; None where there
        are too many to start from."""
        inner = Leads(self._connection, self._dictionary, scope, flatten(node))
        best = inner.smallest()
        if best is None or not best.known:
            return None
        found = best.size / best.source.repeats * best.passing * inner.share(best.source.satisfies)
        tested = all_of([best.source.extra, inner.probes(best.source)])
        if len(best.source.parts) == 1:
            query = _part(best.source.parts[0], "q.id, q.rid", tested)
        else:
            # rows that tell the same are tested once
            columns = "q.id, q.rid, q.g" if best.source.extra != TRUE else "q.id, q.rid"
            rows = _rows(best.source, columns)
            query = concat("SELECT q.id, q.rid FROM (SELECT DISTINCT * FROM (", rows, ")) q WHERE ", tested)
        return query, found, inner.gathered_us(best)


def _part(part: Part, columns: str, where: Sql) -> Sql:
    return concat(f"SELECT {columns} FROM ", part.tables, " WHERE ", all_of([part.where, where]))


def _rows(source: Source, columns: str, where: Sql = TRUE) -> Sql:
    """Return all rows of a source."""
    if not source.parts:
        return Sql(f"SELECT {columns} FROM resource q WHERE 0")
    return union([_part(part, columns, where) for part in source.parts])


class TypeSearch:
    """The search of a query among the resources of one type."""

    def __init__(self, connection: Connection, dictionary: Dictionary, type: str, query: Query) -> None:
        self._connection = connection
        self._dictionary = dictionary
        self._query = query
        self._scope = Scope(connection, dictionary, type)
        self._conjuncts = flatten(query.where)
        self._live = self._scope.live()
        self._tested: Sql | None = None

    def count(self) -> int:
        """Return how many resources match."""
        if self._live == 0 or not self._conjuncts:
            return self._live
        leads = Leads(self._connection, self._dictionary, self._scope, self._conjuncts)
        return self._one(concat("SELECT count(*) FROM (", self._matching(leads), ")"))

    def about(self) -> tuple[int, bool]:
        """Return how many resources match, and True where that is exact: where there are few candidates, or nothing to test.

        Otherwise the first candidates are tested, and tell for all of them.
        """
        if self._live == 0 or not self._conjuncts:
            return self._live, True
        leads = Leads(self._connection, self._dictionary, self._scope, self._conjuncts)
        source = self._all_from(leads)
        columns = "q.id, q.rid" + ", q.g" * (source.extra != TRUE)
        tested = all_of([source.extra, leads.probes(source)])
        most = SAMPLED * (UNTESTED if tested == TRUE else 1)
        sample = concat("SELECT * FROM (", _rows(source, columns), f") LIMIT {most}")
        matching = self._one(concat("SELECT count(DISTINCT q.rid) FROM (", sample, ") q WHERE ", tested))
        if self._one(concat("SELECT count(*) FROM (", sample, ")")) < most:
            return matching, True
        return _rounded(matching * self._size(source) / most), False

    def _size(self, source: Source) -> int:
        """Return how many rows a source has, lately."""
        if source.parts and source.parts[0].tables.text == "resource q" and not source.satisfies:
            return self._live
        size = self._dictionary.sizes.get(source.parts, ALL)
        if size is None:
            size = self._one(concat("SELECT count(*) FROM (", _rows(source, "1"), ")"))
            self._dictionary.sizes.put(source.parts, ALL, size)
        return size

    def _matching(self, leads: Leads) -> Sql:
        """Return the query of the ids that match, each once."""
        source = self._all_from(leads)
        tested = all_of([source.extra, leads.probes(source)])
        if len(source.parts) == 1:
            return _part(source.parts[0], "DISTINCT q.id", tested)
        columns = "q.id, q.rid" + ", q.g" * (source.extra != TRUE)
        return concat("SELECT DISTINCT q.id FROM (", _rows(source, columns), ") q WHERE ", tested)

    def _all_from(self, leads: Leads) -> Source:
        """Return what all matches are best found from."""
        best = leads.smallest()
        if best is None or not (best.known or best.source.satisfies == frozenset(range(len(self._conjuncts)))):
            return self._everything().source
        return best.source

    def _everything(self) -> Lead:
        return Lead(source=everything(self._scope), size=self._live, known=True)

    def hits(self, limit: int) -> list[Hit]:
        """Return the first ``limit`` hits after the cursor, in order."""
        if self._live == 0:
            return []
        if self._query.sort:
            return self._sorted_hits(limit)
        leads = Leads(self._connection, self._dictionary, self._scope, self._conjuncts, paged=True)
        chosen = min([*leads.found, self._everything()], key=lambda lead: self._page_us(leads, lead, limit))
        # where several rows tell the same, a page of rows is a part of a page
        rows = limit * chosen.source.repeats
        return self._distinct(lambda after: self._page(leads, chosen, after, rows), limit, rows)

    # in the order of ids

    def _page_us(self, leads: Leads, lead: Lead, limit: int) -> float:
        """Return about what a page costs from a lead, in order or not."""
        rows = leads.tested(lead, limit)
        if lead.source.by_id:
            return lead.cost_us + rows * (WALKED_US + leads.tested_us(lead))
        return lead.cost_us + lead.size * GATHERED_US + self._sifted_us(leads, lead, limit)

    def _sifted_us(self, leads: Leads, lead: Lead, limit: int) -> float:
        """Return what it costs to test candidates: all of them, or sorted ones until the page is full."""
        each = leads.tested_us(lead)
        return min(lead.size * each, lead.size * SORTED_US + leads.tested(lead, limit) * each)

    def _page(self, leads: Leads, lead: Lead, after: Cursor | None, limit: int) -> list[Hit]:
        source = lead.source
        if not source.parts:
            return []
        tested = all_of([source.extra, leads.probes(source)])
        if tested == FALSE:
            return []
        beyond = self._id_after("q.id", after)
        if source.by_id:
            rows = _rows(source, "q.id AS id, q.rid AS rid", all_of([tested, beyond]))
            return self._hits(concat(rows, f" ORDER BY {'q.id' if len(source.parts) == 1 else '1'} LIMIT {limit}"))
        if tested == TRUE and len(source.parts) <= STREAMS_MAX:
            return self._from_each(source.parts, beyond, limit)
        columns = "q.id AS id, q.rid AS rid" + ", q.g AS g" * (source.extra != TRUE)
        # a limit keeps the query inside as it is: sorted once, not term by term
        rows = concat(_rows(source, columns, beyond), " LIMIT -1")
        if tested == TRUE:
            return self._hits(concat("SELECT id, rid FROM (", rows, f") ORDER BY id LIMIT {limit}"))
        if self._sifted_us(leads, lead, limit) >= lead.size * leads.tested_us(lead):
            head = concat("SELECT q.id, q.rid FROM (", rows, ") q WHERE ", tested)
            return self._hits(concat(head, f" ORDER BY q.id LIMIT {limit}"))
        # the query inside is sorted, and this one stops when it has enough
        head = concat("SELECT q.id, q.rid FROM (SELECT * FROM (", rows, ") ORDER BY id LIMIT -1) q WHERE ", tested)
        return self._hits(concat(head, f" LIMIT {limit}"))

    def _from_each(self, parts: Sequence[Part], beyond: Sql, limit: int) -> list[Hit]:
        """Return the first rows of all parts, merged, up to where one of them was cut: at least ``limit`` where one was."""
        pages = [
            self._hits(concat(_part(part, "q.id, q.rid", beyond), f" ORDER BY q.id LIMIT {limit}")) for part in parts
        ]
        hits = sorted((hit for page in pages for hit in page), key=lambda hit: hit[0])
        cut = min((page[-1][0] for page in pages if len(page) == limit), default=None)
        return hits if cut is None else [hit for hit in hits if hit[0] <= cut]

    def _distinct(self, page: Callable[[Cursor | None], list[Hit]], limit: int, rows: int) -> list[Hit]:
        """Return a page without what several rows found; where these filled it, go on after them."""
        found: dict[int, Hit] = {}
        after = self._query.after
        while True:
            hits = page(after)
            for hit in hits:
                found.setdefault(hit[1], hit)
            if len(hits) < rows or len(found) >= limit:
                return list(found.values())[:limit]
            after = hits[-1][0]

    # in another order

    def _sorted_hits(self, limit: int) -> list[Hit]:
        keys = [self._key(sort) for sort in self._query.sort]
        leads = Leads(self._connection, self._dictionary, self._scope, self._conjuncts)
        best = min([*leads.found, self._everything()], key=lambda lead: self._sorted_us(leads, lead, len(keys)))
        walked_us = min(self._live, limit / max(leads.share(), 1e-9)) * (WALKED_US + leads.probe_us())
        if self._walkable(keys[0]) and walked_us < self._sorted_us(leads, best, len(keys)):
            return self._walk_by_key(keys, limit)
        source = best.source
        if not source.parts:
            return []
        columns = "q.id AS id, q.rid AS rid" + ", q.g AS g" * (source.extra != TRUE)
        candidates = concat("(SELECT DISTINCT * FROM (", _rows(source, columns), ")) q")
        if len(source.parts) == 1 and source.parts[0].tables.text == "resource q":
            candidates = concat("(", _rows(source, columns), ") q")
        return self._sorted(candidates, all_of([source.extra, leads.probes(source)]), keys, limit)

    def _sorted_us(self, leads: Leads, lead: Lead, keys: int) -> float:
        matching = lead.size * lead.passing * leads.share(lead.source.satisfies)
        return leads.gathered_us(lead) + lead.size * SORTED_US + matching * KEY_US * keys

    def _walkable(self, first: _Key) -> bool:
        """Tell whether an index has the order of the first key."""
        if first.value is None or first.kind in ("number", "order"):
            return False
        return first.kind is not None or first.p is None

    def _sorted(self, candidates: Sql, where: Sql, keys: Sequence[_Key], limit: int) -> list[Hit]:
        columns = [concat(", ", key.value or "NULL", f" AS k{i}") for i, key in enumerate(keys)]
        inner = concat("SELECT q.id AS id, q.rid AS rid", *columns, " FROM ", candidates, " WHERE ", where)
        order = "".join(f"k{i} IS NULL, k{i}{' DESC' * key.sort.descending}, " for i, key in enumerate(keys))
        names = "".join(f", k{i}" for i in range(len(keys)))
        text = concat(
            f"SELECT id, rid{names} FROM (", inner, ") WHERE ", self._after(keys), f" ORDER BY {order}id LIMIT {limit}"
        )
        return self._hits(text)

    def _walk_by_key(self, keys: Sequence[_Key], limit: int) -> list[Hit]:
        first = keys[0]
        started = self._query.after is not None
        position = self._query.after[0] if self._query.after is not None else None
        everything = f"resource q WHERE q.t = {self._scope.t} AND q.live"
        hits: list[Hit] = []
        if not started or position is not None:
            hits = self._hits(self._ordered_walk(first, keys, position, limit))
        if len(hits) < limit and first.p is not None:
            # those without a value come last, in the order of the other keys
            absent = Sql(f"NOT EXISTS(SELECT 1 FROM cell v WHERE v.rid = q.rid AND v.p = {first.p})")
            where = all_of([self._probes(), absent])
            rest = [replace(first, value=None), *keys[1:]]
            hits += self._sorted(Sql(f"(SELECT q.* FROM {everything}) q"), where, rest, limit - len(hits))
        return hits

    def _ordered_walk(self, first: _Key, keys: Sequence[_Key], position: Any, limit: int) -> Sql:
        table, column, value = self._index(first)
        down = first.sort.descending and not table.startswith("f_order")
        parts = [self._probes()]
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
        condition = self._id_after(id, self._query.after)
        for i in range(len(keys) - 1, -1, -1):
            name, position = first if i == 0 else f"k{i}", self._query.after[i]
            same = concat(Sql(f"({name} IS ? AND ", (position,)), condition, ")")
            better = "<" if keys[i].sort.descending else ">"
            beyond = [] if position is None else [Sql(f"{name} {better} ?", (position,)), Sql(f"{name} IS NULL")]
            condition = any_of([*beyond, same])
        return condition

    def _id_after(self, column: str, after: Cursor | None) -> Sql:
        if after is None:
            return TRUE
        type, id = after[-2:]
        if self._scope.type != type:
            return TRUE if self._scope.type > str(type) else FALSE
        return Sql(f"{column} > ?", (id,))

    # running

    def _probes(self) -> Sql:
        if self._tested is None:
            self._tested = all_of(self._scope.probe(node, "q") for node in self._conjuncts)
        return self._tested

    def _hits(self, sql: Sql) -> list[Hit]:
        rows = self._connection.execute(*sql).fetchall()
        return [((*row[2:], self._scope.type, row[0]), row[1]) for row in rows]

    def _one(self, sql: Sql) -> int:
        found: int = self._connection.execute(*sql).fetchone()[0]
        return found


def _rounded(number: float) -> int:
    """Return a number of two digits and zeros, which nobody takes for a count."""
    whole = round(number)
    unit = int("1" + "0" * max(0, len(str(whole)) - 2))
    return round(whole / unit) * unit


def _by_cursor(sort: Sequence[SortKey]) -> Callable[[Hit, Hit], int]:
    return lambda left, right: compare(left[0], right[0], sort)


def merged(found: Iterable[Hit], sort: Sequence[SortKey]) -> list[Hit]:
    """Return hits of several types in the order of the query."""
    return sorted(found, key=cmp_to_key(_by_cursor(sort)))
