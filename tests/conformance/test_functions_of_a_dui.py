"""What a front end does for each function of docs/fonctions.md: write what people enter, find it as they look for it."""

import base64
from typing import Any

import pytest

PERSON = {"reference": "Patient/p"}
SOCIAL = "urn:dui-fhir:communication"
CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"}
SCOPE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}


def coded(code: str, system: str = "urn:dui-fhir:essai") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def actor(reference: str) -> dict[str, Any]:
    return {"actor": {"reference": reference}, "status": "accepted"}


FUNCTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "F-01": (
        {"resourceType": "EpisodeOfCare", "status": "waitlist", "patient": PERSON,
         "managingOrganization": {"reference": "Organization/finess-010000001"}},
        "EpisodeOfCare?status=waitlist&organization=Organization/finess-010000001,Organization/finess-010000002",
    ),
    "F-02": (
        {"resourceType": "Appointment", "status": "booked", "start": "2026-02-02T10:00:00Z", "end": "2026-02-02T11:00:00Z",
         "participant": [actor("Patient/p"), actor("Practitioner/pr")]},
        "Appointment?patient=Patient/p&status=booked",
    ),
    "F-04": (
        {"resourceType": "Communication", "status": "completed", "category": [coded("transmission", SOCIAL)], "subject": PERSON,
         "sent": "2026-01-12T10:00:00Z", "payload": [{"contentString": "Nuit calme"}]},
        f"Communication?subject=Patient/p&category={SOCIAL}|transmission&sent=ge2026-01-01&_sort=-sent",
    ),
    "F-06": (
        {"resourceType": "Procedure", "status": "completed", "subject": PERSON, "code": {"text": "Pansement"},
         "performedDateTime": "2026-01-12T09:00:00Z"},
        "Procedure?patient=Patient/p&date=2026-01-12",
    ),
    "F-07": (
        {"resourceType": "Observation", "status": "final", "subject": PERSON, "code": coded("29463-7", "http://loinc.org"),
         "effectiveDateTime": "2026-01-12", "valueQuantity": {"value": 62.5, "unit": "kg"}},
        "Observation?patient=Patient/p&code=http://loinc.org|29463-7&_sort=-date",
    ),
    "F-08": (
        {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": PERSON,
         "medicationCodeableConcept": {"text": "Paracétamol 500 mg"}, "authoredOn": "2026-01-10"},
        "MedicationRequest?patient=Patient/p&status=active",
    ),
    "F-11": (
        {"resourceType": "Encounter", "status": "finished", "class": CLASS, "subject": PERSON, "type": [coded("atelier")],
         "period": {"start": "2026-01-12T09:00:00Z", "end": "2026-01-12T10:00:00Z"}},
        "Encounter?patient=Patient/p&type=urn:dui-fhir:essai|atelier&date=2026-01-12",
    ),
    "F-12": (
        {"resourceType": "CareTeam", "status": "active", "subject": PERSON,
         "participant": [{"member": {"reference": "Practitioner/pr"}, "period": {"start": "2026-01-01"}}]},
        "CareTeam?patient=Patient/p&participant=Practitioner/pr&status=active",
    ),
    "F-14": (
        {"resourceType": "Encounter", "status": "cancelled", "class": CLASS, "subject": PERSON, "reasonCode": [{"text": "Malade"}],
         "period": {"start": "2026-01-12T09:00:00Z"}},
        "Encounter?patient=Patient/p&status=cancelled",
    ),
    "F-15": (
        {"resourceType": "Communication", "status": "completed", "subject": PERSON, "sent": "2026-01-12T10:00:00Z",
         "recipient": [{"reference": "Practitioner/pr"}], "payload": [{"contentString": "À rappeler"}]},
        "Communication?recipient=Practitioner/pr&_lastUpdated=gt2020-01-01T00:00:00Z",
    ),
    "F-16": (
        {"resourceType": "Appointment", "status": "booked", "start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z",
         "participant": [actor("Practitioner/pr")]},
        "Appointment?practitioner=Practitioner/pr&date=ge2026-03-01&_sort=date",
    ),
    "F-17": (
        {"resourceType": "Contract", "status": "offered", "subject": [PERSON], "issued": "2026-01-12",
         "type": coded("DIPC", "https://mos.esante.gouv.fr/NOS/TRE_R393-TypeContratSejour/FHIR/TRE-R393-TypeContratSejour")},
        "Contract?subject=Patient/p&status=offered",
    ),
    "F-18": (
        {"resourceType": "Coverage", "status": "active", "beneficiary": PERSON, "payor": [{"display": "Caisse fictive"}],
         "period": {"end": "2026-12-31"}},
        "Coverage?beneficiary=Patient/p&status=active",
    ),
    "F-21": (
        {"resourceType": "Communication", "status": "completed", "subject": PERSON, "recipient": [PERSON],
         "sent": "2026-01-13T10:00:00Z", "payload": [{"contentString": "Sortie reportée"}]},
        "Communication?recipient=Patient/p",
    ),
    "F-24": (
        {"resourceType": "RelatedPerson", "patient": PERSON, "active": True, "name": [{"family": "FICTIVE"}],
         "relationship": [coded("SIS", "http://terminology.hl7.org/CodeSystem/v3-RoleCode")]},
        "RelatedPerson?patient=Patient/p&active=true",
    ),
    "F-41": (
        {"resourceType": "Consent", "status": "active", "scope": SCOPE, "patient": PERSON, "policyRule": {"text": "Fictive"},
         "category": [coded("partage-hors-equipe", "urn:dui-fhir:consent")]},
        "Consent?patient=Patient/p&category=urn:dui-fhir:consent|partage-hors-equipe&status=active",
    ),
    "D-14": (
        {"resourceType": "DocumentReference", "status": "current", "subject": PERSON, "date": "2026-01-12T10:00:00Z",
         "type": coded("51851-4", "http://loinc.org"), "category": [coded("livret-accueil", "urn:dui-fhir:document")],
         "content": [{"attachment": {"contentType": "application/pdf", "url": "Binary/livret"}}]},
        "DocumentReference?patient=Patient/p&category=urn:dui-fhir:document|livret-accueil",
    ),
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function__what_is_entered__is_found_as_it_is_looked_for(function: str, fhir: Any) -> None:
    for number in ("1", "2"):
        fhir.structure(f"01000000{number}")
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p", "birthDate": "1940-05-20"})
    fhir.put("Practitioner/pr", {"resourceType": "Practitioner", "id": "pr", "name": [{"family": "FICTIF"}]})
    entered, search = FUNCTIONS[function]
    stored = fhir.create(entered)
    found = [e["resource"]["id"] for e in fhir.get(search).json.get("entry", [])]
    assert stored["id"] in found


def test_waiting_list__of_another_structure__is_not_there(fhir: Any) -> None:
    fhir.structure("010000001")
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    fhir.create(FUNCTIONS["F-01"][0])
    answer = fhir.get("EpisodeOfCare?status=waitlist&organization=Organization/finess-010000002").json
    assert answer.get("entry", []) == []


def test_project__changed__former_versions_stay(fhir: Any) -> None:
    plan = {
        "resourceType": "CarePlan",
        "id": "pp",
        "status": "draft",
        "intent": "plan",
        "subject": PERSON,
        "title": "Projet",
    }
    fhir.put("CarePlan/pp", plan)
    fhir.put("CarePlan/pp", {**plan, "title": "Projet revu"})
    titles = [e["resource"]["title"] for e in fhir.get("CarePlan/pp/_history").json["entry"]]
    assert titles == ["Projet revu", "Projet"]


def test_transmission__corrected__is_a_new_version_and_the_first_stays(fhir: Any) -> None:
    said = FUNCTIONS["F-04"][0]
    stored = fhir.create(said)
    fhir.put(f"Communication/{stored['id']}", {**stored, "payload": [{"contentString": "Nuit agitée"}]})
    first = fhir.get(f"Communication/{stored['id']}/_history/1").json
    assert first["payload"] == said["payload"]


def test_follow_up__after_the_exit__can_still_be_written(fhir: Any) -> None:
    fhir.structure("010000001")
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    stay = {"resourceType": "Encounter", "status": "finished", "class": CLASS, "subject": PERSON,
            "period": {"start": "2025-01-01", "end": "2026-01-01"}}  # fmt: skip
    exit_stay = fhir.create(stay)
    after = {"resourceType": "Encounter", "status": "finished", "class": CLASS, "subject": PERSON,
             "partOf": {"reference": f"Encounter/{exit_stay['id']}"},
             "period": {"start": "2026-02-01T10:00:00Z", "end": "2026-02-01T11:00:00Z"}}  # fmt: skip
    fhir.create(after)


def test_received_document__bytes__come_back_unchanged(fhir: Any) -> None:
    content = b"%PDF-1.4 \x00\xff fictif"
    data = base64.b64encode(content).decode()
    stored = fhir.create({"resourceType": "Binary", "contentType": "application/pdf", "data": data})
    read = fhir.get(f"Binary/{stored['id']}", headers={"Accept": "application/pdf"})
    assert (read.data, read.content_type) == (content, "application/pdf")


def test_rpps__with_a_wrong_key__is_told(fhir: Any) -> None:
    wrong = {
        "resourceType": "Practitioner",
        "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810002918951"}],
    }
    answer = fhir.post("Practitioner", wrong, headers={"Prefer": "return=OperationOutcome"})
    assert answer.status_code == 201
    assert "COM-37" in answer.text
