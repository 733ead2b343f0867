"""An export survives kill -9 of the worker, and of the whole server."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

RESOURCES = 1500
END_S = 60.0


@pytest.fixture
def served(make_server: Callable[..., Any], cli: Callable[..., Any], tmp_path: Any) -> Any:
    """A server with its worker, and a tenant full of observations."""
    lines = [
        {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": "poids"}, "note": [{"text": "x" * 500}]}
        for n in range(RESOURCES)
    ]  # fmt: skip
    file = tmp_path / "observations.ndjson"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    added = cli("tenant", "add", "demo", "--data", str(tmp_path / "data"))
    assert added.returncode == 0, added.stderr
    loaded = cli("import", str(file), "--tenant", "demo", "--data", str(tmp_path / "data"))
    assert loaded.returncode == 0, loaded.stderr
    environment = {
        "DUI_FHIR_WORKER_EMBEDDED": "true", "DUI_FHIR_BULK_LEASE_S": "1", "DUI_FHIR_WORKER_POLL_S": "0.1",
    }  # fmt: skip
    return make_server(environment=environment).start()


def _killed(server: Any) -> None:
    for pid in server.children("dui_fhir.cli worker"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _finished(server: Any, url: str, during: Callable[[], None]) -> Any:
    end = time.monotonic() + END_S
    while time.monotonic() < end:
        answer = server.client.get(url)
        if answer.status_code != 202:
            assert answer.status_code == 200, answer.text
            return answer.json()
        during()
        time.sleep(0.2)
    raise AssertionError(f"the export does not end: {server.log()}")


def _ids(server: Any, manifest: Any) -> list[str]:
    found: list[str] = []
    for output in manifest["output"]:
        found += [json.loads(line)["id"] for line in server.client.get(output["url"]).text.splitlines()]
    return sorted(found)


def test_export__worker_then_server_killed__every_resource_comes_once(served: Any) -> None:
    expected = sorted(f"o{n}" for n in range(RESOURCES))
    answer = served.client.get("/fhir/$export?_type=Observation", headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    kills = iter((True, True))

    manifest = _finished(
        served, answer.headers["Content-Location"], lambda: _killed(served) if next(kills, False) else None
    )
    assert _ids(served, manifest) == expected

    url = served.client.get("/fhir/$export?_type=Observation").headers["Content-Location"]
    served.stop(signal.SIGKILL)
    served.start()
    assert _ids(served, _finished(served, url, lambda: None)) == expected


def test_transaction_put_off__server_killed_right_after__is_done_once_and_answered(served: Any) -> None:
    entries = [{"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}] * 50
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    accepted = served.client.post("/fhir", json=bundle, headers={"Prefer": "respond-async"})
    served.stop(signal.SIGKILL)
    served.start()
    answer = _finished(served, accepted.headers["Content-Location"], lambda: None)

    assert accepted.status_code == 202
    assert (answer["type"], len(answer["entry"])) == ("transaction-response", 50)
    told = sorted(e["response"]["location"].split("/")[1] for e in answer["entry"])
    found = served.client.get("/fhir/Patient?_count=1000").json()
    assert sorted(e["resource"]["id"] for e in found["entry"]) == told


def test_operations_posted_and_put_off__server_killed_right_after__are_answered(served: Any) -> None:
    later = {"Prefer": "respond-async"}
    person = served.client.post("/fhir/Patient", json={"resourceType": "Patient"}).json()
    wrong = {"resource": {"resourceType": "Patient", "gender": "x"}}
    checked = {"resourceType": "Bundle", "type": "collection", "entry": [wrong] * 200}
    inputs = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": checked}]}
    few = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valueInteger": 10}]}

    validated = served.client.post("/fhir/Bundle/$validate", json=inputs, headers=later)
    gathered = served.client.post(f"/fhir/Patient/{person['id']}/$everything", json=few, headers=later)
    served.stop(signal.SIGKILL)
    served.start()

    assert (validated.status_code, gathered.status_code) == (202, 202)
    kills = iter((True, True))
    (entry,) = _finished(
        served, validated.headers["Content-Location"], lambda: _killed(served) if next(kills, False) else None
    )["entry"]
    assert (entry["response"]["status"], entry["resource"]["resourceType"]) == ("200 OK", "OperationOutcome")
    assert len(entry["resource"]["issue"]) >= 200
    assert _ids(served, _finished(served, gathered.headers["Content-Location"], lambda: None)) == [person["id"]]
