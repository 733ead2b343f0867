"""TDDUI 2.4.0-ballot as published: 31 instances, one Bundle, and the oddities of docs/decisions/0006.

The published files are read beside the repository (``../shared``) and skipped where absent; every oddity also has a test on
data of our own, so that none depends on them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.reference import walk

Fhir = Any
Read = Callable[[str], Any]
EXAMPLES = Path(__file__).parents[3] / "shared/reference/fhir/tddui-2.4.0-ballot/examples"
INSTANCES = sorted(p for p in EXAMPLES.glob("*.json") if not p.name.startswith("Bundle-"))
BUNDLE = "Bundle-tddui-pp-pa-bundle-example"
BASE = "https://editeur.example/fhir"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui"


def _codes(outcome: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in (outcome or {}).get("issue", [])]


def _post(fhir: Fhir, *resources: dict[str, Any], url: str | None = None) -> Any:
    return fhir.transaction(
        *[
            {
                "fullUrl": f"{BASE}/{r['resourceType']}/{r['id']}",
                "resource": r,
                "request": {"method": "POST", "url": url or r["resourceType"]},
            }
            for r in resources
        ]
    )


def _locations(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [e["response"]["location"].split("/_history")[0] for e in answer.json["entry"]]


def _without_meta(resource: dict[str, Any]) -> dict[str, Any]:
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {**resource, "meta": meta}


PATIENT = {
    "resourceType": "Patient",
    "id": "usager",
    "name": [{"use": "official", "family": "ESSAI", "given": ["Ana"]}],
}
PLAN = {
    "resourceType": "CarePlan",
    "id": "plan",
    "status": "draft",
    "intent": "plan",
    "title": "Projet",
    "subject": {"reference": "Patient/usager"},
}

# as published


@pytest.mark.skipif(not INSTANCES, reason="the published TDDUI examples are not beside the repository")
def test_published__instances__are_thirty_one_beside_the_bundle() -> None:
    assert len(INSTANCES) == 31


@pytest.mark.parametrize("path", INSTANCES, ids=lambda p: p.stem)
def test_published__instance__is_stored_as_it_is(fhir: Fhir, path: Path) -> None:
    resource = json.loads(path.read_bytes())

    answer = fhir.put(f"{resource['resourceType']}/{resource['id']}", path.read_bytes())

    assert answer.status_code == 201, answer.text
    assert _without_meta(fhir.get(f"{resource['resourceType']}/{resource['id']}").json) == _without_meta(resource)


def test_published__all_instances__are_stored_in_one_tenant(fhir: Fhir, examples: Read) -> None:
    del examples
    for path in INSTANCES:
        resource = json.loads(path.read_bytes())
        answer = fhir.put(f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status_code in (200, 201), (path.name, answer.text)


def test_published__bundle__creates_every_entry(fhir: Fhir, examples: Read) -> None:
    bundle = examples(BUNDLE)

    answer = fhir.post("", bundle)

    assert answer.status_code == 200, answer.text
    assert [e["response"]["status"] for e in answer.json["entry"]] == ["201 Created"] * 25
    for sent, location in zip(bundle["entry"], _locations(answer), strict=True):
        assert location.startswith(f"{sent['resource']['resourceType']}/")


def test_published__bundle__belongs_to_one_person_and_one_structure(fhir: Fhir, examples: Read) -> None:
    fhir.structure("348078752")  # not the one of the identifiers: they name 480787529
    fhir.structure("480787529")
    bundle = examples(BUNDLE)

    locations = _locations(fhir.post("", bundle))

    patient = next(x for x in locations if x.startswith("Patient/"))
    for location in locations:
        if not location.startswith("Practitioner/"):
            assert fhir.owner_of(location) == [patient], location


def test_published__bundle__inside_references_are_rewritten_and_others_lead_to_nobody(
    fhir: Fhir, examples: Read
) -> None:
    bundle = examples(BUNDLE)
    answer = fhir.post("", bundle)
    locations = _locations(answer)
    new = {
        f"{e['resource']['resourceType']}/{e['resource']['id']}": x
        for e, x in zip(bundle["entry"], locations, strict=True)
    }

    for sent, location in zip(bundle["entry"], locations, strict=True):
        before = [e["reference"] for _, e in walk(sent["resource"])]
        after = [e["reference"] for _, e in walk(fhir.get(location).json)]
        for old, now in zip(before, after, strict=True):
            if old in new:
                assert now == new[old]
            elif old.startswith("Organization/"):
                assert now == old
            else:
                assert now == f"https://test-server.fr/{old}"


def test_published__bundle_twice__makes_two_independent_files(fhir: Fhir, examples: Read) -> None:
    bundle = examples(BUNDLE)

    first, second = (_locations(fhir.post("", bundle)) for _ in range(2))

    assert not set(first) & set(second)


# oddity 1


def test_oddity_1__request_url_names_a_profile__is_created_by_its_type_with_a_remark(fhir: Fhir) -> None:
    answer = _post(fhir, PATIENT, url="TDDUIPatient")

    assert _locations(answer)[0].startswith("Patient/")
    assert "core-request-url-profile" in _codes(answer.json["entry"][0]["response"]["outcome"])


def test_oddity_1__request_url_names_a_claimed_profile__is_understood(fhir: Fhir) -> None:
    claimed = {**PLAN, "meta": {"profile": ["https://ailleurs.example/StructureDefinition/mon-projet-personnalise"]}}

    assert _locations(_post(fhir, PATIENT, claimed, url=None))
    assert (
        fhir.transaction(
            {"resource": claimed, "request": {"method": "POST", "url": "MonProjetPersonnalise"}}
        ).status_code
        == 200
    )


@pytest.mark.parametrize("url", ["Pateint", "Observation", "profil", "TDDUIPatient/1", "Patient/1"])
def test_oddity_1__request_url_is_anything_else__is_refused_and_nothing_is_stored(fhir: Fhir, url: str) -> None:
    answer = _post(fhir, PATIENT, url=url)

    assert answer.status_code == 400
    assert fhir.count("Patient") == 0


def test_oddity_1__relative_references__start_at_the_base_of_the_full_url(fhir: Fhir) -> None:
    patient, plan = _locations(_post(fhir, PATIENT, PLAN))

    assert fhir.get(plan).json["subject"]["reference"] == patient


# oddity 2


def test_oddity_2__plan_of_another_file__is_kept_as_absolute_url_with_a_remark(fhir: Fhir) -> None:
    other = fhir.create({"resourceType": "Patient"})
    fhir.put("CarePlan/ailleurs", {**PLAN, "id": "ailleurs", "subject": {"reference": f"Patient/{other['id']}"}})
    task = {**TASK, "basedOn": [{"reference": "CarePlan/ailleurs"}]}

    answer = _post(fhir, PATIENT, GOAL, task)

    patient, _, stored = _locations(answer)
    assert fhir.get(stored).json["basedOn"][0]["reference"] == f"{BASE}/CarePlan/ailleurs"
    assert fhir.owner_of(stored) == [patient]
    assert "core-dangling-reference" in _codes(answer.json["entry"][2]["response"]["outcome"])
    assert fhir.get("Task?based-on=CarePlan/ailleurs").json["total"] == 0


def test_oddity_2__missing_organisation__is_kept_with_a_remark(fhir: Fhir) -> None:
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "subject": {"reference": "Patient/usager"},
        "author": [{"reference": "Organization/absente"}],
        "content": [{"attachment": {"title": "x", "contentType": "text/plain", "data": "eA=="}}],
    }

    answer = _post(fhir, PATIENT, document)

    assert fhir.get(_locations(answer)[1]).json["author"][0]["reference"] == "Organization/absente"
    assert "core-dangling-reference" in _codes(answer.json["entry"][1]["response"]["outcome"])


# oddity 3

TASK_INPUT = f"{TDDUI}/CodeSystem/tddui-task-input-action"
GOAL = {
    "resourceType": "Goal",
    "id": "objectif",
    "lifecycleStatus": "planned",
    "description": {"text": "x"},
    "subject": {"reference": "Patient/usager"},
}
TASK = {
    "resourceType": "Task",
    "id": "action",
    "status": "draft",
    "intent": "plan",
    "owner": {"display": "Animatrice"},
    "input": [
        {
            "type": {"coding": [{"system": TASK_INPUT, "code": "objectif"}]},
            "valueReference": {"reference": "Goal/objectif"},
        }
    ],
}
CONSENT = {
    "resourceType": "Consent",
    "id": "accord",
    "status": "active",
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "policy": [{"authority": "https://www.cnsa.fr/"}],
}


def test_oddity_3__task_without_for__belongs_to_the_person_of_its_goal(fhir: Fhir) -> None:
    means = {**TASK, "id": "moyen", "input": [], "partOf": [{"reference": "Task/action"}]}
    del means["input"]

    patient, _, task, part = _locations(_post(fhir, PATIENT, GOAL, TASK, means))

    assert fhir.owner_of(task) == fhir.owner_of(part) == [patient]


def test_oddity_3__consent_without_patient__belongs_to_the_person_of_the_plan_that_cites_it(fhir: Fhir) -> None:
    plan = {**PLAN, "supportingInfo": [{"reference": "Consent/accord"}]}

    answer = _post(fhir, PATIENT, CONSENT, plan)

    patient, consent, _ = _locations(answer)
    assert fhir.owner_of(consent) == [patient]
    assert "core-owner-unknown" not in _codes(answer.json["entry"][1]["response"].get("outcome"))


def test_oddity_3__consent_after_its_plan__finds_it(fhir: Fhir) -> None:
    patient = fhir.create({k: v for k, v in PATIENT.items() if k != "id"})
    plan = {
        **PLAN,
        "subject": {"reference": f"Patient/{patient['id']}"},
        "supportingInfo": [{"reference": "Consent/accord"}],
    }
    fhir.create(plan)

    fhir.put("Consent/accord", CONSENT)

    assert fhir.owner_of("Consent/accord") == [f"Patient/{patient['id']}"]


def test_oddity_3__no_link_at_all__is_stored_with_a_remark(fhir: Fhir) -> None:
    answer = fhir.put("Consent/accord", CONSENT)

    assert answer.status_code == 201
    assert "core-owner-unknown" in answer.headers["X-Dui-Issues"]
    assert fhir.owner_of("Consent/accord") == []


# oddities 4 to 11


@pytest.mark.parametrize(
    "elements",
    [
        {
            "_birthDate": {
                "extension": [{"url": f"{TDDUI}/StructureDefinition/tddui-birth-order", "valuePositiveInt": 2}]
            }
        },
        {
            "identifier": [
                {"system": "https://identifiant-medicosocial-localusager.esante.gouv.fr", "value": "3480787529/1"}
            ]
        },
    ],
)
def test_oddity_4__extension_without_value_and_shared_local_number__are_stored(
    fhir: Fhir, elements: dict[str, Any]
) -> None:
    first, second = fhir.create({**PATIENT, **elements}), fhir.create({**PATIENT, **elements})

    assert first["id"] != second["id"]
    assert {k: first[k] for k in elements} == elements


def test_oddity_5__parallel_line_arrays_and_two_spellings_of_a_country__are_kept(fhir: Fhir) -> None:
    number = {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-houseNumber", "valueString": "12"}
    address = [
        {"line": ["12 rue des Lilas", "Bâtiment B"], "_line": [{"extension": [number]}, None], "country": "99100"},
        {"country": "FRA"},
    ]

    assert fhir.create({**PATIENT, "address": address})["address"] == address


def test_oddity_6__stay_with_two_numbers_of_one_system__is_found_by_each(fhir: Fhir) -> None:
    patient = fhir.create(PATIENT)
    system, types = (
        "https://identifiant-medicosocial-sejour.esante.gouv.fr",
        f"{TDDUI}/CodeSystem/tddui-encounter-identifier",
    )
    stay = {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "subject": {"reference": f"Patient/{patient['id']}"},
        "identifier": [
            {"system": system, "value": "3480787529/1-SEJOUR-1012", "type": {"coding": [{"system": types, "code": "SEJ"}]}},
            {"system": system, "value": "1012", "type": {"coding": [{"system": types, "code": "NUMDOSS"}]}},
        ],
        "type": [{"coding": [{"system": ABSENT, "code": "not-permitted"}], "text": "Sortie"}],
        "period": {"start": "2023-04-14"},
        "serviceProvider": {"reference": "Organization/x"},
    }  # fmt: skip

    created = fhir.create(stay)

    for value in ("3480787529/1-SEJOUR-1012", "1012"):
        found = fhir.get(f"Encounter?identifier={system}|{value}").json
        assert [e["resource"]["id"] for e in found["entry"]] == [created["id"]]
    assert fhir.get("Encounter?date=ge2030").json["total"] == 1, "an open period lasts"


def test_oddity_7__nested_extensions_with_relative_urls__keep_order_and_content(fhir: Fhir) -> None:
    holder = {"extension": [{"url": "TDDUIHolder", "valueReference": {"display": "x"}}], "url": f"{TDDUI}/x"}
    deep = {"extension": [{"extension": [holder], "url": "urn:b"}], "url": "urn:a"}

    created = fhir.create({**PATIENT, "extension": [deep]})

    stored = fhir.get(f"Patient/{created['id']}").data.decode()
    assert json.dumps([deep], separators=(",", ":")) in stored


def test_oddity_8__identifier_without_system_or_with_a_urn_and_slashes__is_found(fhir: Fhir) -> None:
    system = "urn:uuid:3b1c1f0e-0000-4000-8000-000000000001"
    created = fhir.create(
        {**PATIENT, "identifier": [{"value": "3480787529/1-PPER-entrant"}, {"system": system, "value": "a/b"}]}
    )

    for query in ("|3480787529/1-PPER-entrant", "3480787529/1-PPER-entrant", f"{system}|a/b"):
        assert [e["resource"]["id"] for e in fhir.get(f"Patient?identifier={query}").json["entry"]] == [created["id"]]


def test_oddity_9__basic_about_a_request_and_schedule_of_a_person__find_their_person(fhir: Fhir) -> None:
    request = {
        "resourceType": "ServiceRequest",
        "id": "demande",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/usager"},
    }
    decision = {
        "resourceType": "Basic",
        "id": "decision",
        "code": {"text": "DECISION"},
        "subject": {"reference": "ServiceRequest/demande"},
    }
    schedule = {"resourceType": "Schedule", "id": "agenda", "actor": [{"reference": "Patient/usager"}]}
    slot = {
        "resourceType": "Slot",
        "id": "absence",
        "schedule": {"reference": "Schedule/agenda"},
        "status": "busy",
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-01-02T00:00:00Z",
    }

    patient, *others = _locations(_post(fhir, PATIENT, request, decision, schedule, slot))

    assert [fhir.owner_of(o) for o in others] == [[patient]] * 4


def test_oddity_10__nested_answers_and_an_apostrophe_in_a_link_id__are_stored(fhir: Fhir) -> None:
    patient = fhir.create(PATIENT)
    item = {
        "linkId": "l’aide-d'autrui",
        "answer": [{"valueString": "a", "item": [{"linkId": "b", "answer": [{"valueInteger": 1}]}]}],
    }
    response = {
        "resourceType": "QuestionnaireResponse",
        "status": "in-progress",
        "questionnaire": f"{TDDUI}/Questionnaire/x",
        "subject": {"reference": f"Patient/{patient['id']}"},
        "item": [item],
    }

    assert fhir.create(response)["item"] == [item]


def test_oddity_11__inline_pdf_and_typographic_characters__come_back_byte_for_byte(fhir: Fhir) -> None:
    patient = fhir.create(PATIENT)
    data = "JVBERi0xLjQK" * 8000
    title = "Cœur\u2011projet de l\u2019usager\nsuite.pdf"
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "description": title,
        "subject": {"reference": f"Patient/{patient['id']}"},
        "content": [{"attachment": {"contentType": "application/pdf", "title": "a.pdf", "data": data}}],
    }

    created = fhir.create(document)

    body = fhir.get(f"DocumentReference/{created['id']}").data
    assert f'"data":"{data}"'.encode() in body
    assert title.replace("\n", "\\n").encode() in body
