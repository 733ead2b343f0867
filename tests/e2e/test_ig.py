"""Packages of guides, added by the command and used by the server."""

import io
import json
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

PROFILE = {
    "resourceType": "StructureDefinition",
    "id": "colour",
    "url": "urn:test:StructureDefinition/with-gender",
    "version": "1.0.0",
    "name": "WithGender",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "derivation": "constraint",
    "differential": {
        "element": [{"id": "Patient", "path": "Patient"}, {"id": "Patient.gender", "path": "Patient.gender", "min": 1}]
    },
}


SEARCH = {
    "resourceType": "SearchParameter",
    "url": "urn:test:SearchParameter/surnom",
    "name": "Surnom",
    "status": "active",
    "code": "surnom",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.name.where(use='nickname').given",
}
CLASH = {**SEARCH, "url": "urn:test:SearchParameter/autre", "code": "name"}


def _package(path: Path, **resources: dict[str, Any]) -> Path:
    manifest = {
        "name": "test.ig",
        "version": "1.0.0",
        "canonical": "urn:test",
        "fhirVersions": ["4.0.1"],
        "dependencies": {"hl7.absent": "1.0.0"},
    }
    with tarfile.open(path, "w:gz") as archive:
        files = {"package": manifest, **(resources or {"StructureDefinition-colour": PROFILE})}
        for name, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(f"package/{name}.json")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_ig_add__package__is_listed_and_its_profile_is_followed(
    tmp_path: Path, cli: Callable[..., Any], make_server: Callable[..., Any]
) -> None:
    server = make_server(environment={"DUI_FHIR_VALIDATION_PROFILES": f"refuse {PROFILE['url']}"})
    data = str(server.data)

    added = cli("ig", "add", str(_package(tmp_path / "p.tgz")), "--data", data)

    assert added.returncode == 0, added.stderr
    assert "hl7.absent" in added.stdout
    assert "test.ig#1.0.0" in cli("ig", "list", "--data", data).stdout
    server.start()
    patient = {"resourceType": "Patient", "meta": {"profile": [PROFILE["url"]]}}
    refused = server.client.post("/fhir/Patient", json=patient)
    accepted = server.client.post("/fhir/Patient", json={**patient, "gender": "female"})
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "validation-missing"
    assert accepted.status_code == 201
    assert cli("ig", "remove", "test.ig#1.0.0", "--data", data).returncode == 0
    assert cli("ig", "remove", "test.ig#1.0.0", "--data", data).returncode == 1


def test_ig_add__search_parameters__serve_a_running_server_until_the_package_goes(
    tmp_path: Path, cli: Callable[..., Any], make_server: Callable[..., Any]
) -> None:
    server = make_server(environment={"DUI_FHIR_WORKER_EMBEDDED": "true"}).start()
    person = {"resourceType": "Patient", "name": [{"use": "nickname", "given": ["Loulou"]}]}
    assert server.client.post("/fhir/Patient", json=person).status_code == 201
    assert server.client.get("/fhir/Patient?surnom=loulou").status_code == 400

    added = cli("ig", "add", str(_package(tmp_path / "p.tgz", a=SEARCH, b=CLASH)), "--data", str(server.data))

    assert added.returncode == 0, added.stderr
    assert "recherche par « surnom » (Patient)" in added.stdout
    assert f"laissé de côté : {CLASH['url']}" in added.stdout
    assert _total_once_indexed(server, "surnom=loulou") == 1
    assert cli("ig", "remove", "test.ig#1.0.0", "--data", str(server.data)).returncode == 0
    assert server.client.get("/fhir/Patient?surnom=loulou").status_code == 400


def _total_once_indexed(server: Any, search: str) -> int:
    """The search says that its index is incomplete until the background work is done."""
    for _ in range(100):
        body = server.client.get(f"/fhir/Patient?{search}").json()
        if not any(e["search"]["mode"] == "outcome" for e in body.get("entry", ())):
            return int(body["total"])
        time.sleep(0.2)
    raise AssertionError(body)


def test_ig_add__not_a_package__is_refused_in_french(tmp_path: Path, cli: Callable[..., Any]) -> None:
    (tmp_path / "p.tgz").write_bytes(b"no archive")

    refused = cli("ig", "add", str(tmp_path / "p.tgz"), "--data", str(tmp_path / "data"))

    assert refused.returncode == 1
    assert "paquet FHIR" in refused.stderr
