"""FHIR R4, resource-operation-meta.html, -meta-add.html, -meta-delete.html."""

from typing import Any

import pytest

Fhir = Any
TAG = {"system": "urn:essai", "code": "a"}
OTHER = {"system": "urn:essai", "code": "b"}
LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
PROFILE = "urn:essai:profil"


def _parameters(**meta: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def _meta(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    (parameter,) = answer.json["parameter"]
    assert parameter["name"] == "return"
    return dict(parameter["valueMeta"])


@pytest.fixture
def patient(fhir: Fhir) -> str:
    created = fhir.create({"resourceType": "Patient", "meta": {"tag": [TAG]}})
    return f"Patient/{created['id']}"


def test_meta__resource__gives_its_meta(fhir: Fhir, patient: str) -> None:
    meta = _meta(fhir.get(f"{patient}/$meta"))

    assert meta["tag"] == [TAG]
    assert meta == fhir.get(patient).json["meta"]


def test_meta_add__new_values__join_those_there_in_a_new_version(fhir: Fhir, patient: str) -> None:
    answer = fhir.post(f"{patient}/$meta-add", _parameters(tag=[OTHER, TAG], security=[LABEL], profile=[PROFILE]))

    meta = _meta(answer)
    assert (meta["tag"], meta["security"], meta["profile"]) == ([TAG, OTHER], [LABEL], [PROFILE])
    assert meta["versionId"] == "2"
    assert answer.headers["ETag"] == 'W/"2"'
    assert fhir.get(patient).json["meta"] == meta
    assert fhir.get("Patient?_tag=urn:essai|b&_summary=count").json["total"] == 1


def test_meta_add__values_already_there__make_no_version(fhir: Fhir, patient: str) -> None:
    assert _meta(fhir.post(f"{patient}/$meta-add", _parameters(tag=[TAG])))["versionId"] == "1"


def test_meta_delete__values__are_taken_away_and_their_absence_is_no_fault(fhir: Fhir, patient: str) -> None:
    fhir.post(f"{patient}/$meta-add", _parameters(tag=[OTHER]))

    meta = _meta(fhir.post(f"{patient}/$meta-delete", _parameters(tag=[TAG], profile=["urn:absent"])))

    assert meta["tag"] == [OTHER]
    assert "profile" not in meta
    again = _meta(fhir.post(f"{patient}/$meta-delete", _parameters(tag=[TAG])))
    assert again["versionId"] == meta["versionId"]


def test_meta_add__stale_if_match__is_412(fhir: Fhir, patient: str) -> None:
    path = f"{patient}/$meta-add"

    assert fhir.post(path, _parameters(tag=[OTHER]), headers={"If-Match": 'W/"7"'}).status_code == 412
    assert fhir.post(path, _parameters(tag=[OTHER]), headers={"If-Match": 'W/"1"'}).status_code == 200


@pytest.mark.parametrize("meta", [{"tag": "a"}, {"tag": ["a"]}, {"profile": {}}])
def test_meta_add__malformed__is_400(fhir: Fhir, patient: str, meta: dict[str, Any]) -> None:
    assert fhir.post(f"{patient}/$meta-add", _parameters(**meta)).status_code == 400


def test_meta_add__by_get__is_405(fhir: Fhir, patient: str) -> None:
    assert fhir.get(f"{patient}/$meta-add").status_code == 405


def test_meta__absent__is_404(fhir: Fhir) -> None:
    assert fhir.get("Patient/absent/$meta").status_code == 404


def _labelled(fhir: Fhir) -> None:
    fhir.create({"resourceType": "Patient", "meta": {"tag": [TAG, OTHER], "profile": [PROFILE]}})
    fhir.create({"resourceType": "Patient", "meta": {"tag": [TAG], "security": [LABEL]}})
    fhir.create(
        {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"tag": [{"system": "urn:essai", "code": "c"}]}}
    )
    fhir.create({"resourceType": "Patient"})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_meta__of_a_type__is_the_union_of_its_resources(fhir: Fhir, method: str) -> None:
    _labelled(fhir)

    assert _meta(fhir.call(method, "Patient/$meta")) == {"profile": [PROFILE], "security": [LABEL], "tag": [TAG, OTHER]}


def test_meta__of_the_tenant__is_the_union_of_all(fhir: Fhir) -> None:
    _labelled(fhir)

    meta = _meta(fhir.get("$meta"))

    assert [tag["code"] for tag in meta["tag"]] == ["a", "b", "c"]
    assert "versionId" not in meta


def test_meta__deleted_and_superseded_labels__are_not_there(fhir: Fhir) -> None:
    made = fhir.create({"resourceType": "Patient", "meta": {"tag": [TAG]}})
    fhir.post(f"Patient/{made['id']}/$meta-delete", _parameters(tag=[TAG]))
    gone = fhir.create({"resourceType": "Patient", "meta": {"tag": [OTHER]}})
    fhir.delete(f"Patient/{gone['id']}")

    assert _meta(fhir.get("Patient/$meta")) == {}


def test_meta__unknown_type__is_404(fhir: Fhir) -> None:
    assert fhir.get("Patinet/$meta").status_code == 404
