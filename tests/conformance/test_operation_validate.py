"""FHIR R4, resource-operation-validate.html."""

from typing import Any

import pytest

Fhir = Any
GOOD = {"resourceType": "Patient", "gender": "female"}
BAD = {"resourceType": "Patient", "gender": "femme", "birthDate": "24/11/2026"}


def _parameters(**inputs: Any) -> dict[str, Any]:
    made = [{"name": "resource", "resource": inputs.pop("resource")}] if "resource" in inputs else []
    made += [{"name": name, "valueCode": value} for name, value in inputs.items()]
    return {"resourceType": "Parameters", "parameter": made}


def _severities(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"
    return {issue["severity"] for issue in answer.json["issue"]}


def test_validate__good_resource__has_no_error_and_is_not_stored(fhir: Fhir) -> None:
    for body in (GOOD, _parameters(resource=GOOD), _parameters(resource=GOOD, mode="create")):
        assert not _severities(fhir.post("Patient/$validate", body)) & {"error", "fatal"}

    assert fhir.count("Patient") == 0


@pytest.mark.parametrize("mode", [{}, {"mode": "create"}])
def test_validate__faulty_resource__names_every_fault(fhir: Fhir, mode: dict[str, str]) -> None:
    answer = fhir.post("Patient/$validate", _parameters(resource=BAD, **mode))

    assert "error" in _severities(answer)
    where = {path for issue in answer.json["issue"] for path in issue.get("expression", ())}
    assert {"Patient.gender", "Patient.birthDate"} <= where


def test_validate__stored_resource__is_judged_by_get(fhir: Fhir) -> None:
    id = fhir.create(GOOD)["id"]

    assert not _severities(fhir.get(f"Patient/{id}/$validate")) & {"error", "fatal"}
    assert not _severities(fhir.get(f"Patient/{id}/$validate?mode=delete")) & {"error", "fatal"}
    assert fhir.get(f"Patient/{id}").status_code == 200


def test_validate__update__is_judged_against_what_is_there(fhir: Fhir) -> None:
    id = fhir.create(GOOD)["id"]

    assert "error" in _severities(
        fhir.post(f"Patient/{id}/$validate", _parameters(resource={**BAD, "id": id}, mode="update"))
    )
    assert fhir.get(f"Patient/{id}").json["gender"] == "female"


@pytest.mark.parametrize(
    "inputs",
    [
        {"mode": "purge", "resource": GOOD},
        {"mode": "delete"},
        {"mode": "update", "resource": GOOD},
        {"mode": "profile", "resource": GOOD},
        {},
    ],
)
def test_validate__inputs_that_do_not_fit__are_400(fhir: Fhir, inputs: dict[str, Any]) -> None:
    assert fhir.post("Patient/$validate", _parameters(**inputs)).status_code == 400


def test_validate__other_type__is_400(fhir: Fhir) -> None:
    assert fhir.post("Observation/$validate", GOOD).status_code == 400


def test_validate__absent__is_404(fhir: Fhir) -> None:
    assert fhir.get("Patient/absent/$validate").status_code == 404


def test_validate__profile_not_known__is_an_error_that_names_the_nearest(fhir: Fhir) -> None:
    asked = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patiant"
    for answer in (
        fhir.post("Patient/$validate", _parameters(resource=GOOD, profile=asked)),
        fhir.post(f"Patient/$validate?profile={asked}", GOOD),
    ):
        assert answer.status_code == 200
        told = next(i for i in answer.json["issue"] if i["details"]["coding"][0]["code"] == "core-validate-profile")
        assert told["severity"] == "error"
        assert "fr-core-patient)" in told["details"]["text"]
