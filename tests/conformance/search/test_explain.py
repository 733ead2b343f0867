"""``_explain``: how a search is done, for administrators, without any of its values."""

import pytest

SECRET = "Abracadabrantesque"


@pytest.fixture
def opened(fhir, monkeypatch):
    monkeypatch.setitem(fhir.engine.settings._values, "explain_allowed", True)
    fhir.put("Patient/a", {"resourceType": "Patient", "id": "a", "name": [{"family": SECRET}], "gender": "female"})
    return fhir


def _told(answer):
    assert answer.status_code == 200, answer.text
    assert answer.json["resourceType"] == "Parameters"
    return {p["name"]: p for p in answer.json["parameter"]}


def test_explain__not_opened__is_forbidden(fhir):
    answer = fhir.get("Patient?_explain=true")
    assert (answer.status_code, answer.json["issue"][0]["details"]["coding"][0]["code"]) == (
        403,
        "core-explain-disabled",
    )


def test_explain__false__is_the_search_itself(fhir):
    assert fhir.get("Patient?_explain=false").json["resourceType"] == "Bundle"


def test_explain__other_value__is_refused(fhir):
    assert fhir.get("Patient?_explain=maybe").status_code == 400


@pytest.mark.parametrize(
    "search",
    [
        f"Patient?family={SECRET}&gender=female&_sort=-birthdate",
        f"Observation?subject:Patient.name={SECRET}",
        f"Patient?_has:Observation:subject:code={SECRET}",
        f"Patient?_content={SECRET}",
        "Patient?_lastUpdated=ge2026-01-02",
    ],
)
def test_explain__search__tells_query_statements_and_time_but_no_value(opened, search):
    told = _told(opened.get(f"{search}&_explain=true"))
    assert told["query"]["valueString"].startswith("types: ")
    assert told["elapsedMs"]["valueDecimal"] >= 0
    assert "statement" in told
    text = str(told).casefold()
    assert SECRET.casefold() not in text
    assert "2026-01-02" not in text
    assert "1767" not in text  # the milliseconds of that date


def test_explain__matches__are_counted(opened):
    assert _told(opened.get(f"Patient?family={SECRET}&_total=accurate&_explain=true"))["matches"]["valueInteger"] == 1
