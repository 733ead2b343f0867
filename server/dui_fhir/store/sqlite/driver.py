"""Connections: the SQLite that sqlcipher3 bundles, opened the same way everywhere.

SQLite before 3.51.3 may corrupt a database when its WAL is reset (sqlite.org/wal.html#walresetbug); interpreters often
bring an older one, hence the bundled driver and the refusal.
"""

from pathlib import Path
from typing import Any, TypeAlias

import sqlcipher3.dbapi2 as sqlite

from dui_fhir.domain.errors import ConfigurationError, Unavailable

Connection: TypeAlias = Any
"""A ``sqlcipher3`` connection; the driver has no type information."""

OLDEST = (3, 51, 3)
STATEMENTS_CACHED = 256

DatabaseError: type[Exception] = sqlite.DatabaseError
IntegrityError: type[Exception] = sqlite.IntegrityError
OperationalError: type[Exception] = sqlite.OperationalError

_FULL, _INTERRUPTED, _READ_ONLY = "database or disk is full", "interrupted", "attempt to write a readonly database"
READ_ONLY = "store-read-only"


def check_version(version: tuple[int, ...] = tuple(sqlite.sqlite_version_info)) -> None:
    """Raise ConfigurationError (``store-sqlite-too-old``) where the library has the WAL-reset bug."""
    if version < OLDEST:
        found, oldest = ".".join(map(str, version)), ".".join(map(str, OLDEST))
        raise ConfigurationError.of(
            "store-sqlite-too-old",
            f"SQLite {found} est trop ancien : {oldest} au moins est nécessaire (mettez à jour le paquet sqlcipher3).",
            "WAL-reset bug before 3.51.3",
        )


def connect(path: Path, *, read_only: bool, cache_mib: int) -> Connection:
    """Open a database file that exists; transactions are begun and ended by hand."""
    connection = sqlite.connect(
        f"file:{_escaped(path)}?mode={'ro' if read_only else 'rw'}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS_CACHED,
        timeout=10.0,
    )
    connection.execute(f"PRAGMA cache_size = -{cache_mib * 1024}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _escaped(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def is_full(error: Exception) -> bool:
    """Tell whether the disk (or the quota, or a limit set on the file) is full."""
    return _FULL in str(error)


def unavailable(error: Exception) -> Unavailable:
    """Return the error to answer where SQLite could not do its work; nothing was done."""
    if is_full(error):
        return Unavailable.of(
            "store-disk-full",
            "L'espace de stockage est plein : rien n'a été enregistré.",
            "SQLITE_FULL",
            code="no-store",
        )
    if _READ_ONLY in str(error):
        return Unavailable.of(
            "store-read-only",
            "Le stockage est en lecture seule : rien n'a été enregistré. Prévenez l'exploitant.",
            "SQLITE_READONLY",
            code="no-store",
        )
    if _INTERRUPTED in str(error):
        return Unavailable.of(
            "store-too-costly",
            "La recherche demande trop de travail : précisez-la.",
            "read time limit reached",
            code="too-costly",
        )
    return Unavailable.of("store-unavailable", "Le stockage ne répond pas pour le moment.", f"SQLite: {error}")
