# ruff: noqa: S608 - only fixed names are written into statements
"""Is a tenant's file what it should be? Reads only, from one moment, beside a server at work.

Whole file: SQLite's own check (indexes and full text included), numbering of the history, current versions, counters,
owners of index values, of unique keys and of jobs. By resource, all or a sample spread over the file: bodies of every
version, digest, index values and unique keys computed again from the body, rows that lead to the resource.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from dui_fhir.domain import json
from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Resource
from dui_fhir.domain.index import IndexValues
from dui_fhir.store.sqlite import schema
from dui_fhir.store.sqlite.backup import damage, opened
from dui_fhir.store.sqlite.driver import Connection, DatabaseError
from dui_fhir.store.sqlite.manifest import Content
from dui_fhir.store.sqlite.rows import Cell, CellKind, cells, forward

Check: TypeAlias = Literal["file", "history", "current", "counters", "body", "rows", "index", "unique"]
"""``index`` alone may differ without damage: the settings or the plugins are others than when the resource was written."""

FINDINGS_MAX = 100
INTERNAL = "_dui_"
"""Parameters whose values come from the circumstances of a write, not from the body alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recomputation:
    """How what is derived from a body is computed by the writers of this server."""

    index: Callable[[Resource], IndexValues]
    unique: Callable[[Resource], tuple[str, ...]]


class Finding(NamedTuple):
    """One anomaly: a French sentence without personal data, of the resource ``Type/id`` where there is one."""

    check: Check
    text: str
    resource: str = ""


@dataclass(kw_only=True, slots=True)
class Report:
    """What was checked and what was found; of each check, the first :data:`FINDINGS_MAX` anomalies."""

    content: Content | None = None
    examined: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Tell whether nothing at all was found."""
        return not self.findings

    @property
    def damaged(self) -> bool:
        """Tell whether something other than the choice of index values is wrong."""
        return any(f.check != "index" for f in self.findings)

    def add(self, check: Check, text: str, resource: str = "") -> None:
        """Note an anomaly."""
        if sum(f.check == check for f in self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(check, text, resource))


def verify(path: Path, tenant: str, again: Recomputation, *, sample: int | None) -> Report:
    """Check a file; ``sample``: about how many resources are computed again, None = all.

    Raises: ConfigurationError (``store-schema-…``: not of the present schema).
    """
    report = Report()
    try:
        with opened(path) as connection:
            for line in damage(connection):
                report.add("file", f"Le fichier est abîmé : {line}")
            if report.findings:
                return report
            schema.check(connection, tenant)
            report.content = Content.of(connection)
            _whole(connection, report)
            _resources(connection, again, sample, report)
    except DatabaseError as error:
        report.add("file", f"Le fichier est illisible : {error}")
    return report


# the whole file

_OF = "SELECT t.name || '/' || r.id FROM resource r JOIN type t ON t.t = r.t"
_LIVE = "SELECT rid FROM resource WHERE live"
_WHOLE: tuple[tuple[Check, str, str], ...] = (
    (
        "history",
        "La suite de l'historique a {} trou(s) qu'aucun effacement n'explique.",
        # an erased resource keeps its last version only, so its first number tells how many were taken out
        "SELECT hole FROM (SELECT coalesce(max(seq), 0) - count(*) - (SELECT coalesce(sum(first - 1), 0) FROM"
        " (SELECT min(version) AS first FROM version GROUP BY rid)) AS hole FROM version) WHERE hole <> 0",
    ),
    (
        "history",
        "Une version est datée d'avant la précédente : {}.",
        "SELECT seq FROM (SELECT seq, instant, lag(instant) OVER (ORDER BY seq) AS before FROM version)"
        " WHERE instant < before",
    ),
    (
        "history",
        "Les versions ne se suivent pas de la première à la courante : {}.",
        f"{_OF} LEFT JOIN (SELECT rid, count(*) AS n, min(version) AS first, max(version) AS last FROM version"
        " GROUP BY rid) v ON v.rid = r.rid WHERE v.n IS NULL OR v.last <> r.version OR v.n <> v.last - v.first + 1"
        " OR v.first <> 1 AND EXISTS"
        " (SELECT 1 FROM version f WHERE f.rid = r.rid AND f.version = v.first AND f.body IS NOT NULL)",
    ),
    (
        "history",
        "Une version n'est celle d'aucune ressource : {}.",
        "SELECT seq FROM version WHERE rid NOT IN (SELECT rid FROM resource)",
    ),
    (
        "current",
        "La version courante n'est pas dans l'historique : {}.",
        f"{_OF} LEFT JOIN version v ON v.seq = r.seq AND v.rid = r.rid AND v.t = r.t AND v.id = r.id"
        " AND v.version = r.version AND v.instant = r.instant"
        " WHERE v.seq IS NULL OR r.live <> (v.body IS NOT NULL)",
    ),
    (
        "counters",
        "Le compte des ressources est faux pour le type {}.",
        "SELECT name FROM type WHERE live <> (SELECT count(*) FROM resource r WHERE r.t = type.t AND r.live)",
    ),
    (
        "rows",
        "Des valeurs d'index ne sont à aucune ressource (numéro interne {}).",
        f"SELECT DISTINCT rid FROM cell WHERE rid NOT IN ({_LIVE})",
    ),
    (
        "rows",
        "Une clé unique n'est à aucune ressource (numéro interne {}).",
        f"SELECT rid FROM unique_key WHERE rid NOT IN ({_LIVE})",
    ),
    (
        "rows",
        "Le texte intégral manque ou est de trop : {}.",
        f"{_OF} LEFT JOIN words_docsize w ON w.id = r.rid WHERE (r.live AND r.words) <> (w.id IS NOT NULL)",
    ),
    (
        "rows",
        "Un envoi est mal rangé dans sa suite (numéro interne {}).",
        "SELECT s.n FROM job_stream s LEFT JOIN job j ON j.n = s.n"
        " WHERE j.n IS NULL OR s.open <> (j.state IN ('waiting', 'behind', 'leased'))",
    ),
)


def _whole(connection: Connection, report: Report) -> None:
    for check, text, query in _WHOLE:
        for (what,) in connection.execute(f"{query} LIMIT {FINDINGS_MAX}"):
            named = isinstance(what, str) and "/" in what
            report.add(check, text.format(what), what if named else "")


# by resource


class _Row(NamedTuple):
    rid: int
    t: int
    type: str
    id: str
    version: int
    instant_ms: int
    digest: bytes
    body: bytes


class _Known:
    """The numbers of the file's dictionaries; what was never written has one that no row has."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._types = dict(connection.execute("SELECT name, t FROM type").fetchall())
        rows = connection.execute("SELECT p, t, param, kind FROM name").fetchall()
        self._params = {(t, param, kind): p for p, t, param, kind in rows}
        self.kinds: dict[int, str] = {p: kind for p, _, _, kind in rows}
        self.names: dict[int, str] = {p: param for p, _, param, _ in rows}
        self._systems: dict[str, int] = {}

    def type(self, name: str) -> int:
        return int(self._types.get(name, -1))

    def param(self, type: int, param: str, kind: CellKind) -> int:
        return int(self._params.get((type, param, kind), -1))

    def system(self, text: str) -> int:
        found = self._systems.get(text)
        if found is None:
            row = self._connection.execute("SELECT s FROM system WHERE text = ?", (text,)).fetchone()
            found = self._systems[text] = row[0] if row else -1
        return found


def _resources(connection: Connection, again: Recomputation, sample: int | None, report: Report) -> None:
    known = _Known(connection)
    led = [0, 0, 0]
    for row in _chosen(connection, sample):
        report.examined += 1
        stored = [
            Cell(*c)
            for c in connection.execute("SELECT p, g, a, b, c, d FROM cell WHERE rid = ?", (row.rid,)).fetchall()
        ]
        _check_versions(connection, row, report)
        _check_current(connection, row, stored, again, known, report)
        for number, count in enumerate(_check_leading(connection, row, stored, known, report)):
            led[number] += count
    if sample is None:
        for table, count in zip(("f_text", "f_range", "f_order"), led, strict=True):
            found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            if found != count:
                report.add("rows", f"La table {table} a {found} lignes au lieu de {count}.")


def _chosen(connection: Connection, sample: int | None) -> Iterator[_Row]:
    live, last = connection.execute("SELECT count(*), coalesce(max(rid), 0) FROM resource WHERE live").fetchone()
    stride = 1 if sample is None else max(1, live // max(1, sample))
    query = (
        "SELECT r.rid, r.t, t.name, r.id, r.version, r.instant, r.digest, v.body FROM resource r"
        " JOIN type t ON t.t = r.t JOIN version v ON v.seq = r.seq"
        " WHERE r.live AND v.body IS NOT NULL AND r.rid % ? = ?"
    )
    for row in connection.execute(query, (stride, last % stride)):
        yield _Row(*row)


def _check_versions(connection: Connection, row: _Row, report: Report) -> None:
    query = "SELECT version, instant, body FROM version WHERE rid = ? AND body IS NOT NULL"
    for version, instant_ms, body in connection.execute(query, (row.rid,)).fetchall():
        resource = _parsed(body)
        gap = Body(b"", b"").join(version, instant_ms)
        if (
            resource is None
            or gap not in body
            or (resource.get("resourceType"), resource.get("id")) != (row.type, row.id)
        ):
            name = f"{row.type}/{row.id}"
            report.add("body", f"Le contenu de {name}, version {version}, n'est pas celui de cette version.", name)


def _check_current(
    connection: Connection, row: _Row, stored: list[Cell], again: Recomputation, known: _Known, report: Report
) -> None:
    name = f"{row.type}/{row.id}"
    body = Body.stored(row.body, row.version, row.instant_ms)
    if body is None or body.digest != row.digest:
        report.add("body", f"L'empreinte du contenu de {name} a changé.", name)
    resource = _parsed(row.body)
    if resource is None:
        return
    keys = {key for (key,) in connection.execute("SELECT key FROM unique_key WHERE rid = ?", (row.rid,))}
    if keys != set(again.unique(resource)):
        report.add("unique", f"Les clés uniques de {name} ne sont pas celles de son contenu.", name)
    differing = _differing(row, stored, again.index(resource), known)
    if differing:
        report.add("index", f"L'index de {name} n'est pas celui de son contenu : {', '.join(differing)}.", name)


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _differing(row: _Row, stored: list[Cell], index: IndexValues, known: _Known) -> tuple[str, ...]:
    """Return the parameters whose values are not those computed."""
    there = {cell for cell in stored if not known.names[cell.p].startswith(INTERNAL)}
    wanted = set(cells(row.t, index, known))
    more, less = there - wanted, wanted - there
    local = {place: cell for cell in more if (place := _target(cell, known)) and cell.b != 0}
    for cell in [*less]:
        # a reference by absolute URL was local to the address under which the server was asked
        place = _target(cell, known)
        same = local.get(place) if place and cell.b == 0 else None
        if same is not None:
            less.discard(cell)
            more.discard(same)
    return tuple(sorted({known.names.get(cell.p, "?") for cell in more | less}))


def _target(cell: Cell, known: _Known) -> tuple[int, int, str] | None:
    """Return what two ways to write one reference have in common; None where the value is no reference."""
    if known.kinds.get(cell.p) != "reference":
        return None
    return cell.p, cell.g, str(cell.a).rpartition("/")[2]


def _check_leading(
    connection: Connection, row: _Row, stored: list[Cell], known: _Known, report: Report
) -> tuple[int, int, int]:
    """Check the rows that lead to a resource; return how many of each table it must have."""
    wanted = forward(stored, known.kinds.__getitem__)
    queries = (
        ("SELECT rid FROM f_text WHERE p = ? AND a = ? AND b = ? AND g = ? AND id = ?", wanted.text),
        (
            "SELECT rid FROM f_range WHERE p = ? AND w = ? AND a = ? AND b = ? AND c = ? AND d = ? AND g = ? AND id = ?",
            wanted.range,
        ),
        ("SELECT rid FROM f_order WHERE p = ? AND d = ? AND k = ? AND id = ?", wanted.order),
    )
    for query, rows in queries:
        for values in rows:
            if connection.execute(query, (*values, row.id)).fetchone() != (row.rid,):
                name = f"{row.type}/{row.id}"
                report.add("rows", f"Une recherche par {known.names[values[0]]} ne mène pas à {name}.", name)
    return len(wanted.text), len(wanted.range), len(wanted.order)
