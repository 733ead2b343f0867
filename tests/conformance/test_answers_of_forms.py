"""QuestionnaireResponses over HTTP, against the Questionnaires of the tenant, of the corridors and of packages."""

import pytest

from dui_fhir import app
from dui_fhir.service import tenant_settings
from dui_fhir.validation.guides import tenant_folder
from dui_fhir.validation.packages import add_resources, remove

URL = "https://exemple.fr/Questionnaire/douleur"


def form(version="1", **question):
    return {
        "resourceType": "Questionnaire",
        "id": "douleur",
        "url": URL,
        "version": version,
        "status": "active",
        "item": [{"linkId": "evs", "text": "Intensité", "type": "integer", "required": True, **question}],
    }


def answers(*given, canonical=URL, status="completed"):
    items = [{"linkId": "evs", "answer": list(given)}] if given else []
    found = {"resourceType": "QuestionnaireResponse", "questionnaire": canonical, "status": status}
    return {**found, "item": items} if items else found


def told(answer, prefix="validation-"):
    body = answer.json if answer.json["resourceType"] == "OperationOutcome" else {"issue": []}
    found = [(i["details"]["coding"][0]["code"], i["severity"]) for i in body["issue"]]
    return [(code, severity) for code, severity in found if code.startswith(prefix) and code != "validation-dom-6"]


def validate(fhir, resource):
    answer = fhir.post("QuestionnaireResponse/$validate", resource)
    assert answer.status_code == 200, answer.text
    return told(answer)


def test_answers__to_a_form_that_nobody_knows__are_said_not_to_be_checked(fhir):
    assert validate(fhir, answers()) == [("validation-questionnaire-unknown", "information")]
    assert fhir.post("QuestionnaireResponse", answers()).status_code == 201


def test_answers__as_soon_as_the_form_is_stored__are_judged(fhir):
    fhir.put("Questionnaire/douleur", form())
    assert validate(fhir, answers()) == [("validation-answer-missing", "error")]
    assert validate(fhir, answers({"valueString": "forte"})) == [("validation-answer-type", "error")]
    assert validate(fhir, answers({"valueInteger": 3})) == []
    fhir.put("Questionnaire/douleur", form(type="string"))
    assert validate(fhir, answers({"valueString": "forte"})) == []
    fhir.delete("Questionnaire/douleur")
    assert validate(fhir, answers()) == [("validation-questionnaire-unknown", "information")]


def test_answers__naming_a_version__are_judged_by_that_version_only(fhir):
    fhir.put("Questionnaire/douleur", form("2"))
    assert validate(fhir, answers(canonical=f"{URL}|2")) == [("validation-answer-missing", "error")]
    assert validate(fhir, answers(canonical=f"{URL}|3")) == [("validation-questionnaire-unknown", "information")]


@pytest.mark.parametrize(
    ("policy", "status", "severity"), [(None, 201, "warning"), ("refuse", 422, "error"), ("off", 201, None)]
)
def test_write__of_answers_that_break_the_form__follows_the_policy(fhir, policy, status, severity):
    if policy is not None:
        store = fhir.engine.stores.open(fhir.tenant)
        assert tenant_settings.save(store, fhir.engine.extractor, {"validation.profiles": (f"{policy} {URL}",)})
    fhir.put("Questionnaire/douleur", form())
    answer = fhir.post("QuestionnaireResponse", answers(), headers={"Prefer": "return=OperationOutcome"})
    assert answer.status_code == status, answer.text
    assert told(answer, "validation-answer") == ([("validation-answer-missing", severity)] if severity else [])


def test_answers__to_the_form_of_a_package_of_the_tenant__are_judged_while_it_is_there(fhir):
    folder = tenant_folder(app.ig_folder(fhir.engine.settings), fhir.tenant)
    add_resources({"name": "formulaires", "version": "1.0.0"}, [form()], folder)
    assert validate(fhir, answers()) == [("validation-answer-missing", "error")]
    remove("formulaires", "1.0.0", folder)
    assert validate(fhir, answers()) == [("validation-questionnaire-unknown", "information")]


def test_answers__to_the_form_of_a_corridor__are_judged(fhir):
    found = validate(fhir, answers({"valueInteger": 1}, canonical="urn:dui-fhir:questionnaire:chutes"))
    assert ("validation-item-unknown", "error") in found
    assert ("validation-answer-missing", "error") in found
