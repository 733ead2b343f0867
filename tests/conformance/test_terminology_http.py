"""The operations on terminology over HTTP, with what a tenant stores; and searches by value set and by hierarchy."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

GENDER = "http://hl7.org/fhir/ValueSet/administrative-gender"
ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
BASE = "/t/essai/fhir"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """An application that serves terminology, whatever else it serves."""
    settings = Settings({"store": "memory", "data_dir": str(tmp_path_factory.mktemp("data")), "log_level": "ERROR"})
    engine = build_engine(settings, writer="own")
    engine.stores.create("essai")
    yield create_app(settings, engine=engine).test_client()
    engine.stores.close()


def call(client: FlaskClient, path: str, body: Any = None) -> Any:
    if body is None:
        return client.get(f"{BASE}/{path}")
    return client.post(f"{BASE}/{path}", data=json.dumps(body), headers={"Content-Type": "application/fhir+json"})


def value(answer: Any, name: str) -> Any:
    rows = [r for r in answer.json["parameter"] if r["name"] == name]
    return next(v for k, v in rows[0].items() if k != "name")


def test_expand__get__french_filter_and_page(client: FlaskClient) -> None:
    answer = call(client, f"ValueSet/$expand?url={GENDER}&filter=male&count=1")
    assert answer.status_code == 200, answer.text
    assert answer.json["expansion"]["total"] == 2
    assert [r["code"] for r in answer.json["expansion"]["contains"]] == ["male"]
    assert call(client, "ValueSet/$expand?url=urn:nowhere").status_code == 404


def test_validate_code__post__coding_and_french_text(client: FlaskClient) -> None:
    coding = {"system": "http://hl7.org/fhir/administrative-gender", "code": "homme"}
    rows = [{"name": "url", "valueUri": GENDER}, {"name": "coding", "valueCoding": coding}]
    answer = call(client, "ValueSet/$validate-code", {"resourceType": "Parameters", "parameter": rows})
    assert answer.status_code == 200, answer.text
    assert value(answer, "result") is False
    assert "n'appartient pas" in value(answer, "message")


def test_lookup_and_subsumes__get__answered(client: FlaskClient) -> None:
    answer = call(client, f"CodeSystem/$lookup?system={ROLES}&code=MTH&property=parent")
    assert answer.status_code == 200, answer.text
    assert value(answer, "display") == "mother"
    answer = call(client, f"CodeSystem/$subsumes?system={ROLES}&codeA=PRN&codeB=MTH")
    assert value(answer, "outcome") == "subsumes"


def test_stored_resources__instance_and_canonical__serve(client: FlaskClient) -> None:
    system = {"resourceType": "CodeSystem", "url": "urn:own", "status": "active", "content": "complete"}
    system["concept"] = [{"code": "a", "display": "Accueil"}, {"code": "b", "display": "Bilan"}]  # type: ignore[assignment]
    composed = {"include": [{"system": "urn:own"}]}
    own = {"resourceType": "ValueSet", "url": "urn:own:vs", "status": "active", "compose": composed}
    groups = [
        {
            "source": "urn:own",
            "target": "urn:t",
            "element": [{"code": "a", "target": [{"code": "A", "equivalence": "equal"}]}],
        }
    ]
    table = {"resourceType": "ConceptMap", "url": "urn:own:map", "status": "active", "group": groups}
    assert call(client, "CodeSystem", system).status_code == 201
    stored = call(client, "ValueSet", own)
    assert stored.status_code == 201
    assert call(client, "ConceptMap", table).status_code == 201
    for path in ("ValueSet/$expand?url=urn:own:vs", f"ValueSet/{stored.json['id']}/$expand"):
        answer = call(client, path)
        assert answer.status_code == 200, answer.text
        assert [r["code"] for r in answer.json["expansion"]["contains"]] == ["a", "b"]
    answer = call(client, "ConceptMap/$translate?system=urn:own&code=a")
    assert value(answer, "result") is True


def test_search__in_and_below__by_terminology(client: FlaskClient) -> None:
    for gender, role in (("male", "MTH"), ("female", "FTH")):
        patient = call(client, "Patient", {"resourceType": "Patient", "gender": gender, "name": [{"family": "X"}]})
        relation = [{"coding": [{"system": ROLES, "code": role}]}]
        related = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient.json['id']}"}}
        assert call(client, "RelatedPerson", {**related, "relationship": relation}).status_code == 201
    assert call(client, f"RelatedPerson?relationship:below={ROLES}|PRN&_summary=count").json["total"] == 2
    assert call(client, f"RelatedPerson?relationship:below={ROLES}|MTH&_summary=count").json["total"] == 1
    assert client.get("/fhir/Patient?gender:in=https://essai.example/ValueSet/inconnu").status_code == 400
    found = call(client, f"Patient?gender:in={GENDER}&_summary=count")
    assert found.status_code == 200, found.text
    assert found.json["total"] == 2
