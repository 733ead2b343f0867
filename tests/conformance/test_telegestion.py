"""Proofs of interventions over HTTP, and what is recorded of a day: presence, meals, transports."""

from typing import Any

import pytest

Resource = dict[str, Any]
PERSON = {"reference": "Patient/p"}
SYSTEM, TERMINAL = "urn:dui-fhir:observation", "urn:exemple:telegestion"
MEAL = {"system": "urn:dui-fhir:essai", "code": "repas"}
CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"}
DAY = "2026-01-12"


@pytest.fixture
def home(fhir: Any) -> Any:
    fhir.structure("010000001", "460", ("dom",))
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    fhir.put("Practitioner/aide", {"resourceType": "Practitioner", "id": "aide", "name": [{"family": "FICTIVE"}]})
    return fhir


def kind(code: str) -> Resource:
    return {"coding": [{"system": SYSTEM, "code": code}]}


def visit(fhir: Any, **more: Any) -> Resource:
    event = {"resourceType": "Encounter", "status": "finished", "class": CLASS, "subject": PERSON,
             "identifier": [{"system": "https://identifiant-medicosocial-evenement.esante.gouv.fr", "value": "3010000001/1-EVN-1"}],
             "period": {"start": f"{DAY}T08:00:00+01:00", "end": f"{DAY}T09:00:00+01:00"},
             "participant": [{"individual": {"reference": "Practitioner/aide"}}]}  # fmt: skip
    return dict(fhir.create(event | more))


def proof(number: str = "B-1", **more: Any) -> Resource:
    return {"resourceType": "Observation", "status": "final", "subject": PERSON, "code": kind("preuve-intervention"),
            "identifier": [{"system": TERMINAL, "value": number}], "performer": [{"reference": "Practitioner/aide"}],
            "effectivePeriod": {"start": f"{DAY}T08:02:00+01:00", "end": f"{DAY}T08:58:00+01:00"},
            "issued": f"{DAY}T18:40:00+01:00", "device": {"display": "Téléphone fictif"}} | more  # fmt: skip


def record(fhir: Any, resource: Resource) -> Any:
    number = resource["identifier"][0]["value"]
    headers = {"If-None-Exist": f"identifier={TERMINAL}|{number}", "Prefer": "return=representation"}
    return fhir.post("Observation", resource, headers=headers)


def annulment(of: str, **more: Any) -> Resource:
    made = {"resourceType": "Observation", "status": "final", "identifier": [{"system": TERMINAL, "value": "A-1"}],
            "subject": PERSON, "code": kind("annulation-preuve"), "focus": [{"reference": f"Observation/{of}"}],
            "effectiveDateTime": f"{DAY}T19:00:00+01:00", "performer": [{"display": "Responsable fictive"}],
            "note": [{"text": "Badge d’une autre personne"}]} | more  # fmt: skip
    return {k: v for k, v in made.items() if v is not None}


def test_proof__sent_twice_by_the_terminal__is_there_once(home: Any) -> None:
    first, again = record(home, proof()), record(home, proof())
    assert (first.status_code, again.status_code) == (201, 200)
    assert home.count("Observation") == 1
    # without the condition, a second one under the same number is no second proof
    blind = home.post("Observation", proof())
    assert (blind.status_code, "COM-88" in blind.text) == (422, True)


def test_proof__offline_for_ten_months__is_stored_with_both_times_and_said_late(home: Any) -> None:
    answer = home.post("Observation", proof(), headers={"Prefer": "return=OperationOutcome"})
    assert (answer.status_code, "COM-85" in answer.text) == (201, True)
    (stored,) = (e["resource"] for e in home.get(f"Observation?date={DAY}").json["entry"])
    assert stored["effectivePeriod"]["start"] == f"{DAY}T08:02:00+01:00"
    assert stored["issued"] == f"{DAY}T18:40:00+01:00"
    assert stored["meta"]["lastUpdated"] > stored["issued"]


def test_proof__hours_changed_or_deleted__is_refused_and_the_same_sent_again_is_not(home: Any) -> None:
    stored = record(home, proof()).json
    changed = {**stored, "effectivePeriod": {"start": f"{DAY}T07:00:00+01:00", "end": f"{DAY}T09:00:00+01:00"}}
    in_error = {**stored, "status": "entered-in-error"}
    path = f"Observation/{stored['id']}"
    answers = [home.put(path, changed), home.put(path, in_error), home.delete(path)]
    patch = [{"op": "replace", "path": "/effectivePeriod/start", "value": f"{DAY}T06:00:00+01:00"}]
    answers.append(home.call("PATCH", path, patch, headers={"Content-Type": "application/json-patch+json"}))
    assert [(a.status_code, "COM-86" in a.text) for a in answers] == [(422, True)] * 4
    assert home.put(path, stored).status_code == 200
    assert home.get(path).json["effectivePeriod"] == stored["effectivePeriod"]


def test_proof__wrong__is_annulled_by_a_new_fact_with_its_reason(home: Any) -> None:
    stored = record(home, proof()).json
    without = home.post("Observation", annulment(stored["id"], note=None))
    assert (without.status_code, "COM-91" in without.text) == (422, True)
    made = home.create(annulment(stored["id"]))
    found = home.get(f"Observation?focus=Observation/{stored['id']}").json["entry"]
    assert [e["resource"]["id"] for e in found] == [made["id"]]
    assert "COM-86" in home.delete(f"Observation/{made['id']}").text


def test_annulment__of_something_else__is_refused(home: Any) -> None:
    weight = home.create(
        {"resourceType": "Observation", "status": "final", "code": {"text": "Poids"}, "subject": PERSON}
    )
    assert "COM-87" in home.post("Observation", annulment(weight["id"])).text


def test_intervention__corrected_after_the_fact__keeps_the_original_and_opens_a_task(home: Any) -> None:
    event = visit(home)
    record(home, proof(encounter={"reference": f"Encounter/{event['id']}"}))
    moved = {**event, "period": {"start": f"{DAY}T07:00:00+01:00", "end": f"{DAY}T09:00:00+01:00"}}
    answer = home.put(f"Encounter/{event['id']}", moved, headers={"Prefer": "return=OperationOutcome"})
    assert (answer.status_code, "COM-89" in answer.text) == (200, True)
    assert home.get(f"Encounter/{event['id']}/_history/1").json["period"] == event["period"]
    tasks = home.get(f"Task?focus=Encounter/{event['id']}&status=requested").json["entry"]
    assert "COM-89" in [t["resource"]["reasonCode"]["coding"][0]["code"] for t in tasks]
    assert "DOM-02" in home.delete(f"Encounter/{event['id']}").text


def test_offline_day__sent_as_one_transaction_twice__adds_nothing_the_second_time(home: Any, make_entry: Any) -> None:
    entries = [
        make_entry("POST", "Observation", proof(f"B-{n}"), ifNoneExist=f"identifier={TERMINAL}|B-{n}") for n in range(3)
    ]
    statuses = []
    for _ in range(2):
        answer = home.transaction(*entries)
        statuses.append([e["response"]["status"][:3] for e in answer.json["entry"]])
    assert statuses == [["201"] * 3, ["200"] * 3]
    assert home.count("Observation") == 3


# --------------------------------------------------------------------------------------------------------- of a day


def test_absence__of_two_days__is_found_by_the_person_calendar(home: Any) -> None:
    calendar = home.create({"resourceType": "Schedule", "actor": [PERSON]})
    home.create({"resourceType": "Slot", "schedule": {"reference": f"Schedule/{calendar['id']}"}, "status": "busy",
                 "serviceType": [{"coding": [{"code": "2"}]}],
                 "start": f"{DAY}T08:00:00Z", "end": "2026-01-14T08:00:00Z"})  # fmt: skip
    found = home.get(f"Slot?schedule=Schedule/{calendar['id']}&start=ge{DAY}").json["entry"]
    assert [e["resource"]["end"] for e in found] == ["2026-01-14T08:00:00Z"]


def test_meal__refused__is_found_on_its_day(home: Any) -> None:
    home.create({"resourceType": "Observation", "status": "final", "subject": PERSON, "code": {"coding": [MEAL]},
                 "effectiveDateTime": f"{DAY}T12:00:00Z", "valueCodeableConcept": {"text": "Refusé"}})  # fmt: skip
    assert home.get(f"Observation?patient=Patient/p&code=urn:dui-fhir:essai|repas&date={DAY}").json["total"] == 1


def test_transport__of_an_intervention__has_its_hours_or_is_refused(home: Any) -> None:
    profile = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-task-transport-professionnel"
    mode = {"system": "https://mos.esante.gouv.fr/NOS/TRE_R317-ModeTransport/FHIR/TRE-R317-ModeTransport", "code": "01"}
    ride = {"resourceType": "Task", "meta": {"profile": [profile]}, "status": "completed", "intent": "order", "for": PERSON,
            "identifier": [{"system": "urn:exemple:transport", "value": "3010000001/1-TPPro-1"}], "code": {"coding": [mode]},
            "encounter": {"reference": f"Encounter/{visit(home)['id']}"}}  # fmt: skip
    here = {"X-Dui-Structure": "010000001"}
    refused = home.post("Task", ride, headers=here)
    assert (refused.status_code, "DOM-11" in refused.text) == (422, True)
    hours = {"start": f"{DAY}T07:40:00+01:00", "end": f"{DAY}T07:58:00+01:00"}
    accepted = home.post("Task", {**ride, "executionPeriod": hours}, headers=here)
    assert accepted.status_code == 201, accepted.text


def test_presence__of_a_participant__done_event_keeps_who_came(home: Any) -> None:
    event = visit(home, participant=[{"individual": {"reference": "Practitioner/aide"},
                                      "extension": [{"url": "urn:dui-fhir:extension:present", "valueBoolean": True}]}])  # fmt: skip
    assert home.get("Encounter?participant=Practitioner/aide").json["entry"][0]["resource"]["id"] == event["id"]
