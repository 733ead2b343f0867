"""The OpenAPI view says what the statement says, and each of its operations is served. OpenAPI Specification 3.1.0."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

Fhir = Any
Json = dict[str, Any]


def _document(fhir: Fhir, query: str = "") -> Json:
    answer = fhir.client.get(f"/t/{fhir.tenant}/openapi.json{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for child in value.values():
            yield from _refs(child)
    elif isinstance(value, list):
        for child in value:
            yield from _refs(child)


def _resolved(document: Json, item: Json) -> Json:
    for key in item.get("$ref", "").split("/")[1:]:
        document = document[key]
    return document if "$ref" in item else item


def test_openapi__all_types__tells_each_claim_of_the_statement(fhir: Fhir) -> None:
    document, statement = _document(fhir), fhir.get("metadata").json
    told = {(o["tags"][0], o["x-fhir-interaction"]) for _, _, o in _operations(document)}

    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": fhir.url}]
    for resource in statement["rest"][0]["resource"]:
        claimed = {i["code"] for i in resource["interaction"]}
        assert claimed <= {interaction for tag, interaction in told if tag == resource["type"]}
        search = document["paths"][f"/{resource['type']}"]["get"]
        names = {_resolved(document, p)["name"] for p in search["parameters"]}
        assert {p["name"] for p in resource["searchParam"]} <= names
        for operation in resource.get("operation", ()):
            assert any(path.endswith(f"/${operation['name']}") for path in document["paths"]), operation


def test_openapi__all_types__is_well_formed(fhir: Fhir) -> None:
    document = _document(fhir)
    components = document["components"]

    assert {ref for ref in _refs(document) if not _resolved(document, {"$ref": ref})} == set()
    ids = [o["operationId"] for _, _, o in _operations(document)]
    assert len(ids) == len(set(ids))
    for _, path, operation in _operations(document):
        parameters = [_resolved(document, p) for p in operation["parameters"]]
        assert set(re.findall(r"\{(\w+)\}", path)) == {p["name"] for p in parameters if p["in"] == "path"}, path
        keys = [(p["in"], p["name"]) for p in parameters]
        assert len(keys) == len(set(keys)), path
        assert operation["responses"]
    for name, schema in components["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z0-9.\-_]+", name)


def test_openapi__each_operation__is_served(fhir: Fhir) -> None:
    document = _document(fhir, "?type=Patient,DocumentReference,CarePlan,Encounter,Binary")
    places = {"id": "absent", "vid": "1", "member": "Task"}
    unserved = []
    for method, path, operation in _operations(document):
        address = path.lstrip("/").format(**places) if "{" in path else path.lstrip("/")
        answer = fhir.call(method.upper(), address)
        codes = [i["details"]["coding"][0]["code"] for i in (answer.get_json(silent=True) or {}).get("issue", ())]
        if answer.status_code == 405 or {"core-url-unknown", "core-operation-unknown", "core-method"} & set(codes):
            unserved.append((method, path, answer.status_code))
        assert answer.status_code < 500, (method, path, answer.text)
        assert str(answer.status_code) in {*operation["responses"], "415"}, (
            method,
            path,
            answer.status_code,
            answer.text,
        )

    assert unserved == []


def test_openapi__schema_of_a_type__takes_what_the_server_gives(fhir: Fhir) -> None:
    patient = fhir.create(
        {
            "resourceType": "Patient",
            "name": [{"family": "Dubois", "given": ["Zoé"]}],
            "birthDate": "1936-06",
            "multipleBirthInteger": 2,
            "contact": [{"name": {"text": "Sa fille"}, "period": {"start": "2020"}}],
            "managingOrganization": {"reference": "#o"},
            "contained": [{"resourceType": "Organization", "id": "o", "name": "EHPAD"}],
        }
    )
    document = _document(fhir, "?type=Patient")
    validator = jsonschema.Draft202012Validator({**document, "$ref": "#/components/schemas/Patient"})

    assert list(validator.iter_errors(patient)) == []
    assert list(validator.iter_errors({**patient, "birthDate": "hier"})) != []
    assert list(validator.iter_errors({**patient, "multipleBirthInteger": "deux"})) != []
    assert list(validator.iter_errors({**patient, "name": {"family": "Dubois"}})) != []
    assert list(validator.iter_errors({**patient, "resourceType": "Group"})) != []


def test_openapi__some_types_or_none__tells_them_only_and_names_all(fhir: Fhir) -> None:
    some, none = _document(fhir, "?type=Goal"), _document(fhir, "?type=")

    assert {o["tags"][0] for _, _, o in _operations(some)} == {"Serveur", "Goal"}
    assert {o["tags"][0] for _, _, o in _operations(none)} == {"Serveur"}
    assert [t["name"] for t in some["tags"]] == [t["name"] for t in none["tags"]]
    assert next(t for t in none["tags"] if t["name"] == "Patient")["x-display-name"] == "Usager"


@pytest.mark.parametrize("path", ["openapi.json", "docs"])
def test_pages__unknown_tenant__is_404(fhir: Fhir, path: str) -> None:
    assert fhir.client.get(f"/t/inconnu/{path}").status_code == 404


def test_openapi__unknown_type__is_404_with_the_nearest(fhir: Fhir) -> None:
    answer = fhir.client.get(f"/t/{fhir.tenant}/openapi.json?type=Patinet")

    assert answer.status_code == 404
    assert "Patient" in answer.json["issue"][0]["details"]["text"]


@pytest.mark.parametrize("path", ["openapi.json?type=Patient", "docs"])
def test_pages__held_already__are_304_and_compressed_for_who_can_read_it(fhir: Fhir, path: str) -> None:
    first = fhir.client.get(f"/t/{fhir.tenant}/{path}")
    again = fhir.client.get(f"/t/{fhir.tenant}/{path}", headers={"If-None-Match": first.headers["ETag"]})
    packed = fhir.client.get(f"/t/{fhir.tenant}/{path}", headers={"Accept-Encoding": "gzip"})

    assert (again.status_code, again.data) == (304, b"")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(first.data) / 2


def test_docs__policy__lets_nothing_in_from_elsewhere(fhir: Fhir) -> None:
    answer = fhir.client.get("/docs")

    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"""(?:src|href)=["'](?!#|data:|openapi\.json|fhir/)""", answer.text)


def test_plugin_schema__known_name__is_a_json_schema_for_editors(fhir):
    answer = fhir.client.get("/schemas/plugin/parameters.schema.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/schema+json")
    assert answer.json["title"].startswith("parameters.json")


def test_plugin_schema__unknown_name__is_not_found(fhir):
    assert fhir.client.get("/schemas/plugin/autre.schema.json").status_code == 404
