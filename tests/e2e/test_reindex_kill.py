"""Indexing again survives kill -9 of the worker, and of the whole server; every process searches alike."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

RESOURCES = 1600
END_S = 60.0
PARAMETER = {
    "resourceType": "SearchParameter",
    "id": "surnom",
    "url": "https://exemple.fr/SearchParameter/surnom",
    "name": "Surnom",
    "status": "active",
    "description": "Surnom de la personne",
    "code": "surnom",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.name.where(use='nickname').given",
}


def _loaded(cli: Callable[..., Any], tmp_path: Any) -> None:
    file = tmp_path / "personnes.ndjson"
    lines = [
        {"resourceType": "Patient", "id": f"p{n:04d}", "name": [{"use": "nickname", "given": [f"Loulou{n % 10}"]}]}
        for n in range(RESOURCES)
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    data = str(tmp_path / "data")
    for arguments in (
        ("tenant", "add", "demo", "--data", data),
        ("import", str(file), "--tenant", "demo", "--data", data),
    ):
        done = cli(*arguments)
        assert done.returncode == 0, done.stderr


def _status(server: Any) -> dict[str, Any]:
    content = server.client.get("/fhir/SearchParameter/$index-status").json()["parameter"]
    found = {p["name"]: p.get("valueBoolean") for p in content}
    for base in (p for p in content if p["name"] == "base"):
        found |= {p["name"]: p.get("valueInteger", p.get("valueCode")) for p in base["part"]}
    return found


def _killed(server: Any) -> None:
    for pid in server.children("dui_fhir.cli worker"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_reindex__worker_then_server_killed__ends_and_every_process_finds_all(
    make_server: Callable[..., Any], cli: Callable[..., Any], tmp_path: Any
) -> None:
    _loaded(cli, tmp_path)
    environment = {"DUI_FHIR_WORKER_EMBEDDED": "true", "DUI_FHIR_WORKER_POLL_S": "0.1", "DUI_FHIR_JOB_LEASE_S": "1"}
    server = make_server(environment=environment).start()
    assert server.client.put("/fhir/SearchParameter/surnom", json=PARAMETER).status_code == 201
    seen, kills = [], iter((lambda: _killed(server), lambda: (server.stop(signal.SIGKILL), server.start())))
    end = time.monotonic() + END_S
    while time.monotonic() < end and not (now := _status(server))["complete"]:
        if now.get("done", 0) > (seen[-1] if seen else 0):
            seen.append(now["done"])
            next(kills, lambda: None)()
        time.sleep(0.05)
    assert _status(server) == {"complete": True}, server.log()
    assert len(seen) >= 2, "the work was over before it could be interrupted twice"
    for _ in range(8):  # several web processes answer in turn
        answer = server.client.get("/fhir/Patient?surnom=loulou3&_summary=count").json()
        assert (answer["total"], "entry" in answer) == (RESOURCES // 10, False)
    assert server.client.get("/fhir/Patient/p0003").headers["ETag"] == 'W/"1"'


def test_reindex__by_command__does_the_work_and_tells_it(cli: Callable[..., Any], tmp_path: Any) -> None:
    data = str(tmp_path / "data")
    _loaded(cli, tmp_path)
    file = tmp_path / "parametre.ndjson"
    file.write_text(json.dumps(PARAMETER))
    assert cli("import", str(file), "--tenant", "demo", "--data", data).returncode == 0
    told = cli("reindex", "--status", "--data", data)
    assert "surnom) : pas commencé, en attente" in told.stdout, told.stderr
    done = cli("reindex", "--data", data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "demo : tous les paramètres de recherche sont indexés."
    assert "500 sur 1600 ressources (31 %)" in done.stdout
    assert cli("reindex", "--status", "--data", data).stdout.strip() == "Tous les paramètres de recherche sont indexés."
