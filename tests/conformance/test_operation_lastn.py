"""FHIR R4, observation-operation-lastn.html."""

from typing import Any

import pytest

Fhir = Any
LOINC = "http://loinc.org"


@pytest.fixture
def person(fhir: Fhir) -> str:
    """Someone with weights, temperatures and a text-only kind; each value says its day."""
    person = fhir.create({"resourceType": "Patient"})["id"]
    for code, days in (("29463-7", (1, 9, 4)), ("8310-5", (2, 3))):
        for day in days:
            _observe(fhir, person, {"coding": [{"system": LOINC, "code": code}]}, day)
    for day in (5, 6):
        _observe(fhir, person, {"text": "moral"}, day)
    _observe(
        fhir, person, {"coding": [{"system": "urn:local", "code": "poids"}, {"system": LOINC, "code": "29463-7"}]}, 7
    )
    return str(person)


def _observe(fhir: Fhir, person: str, code: dict[str, Any], day: int, category: str = "vital-signs") -> None:
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    fhir.create(
        {
            "resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": f"Patient/{person}"},
            "category": [{"coding": [{"system": system, "code": category}]}],
            "effectiveDateTime": f"2026-01-{day:02d}", "valueInteger": day,
        }
    )  # fmt: skip


def _days(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [e["resource"]["valueInteger"] for e in answer.json.get("entry", ())]


def test_lastn__no_max__is_the_most_recent_of_each_kind(fhir: Fhir, person: str) -> None:
    answer = fhir.get(f"Observation/$lastn?patient=Patient/{person}&category=vital-signs")

    assert sorted(_days(answer)) == [3, 6, 9]
    assert answer.json["total"] == 3


def test_lastn__max__is_that_many_newest_first_kind_after_kind(fhir: Fhir, person: str) -> None:
    assert _days(fhir.get(f"Observation/$lastn?max=2&patient={person}&category=vital-signs")) == [9, 7, 6, 5, 3, 2]


def test_lastn__code__is_one_kind(fhir: Fhir, person: str) -> None:
    assert _days(fhir.get(f"Observation/$lastn?max=10&subject=Patient/{person}&code={LOINC}|8310-5")) == [3, 2]


def test_lastn__post__takes_its_criteria_as_parameters(fhir: Fhir, person: str) -> None:
    parameters = [
        {"name": "max", "valuePositiveInt": 1},
        {"name": "patient", "valueString": f"Patient/{person}"},
        {"name": "code", "valueString": f"{LOINC}|8310-5"},
    ]

    assert _days(fhir.post("Observation/$lastn", {"resourceType": "Parameters", "parameter": parameters})) == [3]


def test_lastn__other_person__is_empty(fhir: Fhir, person: str) -> None:
    other = fhir.create({"resourceType": "Patient"})["id"]

    assert _days(fhir.get(f"Observation/$lastn?patient={other}&category=vital-signs")) == []


@pytest.mark.parametrize(
    "query",
    ["patient=p", "category=vital-signs", "patient=p&category=v&_sort=date", "patient=p&category=v&max=0",
     "patient=p&category=v&max=x", "patient=p&categry=v&code=c"],
)  # fmt: skip
def test_lastn__criteria_that_will_not_do__are_400(fhir: Fhir, query: str) -> None:
    assert fhir.get(f"Observation/$lastn?{query}").status_code == 400
