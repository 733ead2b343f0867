"""Numbers that stand for types, parameters and systems: read by everybody, extended by the writer only."""

import time
from collections.abc import Collection, Hashable

from dui_fhir.domain.index import stem
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.rows import CellKind

SYSTEMS_REMEMBERED_MAX = 100_000
SIZES_REMEMBERED_MAX = 5_000
SIZES_REMEMBERED_S = 60.0
LARGE, LARGE_REMEMBERED_S = 4096, 600.0
"""What is large stays so for longer, and costs more to count."""


class Sizes:
    """How many rows queries were counted to have, lately: hints about what to read first, never part of an answer."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[int, int, float]] = {}

    def get(self, rows: Hashable, depth: int) -> int | None:
        """Return the number of rows, at most ``depth``; None = not known any more."""
        found = self._known.get(rows)
        if found is None or found[2] < time.monotonic():
            return None
        counted, size, _ = found
        return min(size, depth) if size < counted or depth <= counted else None

    def put(self, rows: Hashable, depth: int, size: int) -> None:
        """Remember what was counted up to ``depth``."""
        if len(self._known) >= SIZES_REMEMBERED_MAX:
            self._known.clear()
        seconds = LARGE_REMEMBERED_S if size >= LARGE else SIZES_REMEMBERED_S
        self._known[rows] = depth, size, time.monotonic() + seconds


class Dictionary:
    """What a reader knows. A number once committed never changes, so only misses are asked again."""

    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.params: dict[tuple[int, str, str], int] = {}
        self.systems: dict[str, int] = {}
        self.sizes = Sizes()

    def type(self, connection: Connection, name: str) -> int | None:
        """Return the number of a type, None where no resource of it was ever written or pointed to."""
        found = self.types.get(name)
        if found is None:
            row = connection.execute("SELECT t FROM type WHERE name = ?", (name,)).fetchone()
            if row is not None:
                found = self.types[name] = row[0]
        return found

    def param(self, connection: Connection, type: int, param: str, kind: CellKind) -> int | None:
        """Return the number of a parameter, None where no value was ever written."""
        found = self.params.get((type, param, kind))
        if found is None:
            query = "SELECT p FROM name WHERE t = ? AND param = ? AND kind = ?"
            row = connection.execute(query, (type, param, kind)).fetchone()
            if row is not None:
                found = self.params[type, param, kind] = row[0]
        return found

    def system(self, connection: Connection, text: str) -> int | None:
        """Return the number of a system, None where no value was ever written."""
        found = self.systems.get(text)
        if found is None:
            row = connection.execute("SELECT s FROM system WHERE text = ?", (text,)).fetchone()
            if row is not None:
                if len(self.systems) >= SYSTEMS_REMEMBERED_MAX:
                    self.systems.clear()
                found = self.systems[text] = row[0]
        return found


class GrowingDictionary:
    """The writer's: gives a number to each new name, inside the transaction in progress.

    After a rollback it must be thrown away, for it may know numbers that were never committed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known = Dictionary()
        self._kinds: dict[int, str] = {}
        self._multi: set[int] = set()
        for p, t, param, kind, multi in connection.execute("SELECT p, t, param, kind, multi FROM name"):
            self._known.params[t, param, kind] = p
            self._kinds[p] = kind
            if multi:
                self._multi.add(p)

    def type(self, name: str) -> int:
        """See :class:`dui_fhir.store.sqlite.rows.Numbers`."""
        found = self._known.type(self._connection, name)
        if found is None:
            found = self._known.types[name] = self._insert("INSERT INTO type(name) VALUES (?)", name)
        return found

    def param(self, type: int, param: str, kind: CellKind) -> int:
        """See :class:`dui_fhir.store.sqlite.rows.Numbers`."""
        found = self._known.params.get((type, param, kind))
        if found is None:
            found = self._insert("INSERT INTO name(t, param, kind) VALUES (?, ?, ?)", type, param, kind)
            self._known.params[type, param, kind] = found
            self._kinds[found] = kind
        return found

    def numbers_of(self, type: int, params: Collection[str]) -> frozenset[int]:
        """Return the numbers of all that is indexed for these parameters of a type, derived values included."""
        known = self._known.params.items()
        return frozenset(p for (t, param, _), p in known if t == type and stem(param) in params)

    def system(self, text: str) -> int:
        """See :class:`dui_fhir.store.sqlite.rows.Numbers`."""
        found = self._known.system(self._connection, text)
        if found is None:
            found = self._known.systems[text] = self._insert("INSERT INTO system(text) VALUES (?)", text)
        return found

    def kind(self, p: int) -> str:
        """Return the kind of a parameter number."""
        return self._kinds[p]

    def mark_multi(self, p: int) -> None:
        """Note that a resource has several values for a parameter."""
        if p not in self._multi:
            self._connection.execute("UPDATE name SET multi = 1 WHERE p = ?", (p,))
            self._multi.add(p)

    def _insert(self, statement: str, *values: object) -> int:
        number: int = self._connection.execute(statement, values).lastrowid
        return number
