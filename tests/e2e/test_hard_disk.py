"""Disks that are slow, or that may not be written: what was acknowledged stays, reads go on, and people are told."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

MakeServer = Callable[..., Any]


def _basic(text: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"text": text}}


def _id_of(response: Any) -> str:
    assert response.json()["resourceType"] == "OperationOutcome"
    return str(response.json()["issue"][0]["details"]["coding"][0]["code"])


def _together(server: Any, count: int) -> list[Any]:
    """Send creates side by side; return the answers."""
    answers: list[Any] = []

    def send(number: int) -> None:
        answers.append(server.client.post("/fhir/Basic", json=_basic(f"n{number}")))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _total(server: Any) -> int:
    return int(server.client.get("/fhir/Basic?_summary=count").json()["total"])


def test_writes__slow_disk_within_the_patience_of_clients__all_wait_and_all_are_done(make_server: MakeServer) -> None:
    server = make_server(environment={"DUI_FHIR_STORE_COMMIT_DELAY_MS": "150"}).start()

    answers = _together(server, 12)

    assert [a.status_code for a in answers] == [201] * 12
    assert _total(server) == 12
    assert "locked" not in server.log()


@pytest.mark.parametrize(("delay_ms", "limit_s"), [(900, 1.2), (2500, 1.0)], ids=["some in time", "none in time"])
def test_writes__disk_slower_than_the_time_limit__503_or_done_and_nothing_acknowledged_is_lost(
    make_server: MakeServer, delay_ms: int, limit_s: float
) -> None:
    slow = {"DUI_FHIR_STORE_COMMIT_DELAY_MS": str(delay_ms), "DUI_FHIR_STORE_TIMEOUT_S": str(limit_s)}
    server = make_server(environment=slow).start()

    answers = _together(server, 12)
    started = time.monotonic()
    seen = [server.client.get(a.headers["Location"].split("/_history")[0]) for a in answers if a.status_code == 201]
    reads_s = time.monotonic() - started

    late = [a for a in answers if a.status_code != 201]
    assert len(late) == 12 or delay_ms < limit_s * 1000
    assert {(a.status_code, _id_of(a)) for a in late} <= {(503, "store-outcome-unknown"), (503, "store-unavailable")}
    assert all(int(a.headers["Retry-After"]) >= 1 for a in late)
    assert all(read.status_code == 200 for read in seen)
    assert reads_s < 5, "reads do not wait for the disk of the writes"
    assert len(seen) <= _total(server) <= 12
    assert "locked" not in server.log()


@contextmanager
def _unwritable(file: Path) -> Iterator[None]:
    """Keep a file from being written, by the administrator too."""
    privileged = os.geteuid() == 0
    refuse, allow = (["chattr", "+i"], ["chattr", "-i"]) if privileged else (["chmod", "400"], ["chmod", "600"])
    if subprocess.run([*refuse, str(file)], capture_output=True, check=False).returncode != 0:
        pytest.skip("this file system does not make a file unwritable")
    try:
        yield
    finally:
        subprocess.run([*allow, str(file)], check=True)


def test_writes__tenant_file_read_only__refused_in_french_while_reads_go_on_and_taken_up_again_after(
    make_server: MakeServer,
) -> None:
    server = make_server().start()
    kept = server.client.post("/fhir/Basic", json=_basic("avant")).json()["id"]
    server.stop()

    with _unwritable(server.data / "tenants" / "demo.sqlite"):
        server.start()
        answers = [server.client.post("/fhir/Basic", json=_basic("pendant")) for _ in range(3)]
        reads = [server.client.get(f"/fhir/Basic/{kept}").status_code for _ in range(3)]
        found = server.client.get("/fhir/Basic?_summary=count").status_code

    assert {(a.status_code, _id_of(a)) for a in answers} == {(503, "store-read-only")}
    assert "lecture seule" in answers[0].text
    assert all("Retry-After" in a.headers for a in answers)
    assert (reads, found) == ([200] * 3, 200)
    again = server.client.post("/fhir/Basic", json=_basic("après"))
    assert again.status_code == 201, again.text
    assert "Traceback" not in server.log()


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Mount a folder over itself, read-only; without the right to, take its permissions away."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    steps = (["mount", "--bind"], ["mount", "-o", "remount,ro,bind"])
    if any(subprocess.run([*s, str(folder), str(folder)], capture_output=True, check=False).returncode for s in steps):
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_serve__read_only_folder__one_french_sentence_and_no_trace(
    make_server: MakeServer, cli: Callable[..., Any]
) -> None:
    server = make_server().start()
    server.stop()

    with _read_only(server.data):
        refused = cli("serve", "--port", str(server.port), "--data", str(server.data))

    assert refused.returncode != 0
    said = refused.stderr + refused.stdout
    assert "il faut pouvoir y écrire" in said
    assert "Traceback" not in said
