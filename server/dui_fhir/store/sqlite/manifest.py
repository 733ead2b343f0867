"""What a backup holds: one file per tenant, and a manifest by which each can be checked without this program."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dui_fhir.domain import json
from dui_fhir.domain.errors import NotFound, Unprocessable
from dui_fhir.store.sqlite.driver import Connection

FORMAT = "dui-fhir-backup"
FORMAT_VERSION = 1
NAME = "manifest.json"
FOLDER = "tenants"
READ_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What a tenant's file holds. ``sequence``: that of its last version; ``resources``: live ones by type."""

    schema_version: int
    sequence: int
    versions: int
    resources: Mapping[str, int]
    jobs: int

    @classmethod
    def of(cls, connection: Connection) -> "Content":
        """Count, in the read transaction in progress."""

        def one(query: str) -> int:
            return int(connection.execute(query).fetchone()[0])

        live = (
            "SELECT t.name, count(*) FROM resource r JOIN type t ON t.t = r.t WHERE r.live GROUP BY t.name ORDER BY 1"
        )
        return cls(
            schema_version=one("PRAGMA user_version"),
            sequence=one("SELECT coalesce(max(seq), 0) FROM version"),
            versions=one("SELECT count(*) FROM version"),
            resources=dict(connection.execute(live).fetchall()),
            jobs=one("SELECT count(*) FROM job"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """One tenant of a backup. ``instant``: when its snapshot was taken, UTC. ``file`` is relative to the manifest."""

    tenant: str
    file: str
    bytes: int
    sha256: str
    instant: str
    content: Content


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A whole backup."""

    program: str
    created: str
    tenants: tuple[Saved, ...]

    def only(self, names: Iterable[str]) -> tuple[Saved, ...]:
        """Return the tenants named, all where none is. Raises: NotFound (``store-backup-tenant``)."""
        wanted = tuple(names) or tuple(s.tenant for s in self.tenants)
        known = {s.tenant: s for s in self.tenants}
        for name in wanted:
            if name not in known:
                raise NotFound.of(
                    "store-backup-tenant",
                    f"La sauvegarde ne contient pas l'organisme « {name} ».",
                    "tenant not in manifest",
                )
        return tuple(known[name] for name in dict.fromkeys(wanted))

    def write(self, folder: Path) -> None:
        """Write the manifest into a folder."""
        content = {"format": FORMAT, "formatVersion": FORMAT_VERSION, **asdict(self)}
        (folder / NAME).write_bytes(json.dumps(content) + b"\n")


def read(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises: Unprocessable (``store-backup-invalid``: no backup, or one of a later program).
    """
    try:
        content = json.loads((folder / NAME).read_bytes())
        if content["format"] != FORMAT or content["formatVersion"] != FORMAT_VERSION:
            raise ValueError("format")
        return Manifest(
            program=content["program"], created=content["created"], tenants=tuple(map(_saved, content["tenants"]))
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"« {folder} » n'est pas une sauvegarde de dui-fhir, ou vient d'une version plus récente."
        raise Unprocessable.of("store-backup-invalid", text, type(error).__name__) from error


def _saved(entry: dict[str, Any]) -> Saved:
    # nothing outside the backup's own folder is ever read
    if "/" in entry["tenant"] or entry["file"] != f"{FOLDER}/{entry['tenant']}.sqlite":
        raise ValueError("file")
    return Saved(**{**entry, "content": Content(**entry["content"])})


def sha256(path: Path) -> str:
    """Return the hexadecimal digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
