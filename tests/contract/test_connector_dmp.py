"""The DMP connector against the simulator, which another hand wrote from the specification alone."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.connectors.dmp import DmpConnector
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.job import Job
from dui_fhir.domain.outbox import dmp_job
from dui_fhir.ports import Delivered, Rejected, RetryLater
from dui_fhir.settings import Settings
from dui_fhir.simulators import start_all

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "../shared"
DOSSIER = ROOT / "tests/unit/connectors/dossier.json"


class Dossier:
    """A Reader over the fictitious dossier of the unit tests."""

    def __init__(self) -> None:
        resources = json.loads(DOSSIER.read_text(encoding="utf-8"))
        self.held = {f"{r['resourceType']}/{r['id']}": r for r in resources}

    def read(self, reference: str) -> Any:
        return self.held.get(reference)

    def search(self, type: str, params: Any) -> list[Any]:
        target = dict(params).get("target")
        return [
            r
            for r in self.held.values()
            if r["resourceType"] == type and any(t["reference"] == target for t in r.get("target", []))
        ]

    def job(self, id: str = "projet-1", replaces: str | None = None, attempts: int = 1) -> Job:
        old = self.held[f"DocumentReference/{replaces}"] if replaces else None
        job, _ = dmp_job(
            self.held[f"DocumentReference/{id}"],
            replaces=old,
            actor=Actor(),
            now=datetime.now(UTC).replace(microsecond=0),
        )
        return replace(job, attempts=attempts)


class Dmp:
    """The simulator and a connector to it; ``kept`` holds what was sent last."""

    def __init__(self, base: str, pages: str) -> None:
        self.pages = pages.rstrip("/")
        self.kept: dict[str, bytes] = {}
        settings = Settings({"dmp_url": base, "dmp_timeout_s": 2.0})
        self.connector = DmpConnector(settings, archive=lambda job, files: self.kept.update(files))
        self.dossier = Dossier()

    def deliver(self, job: Job) -> Any:
        return self.connector.deliver("demo", job, self.dossier)

    def post(self, path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            self.pages + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=5):
            pass

    def received(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.pages}/_simulateur/documents", timeout=5) as answer:
            found = json.loads(answer.read())
        documents: list[dict[str, Any]] = found["documents"] if isinstance(found, dict) else found
        return documents


@pytest.fixture
def dmp(tmp_path: Path) -> Iterator[Dmp]:
    with start_all(tmp_path, {"dmp": 0, "insi": 0}, environment="test") as simulators:
        held = Dmp(simulators.urls["dmp"], simulators.urls["dmp_pages"])
        yield held
        held.connector.close()


def test_deliver__new_document__accepted_with_its_signature(dmp: Dmp) -> None:
    delivery = dmp.deliver(dmp.dossier.job())
    assert isinstance(delivery, Delivered), delivery
    with urllib.request.urlopen(f"{dmp.pages}/_simulateur/documents/{delivery.evidence['uniqueId']}", timeout=5) as got:
        assert got.read() == dmp.kept["cda.xml"]


def test_deliver__same_job_again__delivered_once(dmp: Dmp) -> None:
    first = dmp.deliver(dmp.dossier.job())
    count = len(dmp.received())
    again, later = dmp.deliver(dmp.dossier.job()), dmp.deliver(dmp.dossier.job(attempts=2))
    assert isinstance(again, Delivered)
    assert isinstance(later, Delivered)
    assert first.evidence["uniqueId"] == again.evidence["uniqueId"] == later.evidence["uniqueId"]
    assert len(dmp.received()) == count


def test_deliver__replacement__old_version_deprecated(dmp: Dmp) -> None:
    first = dmp.deliver(dmp.dossier.job())
    second = dmp.deliver(dmp.dossier.job("projet-2", "projet-1"))
    assert isinstance(second, Delivered), second
    told = json.dumps(dmp.received())
    assert "Deprecated" in told
    assert first.evidence["uniqueId"] != second.evidence["uniqueId"]
    # a late copy of the replacement still is the same document
    assert isinstance(dmp.deliver(dmp.dossier.job("projet-2", "projet-1", attempts=2)), Delivered)


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("http-500", {}),
        ("soap-fault", {}),
        ("registry-error", {"code": "XDSRepositoryBusy"}),
        ("timeout", {"seconds": 3}),
        ("refuse-connection", {}),
        ("drop-after-store", {}),
        ("truncate", {}),
    ],
)
def test_deliver__passing_fault__retried_and_stored_once(dmp: Dmp, mode: str, more: dict[str, Any]) -> None:
    dmp.post("/_simulateur/pannes", {"mode": mode, "service": "repository", **more})
    assert isinstance(dmp.deliver(dmp.dossier.job()), RetryLater)
    delivery = dmp.deliver(dmp.dossier.job(attempts=2))
    assert isinstance(delivery, Delivered), delivery
    held = [d for d in dmp.received() if delivery.evidence["uniqueId"] in json.dumps(d)]
    assert len(held) == 1


def test_deliver__dmp_closed__kept_for_later(dmp: Dmp) -> None:
    dmp.post("/_simulateur/patients", {"ins": "259118414600153", "etat": "ferme"})
    delivery = dmp.deliver(dmp.dossier.job())
    assert isinstance(delivery, RetryLater)
    assert delivery.issue.id == "dmp-closed"
    assert dmp.received() == []


def test_deliver__ins_of_another_environment__not_sent(dmp: Dmp) -> None:
    dmp.dossier.held["Patient/usager"]["identifier"][0]["system"] = "urn:oid:1.2.250.1.213.1.4.8"
    assert isinstance(dmp.deliver(dmp.dossier.job()), RetryLater | Rejected)
    assert dmp.received() == []


@pytest.mark.slow
def test_artefacts__independent_validators__no_error(dmp: Dmp, tmp_path: Path) -> None:
    """XSD and schematrons of ANS for the CDA, XSD of IHE and OASIS and profile rules for the message."""
    if not (SHARED / "tools/validate_cda").exists():
        pytest.skip("needs the reference material in ../shared")
    pytest.importorskip("saxonche", reason="the schematrons need saxonche")
    files = []
    for id, replaces in (("projet-1", None), ("projet-2", "projet-1")):
        assert isinstance(dmp.deliver(dmp.dossier.job(id, replaces)), Delivered)
        message = dmp.kept["request.mtom"].partition(b"\r\n\r\n")[2]
        (tmp_path / f"{id}.mtom").write_bytes(message)
        (tmp_path / f"{id}.xml").write_bytes(dmp.kept["cda.xml"])
        files.append(tmp_path / id)
    _validated("validate_xds", *(f.with_suffix(".mtom") for f in files))
    _validated("validate_cda", *(f.with_suffix(".xml") for f in files))


def _validated(tool: str, *files: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SHARED / "tools" / tool), *map(str, files)], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("(0 errors, 0 warnings") == len(files), done.stdout
