"""The server as its operator meets it: start, refuse, die, come back."""

import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.e2e

Server = Any
MakeServer = Callable[..., Server]
Cli = Callable[..., Any]


HTTP = "dui_fhir.cli serve"
"""The HTTP processes are copies of the server's: their command line is its own."""


def _children(server: Server, mark: str) -> set[int]:
    return set(server.children(mark)) - {server.process.pid}


def _wait_for(true: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def _pair(number: str) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": number}]}
    task = {
        "resourceType": "Task",
        "status": "draft",
        "intent": "plan",
        "for": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000001"},
    }
    task["identifier"] = [{"system": "urn:test", "value": number}]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001",
                "resource": patient,
                "request": {"method": "POST", "url": "Patient"},
            },
            {"resource": task, "request": {"method": "POST", "url": "Task"}},
        ],
    }


def test_serve__fresh_folder__announces_itself_and_serves_the_default_tenant(server: Server) -> None:
    metadata = server.client.get("/fhir/metadata").json()

    assert metadata["resourceType"] == "CapabilityStatement"
    assert metadata["fhirVersion"] == "4.0.1"
    assert "aucune authentification" in server.log()
    assert server.client.get("/health/live").status_code == 200
    assert "dui_fhir" in server.client.get("/metrics").text


def test_serve__second_on_the_same_data__is_refused_with_one_sentence(server: Server, cli: Cli) -> None:
    second = cli("serve", "--port", "0", "--data", str(server.data))

    assert second.returncode == 1
    assert second.stderr.count("Erreur") == 1
    assert "store-locked" in second.stderr
    assert server.client.get("/health/ready").status_code == 200


def test_serve__port_of_another_server__is_refused_and_nothing_is_shared(
    server: Server, tmp_path: Path, cli: Cli
) -> None:
    second = cli("serve", "--port", str(server.port), "--data", str(tmp_path / "autre"))

    assert second.returncode == 1
    assert "core-address-unusable" in second.stderr
    assert "déjà pris" in second.stderr
    assert not (tmp_path / "autre").exists()


@pytest.mark.parametrize("port", ["99999", "-3"])
def test_serve__port_out_of_range__is_refused(port: str, tmp_path: Path, cli: Cli) -> None:
    refused = cli("serve", "--port", port, "--data", str(tmp_path / "data"))

    assert refused.returncode == 1
    assert "core-address-unusable" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("arguments", [("--host", "0.0.0.0"), ("--host", "192.168.1.2"), ("--auth", "oauth")])
def test_serve__open_door__is_refused(arguments: tuple[str, ...], tmp_path: Path, cli: Cli) -> None:
    refused = cli("serve", "--data", str(tmp_path / "data"), *arguments)

    assert refused.returncode == 1
    assert "core-auth-" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_serve__term_signal__stops_every_process(make_server: MakeServer) -> None:
    server = make_server().start()

    server.stop(signal.SIGTERM)

    assert server.children("dui_fhir") == []


def test_serve__killed_parent__leaves_no_process_and_the_folder_is_free(make_server: MakeServer) -> None:
    first = make_server().start()
    created = first.client.post("/fhir/Patient", json={"resourceType": "Patient"}).json()
    first.process.kill()
    first.process.wait()
    _wait_for(lambda: first.children("dui_fhir") == [])

    second = make_server().start()

    assert second.client.get(f"/fhir/Patient/{created['id']}").status_code == 200


def test_serve__killed_http_process__is_replaced_and_the_other_serves_meanwhile(server: Server) -> None:
    before = _children(server, HTTP)
    killed = min(before)

    os.kill(killed, signal.SIGKILL)

    _wait_for(lambda: len(_children(server, HTTP) - before) == 1 and killed not in _children(server, HTTP))
    for _ in range(20):
        with httpx.Client(base_url=str(server.client.base_url), timeout=30) as client:
            assert client.get("/health/ready").status_code == 200


# granian gives up where an HTTP process dies again within five seconds
@pytest.mark.parametrize(("victims", "times"), [("store.sqlite.writer", 3), (HTTP, 1)])
def test_serve__processes_killed_during_writes__keeps_every_acknowledged_bundle_whole(
    server: Server, victims: str, times: int
) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()
    unexpected: list[str] = []

    def write(name: int) -> None:
        with httpx.Client(base_url=str(server.client.base_url), timeout=30) as client:
            count = 0
            while not stop.is_set():
                key = f"{name}-{count}"
                count += 1
                try:
                    answer = client.post("/fhir", json=_pair(key))
                except httpx.TransportError:
                    continue  # the HTTP process died: not acknowledged
                if answer.status_code == 200:
                    acknowledged.append(key)
                elif answer.status_code != 503:
                    unexpected.append(answer.text)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(times):
        stop.wait(1.0)
        found = _children(server, victims)
        assert found
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    stop.wait(2.0)
    stop.set()
    for thread in threads:
        thread.join()
    server.wait_ready()

    assert unexpected == []
    assert len(acknowledged) > 10
    patients, tasks = (_keys(server, type) for type in ("Patient", "Task"))
    assert set(acknowledged) <= set(patients)
    assert sorted(patients) == sorted(tasks), "a bundle is there in part"


def _keys(server: Server, type: str) -> list[str]:
    """Return the business keys of all resources of a type, page after page."""
    keys: list[str] = []
    url: str | None = f"/fhir/{type}?_count=500"
    while url:
        page = server.client.get(url).json()
        keys += [entry["resource"]["identifier"][0]["value"] for entry in page.get("entry", [])]
        url = next((link["url"] for link in page.get("link", []) if link["relation"] == "next"), None)
    return keys


def _fill(server: Server) -> tuple[list[str], httpx.Response]:
    """Write until a write is refused; return the ids acknowledged and the refusal."""
    kept: list[str] = []
    for _ in range(200):
        answer = server.client.post("/fhir/Basic", json={"resourceType": "Basic", "code": {"text": "x" * 200_000}})
        if answer.status_code != 201:
            return kept, answer
        kept.append(answer.json()["id"])
    raise AssertionError("nothing was refused")


def _id_of(refused: httpx.Response) -> str:
    return str(refused.json()["issue"][0]["details"]["coding"][0]["code"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_serve__full_disk__refuses_keeps_what_it_acknowledged_and_recovers(
    make_server: MakeServer, small_disk: Path
) -> None:
    server = make_server()
    server.data = small_disk / "data"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 2_000_000)
    server.start()

    kept, refused = _fill(server)

    assert (refused.status_code, _id_of(refused)) == (503, "store-disk-full")
    assert kept
    assert all(server.client.get(f"/fhir/Basic/{id}").status_code == 200 for id in kept)
    ballast.unlink()
    again = server.client.post("/fhir/Basic", json={"resourceType": "Basic", "code": {"text": "place"}})
    assert again.status_code == 201, again.text
    server.close()


def test_serve__failing_disk__refuses_with_503_and_keeps_what_it_acknowledged(make_server: MakeServer) -> None:
    limit = 6_000_000  # a write beyond it fails as a broken disk would (EFBIG, told by SQLite as an I/O error)
    server = make_server(
        preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        environment={"DUI_FHIR_STORE_TIMEOUT_S": "3"},
    ).start()

    kept, refused = _fill(server)

    assert refused.status_code == 503
    assert _id_of(refused) in ("store-unavailable", "store-outcome-unknown")
    assert kept
    assert all(server.client.get(f"/fhir/Basic/{id}").status_code == 200 for id in kept)


def test_serve__garbage__gives_one_clear_error_and_no_5xx(server: Server) -> None:
    cases: list[tuple[bytes, int]] = [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"resourceType":"Patient"', 400),
        (b'{"resourceType":"Patinet"}', 400),
        (b'{"resourceType":"Observation"}', 400),
        (b"\xff\xfe", 400),
        (b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 500 + b"[]" + b"}]" * 500 + b"}", 413),
    ]
    for body, status in cases:
        answer = server.client.post("/fhir/Patient", content=body, headers={"Content-Type": "application/fhir+json"})
        assert answer.status_code == status, (body[:40], answer.text)
        outcome = answer.json()
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["details"]["text"]
    huge = json.dumps({"resourceType": "Basic", "code": {"text": "x" * 51_000_000}}).encode()
    answer = server.client.post("/fhir/Basic", content=huge, headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 413
    assert server.client.get("/fhir/Patient?_summary=count").json()["total"] == 0
