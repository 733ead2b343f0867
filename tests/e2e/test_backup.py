"""The drill: saved while clients write, everything lost, restored, served again."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.e2e

Server = Any
MakeServer = Callable[..., Server]
Cli = Callable[..., Any]
WRITERS = 4


def _pair(number: str) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": number}]}
    task = {
        "resourceType": "Task",
        "status": "draft",
        "intent": "plan",
        "for": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"},
        "identifier": [{"system": "urn:test", "value": number}],
    }
    first = {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": patient}
    entries = [
        {**first, "request": {"method": "POST", "url": "Patient"}},
        {"resource": task, "request": {"method": "POST", "url": "Task"}},
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


class Writers:
    """Clients that write pairs until told to stop, and note what was acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(port, n)) for n in range(WRITERS)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self, more: int) -> None:
        wanted = len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            assert not self.refused
            assert not self._stop.wait(0.01)

    def _write(self, port: int, writer: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            number = 0
            while not self._stop.is_set():
                number += 1
                answer = client.post("/fhir", json=_pair(f"{writer}-{number}"))
                if answer.status_code == 200:
                    self.acknowledged.append(f"{writer}-{number}")
                else:
                    self.refused.append(answer.status_code)


def _numbers(server: Server, type: str) -> set[str]:
    found: set[str] = set()
    url: str | None = f"/fhir/{type}?_count=500"
    while url:
        page = server.client.get(url).json()
        found |= {e["resource"]["identifier"][0]["value"] for e in page.get("entry", [])}
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return found


def test_drill__backup_under_load_then_everything_lost__restored_whole_and_served(
    server: Server, cli: Cli, tmp_path: Path
) -> None:
    saved, data = tmp_path / "saved", str(server.data)
    with Writers(server.port) as writers:
        writers.wait(60)
        before = set(writers.acknowledged)
        done = cli("backup", str(saved), "--data", data)
        between = len(writers.acknowledged) - len(before)
        beside = cli("verify", "--data", data, "--all")
        writers.wait(20)
    assert done.returncode == 0, done.stderr
    assert beside.returncode == 0, beside.stdout
    assert (writers.refused, between > 0) == ([], True)
    server.stop()
    shutil.rmtree(server.data)

    checked = cli("verify", str(saved), "--all", "--data", data)
    restored = cli("restore", str(saved), "--data", data)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert restored.returncode == 0, restored.stderr
    server.start()
    patients, tasks = _numbers(server, "Patient"), _numbers(server, "Task")
    assert patients == tasks
    assert before <= patients <= set(writers.acknowledged)
    found = server.client.get("/fhir/Task", params={"patient.identifier": "urn:test|0-1"}).json()
    assert [e["resource"]["identifier"][0]["value"] for e in found["entry"]] == ["0-1"]
    assert server.client.post("/fhir", json=_pair("after")).status_code == 200
    assert cli("verify", "--all", "--data", data).returncode == 0


def test_restore__server_running_or_tenant_there__is_refused_with_one_sentence(
    server: Server, cli: Cli, tmp_path: Path
) -> None:
    data = str(server.data)
    assert cli("backup", str(tmp_path / "saved"), "--data", data).returncode == 0

    running = cli("restore", str(tmp_path / "saved"), "--force", "--data", data)
    server.stop()
    there = cli("restore", str(tmp_path / "saved"), "--data", data)
    forced = cli("restore", str(tmp_path / "saved"), "--force", "--data", data)

    assert (running.returncode, running.stderr.count("Erreur")) == (1, 1)
    assert "store-locked" in running.stderr
    assert (there.returncode, there.stderr.count("Erreur")) == (1, 1)
    assert "store-restore-exists" in there.stderr
    assert forced.returncode == 0, forced.stderr
    assert "gardé" in forced.stdout


def _back_to_schema(path: Path, version: int) -> None:
    """Make of a present file what an earlier version wrote: ranges in order of value (2), no streams of the outbox (1)."""
    from dui_fhir.store.sqlite import driver

    connection = driver.connect(path, read_only=False, cache_mib=2)
    columns = "p, w, a, id, b, c, d, g, rid"
    connection.execute(
        "CREATE TABLE before(p INTEGER NOT NULL, w INTEGER NOT NULL, a NOT NULL, id TEXT NOT NULL, b NOT NULL,"
        " c TEXT NOT NULL, d INTEGER NOT NULL, g INTEGER NOT NULL, rid INTEGER NOT NULL,"
        " PRIMARY KEY(p, w, a, id, b, c, d, g)) WITHOUT ROWID"
    )
    connection.execute(f"INSERT INTO before({columns}) SELECT {columns} FROM f_range")
    connection.execute("DROP TABLE f_range")
    connection.execute("ALTER TABLE before RENAME TO f_range")
    if version == 1:
        connection.execute("DROP TABLE job_stream")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


_WEIGHT = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "poids"},
    "valueQuantity": {"value": 67.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}


@pytest.mark.parametrize("version", [1, 2])
def test_upgrade__earlier_schema__refuses_to_serve_until_upgraded(
    make_server: MakeServer, cli: Cli, version: int
) -> None:
    server = make_server().start()
    created = server.client.post("/fhir", json=_pair("1"))
    weighed = server.client.post("/fhir/Observation", json=_WEIGHT)
    server.stop()
    _back_to_schema(server.data / "tenants/demo.sqlite", version)

    verified = cli("verify", "--data", str(server.data))
    upgraded = cli("upgrade", "--data", str(server.data))

    assert (created.status_code, weighed.status_code) == (200, 201)
    assert (verified.returncode, "version antérieure" in verified.stdout) == (1, True)
    assert upgraded.returncode == 0, upgraded.stderr
    assert f"{version} → 3" in upgraded.stdout
    assert cli("verify", "--data", str(server.data)).returncode == 0
    server.start()
    assert _numbers(server, "Task") == {"1"}
    grams = "/fhir/Observation?value-quantity=67500|http://unitsofmeasure.org|g"
    assert [e["resource"]["id"] for e in server.client.get(grams).json()["entry"]] == [weighed.json()["id"]]
    assert len(list((server.data / "backups").iterdir())) == 1


def test_verify__byte_changed_in_a_body__is_told_and_the_exit_status_says_so(server: Server, cli: Cli) -> None:
    from dui_fhir.store.sqlite import driver

    assert server.client.post("/fhir", json=_pair("1")).status_code == 200
    server.stop()
    connection = driver.connect(server.data / "tenants/demo.sqlite", read_only=False, cache_mib=2)
    connection.execute("UPDATE version SET body = CAST(replace(body, 'draft', 'draff') AS BLOB)")
    connection.close()

    told = cli("verify", "--data", str(server.data))

    assert told.returncode == 1
    assert "empreinte" in told.stdout
    assert told.stderr == ""
