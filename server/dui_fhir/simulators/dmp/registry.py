"""What the simulated DMP holds: a folder that survives a restart.

``events/000001.json`` … are the accepted submissions and status changes, in order: the present state is their replay, and
one file is one atomic commit. ``documents/<entryUUID>.xml`` are the documents. ``assertions.txt`` are the VIHF seen.
"""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dui_fhir.simulators.dmp.ebrim import APPROVED, DEPRECATED

OPEN, CLOSED, ABSENT = "ouvert", "ferme", "inexistant"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A registered document. ``patient`` is ``<INS>^^^&<root>``; ``xml`` the ExtrinsicObject as answered to a query."""

    uuid: str
    unique_id: str
    submission_set: str  # uniqueId
    patient: str
    title: str
    type_code: str
    created: str
    visibility: tuple[str, ...]
    signature: bool
    set_id: str
    version: int
    structure: str  # Struct_IdNat of the VIHF that sent it
    person: str
    sha1: str
    size_bytes: int
    received_ms: int
    status: str
    xml: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A submission that passed every check."""

    submission_set: str
    entries: tuple[Entry, ...]
    replaced: tuple[str, ...]  # entryUUIDs that become Deprecated


class Registry:
    """The entries, by entryUUID. Hold ``lock`` from the last check to the commit."""

    def __init__(self, folder: Path) -> None:
        self.lock = threading.RLock()
        self._events = folder / "events"
        self._documents = folder / "documents"
        self._assertions = folder / "assertions.txt"
        for path in (self._events, self._documents):
            path.mkdir(parents=True, exist_ok=True)
        self._entries: dict[str, Entry] = {}
        self._sets: set[str] = set()
        self._patients: dict[str, str] = {}
        files = sorted(self._events.glob("[0-9]*.json"))
        for file in files:
            self._apply(json.loads(file.read_text(encoding="utf-8")))
        self._count = int(files[-1].stem) if files else 0
        self._seen = set(self._assertions.read_text().split()) if self._assertions.exists() else set()

    def entries(self) -> Iterator[Entry]:
        """Yield every entry, oldest first."""
        with self.lock:
            yield from tuple(self._entries.values())

    def entry(self, uuid: str) -> Entry | None:
        """Return the entry of an entryUUID (``urn:uuid:…``)."""
        return self._entries.get(uuid)

    def by_unique_id(self, unique_id: str) -> Entry | None:
        """Return the entry of a document uniqueId."""
        with self.lock:
            return next((e for e in self._entries.values() if e.unique_id == unique_id), None)

    def has_set(self, unique_id: str) -> bool:
        """Tell whether a submission set, or a document, already bears this uniqueId."""
        return unique_id in self._sets

    def document(self, uuid: str) -> bytes:
        """Return the bytes of a document."""
        return self._file(uuid).read_bytes()

    def patient(self, ins: str) -> str:
        """Return the state of a DMP: every person has one, unless told otherwise."""
        return self._patients.get(ins, OPEN)

    def set_patient(self, ins: str, state: str) -> None:
        """Open, close or remove a DMP."""
        with self.lock:
            self._record({"kind": "patient", "ins": ins, "state": state})

    def first_use(self, assertion_id: str) -> bool:
        """Remember a VIHF; tell whether it had never been seen."""
        with self.lock:
            if assertion_id in self._seen:
                return False
            self._seen.add(assertion_id)
            with self._assertions.open("a", encoding="utf-8") as file:
                file.write(assertion_id + "\n")
            return True

    def commit(self, commit: Commit, documents: dict[str, bytes]) -> None:
        """Store documents and metadata; the event written last makes the whole visible."""
        with self.lock:
            for uuid, data in documents.items():
                _write(self._file(uuid), data)
            self._record({"kind": "submission", **asdict(commit)})

    def change_statuses(self, submission_set: str, statuses: dict[str, str]) -> None:
        """Set the availability status of entries, by entryUUID, all in one commit."""
        with self.lock:
            self._record({"kind": "status", "submission_set": submission_set, "statuses": statuses})

    def _record(self, event: dict[str, Any]) -> None:
        self._count += 1
        text = json.dumps(event, ensure_ascii=False, indent=1)
        _write(self._events / f"{self._count:06d}.json", text.encode())
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        if event["kind"] == "patient":
            self._patients[event["ins"]] = event["state"]
        elif event["kind"] == "status":
            self._sets.add(event["submission_set"])
            for uuid, status in event["statuses"].items():
                self._set_status(uuid, status)
        else:
            self._sets.add(event["submission_set"])
            for fields in event["entries"]:
                entry = Entry(**{**fields, "visibility": tuple(fields["visibility"])})
                self._entries[entry.uuid] = entry
            for uuid in event["replaced"]:
                self._set_status(uuid, DEPRECATED)

    def _set_status(self, uuid: str, status: str) -> None:
        self._entries[uuid] = replace(self._entries[uuid], status=status)

    def _file(self, uuid: str) -> Path:
        return self._documents / f"{uuid.removeprefix('urn:uuid:')}.xml"


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(".part")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def is_current(entry: Entry) -> bool:
    """Tell whether an entry is the present version."""
    return entry.status == APPROVED
