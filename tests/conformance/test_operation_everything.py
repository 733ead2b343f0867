"""FHIR R4, patient-operation-everything.html and encounter-operation-everything.html."""

from typing import Any
from urllib.parse import urlsplit

import pytest

Fhir = Any
PATIENT = {"resourceType": "Patient", "name": [{"family": "Dubois"}]}


def _ids(answer: Any, mode: str | None = None) -> list[str]:
    assert answer.status_code == 200, answer.text
    entries = [e for e in answer.json.get("entry", ()) if mode in (None, e["search"]["mode"])]
    return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries]


def _reference(resource: dict[str, Any]) -> dict[str, str]:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def _observation(patient: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "poids"}, "subject": _reference(patient), **others,
    }  # fmt: skip


@pytest.fixture
def file(fhir: Fhir) -> dict[str, dict[str, Any]]:
    """Two persons; one has an observation, a stay in an episode, a practitioner through a role."""
    practitioner = fhir.create({"resourceType": "Practitioner", "name": [{"family": "Roux"}]})
    organization = fhir.create({"resourceType": "Organization", "name": "EHPAD"})
    role = fhir.create(
        {
            "resourceType": "PractitionerRole",
            "practitioner": _reference(practitioner),
            "organization": _reference(organization),
        }
    )
    patient, other = fhir.create(PATIENT), fhir.create(PATIENT)
    since = {"start": "2024-01-01"}
    episode = fhir.create(
        {"resourceType": "EpisodeOfCare", "status": "active", "patient": _reference(patient), "period": since}
    )
    encounter = fhir.create(
        {
            "resourceType": "Encounter", "status": "finished", "class": {"code": "IMP"}, "subject": _reference(patient),
            "episodeOfCare": [_reference(episode)], "period": {"start": "2026-01-10", "end": "2026-01-20"},
        }
    )  # fmt: skip
    observation = fhir.create(
        _observation(
            patient, performer=[_reference(role)], encounter=_reference(encounter), effectiveDateTime="2026-01-12"
        )
    )
    stranger = fhir.create(_observation(other))
    return {
        "patient": patient, "other": other, "episode": episode, "encounter": encounter, "observation": observation,
        "role": role, "practitioner": practitioner, "organization": organization, "stranger": stranger,
    }  # fmt: skip


def _named(file: dict[str, dict[str, Any]], *names: str) -> set[str]:
    return {_reference(file[name])["reference"] for name in names}


def test_patient_everything__whole_file__is_the_compartment_and_what_it_points_to(fhir: Fhir, file: Any) -> None:
    answer = fhir.get(f"Patient/{file['patient']['id']}/$everything")

    assert set(_ids(answer, "match")) == _named(file, "patient", "episode", "encounter", "observation")
    assert set(_ids(answer, "include")) == _named(file, "role", "practitioner", "organization")
    assert answer.json["type"] == "searchset"
    assert answer.json["total"] == 4


def test_patient_everything__post__answers_as_get(fhir: Fhir, file: Any) -> None:
    path = f"Patient/{file['patient']['id']}/$everything"
    body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"}]}

    assert _ids(fhir.post(path, body)) == _ids(fhir.get(f"{path}?_type=Observation"))


def test_patient_everything__type__only_those(fhir: Fhir, file: Any) -> None:
    answer = fhir.get(f"Patient/{file['patient']['id']}/$everything?_type=Observation,Practitioner")

    assert set(_ids(answer)) == _named(file, "observation", "practitioner")


def test_patient_everything__since_after_all__is_empty(fhir: Fhir, file: Any) -> None:
    path = f"Patient/{file['patient']['id']}/$everything?_since="

    assert _ids(fhir.get(path + "2100-01-01T00:00:00Z")) == []
    assert len(_ids(fhir.get(path + "2000-01-01T00:00:00Z"))) == 7


def test_patient_everything__period_of_care__leaves_out_what_is_dated_elsewhere(fhir: Fhir, file: Any) -> None:
    path = f"Patient/{file['patient']['id']}/$everything"

    inside = set(_ids(fhir.get(f"{path}?start=2026-01-12&end=2026-01-31"), "match"))
    after = set(_ids(fhir.get(f"{path}?start=2026-02-01"), "match"))

    assert inside == _named(file, "patient", "episode", "encounter", "observation")
    assert after == _named(file, "patient", "episode")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_patient_everything__pages__join_to_the_whole_without_repeating_a_member(
    fhir: Fhir, file: Any, count: int
) -> None:
    path = f"Patient/{file['patient']['id']}/$everything"
    whole = set(_ids(fhir.get(path), "match"))

    url, seen = f"{path}?_count={count}", []
    while url:
        answer = fhir.get(url)
        members = _ids(answer, "match")
        assert len(members) <= count
        seen += members
        url = next((link["url"] for link in answer.json["link"] if link["relation"] == "next"), None)

    assert sorted(seen) == sorted(whole)


def test_patient_everything__link_of_another_person__is_refused(fhir: Fhir, file: Any) -> None:
    answer = fhir.get(f"Patient/{file['patient']['id']}/$everything?_count=1")
    following = next(link["url"] for link in answer.json["link"] if link["relation"] == "next")
    query = urlsplit(following).query

    stolen = fhir.get(f"Patient/{file['other']['id']}/$everything?{query}")

    assert stolen.status_code == 400
    assert stolen.json["issue"][0]["details"]["coding"][0]["code"] == "search-page-token"


def test_patient_everything__absent_or_deleted__is_404_or_410(fhir: Fhir) -> None:
    id = fhir.create(PATIENT)["id"]
    fhir.delete(f"Patient/{id}")

    assert fhir.get("Patient/absent/$everything").status_code == 404
    assert fhir.get(f"Patient/{id}/$everything").status_code == 410


@pytest.mark.parametrize(
    "query", ["_since=hier", "_type=Observaton", "_offset=3", "_count=x", "_count=0", "_count=-1", "start=2026-13-01"]
)
def test_patient_everything__wrong_parameter__is_refused(fhir: Fhir, file: Any, query: str) -> None:
    assert fhir.get(f"Patient/{file['patient']['id']}/$everything?{query}").status_code in (400, 404)


def test_encounter_everything__stay__has_its_person_and_its_resources(fhir: Fhir, file: Any) -> None:
    answer = fhir.get(f"Encounter/{file['encounter']['id']}/$everything")

    assert set(_ids(answer, "match")) == _named(file, "encounter", "observation")
    assert _named(file, "patient", "role", "practitioner") <= set(_ids(answer, "include"))
    assert not _named(file, "stranger", "other") & set(_ids(answer))


def test_episode_everything__episode__has_its_stays_and_what_belongs_to_them(fhir: Fhir, file: Any) -> None:
    answer = fhir.get(f"EpisodeOfCare/{file['episode']['id']}/$everything")

    assert set(_ids(answer, "match")) == _named(file, "episode", "encounter", "observation")
    assert _named(file, "patient") <= set(_ids(answer, "include"))


def test_everything__deleted_members__are_left_out(fhir: Fhir, file: Any) -> None:
    fhir.delete(f"Observation/{file['observation']['id']}")

    assert not _named(file, "observation") & set(_ids(fhir.get(f"Patient/{file['patient']['id']}/$everything")))
