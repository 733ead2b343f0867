"""FHIR R4, composition-operation-document.html and documents.html."""

from typing import Any

import pytest

Fhir = Any


@pytest.fixture
def written(fhir: Fhir) -> dict[str, dict[str, Any]]:
    """A composition by a practitioner in a role, about a person, with an observation in a nested section."""

    def reference(resource: dict[str, Any]) -> dict[str, str]:
        return {"reference": f"{resource['resourceType']}/{resource['id']}"}

    patient = fhir.create({"resourceType": "Patient"})
    practitioner = fhir.create({"resourceType": "Practitioner"})
    role = fhir.create({"resourceType": "PractitionerRole", "practitioner": reference(practitioner)})
    observation = fhir.create(
        {"resourceType": "Observation", "status": "final", "code": {"text": "poids"}, "subject": reference(patient)}
    )
    composition = fhir.create(
        {
            "resourceType": "Composition", "status": "final", "type": {"text": "bilan"}, "date": "2026-11-24", "title": "Bilan",
            "subject": reference(patient), "author": [reference(role)],
            "section": [{"title": "A", "section": [{"title": "B", "entry": [reference(observation)]}]}],
        }
    )  # fmt: skip
    return {
        "composition": composition, "patient": patient, "role": role, "practitioner": practitioner, "observation": observation,
    }  # fmt: skip


def test_document__composition__comes_first_with_all_it_names(fhir: Fhir, written: Any) -> None:
    answer = fhir.get(f"Composition/{written['composition']['id']}/$document")

    assert answer.status_code == 200
    bundle = answer.json
    assert bundle["type"] == "document"
    assert bundle["identifier"]["value"].startswith("urn:uuid:")
    assert bundle["timestamp"]
    assert bundle["entry"][0]["resource"] == written["composition"]
    assert {e["resource"]["id"] for e in bundle["entry"]} == {r["id"] for r in written.values()}
    for entry in bundle["entry"]:
        assert entry["fullUrl"] == f"{fhir.url}/{entry['resource']['resourceType']}/{entry['resource']['id']}"
    assert fhir.count("Bundle") == 0


def test_document__persist__is_stored_and_stays_as_it_was(fhir: Fhir, written: Any) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "persist", "valueBoolean": True}]}

    answer = fhir.post(f"Composition/{written['composition']['id']}/$document", body)
    assert answer.status_code == 201, answer.text
    fhir.put(
        f"Patient/{written['patient']['id']}",
        {"resourceType": "Patient", "id": written["patient"]["id"], "active": True},
    )

    stored = fhir.get(answer.headers["Location"]).json
    assert stored == answer.json
    (patient,) = [e["resource"] for e in stored["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert patient["meta"]["versionId"] == "1"


def test_document__persist_by_get__is_405(fhir: Fhir, written: Any) -> None:
    assert fhir.get(f"Composition/{written['composition']['id']}/$document?persist=true").status_code == 405
    assert fhir.get(f"Composition/{written['composition']['id']}/$document?persist=false").status_code == 200


def test_document__named_resource_is_gone__is_refused_with_its_place(fhir: Fhir, written: Any) -> None:
    fhir.delete(f"Observation/{written['observation']['id']}")

    answer = fhir.get(f"Composition/{written['composition']['id']}/$document")

    assert answer.status_code == 422
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "core-document-incomplete"
    assert answer.json["issue"][0]["expression"] == ["Composition.section[0].section[0].entry[0]"]


def test_document__no_such_composition__is_404(fhir: Fhir) -> None:
    assert fhir.get("Composition/absent/$document").status_code == 404
