"""The tables of a tenant's file, and the check that a file has exactly these.

``version`` holds every version ever written, ``resource`` the last one of each resource. An index value is kept twice:
in ``cell``, beside the other values of its resource (to test a candidate, to sort, to know what to remove), and in
``f_text`` or ``f_range``, ordered by value and then by logical id (to find candidates, in page order). ``f_order`` holds
one key per direction for parameters that sort by a bound. Types, parameters and token systems are numbers
(``type``, ``name``, ``system``).
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.store.sqlite.driver import Connection, connect

VERSION = 3
APPLICATION_ID = 0x44554946  # "DUIF"
PAGE_BYTES = 2048
"""A write touches many leaves of the indexes, a few rows in each: half the usual page is half the bytes to sync."""

_STREAMS = (
    "CREATE TABLE job_stream(stream TEXT NOT NULL, number INTEGER NOT NULL, n INTEGER NOT NULL UNIQUE,"
    " open INTEGER NOT NULL DEFAULT 1, PRIMARY KEY(stream, number)) WITHOUT ROWID",
    "CREATE INDEX job_stream_open ON job_stream(stream, number) WHERE open",
)
"""Where a job stands in its stream; ``open`` while it is neither done, failed nor cancelled."""

_RANGES = (
    "CREATE TABLE f_range(p INTEGER NOT NULL, w INTEGER NOT NULL, a NOT NULL, id TEXT NOT NULL, b NOT NULL,"
    " c TEXT NOT NULL, d INTEGER NOT NULL, g INTEGER NOT NULL, rid INTEGER NOT NULL,"
    " PRIMARY KEY(p, w, c, a, id, b, d, g)) WITHOUT ROWID"
)
"""The unit comes before the value: a weight is not looked for among heights."""

TABLES = (
    "CREATE TABLE type(t INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, live INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE name(p INTEGER PRIMARY KEY, t INTEGER NOT NULL, param TEXT NOT NULL, kind TEXT NOT NULL,"
    " multi INTEGER NOT NULL DEFAULT 0, UNIQUE(t, param, kind))",
    "CREATE TABLE system(s INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
    "CREATE TABLE version(seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, rid INTEGER NOT NULL, id TEXT NOT NULL,"
    " version INTEGER NOT NULL, instant INTEGER NOT NULL, method TEXT NOT NULL, body BLOB)",
    "CREATE UNIQUE INDEX version_of ON version(rid, version)",
    "CREATE INDEX version_type ON version(t, seq)",
    "CREATE INDEX version_instant ON version(instant)",
    "CREATE TABLE resource(t INTEGER NOT NULL, id TEXT NOT NULL, rid INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " version INTEGER NOT NULL, instant INTEGER NOT NULL, live INTEGER NOT NULL, digest BLOB NOT NULL,"
    " words INTEGER NOT NULL, PRIMARY KEY(t, id)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX resource_rid ON resource(rid)",
    "CREATE INDEX resource_updated ON resource(t, instant, id) WHERE live",
    "CREATE TABLE cell(rid INTEGER NOT NULL, p INTEGER NOT NULL, n INTEGER NOT NULL, g INTEGER NOT NULL,"
    " a, b, c, d, PRIMARY KEY(rid, p, n)) WITHOUT ROWID",
    "CREATE TABLE f_text(p INTEGER NOT NULL, a TEXT NOT NULL, id TEXT NOT NULL, b NOT NULL, g INTEGER NOT NULL,"
    " rid INTEGER NOT NULL, PRIMARY KEY(p, a, id, b, g)) WITHOUT ROWID",
    _RANGES,
    "CREATE TABLE f_order(p INTEGER NOT NULL, d INTEGER NOT NULL, k NOT NULL, id TEXT NOT NULL, rid INTEGER NOT NULL,"
    " PRIMARY KEY(p, d, k, id)) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE words USING fts5(text, content, content='', contentless_delete=1, detail=column,"
    " tokenize='unicode61 remove_diacritics 0')",
    "CREATE TABLE unique_key(key TEXT PRIMARY KEY, rid INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX unique_key_of ON unique_key(rid)",
    "CREATE TABLE job(n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, key TEXT NOT NULL UNIQUE,"
    " payload BLOB NOT NULL, task TEXT, due INTEGER NOT NULL, attempts INTEGER NOT NULL, state TEXT NOT NULL,"
    " lease TEXT, lease_until INTEGER NOT NULL, error TEXT NOT NULL)",
    "CREATE INDEX job_open ON job(kind, n) WHERE state IN ('waiting', 'leased')",
    *_STREAMS,
    "CREATE TABLE request(key TEXT PRIMARY KEY, instant INTEGER NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX request_instant ON request(instant)",
)


def _add_streams(connection: Connection) -> None:
    for statement in _STREAMS:
        connection.execute(statement)


def _order_by_unit(connection: Connection) -> None:
    connection.execute("ALTER TABLE f_range RENAME TO f_range_before")
    connection.execute(_RANGES)
    columns = "p, w, a, id, b, c, d, g, rid"
    connection.execute(f"INSERT INTO f_range({columns}) SELECT {columns} FROM f_range_before ORDER BY p, w, c, a, id")  # noqa: S608
    connection.execute("DROP TABLE f_range_before")


MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {1: _add_streams, 2: _order_by_unit}
"""From a version to the next one; each is run in one transaction, by :func:`migrate` only."""


def create(path: Path) -> None:
    """Make an empty tenant file, complete or not at all, readable by its owner only."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = connect(draft, read_only=False, cache_mib=2)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN")
        for statement in TABLES:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        connection.close()
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check(connection: Connection, tenant: str) -> None:
    """Compare a file with the tables above.

    Raises: ConfigurationError (``store-schema-old``, ``store-schema-new``, ``store-schema-damaged``).
    """
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found < VERSION:
        text = f"La base de l'organisme « {tenant} » est d'une version antérieure : dui-fhir upgrade."
        raise ConfigurationError.of("store-schema-old", text, f"schema version {found}, expected {VERSION}")
    if found > VERSION:
        text = f"La base de l'organisme « {tenant} » a été écrite par une version plus récente de dui-fhir."
        raise ConfigurationError.of("store-schema-new", text, f"schema version {found}, expected {VERSION}")
    rows = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'words_%'")
    if {sql for (sql,) in rows} != set(TABLES):
        text = f"La base de l'organisme « {tenant} » n'a pas les tables attendues."
        raise ConfigurationError.of("store-schema-damaged", text, f"tables are not those of schema version {VERSION}")


def migrate(path: Path) -> int:
    """Bring a file to the present version, step by step; return the number of steps. Nobody else may have it open."""
    connection = connect(path, read_only=False, cache_mib=64)
    steps = 0
    try:
        while (found := connection.execute("PRAGMA user_version").fetchone()[0]) in MIGRATIONS:
            connection.execute("BEGIN IMMEDIATE")
            MIGRATIONS[found](connection)
            connection.execute(f"PRAGMA user_version = {found + 1}")
            connection.execute("COMMIT")
            steps += 1
    finally:
        connection.close()
    return steps
