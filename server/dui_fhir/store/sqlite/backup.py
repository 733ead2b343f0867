"""A copy of tenants' files while everybody goes on reading and writing.

SQLite's backup API copies page by page; the source connection holds a read transaction all along, so that the copy is the
state of one moment and is never begun again, whatever is written meanwhile (sqlite.org/c3ref/backup_finish.html). Only
the log cannot be emptied while a copy is under way.
"""

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dui_fhir.domain.dates import instant
from dui_fhir.domain.errors import Conflict, Unavailable, Unprocessable
from dui_fhir.ports import Clock
from dui_fhir.store import tenants
from dui_fhir.store.sqlite import driver, schema
from dui_fhir.store.sqlite.driver import Connection
from dui_fhir.store.sqlite.manifest import FOLDER, Content, Manifest, Saved, sha256
from dui_fhir.store.sqlite.place import Place

SLICE_PAGES = 256
PAUSE_S = 0.002
"""Between two slices of one mebibyte: the server keeps the processor and the disk."""
CACHE_MIB = 8


def backup(data: Path, destination: Path, *, names: Sequence[str], clock: Clock, program: str) -> Manifest:
    """Copy tenants (all where ``names`` is empty) into a new folder, which appears complete or not at all.

    Each copy is checked before it counts. Raises: Conflict (``store-backup-exists``), NotFound (``tenant-unknown``),
    Unprocessable (``store-backup-damaged``), Unavailable.
    """
    driver.check_version()
    place = Place(data)
    chosen = [_known(place, name) for name in dict.fromkeys(names)] or list(place.names())
    if destination.exists():
        text = f"« {destination} » existe déjà : une sauvegarde se fait dans un nouveau dossier."
        raise Conflict.of("store-backup-exists", text, "destination exists")
    created = instant(clock.now_ms())
    with _draft(destination) as draft:
        saved = tuple(_save(place.file(name), name, draft, clock) for name in chosen)
        manifest = Manifest(program=program, created=created, tenants=saved)
        manifest.write(draft)
        sync(draft / FOLDER)
        sync(draft)
    return manifest


def _known(place: Place, name: str) -> str:
    if not tenants.is_name(name) or not place.file(name).exists():
        raise tenants.unknown(name)
    return name


@contextmanager
def _draft(destination: Path) -> Iterator[Path]:
    """Give a folder beside the destination, which becomes it at the end and vanishes on failure."""
    draft = destination.with_name(f".{destination.name}.partial-{os.getpid()}")
    try:
        (draft / FOLDER).mkdir(mode=0o700, parents=True)
        draft.chmod(0o700)
        yield draft
        draft.rename(destination)
        sync(destination.parent)
    except driver.DatabaseError as error:
        raise driver.unavailable(error) from error
    except OSError as error:
        text = f"La sauvegarde n'a pas pu être écrite dans « {destination} »."
        raise Unavailable.of("store-backup-unwritable", text, f"{type(error).__name__}: {error.strerror}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _save(source: Path, tenant: str, draft: Path, clock: Clock) -> Saved:
    file = f"{FOLDER}/{tenant}.sqlite"
    target = draft / file
    taken = instant(clock.now_ms())
    copy(source, target)
    content = _checked(target, tenant)
    sync(target)
    return Saved(
        tenant=tenant,
        file=file,
        bytes=target.stat().st_size,
        sha256=sha256(target),
        instant=taken,
        content=content,
    )


def _checked(copied: Path, tenant: str) -> Content:
    faults: tuple[str, ...]
    try:
        with opened(copied) as connection:
            faults = damage(connection)
            if not faults:
                return Content.of(connection)
    except driver.DatabaseError as error:
        faults = (str(error),)
    text = f"La copie de l'organisme « {tenant} » n'est pas intacte : voyez « dui-fhir verify »."
    raise Unprocessable.of("store-backup-damaged", text, faults[0])


def copy(source: Path, target: Path) -> None:
    """Copy a database in use into a new private file that needs no other file beside it."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with opened(source) as connection:
        copied = driver.connect(target, read_only=False, cache_mib=CACHE_MIB)
        try:
            connection.backup(copied, pages=SLICE_PAGES, progress=lambda *_: time.sleep(PAUSE_S))
            copied.execute("PRAGMA journal_mode = DELETE")
        finally:
            copied.close()


@contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """Give a read connection inside one read transaction: all reads see the same moment."""
    connection = driver.connect(path, read_only=True, cache_mib=CACHE_MIB)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the moment is that of the first read
        yield connection
    finally:
        connection.close()


def damage(connection: Connection) -> tuple[str, ...]:
    """Return what SQLite finds wrong with a file (English, technical); empty = intact, and one of ours."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != schema.APPLICATION_ID:
        return ("not a file of dui-fhir",)
    found = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
    return () if found == ["ok"] else tuple(found)


def sync(path: Path) -> None:
    """Make a file or a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
