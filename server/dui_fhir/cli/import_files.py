"""Read files, send them through the same service as HTTP, in reprise mode, and keep an account of it."""

import json as stdlib_json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import click

from dui_fhir import app
from dui_fhir.cli.import_sending import Here, Sender, Sent, SideBySide
from dui_fhir.definitions.xml import from_xml
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import interval
from dui_fhir.domain.errors import BadRequest, DuiError
from dui_fhir.domain.issues import Issue
from dui_fhir.settings import Settings

NDJSON_BATCH = 100
SIDE_BY_SIDE_BYTES = 2_000_000
"""Size of the files from which several processes are worth their start."""
_TRANSACTIONS = ("transaction", "batch")


@dataclass
class Summary:
    """What an import did, counted in resources; ``refused`` counts Bundles or batches."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    remarks: int = 0
    faults: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the account for a person."""
        done = f"{self.created} créée(s), {self.changed} modifiée(s), {self.unchanged} déjà là ; {self.remarks} remarque(s)."
        return "\n".join([done, *(f"Refusé : {fault}" for fault in self.faults)])


@dataclass(frozen=True)
class _Lot:
    """A transaction to send: where it comes from, and the Bundle or the fault of reading it."""

    origin: str
    bundle: Resource | None = None
    fault: DuiError | None = None


def run(
    settings: Settings, files: Sequence[Path], tenant: str, report: Path | None, *, processes: int | None = None
) -> Summary:
    """Import every file in the order given; the tenant is created where it is not there.

    A Bundle is all or nothing; a refused one does not stop the others. The same content again changes nothing.
    ``processes``: how many prepare side by side; None = as many as cores where the files are worth it.
    Raises: Unavailable (``core-import-process``).
    """
    found = [path for file in files for path in _expand(file)]
    engine = app.build_engine(settings, writer="own")
    try:
        if tenant not in engine.stores.names():
            engine.stores.create(tenant)
        chosen = processes or _worth(found, settings)
        if chosen == 1:
            return _import(found, Here(engine, tenant), report)
        with SideBySide(settings, tenant, chosen) as sender:
            return _import(found, sender, report)
    finally:
        engine.stores.close()


def _worth(found: Sequence[Path], settings: Settings) -> int:
    """A process takes about a second to get ready; a store in memory is in one process only."""
    size = sum(path.stat().st_size for path in found)
    return os.cpu_count() or 1 if size >= SIDE_BY_SIDE_BYTES and settings.store != "memory" else 1


def _import(found: Sequence[Path], sender: Sender, report: Path | None) -> Summary:
    summary = Summary()
    with _report(report) as account, click.progressbar(found, label="Import", item_show_func=_name) as progress:
        for path in progress:
            for lot in _lots(path):
                for sent in _sending(sender, lot):
                    _take(sent, summary, account)
        for sent in sender.rest():
            _take(sent, summary, account)
    return summary


def _sending(sender: Sender, lot: _Lot) -> Iterator[Sent]:
    if lot.bundle is not None:
        return sender.send(lot.origin, lot.bundle)
    fault = lot.fault or BadRequest.of("core-json-invalid", "Le fichier n'est pas lisible.")
    return sender.skip(Sent(origin=lot.origin, issues=tuple(fault.issues)))


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.suffix in (".json", ".ndjson", ".xml"))
    return [path]


def _name(path: Path | None) -> str:
    return path.name if path else ""


def _report(path: Path | None) -> IO[str]:
    return (path or Path("/dev/null")).open("w", encoding="utf-8")


def _lots(path: Path) -> Iterator[_Lot]:
    """Cut a file into transactions."""
    if path.suffix == ".ndjson":
        yield from _lines(path)
        return
    try:
        data = path.read_bytes()
        content: Any = from_xml(data) if path.suffix == ".xml" else json.loads(data)
        yield _Lot(path.name, _as_transaction(content))
    except DuiError as error:
        yield _Lot(path.name, fault=error)
    except ValueError as error:
        yield _Lot(path.name, fault=_unreadable(str(error)))


def _lines(path: Path) -> Iterator[_Lot]:
    batch: list[Resource] = []
    first = 1
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                resource = json.loads(line) if line.strip() else None
            except ValueError as error:
                yield _Lot(f"{path.name}, ligne {number}", fault=_unreadable(str(error)))
                continue
            if resource is not None:
                batch.append(resource)
            if len(batch) == NDJSON_BATCH:
                yield _Lot(f"{path.name}, lignes {first} à {number}", _puts(batch))
                batch, first = [], number + 1
    if batch:
        yield _Lot(f"{path.name}, à partir de la ligne {first}", _puts(batch))


def _unreadable(reason: str) -> BadRequest:
    return BadRequest.of("core-json-invalid", "Le fichier n'est pas du JSON valable.", reason)


def _as_transaction(content: Any) -> Resource:
    """A transaction stays as it is; another Bundle or a resource becomes updates under the ids it holds."""
    if not isinstance(content, dict) or "resourceType" not in content:
        raise BadRequest.of("core-resource-type", "Le fichier ne contient pas de ressource FHIR.", "no resourceType")
    if content["resourceType"] != "Bundle":
        return _puts([content])
    if content.get("type") in _TRANSACTIONS:
        return content
    return _puts([e["resource"] for e in content.get("entry", []) if isinstance(e, dict) and "resource" in e])


def _puts(resources: Sequence[Resource]) -> Resource:
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_put(r) for r in resources]}


def _put(resource: Resource) -> dict[str, Any]:
    type, id = resource.get("resourceType"), resource.get("id")
    request = {"method": "PUT", "url": f"{type}/{id}"} if id else {"method": "POST", "url": str(type)}
    return {"resource": resource, "request": request}


def _take(sent: Sent, summary: Summary, account: IO[str]) -> None:
    """Count what became of a lot, and note it."""
    if sent.issues:
        summary.refused += 1
        summary.faults.append(f"{sent.origin} — {sent.issues[0].text}")
        _write(account, {"origin": sent.origin, "status": "refused", "issues": [i.as_fhir() for i in sent.issues]})
        return
    refused = [_issue_of(e) for e in sent.entries if not e["status"].startswith("2")]
    if refused:  # a batch: its good entries are in, the others are told
        summary.refused += len(refused)
        summary.faults += [issue.text for issue in refused]
    for entry in sent.entries:
        _count(entry, sent.sent_ms, summary)
    _write(account, {"origin": sent.origin, "status": "ok", "entries": list(sent.entries)})


def _count(entry: dict[str, Any], before_ms: int, summary: Summary) -> None:
    summary.remarks += len([i for i in entry.get("outcome", {}).get("issue", []) if i["severity"] == "warning"])
    if not entry["status"].startswith("2"):
        return
    modified = entry.get("lastModified")
    if modified and interval(modified)[0] < before_ms:
        summary.unchanged += 1
    elif entry["status"].startswith("201"):
        summary.created += 1
    else:
        summary.changed += 1


def _issue_of(entry: dict[str, Any]) -> Issue:
    issue = (entry.get("outcome", {}).get("issue") or [{}])[0]
    details = issue.get("details", {})
    id = (details.get("coding") or [{}])[0].get("code", "core-unknown")
    return Issue(severity="error", code="processing", id=id, text=details.get("text", entry["status"]))


def _write(account: IO[str], line: dict[str, Any]) -> None:
    account.write(stdlib_json.dumps(line, ensure_ascii=False) + "\n")
