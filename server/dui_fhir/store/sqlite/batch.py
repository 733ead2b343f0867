# ruff: noqa: S608 - only numbers of the store's own dictionaries and fixed names are written into statements
"""The versions and index values that a group of plans adds, written with statements of many rows."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from dui_fhir.domain.plan import Erase, Put, Reindex
from dui_fhir.store.decision import Key, Write
from dui_fhir.store.sqlite.dictionary import GrowingDictionary
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.rows import Cell, Forward, cells, forward

CHUNKS = (64, 16, 4, 1)
"""Rows per statement: few distinct statements, so that they stay prepared."""
KEYS_PER_QUERY = 64

_NOTHING = Forward(frozenset(), frozenset(), frozenset())


class Row(NamedTuple):
    """A row of ``resource``."""

    t: int
    id: str
    rid: int
    sequence: int
    version: int
    instant_ms: int
    live: int
    digest: bytes
    words: int


class Batch:
    """What is not written yet. :meth:`flush` makes it visible to queries."""

    def __init__(
        self, connection: Connection, dictionary: GrowingDictionary, *, last_sequence: int, last_rid: int
    ) -> None:
        self._connection = connection
        self._dictionary = dictionary
        self._sequence = last_sequence
        self._rid = last_rid
        self._resources: dict[Key, Row | None] = {}
        self._unflushed: set[Key] = set()
        self._indexed: set[int] = set()
        self._versions: list[tuple[Any, ...]] = []
        self._cells: list[tuple[Any, ...]] = []
        self._text: list[tuple[Any, ...]] = []
        self._range: list[tuple[Any, ...]] = []
        self._order: list[tuple[Any, ...]] = []
        self._words: list[tuple[Any, ...]] = []
        self._live: dict[int, int] = {}

    # reading what is there, written or not

    def row(self, key: Key) -> Row | None:
        """Return the present row of a resource."""
        return self.rows([key]).get(key)

    def rows(self, keys: Iterable[Key]) -> dict[Key, Row]:
        """Return the present rows of those that ever existed."""
        wanted = list(keys)
        asked = [key for key in wanted if key not in self._resources]
        by_type: dict[str, list[str]] = {}
        for type, id in asked:
            by_type.setdefault(type, []).append(id)
        for type, ids in by_type.items():
            self._read(type, ids)
        return {key: row for key in wanted if (row := self._resources[key]) is not None}

    def _read(self, type: str, ids: Sequence[str]) -> None:
        t = self._dictionary.type(type)
        self._resources |= dict.fromkeys([(type, id) for id in ids])
        for start in range(0, len(ids), KEYS_PER_QUERY):
            part = ids[start : start + KEYS_PER_QUERY]
            width = next(c for c in reversed(CHUNKS) if c >= len(part))
            padded = [*part, *[part[0]] * (width - len(part))]
            query = f"SELECT * FROM resource WHERE t = {t} AND id IN ({','.join('?' * width)})"
            for row in self._connection.execute(query, padded):
                self._resources[type, row[1]] = Row(*row)

    # adding

    def add(self, write: Write, instant_ms: int) -> int:
        """Add a version and replace the index values of its resource; return the resource's number."""
        operation = write.operation
        key = (operation.type, operation.id)
        before = self.row(key)
        put = operation if isinstance(operation, Put) else None
        if isinstance(operation, Erase) and before is not None:
            self._erase(before.rid)
        t = self._dictionary.type(operation.type)
        if before is None:
            self._rid += 1
        rid = self._rid if before is None else before.rid
        self._sequence += 1
        body = put.body.join(write.version, instant_ms) if put else None
        method = put.method if put else "DELETE"
        self._versions.append((self._sequence, t, rid, operation.id, write.version, instant_ms, method, body))
        self._index(t, operation.id, rid, put, known=before is not None and bool(before.live))
        words = self._add_words(rid, put, had=before is not None and bool(before.words))
        live = int(put is not None)
        self._live[t] = self._live.get(t, 0) + live - (before.live if before else 0)
        row = Row(t, operation.id, rid, self._sequence, write.version, instant_ms, live, write.digest, words)
        self._resources[key] = row
        self._unflushed.add(key)
        return rid

    def reindex(self, operation: Reindex) -> None:
        """Replace some index values of a resource; nothing of its versions or words changes."""
        row = self.row((operation.type, operation.id))
        if row is None:
            raise LookupError("a resource to index again is not there")
        replaced = self._dictionary.numbers_of(row.t, operation.params)
        old = self._old_cells(row.rid)
        new = [cell for cell in old if cell.p not in replaced]
        new += cells(row.t, operation.index.of(operation.params), self._dictionary)
        self._replace(row.rid, row.id, old, list(dict.fromkeys(new)))

    def _erase(self, rid: int) -> None:
        self.flush_resources()
        self._connection.execute("DELETE FROM version WHERE rid = ?", (rid,))

    def _index(self, t: int, id: str, rid: int, put: Put | None, *, known: bool) -> None:
        new = cells(t, put.index, self._dictionary) if put else []
        self._replace(rid, id, self._old_cells(rid) if known else [], new)

    def _replace(self, rid: int, id: str, old: list[Cell], new: list[Cell]) -> None:
        if old == new:
            return
        kind = self._dictionary.kind
        before = forward(old, kind) if old else _NOTHING
        after = forward(new, kind) if new else _NOTHING
        if old:
            self._remove(rid, id, before, after)
        self._text += [(p, a, id, b, g, rid) for p, a, b, g in after.text - before.text]
        self._range += [(p, w, a, id, b, c, d, g, rid) for p, w, a, b, c, d, g in after.range - before.range]
        self._order += [(p, d, k, id, rid) for p, d, k in after.order - before.order]
        self._cells += [(rid, cell.p, n, *cell[1:]) for n, cell in enumerate(new)]
        self._mark_multi(new)
        self._indexed.add(rid)

    def _mark_multi(self, new: list[Cell]) -> None:
        seen: set[int] = set()
        for cell in new:
            if cell.p in seen:
                self._dictionary.mark_multi(cell.p)
            seen.add(cell.p)

    def _old_cells(self, rid: int) -> list[Cell]:
        if rid in self._indexed:
            self.flush()
        query = "SELECT p, g, a, b, c, d FROM cell WHERE rid = ? ORDER BY n"
        return [Cell(*row) for row in self._connection.execute(query, (rid,))]

    def _remove(self, rid: int, id: str, before: Forward, after: Forward) -> None:
        execute = self._connection.executemany
        execute(
            "DELETE FROM f_text WHERE p = ? AND a = ? AND b = ? AND g = ? AND id = ?",
            [(*row, id) for row in before.text - after.text],
        )
        execute(
            "DELETE FROM f_range WHERE p = ? AND w = ? AND a = ? AND b = ? AND c = ? AND d = ? AND g = ? AND id = ?",
            [(*row, id) for row in before.range - after.range],
        )
        execute(
            "DELETE FROM f_order WHERE p = ? AND d = ? AND k = ? AND id = ?",
            [(*row, id) for row in before.order - after.order],
        )
        self._connection.execute("DELETE FROM cell WHERE rid = ?", (rid,))

    def _add_words(self, rid: int, put: Put | None, *, had: bool) -> int:
        text, content = (put.index.text, put.index.content) if put else ("", "")
        if had:
            self._connection.execute("DELETE FROM words WHERE rowid = ?", (rid,))
        if text or content:
            self._words.append((rid, text, content))
        return int(bool(text or content))

    # writing

    def flush(self) -> None:
        """Write everything."""
        self.flush_resources()
        self._insert("INSERT INTO cell", self._cells)
        # ordered as the trees are, neighbours share pages
        self._insert("INSERT INTO f_text", sorted(self._text))
        self._insert("INSERT INTO f_range", sorted(self._range))
        self._insert("INSERT INTO f_order", sorted(self._order))
        self._insert("INSERT INTO words(rowid, text, content)", self._words)
        for rows in (self._cells, self._text, self._range, self._order, self._words):
            rows.clear()
        self._indexed.clear()
        # nothing is cached between transactions: a group may be large
        self._resources.clear()

    def flush_resources(self) -> None:
        """Write versions and resources only: enough to know who holds a key."""
        self._insert("INSERT INTO version", self._versions)
        self._insert(
            "INSERT OR REPLACE INTO resource",
            [row for key in self._unflushed if (row := self._resources[key]) is not None],
        )
        for t, change in self._live.items():
            if change:
                self._connection.execute("UPDATE type SET live = live + ? WHERE t = ?", (change, t))
        self._versions.clear()
        self._unflushed.clear()
        self._live.clear()

    def _insert(self, head: str, rows: Sequence[tuple[Any, ...]]) -> None:
        start = 0
        for size in CHUNKS:
            while len(rows) - start >= size:
                part = rows[start : start + size]
                self._connection.execute(_statement(head, size, len(part[0])), list(chain.from_iterable(part)))
                start += size


@cache
def _statement(head: str, rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"{head} VALUES {','.join([row] * rows)}"
