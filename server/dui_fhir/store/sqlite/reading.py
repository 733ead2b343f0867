# ruff: noqa: S608 - only numbers of the store's own dictionaries and fixed names are written into statements
"""Reading one tenant: by key, history, search. Everything here runs on a connection inside one read transaction."""

from collections.abc import Iterable, Sequence
from typing import Any

from dui_fhir.domain.query import Query
from dui_fhir.domain.version import Version
from dui_fhir.ports import HistoryPage, SearchPage
from dui_fhir.store.decision import Key
from dui_fhir.store.sqlite.dictionary import Dictionary
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.search import Hit, TypeSearch, merged
from dui_fhir.store.sqlite.sql import TRUE, Sql, all_of, among, concat

KEYS_PER_QUERY = 250
BODIES_PER_QUERY = 50
"""Bodies in memory beyond what a page may hold."""

_VERSION = "v.version, v.instant, v.seq, v.method, v.body"


def _version(type: str, id: str, row: Sequence[Any]) -> Version:
    version, instant_ms, sequence, method, body = row
    return Version(
        type=type, id=id, version=version, instant_ms=instant_ms, sequence=sequence, method=method, body=body
    )  # fmt: skip


def read(connection: Connection, type: str, id: str) -> Version | None:
    """Return the current version."""
    row = connection.execute(
        f"SELECT {_VERSION} FROM type t CROSS JOIN resource r ON r.t = t.t AND r.id = ?"
        " CROSS JOIN version v ON v.seq = r.seq WHERE t.name = ?",
        (id, type),
    ).fetchone()
    return _version(type, id, row) if row else None


def read_many(connection: Connection, keys: Iterable[Key]) -> dict[Key, Version]:
    """Return the current versions of those that exist."""
    by_type: dict[str, list[str]] = {}
    for type, id in dict.fromkeys(keys):
        by_type.setdefault(type, []).append(id)
    found: dict[Key, Version] = {}
    for type, ids in by_type.items():
        for start in range(0, len(ids), KEYS_PER_QUERY):
            found |= _read_part(connection, type, ids[start : start + KEYS_PER_QUERY])
    return found


def _read_part(connection: Connection, type: str, ids: Sequence[str]) -> dict[Key, Version]:
    among_ids = among("r.id", ids)
    rows = connection.execute(
        f"SELECT r.id, {_VERSION} FROM type t CROSS JOIN resource r ON r.t = t.t AND {among_ids.text}"
        " CROSS JOIN version v ON v.seq = r.seq WHERE t.name = ?",
        (*among_ids.args, type),
    )
    return {(type, row[0]): _version(type, row[0], row[1:]) for row in rows}


def read_version(connection: Connection, type: str, id: str, version: int) -> Version | None:
    """Return one version."""
    row = connection.execute(
        f"SELECT {_VERSION} FROM type t CROSS JOIN resource r ON r.t = t.t AND r.id = ?"
        " CROSS JOIN version v ON v.rid = r.rid AND v.version = ? WHERE t.name = ?",
        (id, version, type),
    ).fetchone()
    return _version(type, id, row) if row else None


def history(
    connection: Connection,
    *,
    type: str | None,
    id: str | None,
    since_ms: int | None,
    at: tuple[int, int] | None,
    before: int | None,
    limit: int,
    total: bool,
) -> HistoryPage:
    """Return versions, newest first; see :meth:`dui_fhir.ports.Store.history`."""
    scope = _history_scope(connection, type, id)
    if scope is None:
        return HistoryPage(versions=(), total=0 if total else None)
    where = all_of([scope, _since(connection, since_ms), _at(at)])
    counted = None
    if total:
        counted = connection.execute(*concat("SELECT count(*) FROM version v WHERE ", where)).fetchone()[0]
    shown = all_of([where, Sql("v.seq < ?", (before,)) if before is not None else TRUE])
    order = "v.version" if id is not None and type is not None else "v.seq"
    head = f"SELECT t.name, v.id, {_VERSION} FROM version v CROSS JOIN type t ON t.t = v.t WHERE "
    rows = connection.execute(*concat(head, shown, f" ORDER BY {order} DESC LIMIT {limit + 1}")).fetchall()
    page = tuple(_version(row[0], row[1], row[2:]) for row in rows[:limit])
    return HistoryPage(versions=page, next=page[-1].sequence if page and len(rows) > limit else None, total=counted)


def _history_scope(connection: Connection, type: str | None, id: str | None) -> Sql | None:
    """Return which versions are concerned, None = none."""
    if type is None:
        return TRUE if id is None else Sql("v.id = ?", (id,))
    row = connection.execute("SELECT t FROM type WHERE name = ?", (type,)).fetchone()
    if row is None:
        return None
    if id is None:
        return Sql(f"v.t = {row[0]}")
    row = connection.execute("SELECT rid FROM resource WHERE t = ? AND id = ?", (row[0], id)).fetchone()
    return Sql(f"v.rid = {row[0]}") if row else None


def _since(connection: Connection, since_ms: int | None) -> Sql:
    """Instants grow with sequences: the first one at or after the instant bounds the sequences."""
    if since_ms is None:
        return TRUE
    query = "SELECT seq FROM version WHERE instant >= ? ORDER BY instant, seq LIMIT 1"
    row = connection.execute(query, (since_ms,)).fetchone()
    return Sql("v.seq >= ?", (row[0],)) if row else Sql("0")


def _at(at: tuple[int, int] | None) -> Sql:
    if at is None:
        return TRUE
    ended = "EXISTS(SELECT 1 FROM version n WHERE n.rid = v.rid AND n.version = v.version + 1 AND n.instant <= ?)"
    return Sql(f"v.instant <= ? AND NOT {ended}", (at[1], at[0]))


def search(connection: Connection, dictionary: Dictionary, query: Query) -> SearchPage:
    """Return one page of matches."""
    searches = _searches(connection, dictionary, query)
    wanted = query.limit + 1
    hits: list[Hit] = []
    for one in searches:
        found = one.hits(wanted if query.sort else wanted - len(hits))
        hits += found
        if not query.sort and len(hits) >= wanted:
            break
    if query.sort and len(searches) > 1:
        hits = merged(hits, query.sort)
    matches = _bodies(connection, hits[: query.limit], query.bytes_max)
    following = hits[len(matches) - 1][0] if matches and len(hits) > len(matches) else None
    total, estimated = _total(searches, query)
    if estimated and total is not None:
        total = max(total, len(hits))
    return SearchPage(matches=matches, next=following, total=total, estimated=estimated)


def _total(searches: Sequence[TypeSearch], query: Query) -> tuple[int | None, bool]:
    """Return how many resources match, where that is asked, and whether it is an estimate."""
    if query.total == "none":
        return None, False
    if query.total == "accurate":
        return sum(one.count() for one in searches), False
    counted = [one.about() for one in searches]
    return sum(number for number, _ in counted), not all(exact for _, exact in counted)


def count(connection: Connection, dictionary: Dictionary, query: Query) -> int:
    """Return how many resources match."""
    return sum(one.count() for one in _searches(connection, dictionary, query))


def live_types(connection: Connection) -> tuple[str, ...]:
    """Return the types of which there is a current resource, sorted."""
    return tuple(sorted(name for (name,) in connection.execute("SELECT name FROM type WHERE live > 0")))


def _searches(connection: Connection, dictionary: Dictionary, query: Query) -> list[TypeSearch]:
    types = query.types or live_types(connection)
    return [TypeSearch(connection, dictionary, type, query) for type in sorted(set(types))]


def _bodies(connection: Connection, page: Sequence[Hit], bytes_max: int | None) -> tuple[Version, ...]:
    versions: list[Version] = []
    size = 0
    for start in range(0, len(page), BODIES_PER_QUERY):
        part = page[start : start + BODIES_PER_QUERY]
        rows = _current(connection, [rid for _, rid in part])
        for cursor, rid in part:
            row = rows[rid]
            size += len(row[-1])
            if bytes_max is not None and size > bytes_max and versions:
                return tuple(versions)
            versions.append(_version(str(cursor[-2]), str(cursor[-1]), row))
    return tuple(versions)


def _current(connection: Connection, rids: Sequence[int]) -> dict[int, Sequence[Any]]:
    """Return the current version of each resource by its number."""
    among_rids = among("r.rid", rids)
    statement = (
        f"SELECT r.rid, {_VERSION} FROM resource r CROSS JOIN version v ON v.seq = r.seq WHERE {among_rids.text}"
    )
    return {row[0]: row[1:] for row in connection.execute(statement, among_rids.args)}


def targets(connection: Connection, sources: Iterable[Key], param: str | None, types: Sequence[str]) -> tuple[Key, ...]:
    """Return what the sources point to, sorted."""
    statement = (
        "SELECT y.name, v.a FROM type t CROSS JOIN resource r ON r.t = t.t AND r.id = ?"
        " CROSS JOIN name n ON n.t = t.t AND n.kind = 'reference' AND "
        + ("n.param NOT LIKE '\\_dui\\_%' ESCAPE '\\'" if param is None else "n.param = ?")
        + " CROSS JOIN cell v ON v.rid = r.rid AND v.p = n.p AND v.b > 0"
        " CROSS JOIN type y ON y.t = v.b WHERE t.name = ?"
    )
    named = () if param is None else (param,)
    found = {
        (type, id) for source in sources for type, id in connection.execute(statement, (source[1], *named, source[0]))
    }
    return tuple(sorted(key for key in found if not types or key[0] in types))
