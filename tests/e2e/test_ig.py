"""Packages of guides, added by the command and used by the server."""

import io
import json
import tarfile
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


def _package(path: Path) -> Path:
    manifest = {
        "name": "test.ig",
        "version": "1.0.0",
        "canonical": "urn:test",
        "fhirVersions": ["4.0.1"],
        "dependencies": {"hl7.absent": "1.0.0"},
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("package/package.json", manifest), ("package/StructureDefinition-colour.json", PROFILE)):
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(name)
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


def test_ig_add__not_a_package__is_refused_in_french(tmp_path: Path, cli: Callable[..., Any]) -> None:
    (tmp_path / "p.tgz").write_bytes(b"no archive")

    refused = cli("ig", "add", str(tmp_path / "p.tgz"), "--data", str(tmp_path / "data"))

    assert refused.returncode == 1
    assert "paquet FHIR" in refused.stderr
