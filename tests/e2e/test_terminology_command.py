"""Lists of codes added by the command, and packages of one tenant, as a running server follows them."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
URL = "https://exemple.fr/CodeSystem/ateliers"
PROFILE = {
    "resourceType": "StructureDefinition",
    "url": "urn:essai:StructureDefinition/avec-sexe",
    "version": "1.0.0",
    "name": "AvecSexe",
    "status": "active",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "differential": {"element": [{"path": "Patient.gender", "min": 1}]},
}


def _list(path: Path) -> str:
    path.write_text("code;libelle\nbois;Atelier bois\ncuir;Atelier cuir\n", encoding="utf-8")
    return str(path)


def _package(path: Path) -> str:
    files = {"package": {"name": "essai.guide", "version": "1.0.0"}, "p": PROFILE}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(f"package/{name}.json")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return str(path)


def _codes(body: dict[str, Any]) -> set[str]:
    return {i["details"]["coding"][0]["code"] for i in body["issue"]}


def test_terminology_add__csv__serves_a_running_server_until_it_is_removed(
    tmp_path: Path, cli: Callable[..., Any], make_server: Callable[..., Any]
) -> None:
    server = make_server().start()
    place = ("--data", str(server.data))
    expand = f"/fhir/ValueSet/$expand?url={URL}?vs".replace("?vs", "%3Fvs")
    assert server.client.get(expand).status_code == 404

    named = ("--url", URL, "--version", "1", "--name", "Ateliers")
    added = cli("terminology", "add", "--csv", _list(tmp_path / "l.csv"), *named, *place)

    assert added.returncode == 0, added.stderr
    assert URL in cli("terminology", "list", *place).stdout
    codes = {c["code"] for c in server.client.get(expand).json()["expansion"]["contains"]}
    assert codes == {"bois", "cuir"}
    found = server.client.get(f"/fhir/CodeSystem/$lookup?system={URL}&code=bois").json()
    assert "Atelier bois" in json.dumps(found, ensure_ascii=False)
    removed = cli("terminology", "remove", added.stdout.split()[0], *place)
    assert removed.returncode == 0, removed.stderr + removed.stdout
    assert server.client.get(expand).status_code == 404


def test_terminology_add__faulty_csv__tells_all_its_faults_in_french(tmp_path: Path, cli: Callable[..., Any]) -> None:
    file = tmp_path / "l.csv"
    file.write_text("code;libelle\nbois;\nbois;Deux fois\n", encoding="utf-8")

    named = ("--url", URL, "--version", "1", "--name", "A")
    refused = cli("terminology", "add", "--csv", str(file), *named, "--data", str(tmp_path / "d"))

    assert refused.returncode == 1
    assert "Ligne 2 :" in refused.stderr
    assert "Ligne 3 :" in refused.stderr


def test_ig_add__for_one_tenant__is_followed_there_only(
    tmp_path: Path, cli: Callable[..., Any], make_server: Callable[..., Any]
) -> None:
    server = make_server()
    place = ("--data", str(server.data))
    for name in ("alpha", "beta"):
        assert cli("tenant", "add", name, *place).returncode == 0
    added = cli("ig", "add", "--tenant", "alpha", _package(tmp_path / "p.tgz"), *place)
    assert added.returncode == 0, added.stderr
    assert "essai.guide#1.0.0" in cli("ig", "list", "--tenant", "alpha", *place).stdout
    assert "essai.guide" not in cli("ig", "list", "--tenant", "beta", *place).stdout
    assert cli("ig", "add", "--tenant", "absent", _package(tmp_path / "p.tgz"), *place).returncode == 1
    server.start()
    person = {"resourceType": "Patient", "meta": {"profile": [PROFILE["url"]]}}

    alpha = server.client.post("/t/alpha/fhir/Patient/$validate", json=person).json()
    beta = server.client.post("/t/beta/fhir/Patient/$validate", json=person).json()

    assert "validation-missing" in _codes(alpha)
    assert "validation-missing" not in _codes(beta)
    assert "validation-profile-unknown" in _codes(beta)
