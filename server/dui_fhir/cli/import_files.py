"""Read files, send them through the same service as HTTP, in reprise mode, and keep an account of it."""

import hashlib
import json as stdlib_json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import click

from dui_fhir import app
from dui_fhir.definitions.xml import from_xml
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import interval
from dui_fhir.domain.errors import BadRequest, DuiError
from dui_fhir.domain.issues import Issue
from dui_fhir.service.engine import Engine
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.router import dispatch
from dui_fhir.settings import Settings

NDJSON_BATCH = 100
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


def run(settings: Settings, files: Sequence[Path], tenant: str, report: Path | None) -> Summary:
    """Import every file in the order given; the tenant is created where it is not there.

    A Bundle is all or nothing; a refused one does not stop the others. The same content again changes nothing.
    """
    found = [path for file in files for path in _expand(file)]
    engine = app.build_engine(settings, writer="own")
    summary = Summary()
    try:
        if tenant not in engine.stores.names():
            engine.stores.create(tenant)
        with _report(report) as account, click.progressbar(found, label="Import", item_show_func=_name) as progress:
            for path in progress:
                for lot in _lots(path):
                    _take(engine, tenant, lot, summary, account)
    finally:
        engine.stores.close()
    return summary


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


def _take(engine: Engine, tenant: str, lot: _Lot, summary: Summary, account: IO[str]) -> None:
    try:
        if lot.bundle is None:
            raise lot.fault or BadRequest.of("core-json-invalid", "Le fichier n'est pas lisible.")
        entries = _send(engine, tenant, lot.bundle, summary)
    except DuiError as error:
        summary.refused += 1
        summary.faults.append(f"{lot.origin} — {error.issues[0].text}")
        _write(account, {"origin": lot.origin, "status": "refused", "issues": [i.as_fhir() for i in error.issues]})
        return
    _write(account, {"origin": lot.origin, "status": "ok", "entries": entries})


def _send(engine: Engine, tenant: str, bundle: Resource, summary: Summary) -> list[dict[str, Any]]:
    """Send one Bundle under a key made from its content, so that the same content is applied once."""
    body = json.dumps(bundle)
    before_ms = engine.clock.now_ms()
    answer = dispatch(
        engine,
        ServiceRequest(
            tenant=tenant,
            method="POST",
            path="",
            base_url="",
            body=body,
            media="application/fhir+json",
            reprise=True,
            request_key=f"import|{hashlib.sha256(body).hexdigest()}",
        ),
    )
    content: Any = answer.body if isinstance(answer.body, dict) else json.loads(answer.body or b"{}")
    entries = [e["response"] for e in content.get("entry", [])]
    refused = [_issue_of(e) for e in entries if not e["status"].startswith("2")]
    if refused:  # a batch: its good entries are in, the others are told
        summary.refused += len(refused)
        summary.faults += [issue.text for issue in refused]
    for entry in entries:
        _count(entry, before_ms, summary)
    return entries


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
