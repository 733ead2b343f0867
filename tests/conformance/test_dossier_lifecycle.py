"""The file of a person over HTTP: asked for, waited for, opened, suspended, closed, opened again, transferred (D1)."""

import random
from datetime import date, timedelta
from typing import Any

import pytest
from dui_fhir_plugins.commun import lifecycle

Resource = dict[str, Any]
PERSON = {"reference": "Patient/p"}
A, B = ({"reference": f"Organization/finess-01000000{n}"} for n in (1, 2))
STAY = "https://identifiant-medicosocial-sejour.esante.gouv.fr"


@pytest.fixture
def organisme(fhir: Any) -> Any:
    for number in ("1", "2"):
        fhir.structure(f"01000000{number}")
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p", "birthDate": "1940-05-20"})
    return fhir


def episode(status: str = "waitlist", **more: Any) -> Resource:
    return {"resourceType": "EpisodeOfCare", "status": status, "patient": PERSON, "managingOrganization": A} | more


def parameters(**given: Any) -> Resource:
    types = {"status": "valueCode", "date": "valueDateTime", "reason": "valueString", "organization": "valueReference"}
    return {"resourceType": "Parameters", "parameter": [{"name": n, types[n]: v} for n, v in given.items()]}


def move(fhir: Any, id: str, status: str, date: str, **more: Any) -> Any:
    return fhir.post(f"EpisodeOfCare/{id}/$change-status", parameters(status=status, date=date, **more))


def rules(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json.get("issue", [])]


def refusals(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"] if i["severity"] == "error"]


def stay(fhir: Any, id: str) -> Resource:
    resource = {"resourceType": "Encounter", "status": "in-progress", "subject": PERSON, "period": {"start": "2026-01-12"},
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
                "identifier": [{"system": STAY, "value": f"3010000001/1-SEJOUR-{id}"}], "serviceProvider": A,
                "episodeOfCare": [{"reference": f"EpisodeOfCare/{id}"}]}  # fmt: skip
    return dict(fhir.create(resource))


def test_whole_life__asked_step_by_step__history_has_every_step_with_its_dates(organisme: Any) -> None:
    id = organisme.create(episode("planned", period={"start": "2025-10-01"}))["id"]
    for status, day in [("waitlist", "2025-11-03"), ("active", "2026-01-12"), ("onhold", "2026-03-02"), ("active", "2026-03-20"),
                        ("finished", "2026-06-30")]:  # fmt: skip
        assert move(organisme, id, status, day).status_code == 200
    found = organisme.get(f"EpisodeOfCare/{id}").json
    assert [(e["status"], e["period"].get("start"), e["period"]["end"]) for e in found["statusHistory"]] == [
        ("planned", "2025-10-01", "2025-11-03"),
        ("waitlist", "2025-11-03", "2026-01-12"),
        ("active", "2026-01-12", "2026-03-02"),
        ("onhold", "2026-03-02", "2026-03-20"),
        ("active", "2026-03-20", "2026-06-30"),
    ]
    assert (found["status"], found["period"]) == ("finished", {"start": "2026-01-12", "end": "2026-06-30"})


def test_suspension_and_exit__stays_of_the_file__follow_in_the_same_write(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    move(organisme, id, "active", "2026-01-12")
    encounter = stay(organisme, id)["id"]
    seen = []
    for status, day in [("onhold", "2026-03-02"), ("active", "2026-03-20"), ("finished", "2026-06-30")]:
        answer = move(organisme, id, status, day)
        assert answer.status_code == 200, answer.text
        seen.append(organisme.get(f"Encounter/{encounter}").json["status"])
    assert seen == ["onleave", "in-progress", "finished"]
    assert organisme.get(f"Encounter/{encounter}").json["period"] == {"start": "2026-01-12", "end": "2026-06-30"}


def test_incoherent_step__asked_or_written__is_refused_in_french_with_the_names_of_the_corridor(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    answer = move(organisme, id, "onhold", "2026-01-12")
    assert (answer.status_code, refusals(answer)) == (422, ["COM-48"])
    assert "De « liste d’attente », on ne passe pas à « hospitalisé ou en vacances »." in answer.text
    written = organisme.put(f"EpisodeOfCare/{id}", {**episode("onhold"), "id": id})
    assert "COM-48" in rules(written)


def test_step_that_does_not_exist__asked__is_400(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    assert rules(move(organisme, id, "archived", "2026-01-12")) == ["dossier-status"]
    answer = organisme.post(f"EpisodeOfCare/{id}/$change-status", parameters(status="active", date="2026-13-45"))
    assert answer.status_code == 400


def test_step_where_it_is__asked_again__writes_nothing(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    answer = move(organisme, id, "waitlist", "2026-01-12")
    assert (answer.status_code, answer.json["meta"]["versionId"]) == (200, "1")


def test_second_file_in_the_same_structure__refused__in_another_accepted(organisme: Any) -> None:
    organisme.create(episode())
    assert rules(organisme.post("EpisodeOfCare", episode("planned"))) == ["COM-51"]
    assert organisme.post("EpisodeOfCare", episode("planned", managingOrganization=B)).status_code == 201


def test_return__after_the_exit__same_file_with_both_periods(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    for status, day in [("active", "2026-01-12"), ("finished", "2026-03-01"), ("active", "2026-06-01")]:
        assert move(organisme, id, status, day).status_code == 200
    found = organisme.get(f"EpisodeOfCare/{id}").json
    assert found["period"] == {"start": "2026-01-12"}
    assert found["statusHistory"][-1]["period"] == {"start": "2026-03-01", "end": "2026-06-01"}


def test_transfer__to_another_structure__closes_one_and_opens_the_other_once(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    move(organisme, id, "active", "2026-01-12")
    asked = parameters(organization=B, date="2026-05-04", reason="Rapprochement familial")
    first = organisme.post(f"EpisodeOfCare/{id}/$transfer", asked)
    again = organisme.post(f"EpisodeOfCare/{id}/$transfer", asked)
    assert first.status_code == again.status_code == 200
    assert first.json["id"] == again.json["id"]
    assert (first.json["status"], first.json["managingOrganization"]) == ("planned", B)
    assert first.json["extension"][0]["valueReference"] == {"reference": f"EpisodeOfCare/{id}"}
    assert organisme.get(f"EpisodeOfCare/{id}").json["status"] == "finished"
    assert organisme.count("EpisodeOfCare") == 2


@pytest.mark.parametrize(
    ("organization", "expected"),
    [(A, "transfer-same"), ({"reference": "Organization/inconnue"}, "transfer-organization"), (B, "transfer-not-open")],
)
def test_transfer__not_possible__says_why(organization: Resource, expected: str, organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    if expected != "transfer-not-open":
        move(organisme, id, "active", "2026-01-12")
    answer = organisme.post(f"EpisodeOfCare/{id}/$transfer", parameters(organization=organization))
    assert rules(answer) == [expected]


def test_death__file_still_waiting__cannot_open(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    organisme.put(
        "Patient/p", {"resourceType": "Patient", "id": "p", "birthDate": "1940-05-20", "deceasedDateTime": "2026-01-10"}
    )
    assert refusals(move(organisme, id, "active", "2026-01-12")) == ["COM-55"]
    # the admission took place before; only its telling is late
    assert move(organisme, id, "active", "2026-01-08").status_code == 200


def test_late_admission__stored__with_a_warning(organisme: Any) -> None:
    made = organisme.post(
        "EpisodeOfCare",
        episode("active", period={"start": "2026-01-12"}),
        headers={"Prefer": "return=OperationOutcome"},
    )
    assert made.status_code == 201
    assert "COM-56" in rules(made)


def test_waiting_list__of_two_structures__each_person_once_in_order(organisme: Any) -> None:
    for number in ("q", "r"):
        organisme.put(f"Patient/{number}", {"resourceType": "Patient", "id": number})
    for who, where, since in [("q", B, "2026-02-01"), ("p", A, "2026-01-05"), ("r", A, "2026-03-01")]:
        organisme.create(
            episode(patient={"reference": f"Patient/{who}"}, managingOrganization=where, period={"start": since})
        )
    organisme.create(episode("planned", patient={"reference": "Patient/q"}))
    both = f"{A['reference']},{B['reference']}"
    found = organisme.get(f"EpisodeOfCare?status=waitlist&organization={both}&_sort=date").json["entry"]
    assert [e["resource"]["patient"]["reference"] for e in found] == ["Patient/p", "Patient/q", "Patient/r"]


def test_archived_file__person_comes_back__a_new_file(organisme: Any) -> None:
    id = organisme.create(episode())["id"]
    for status, day in [("active", "2026-01-12"), ("finished", "2026-03-01")]:
        move(organisme, id, status, day)
    found = organisme.get(f"EpisodeOfCare/{id}").json
    organisme.put(
        f"EpisodeOfCare/{id}", {**found, "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "archive"}]}}
    )
    assert refusals(move(organisme, id, "active", "2026-06-01")) == ["COM-30"]
    assert organisme.post("EpisodeOfCare", episode("planned")).status_code == 201


@pytest.mark.parametrize("seed", range(4))
def test_random_life__forty_steps__accepted_as_the_table_says_and_every_step_kept(seed: int, organisme: Any) -> None:
    # seldom without follow-up, which ends a life
    chosen, statuses = (
        random.Random(seed),
        [*sorted(set(lifecycle.EPISODE) - {"entered-in-error", "cancelled"}) * 6, "cancelled"],
    )
    id, lived, day = organisme.create(episode("planned"))["id"], ["planned"], date(2025, 1, 1)
    for _ in range(40):
        status = chosen.choice(statuses)
        day += timedelta(days=chosen.randint(0, 9))
        answer = move(organisme, id, status, day.isoformat())
        allowed = lifecycle.may_follow("EpisodeOfCare", lived[-1], status)
        assert answer.status_code == (200 if allowed else 422), answer.text
        lived += [status] if allowed and status != lived[-1] else []
    found = organisme.get(f"EpisodeOfCare/{id}").json
    assert [e["status"] for e in found.get("statusHistory", [])] == lived[:-1]
    assert found["meta"]["versionId"] == str(len(lived))
