"""Files of an earlier schema brought to the present one: a backup first, then step by step, each step whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dui_fhir.domain.dates import instant
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.ports import Clock
from dui_fhir.store.sqlite import driver, schema
from dui_fhir.store.sqlite.backup import backup, damage, opened
from dui_fhir.store.sqlite.place import Place
from dui_fhir.store.sqlite.writer import hold

FOLDER = "backups"


@dataclass(frozen=True, kw_only=True, slots=True)
class Upgrade:
    """What was done: schema before of each tenant upgraded, and the backup made before; None = nothing to do."""

    before: Mapping[str, int]
    saved: Path | None = None


def upgrade(data: Path, *, clock: Clock, program: str) -> Upgrade:
    """Upgrade every tenant of a data directory that no server uses.

    All are looked at before one is touched. Raises: ConfigurationError (``store-locked``; ``store-schema-new``: written by
    a later program; ``store-schema-unknown``: too old or not ours; ``store-schema-damaged``), and what :func:`backup` raises.
    """
    driver.check_version()
    place = Place(data)
    if not place.tenants.exists():
        return Upgrade(before={})
    with hold(place):
        found = {name: _schema(place.file(name), name) for name in place.names()}
        old = {name: version for name, version in found.items() if version != schema.VERSION}
        if not old:
            return Upgrade(before={})
        stamp = instant(clock.now_ms()).replace(":", "").replace("-", "")
        saved = place.data / FOLDER / f"before-schema-{schema.VERSION}-{stamp}"
        saved.parent.mkdir(mode=0o700, exist_ok=True)
        backup(data, saved, names=tuple(old), clock=clock, program=program)
        for name in old:
            _upgrade(place.file(name), name)
        return Upgrade(before=old, saved=saved)


def _schema(path: Path, tenant: str) -> int:
    """Return the schema version of a file that can be upgraded or needs not."""
    try:
        with opened(path) as connection:
            ours = connection.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    except driver.DatabaseError as error:
        raise driver.unavailable(error) from error
    if ours and version > schema.VERSION:
        text = f"La base de l'organisme « {tenant} » a été écrite par une version plus récente de dui-fhir."
        raise ConfigurationError.of("store-schema-new", text, f"schema version {version}, expected {schema.VERSION}")
    if not ours or any(step not in schema.MIGRATIONS for step in range(version, schema.VERSION)):
        text = f"La base de l'organisme « {tenant} » est d'un schéma que cette version ne sait pas mettre à niveau."
        raise ConfigurationError.of("store-schema-unknown", text, f"schema version {version}")
    return version


def _upgrade(path: Path, tenant: str) -> None:
    try:
        schema.migrate(path)
        with opened(path) as connection:
            schema.check(connection, tenant)
            faults = damage(connection)
    except driver.DatabaseError as error:
        raise driver.unavailable(error) from error
    if faults:
        text = f"La base de l'organisme « {tenant} » n'est pas intacte après la mise à niveau : reprenez la sauvegarde."
        raise ConfigurationError.of("store-schema-damaged", text, "integrity_check failed after the upgrade")
