"""``Patient/[id]/$medication-round``: the doses of a day, what became of them, and what could not be read."""

from typing import Any

import pytest

Resource = dict[str, Any]
PERSON = {"reference": "Patient/p"}
DAY = "2026-01-15"


@pytest.fixture
def person(fhir: Any) -> Any:
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    return fhir


def prescribe(fhir: Any, name: str, timing: Resource, **more: Any) -> str:
    dosage = {"text": f"{name} : 1 comprimé", **({"timing": timing} if timing else {})} | more.pop("dosage", {})
    request = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": PERSON,
               "medicationCodeableConcept": {"text": name}, "authoredOn": "2026-01-10", "dosageInstruction": [dosage]}  # fmt: skip
    return str(fhir.create(request | more)["id"])


def administer(fhir: Any, request: str, at: str, status: str = "completed", **more: Any) -> Any:
    given = {"resourceType": "MedicationAdministration", "status": status, "subject": PERSON, "effectiveDateTime": at,
             "medicationCodeableConcept": {"text": "Fictif"}, "performer": [{"actor": {"display": "IDE fictive"}}],
             "request": {"reference": f"MedicationRequest/{request}"}}  # fmt: skip
    return fhir.post("MedicationAdministration", given | more, headers={"Prefer": "return=OperationOutcome"})


def tour(fhir: Any, day: str = DAY) -> Resource:
    answer = fhir.get(f"Patient/p/$medication-round?date={day}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def doses(bundle: Resource) -> list[tuple[str, str, str]]:
    tasks = [e["resource"] for e in bundle.get("entry", ()) if e["search"]["mode"] == "match"]
    return [(t.get("executionPeriod", {}).get("start", ""), t["status"], t["businessStatus"]["text"]) for t in tasks]


TWICE = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}


def test_round__one_given_one_refused_one_late__each_says_so_in_order(person: Any) -> None:
    first = prescribe(person, "Paracétamol", TWICE)
    second = prescribe(person, "Amlodipine", {"repeat": {"timeOfDay": ["12:00:00"]}})
    assert administer(person, first, f"{DAY}T08:20:00+01:00").status_code == 201
    refused = administer(
        person, second, f"{DAY}T12:10:00+01:00", "not-done", statusReason=[{"text": "Refus de la personne"}]
    )
    assert refused.status_code == 201
    bundle = tour(person)
    assert doses(bundle) == [
        (f"{DAY}T08:00:00+01:00", "completed", "Donné"),
        (f"{DAY}T12:00:00+01:00", "rejected", "Non donné : Refus de la personne"),
        (f"{DAY}T19:00:00+01:00", "ready", "En retard"),
    ]
    assert bundle["total"] == 3
    included = [e["resource"]["resourceType"] for e in bundle["entry"] if e["search"]["mode"] == "include"]
    assert sorted(included) == ["MedicationAdministration"] * 2 + ["MedicationRequest"] * 2


def test_round__timing_not_read__is_told_with_the_name_of_the_medication(person: Any) -> None:
    prescribe(person, "Insuline", {"code": {"text": "selon la glycémie"}})
    (entry,) = [e for e in tour(person)["entry"] if e["search"]["mode"] == "outcome"]
    (issue,) = entry["resource"]["issue"]
    assert issue["details"]["coding"][0]["code"] == "round-timing"
    assert "Insuline" in issue["details"]["text"]


def test_round__no_dosage_at_all__is_told_too(person: Any) -> None:
    id = prescribe(person, "Sans posologie", {})
    stored = person.get(f"MedicationRequest/{id}").json
    person.put(f"MedicationRequest/{id}", {k: v for k, v in stored.items() if k != "dosageInstruction"})
    assert [e["search"]["mode"] for e in tour(person)["entry"]] == ["include", "outcome"]


def test_round__as_needed__is_listed_without_an_hour(person: Any) -> None:
    prescribe(person, "Paracétamol", {}, dosage={"asNeededBoolean": True})
    assert doses(tour(person)) == [("", "requested", "Si besoin")]


def test_round__nothing_prescribed__is_a_bundle_without_entries(person: Any) -> None:
    assert tour(person) == {"resourceType": "Bundle", "type": "searchset", "total": 0}


def test_round__stopped_prescription_or_other_person__nothing(person: Any) -> None:
    person.put("Patient/q", {"resourceType": "Patient", "id": "q"})
    prescribe(person, "Arrêté", TWICE, status="stopped")
    prescribe(person, "D'un autre", TWICE, subject={"reference": "Patient/q"})
    assert tour(person)["total"] == 0


def test_round__the_same_dose_given_twice__only_one_dose_is_done_and_the_second_warns(person: Any) -> None:
    id = prescribe(person, "Paracétamol", TWICE)
    administer(person, id, f"{DAY}T08:00:00+01:00")
    again = administer(person, id, f"{DAY}T08:15:00+01:00")
    assert "COM-63" in again.text
    assert [s for _, s, _ in doses(tour(person))] == ["completed", "ready"]


def test_outside_the_plan__stored__and_a_task_is_open(person: Any) -> None:
    id = prescribe(person, "Paracétamol", TWICE)
    answer = administer(person, id, f"{DAY}T02:00:00+01:00")
    assert (answer.status_code, "COM-59" in answer.text) == (201, True)
    found = person.get("Task?_tag=urn:dui-fhir:tag|work-list&status=requested").json["entry"]
    assert [t["resource"]["reasonCode"]["coding"][0]["code"] for t in found] == ["COM-59"]


def test_administration__nobody_or_no_reason__is_refused(person: Any) -> None:
    id = prescribe(person, "Paracétamol", TWICE)
    nobody = {"resourceType": "MedicationAdministration", "status": "completed", "subject": PERSON, "effectiveDateTime": DAY,
              "medicationCodeableConcept": {"text": "Fictif"}, "request": {"reference": f"MedicationRequest/{id}"}}  # fmt: skip
    answers = [
        person.post("MedicationAdministration", nobody),
        administer(person, id, f"{DAY}T08:00:00+01:00", "not-done"),
    ]
    assert [a.status_code for a in answers] == [422, 422]
    assert [rule in a.text for a, rule in zip(answers, ("COM-57", "COM-58"), strict=True)] == [True, True]


def test_administration__deleted__is_refused_and_said_in_error_accepted(person: Any) -> None:
    id = prescribe(person, "Paracétamol", TWICE)
    administer(person, id, f"{DAY}T08:00:00+01:00")
    (found,) = person.get("MedicationAdministration").json["entry"]
    path = f"MedicationAdministration/{found['resource']['id']}"
    assert person.delete(path).status_code == 422
    assert person.put(path, {**found["resource"], "status": "entered-in-error"}).status_code == 200
    assert doses(tour(person))[0][1] == "ready"


def test_round__bad_date_or_unknown_person__says_so(person: Any) -> None:
    assert person.get("Patient/p/$medication-round?date=2026-01").status_code == 400
    assert person.get("Patient/x/$medication-round").status_code == 404
    assert tour(person)["total"] == 0
    assert person.get("Patient/p/$medication-round").status_code == 200
