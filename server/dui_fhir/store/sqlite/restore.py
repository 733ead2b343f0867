"""A backup put in place: checked first, all tenants or none, and nothing of what was there is lost."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dui_fhir.domain.dates import instant
from dui_fhir.domain.errors import Conflict, Unavailable, Unprocessable
from dui_fhir.ports import Clock
from dui_fhir.store import tenants
from dui_fhir.store.sqlite import driver, manifest, schema
from dui_fhir.store.sqlite.backup import CACHE_MIB, sync
from dui_fhir.store.sqlite.manifest import Content, Saved
from dui_fhir.store.sqlite.place import Place
from dui_fhir.store.sqlite.verify import Recomputation, Report, verify
from dui_fhir.store.sqlite.writer import hold

SAMPLE = 500
"""Resources of each tenant whose index is computed again before the tenant is served."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """``upgraded``: steps of schema made on the copy. ``kept``: where the file that was there is now."""

    tenant: str
    content: Content
    upgraded: int
    report: Report
    kept: Path | None = None


def restore(
    source: Path, data: Path, *, names: Sequence[str], force: bool, again: Recomputation, clock: Clock
) -> tuple[Restored, ...]:
    """Put tenants of a backup (all where ``names`` is empty) into a data directory that no server uses.

    ``force``: replace tenants that are there; their files are kept beside, under another name. Raises: ConfigurationError
    (``store-locked``, ``store-schema-new``), Unprocessable (``store-backup-invalid``, ``store-backup-damaged``), Conflict
    (``store-restore-exists``), NotFound (``store-backup-tenant``), Unavailable; nothing was changed then.
    """
    driver.check_version()
    chosen = manifest.read(source).only(names)
    place = Place(data)
    with hold(place):
        taken = [s.tenant for s in chosen if place.file(tenants.check_name(s.tenant)).exists()]
        if taken and not force:
            text = f"Déjà là : {', '.join(taken)}. Pour remplacer (les fichiers présents sont gardés à côté) : --force."
            raise Conflict.of("store-restore-exists", text, "tenant exists")
        drafts = [_draft(place, saved) for saved in chosen]
        try:
            staged = [_stage(source, saved, d, again) for saved, d in zip(chosen, drafts, strict=True)]
            stamp = instant(clock.now_ms()).replace(":", "").replace("-", "")
            return tuple(_put(place, done, d, stamp) for done, d in zip(staged, drafts, strict=True))
        except driver.DatabaseError as error:
            raise driver.unavailable(error) from error
        except OSError as error:
            text = f"La restauration n'a pas pu écrire dans « {place.tenants} »."
            raise Unavailable.of(
                "store-restore-unwritable", text, f"{type(error).__name__}: {error.strerror}"
            ) from error
        finally:
            for draft in drafts:
                draft.unlink(missing_ok=True)


def _draft(place: Place, saved: Saved) -> Path:
    return place.tenants / f".{saved.tenant}.restoring"


def _stage(source: Path, saved: Saved, draft: Path, again: Recomputation) -> Restored:
    """Copy one file of the backup beside its place, bring it to the present schema, and check it."""
    draft.unlink(missing_ok=True)
    try:
        with (source / saved.file).open("rb") as stream, open(draft, "xb", opener=_private) as target:
            shutil.copyfileobj(stream, target, manifest.READ_BYTES)
    except FileNotFoundError:
        raise _damaged(saved, "file missing") from None
    if (draft.stat().st_size, manifest.sha256(draft)) != (saved.bytes, saved.sha256):
        raise _damaged(saved, "size or sha256 differs from the manifest")
    upgraded = schema.migrate(draft)
    report = verify(draft, saved.tenant, again, sample=SAMPLE)
    found = report.content
    if report.damaged or found is None:
        raise _damaged(saved, "; ".join(sorted({f.check for f in report.findings})))
    if (found.sequence, found.versions, found.resources) != (
        saved.content.sequence,
        saved.content.versions,
        saved.content.resources,
    ):
        raise _damaged(saved, "counts differ from the manifest")
    return Restored(tenant=saved.tenant, content=found, upgraded=upgraded, report=report)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _damaged(saved: Saved, reason: str) -> Unprocessable:
    text = f"La sauvegarde de l'organisme « {saved.tenant} » n'est pas intacte : rien n'a été restauré."
    return Unprocessable.of("store-backup-damaged", text, reason)


def _put(place: Place, done: Restored, draft: Path, stamp: str) -> Restored:
    file = place.file(done.tenant)
    kept = _set_aside(file, stamp) if file.exists() else None
    # a log left by another file must never meet this one
    for leftover in _beside(file):
        leftover.unlink(missing_ok=True)
    _use_log(draft)
    sync(draft)
    os.replace(draft, file)
    sync(place.tenants)
    return Restored(tenant=done.tenant, content=done.content, upgraded=done.upgraded, report=done.report, kept=kept)


def _set_aside(file: Path, stamp: str) -> Path:
    """Rename a tenant's file and its log so that SQLite still finds one with the other, and the server neither."""
    kept = file.with_name(f"{file.name}.replaced-{stamp}")
    for path in (*_beside(file), file):
        if path.exists():
            os.rename(path, kept.with_name(kept.name + path.name.removeprefix(file.name)))
    return kept


def _beside(file: Path) -> tuple[Path, ...]:
    return tuple(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))


def _use_log(path: Path) -> None:
    connection = driver.connect(path, read_only=False, cache_mib=CACHE_MIB)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
