"""Which structure's rules apply to a write (decision D1): stay, then author, then business identifiers."""

from typing import Any

import pytest

from dui_fhir.domain.query import AllOf, IdIn, Query, ReferenceIs

Fhir = Any
STAY = {
    "resourceType": "Encounter",
    "status": "in-progress",
    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
}


def _structure_of(fhir: Fhir, type: str, id: str) -> list[str]:
    store = fhir.engine.stores.open(fhir.tenant)
    names = ("330785001", "330785019")
    return [
        n
        for n in names
        if store.count(
            Query(
                types=(type,), where=AllOf((IdIn((id,)), ReferenceIs("_dui_structure", "Organization", f"finess-{n}")))
            )
        )
    ]


@pytest.fixture
def two(fhir: Fhir) -> Fhir:
    fhir.structure("330785001")
    fhir.structure("330785019", category="460", corridors=("dom",))
    return fhir


def test_structure__of_the_stay__wins_over_author_and_identifier(two: Fhir) -> None:
    patient = two.create({"resourceType": "Patient"})
    subject = {"reference": f"Patient/{patient['id']}"}
    stay = two.create({**STAY, "subject": subject, "serviceProvider": {"reference": "Organization/finess-330785001"}})
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "x"},
        "subject": subject,
        "encounter": {"reference": f"Encounter/{stay['id']}"},
        "identifier": [{"value": "3330785019/1-X-1"}],
    }

    created = two.post("Flag", flag, headers={"X-Dui-Structure": "330785019"}).json

    assert _structure_of(two, "Encounter", stay["id"]) == ["330785001"]
    assert _structure_of(two, "Flag", created["id"]) == ["330785001"]


def test_structure__of_the_author__wins_over_identifier(two: Fhir) -> None:
    patient = {"resourceType": "Patient", "identifier": [{"value": "3330785001/1"}]}

    created = two.post("Patient", patient, headers={"X-Dui-Structure": "330785019"}).json

    assert _structure_of(two, "Patient", created["id"]) == ["330785019"]


def test_structure__of_the_identifier__is_the_last_resort(two: Fhir) -> None:
    created = two.post("Patient", {"resourceType": "Patient", "identifier": [{"value": "3330785001/1"}]})

    assert _structure_of(two, "Patient", created.json["id"]) == ["330785001"]
    assert "structure-unknown" not in created.headers.get("X-Dui-Issues", "")


def test_structure__two_identifiers_of_two_structures__is_none_with_a_remark(two: Fhir) -> None:
    identifiers = [{"value": "3330785001/1"}, {"value": "3330785019/1"}]

    created = two.post("Patient", {"resourceType": "Patient", "identifier": identifiers})

    assert _structure_of(two, "Patient", created.json["id"]) == []
    assert "structure-ambiguous" in created.headers["X-Dui-Issues"]


def test_structure__not_declared_here__is_none_with_a_remark(two: Fhir) -> None:
    created = two.post("Patient", {"resourceType": "Patient"}, headers={"X-Dui-Structure": "999999999"})

    assert "structure-unknown" in created.headers["X-Dui-Issues"]


def test_structure__organization_of_an_editor_with_the_same_finess__is_the_declared_one(two: Fhir) -> None:
    patient = two.create({"resourceType": "Patient"})
    organization = two.create(
        {
            "resourceType": "Organization",
            "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1330785019"}],
            "name": "SAD",
        }
    )

    stay = two.create(
        {
            **STAY,
            "subject": {"reference": f"Patient/{patient['id']}"},
            "serviceProvider": {"reference": f"Organization/{organization['id']}"},
        }
    )

    assert _structure_of(two, "Encounter", stay["id"]) == ["330785019"]
