"""FHIR R4, http.html: addresses, methods, limits, CapabilityStatement; and the pages for operators."""

import logging
from typing import Any

import pytest

from dui_fhir.rest.log import JsonFormatter

Fhir = Any


def _codes(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "metadata", "GET"),
        ("DELETE", "", "POST, GET"),
        ("POST", "Patient/1", "GET, PUT, PATCH, DELETE"),
        ("PUT", "Patient/1/_history/1", "GET"),
    ],
)
def test_method__not_served_there__is_405_with_those_that_are(fhir: Fhir, method: str, path: str, allowed: str) -> None:
    answer = fhir.call(method, path, {"resourceType": "Patient"} if method != "DELETE" else None)

    assert (answer.status_code, answer.headers["Allow"], _codes(answer)) == (405, allowed, ["core-method"])


@pytest.mark.parametrize("path", ["Patient/1/2/3/4/5", "Patient//1", "Patient/1/_history/1/2"])
def test_address__no_interaction__is_404(fhir: Fhir, path: str) -> None:
    assert fhir.get(path).status_code == 404


def test_address__outside_the_bases__is_an_outcome_too(fhir: Fhir) -> None:
    answer = fhir.client.get("/nulle-part")

    assert (answer.status_code, _codes(answer)) == (404, ["core-http"])


@pytest.mark.parametrize("path", ["Patient/1", "Patient", "metadata"])
def test_tenant__unknown__is_404(path: str, fhir: Fhir) -> None:
    answer = fhir.client.get(f"/t/inconnu/fhir/{path}")

    assert (answer.status_code, _codes(answer)) == (404, ["tenant-unknown"])


def test_tenant__default__is_served_at_the_root(fhir: Fhir) -> None:
    assert fhir.client.get("/fhir/Patient/x").status_code == 404
    assert fhir.client.get("/fhir/metadata").json["implementation"]["url"] == "http://localhost/fhir"


def test_tenants__two__do_not_see_each_other(fhir: Fhir) -> None:
    fhir.engine.stores.create(f"{fhir.tenant}-b")
    id = fhir.create({"resourceType": "Patient"})["id"]

    assert fhir.client.get(f"/t/{fhir.tenant}-b/fhir/Patient/{id}").status_code == 404


def test_metadata__each_claimed_interaction__is_served(fhir: Fhir) -> None:
    statement = fhir.get("metadata").json
    rest = statement["rest"][0]
    patient = next(r for r in rest["resource"] if r["type"] == "Patient")

    assert statement["fhirVersion"] == "4.0.1"
    assert len(rest["resource"]) > 140
    assert {i["code"] for i in patient["interaction"]} >= {"read", "vread", "update", "delete", "create", "search-type"}
    for parameter in patient["searchParam"]:
        assert fhir.get(f"Patient?{parameter['name']}:missing=true").status_code in (200, 400), parameter
    for operation in [o for r in rest["resource"] for o in r.get("operation", [])]:
        assert operation["definition"]


def test_metadata__each_search_parameter_of_care_types__finds_or_finds_nothing(fhir: Fhir) -> None:
    value = {
        "date": "2020",
        "number": "1",
        "quantity": "1",
        "reference": "Patient/1",
        "uri": "urn:x",
        "token": "true",
        "string": "a",
    }
    rest = fhir.get("metadata").json["rest"][0]
    for resource in rest["resource"]:
        if resource["type"] not in ("Patient", "CarePlan", "Task", "Encounter", "Observation"):
            continue
        for parameter in resource["searchParam"]:
            if parameter["type"] in value:
                answer = fhir.get(f"{resource['type']}?{parameter['name']}={value[parameter['type']]}")
                assert answer.status_code == 200, (resource["type"], parameter, answer.text)


def test_request_id__given__comes_back(fhir: Fhir) -> None:
    assert fhir.get("metadata", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert fhir.get("metadata", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


def test_body__over_the_limit__is_413(fhir: Fhir) -> None:
    answer = fhir.post("Basic", b'{"resourceType":"Basic","code":{"text":"' + b"x" * 50_000_000 + b'"}}')

    assert (answer.status_code, _codes(answer)) == (413, ["core-body-too-large"])


@pytest.mark.parametrize("query", ["name=%ff", "a=1&" * 1001])
def test_query__badly_encoded_or_endless__is_400(fhir: Fhir, query: str) -> None:
    assert fhir.get(f"Patient?{query}").status_code == 400


def test_actor_headers__malformed__are_400(fhir: Fhir) -> None:
    assert _codes(fhir.get("Patient", headers={"X-Dui-Structure": "abc"})) == ["access-structure"]
    assert _codes(fhir.get("Patient", headers={"X-Dui-Professional": "a b"})) == ["access-professional"]


def test_health_and_metrics__after_a_request__tell_it(fhir: Fhir) -> None:
    fhir.get("Patient/absent")

    assert fhir.client.get("/health/live").status_code == 200
    assert fhir.client.get("/health/ready").status_code == 200
    page = fhir.client.get("/metrics").text
    assert 'interaction="read",status="404"' in page
    assert 'dui_fhir_request_seconds_bucket{worker="' in page


def test_log__request__names_the_route_and_no_person(
    fhir: Fhir, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("dui_fhir.access")
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    logger.setLevel(logging.INFO)
    try:
        fhir.get("Patient?name=Durand")
        fhir.get("Patient/secret-id")
    finally:
        logger.setLevel(logging.NOTSET)

    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert len(lines) == 2
    assert '"route": "{type}/{id}"' in lines[1]
    assert "Durand" not in "".join(lines)
    assert "secret-id" not in "".join(lines)


def test_unexpected_error__any__is_500_with_the_request_number_only(
    fhir: Fhir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("Mme Durand")

    monkeypatch.setattr(type(fhir.engine.stores.open(fhir.tenant)), "read", broken)

    answer = fhir.get("Patient/1", headers={"X-Request-Id": "n-1"})

    assert (answer.status_code, _codes(answer)) == (500, ["core-internal"])
    assert "n-1" in answer.text
    assert "Durand" not in answer.text


def test_search__post_form__is_the_same_search(fhir: Fhir) -> None:
    fhir.create({"resourceType": "Patient", "name": [{"family": "Dubois"}]})
    fhir.create({"resourceType": "Patient", "name": [{"family": "Autre"}]})
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = fhir.post("Patient/_search", b"name=dub", headers=form)

    assert (answer.status_code, answer.json["total"]) == (200, 1)
    assert answer.json["link"][0]["url"] == f"{fhir.url}/Patient?name=dub"
    assert fhir.post("Patient/_search", b"{}").status_code == 415


def test_search__pages__union_is_the_set_while_others_write(fhir: Fhir) -> None:
    ids = {fhir.create({"resourceType": "Patient", "gender": "male"})["id"] for _ in range(7)}
    seen: list[str] = []
    url = "Patient?gender=male&_count=3"
    while url:
        page = fhir.get(url).json
        seen += [e["resource"]["id"] for e in page["entry"]]
        fhir.create({"resourceType": "Patient", "gender": "female"})
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert len(seen) == 7
    assert set(seen) == ids


def test_search__page_link_of_another_place__is_400(fhir: Fhir) -> None:
    for _ in range(3):
        fhir.create({"resourceType": "Patient"})
    following = fhir.get("Patient?_count=1").json["link"][1]["url"]

    assert fhir.get(following).status_code == 200
    assert fhir.get(following.replace("/Patient?", "/Task?")).status_code == 400
    assert fhir.get(f"{following}x").status_code == 400


def test_search__include_and_revinclude__add_each_resource_once(fhir: Fhir) -> None:
    patient = fhir.create({"resourceType": "Patient"})
    subject = {"reference": f"Patient/{patient['id']}"}
    goals = [
        fhir.create(
            {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "x"}, "subject": subject,
             "startDate": "2024-01-01", "expressedBy": subject}
        )
        for _ in range(2)
    ]  # fmt: skip

    forward = fhir.get("Goal?_include=Goal:subject").json["entry"]
    backward = fhir.get(f"Patient?_id={patient['id']}&_revinclude=Goal:subject").json["entry"]

    assert [e["search"]["mode"] for e in forward] == ["match", "match", "include"]
    assert {e["resource"]["id"] for e in backward if e["search"]["mode"] == "include"} == {g["id"] for g in goals}


def test_search__compartment__holds_only_the_person(fhir: Fhir) -> None:
    patients = [fhir.create({"resourceType": "Patient"}) for _ in range(2)]
    flag = {"resourceType": "Flag", "status": "active", "code": {"text": "x"}}
    flags = [fhir.create({**flag, "subject": {"reference": f"Patient/{p['id']}"}}) for p in patients]

    found = fhir.get(f"Patient/{patients[0]['id']}/Flag").json

    assert [e["resource"]["id"] for e in found["entry"]] == [flags[0]["id"]]
    everything = fhir.get(f"Patient/{patients[0]['id']}/*").json["entry"]
    assert {e["resource"]["id"] for e in everything} == {patients[0]["id"], flags[0]["id"]}


def test_search__unknown_parameter__is_refused_or_told(fhir: Fhir) -> None:
    fhir.create({"resourceType": "Patient"})

    strict = fhir.get("Patient?naem=x")
    lenient = fhir.get("Patient?naem=x", headers={"Prefer": "handling=lenient"})

    assert strict.status_code == 400
    assert "name" in strict.json["issue"][0]["details"]["text"]
    assert [e["search"]["mode"] for e in lenient.json["entry"]] == ["match", "outcome"]
    assert "naem" not in lenient.json["link"][0]["url"]


def test_operation__unknown__names_the_nearest(fhir: Fhir) -> None:
    answer = fhir.post("DocumentReference/1/$dmp-submt")

    assert (answer.status_code, _codes(answer)) == (404, ["core-operation-unknown"])
    assert "$dmp-submit" in answer.json["issue"][0]["details"]["text"]


def test_operation__changing_one_by_get__is_405(fhir: Fhir) -> None:
    assert fhir.get("DocumentReference/1/$sign").status_code == 405


def test_operation__unknown_parameter__is_400(fhir: Fhir) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "inconnu", "valueString": "x"}]}

    assert _codes(fhir.post("DocumentReference/1/$dmp-submit", body)) == ["core-parameter-unknown"]
