"""What a personalised project says, gathered from TDDUI resources: links that break, odd data, French words."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dui_fhir_plugins.commun.document_text import concept, date, human_name, period
from dui_fhir_plugins.commun.ppa_content import collect
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_kit.reader import ExampleReader

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "../shared/reference/fhir/tddui-2.4.0-ballot/examples"
PARAMETER = json.loads((ROOT / "plugins/commun/search/Task-objectif.json").read_text(encoding="utf-8"))
TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui"
PLAN = "CarePlan/projet"


def business(name: str, value: str) -> list[dict[str, str]]:
    return [{"system": f"https://identifiant-medicosocial-{name}.esante.gouv.fr", "value": f"3750000001/42-{value}"}]


def discriminated(code: str, **element: Any) -> dict[str, Any]:
    concept = {"coding": [{"system": f"{TDDUI}/CodeSystem/tddui-discriminator", "code": code}]}
    url = f"{TDDUI}/StructureDefinition/tddui-discriminator"
    return {"extension": [{"url": url, "valueCodeableConcept": concept}], **element}


def of_plan(reference: str = PLAN) -> dict[str, Any]:
    return {"url": f"{TDDUI}/StructureDefinition/tddui-careplan-reference", "valueReference": {"reference": reference}}


def given_input(kind: str, code: str, **value: Any) -> dict[str, Any]:
    return {"type": {"coding": [{"system": f"{TDDUI}/CodeSystem/tddui-task-input-{kind}", "code": code}]}, **value}


def task(id: str, kind: str, suffix: str, **elements: Any) -> Resource:
    identifier = business(kind, suffix)
    return {
        "resourceType": "Task",
        "id": id,
        "identifier": identifier,
        "status": "in-progress",
        "intent": "plan",
        **elements,
    }


def project() -> list[Resource]:
    """A small project whose actions say another plan, as in the published examples."""
    subject = {"reference": "Patient/p"}
    aim = given_input("action", "objectif", valueReference={"reference": "Goal/marcher"})
    return [
        {
            "resourceType": "CarePlan", "id": "projet", "identifier": business("projetpersonnalise", "PPER-1"),
            "status": "active", "intent": "plan", "title": "Projet de Jeanne", "subject": subject,
            "period": {"start": "2026-01-15", "end": "2026-12-31"},
            "supportingInfo": [discriminated("accordStructure", reference="Consent/accord")],
        },
        {
            "resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1947-04-03",
            "name": [{"use": "official", "family": "Martin", "given": ["Jeanne"]}, {"use": "usual", "family": "Durand"}],
        },
        {
            "resourceType": "Consent", "id": "accord", "status": "active", "dateTime": "2026-01-15T23:30:00Z",
            "scope": {}, "category": [], "performer": [{"reference": "Practitioner/dir"}],
        },
        {
            "resourceType": "Practitioner", "id": "dir", "name": [{"prefix": ["MME"], "given": ["Anne"], "family": "Lopez"}],
            "qualification": [{"code": {"text": "Directrice"}}],
        },
        {
            "resourceType": "Goal", "id": "attente", "identifier": business("attente", "ATTE-1"), "extension": [of_plan()],
            "lifecycleStatus": "active", "description": {"text": "Voir le jardin"}, "subject": subject,
            "note": [discriminated("origineAttente", text="Usager")],
        },
        {
            "resourceType": "Goal", "id": "marcher", "identifier": business("objectif", "OBJE-1"), "extension": [of_plan()],
            "lifecycleStatus": "planned", "description": {"text": "Marcher seule"}, "subject": subject,
            "addresses": [{"reference": "ServiceRequest/besoin"}], "target": [{"dueDate": "2026-06"}],
            "note": [discriminated("titreObjectif", text="Objectif 1")],
        },
        {
            "resourceType": "ServiceRequest", "id": "besoin", "identifier": business("besoin", "BESO-1"), "status": "active",
            "intent": "plan", "basedOn": [{"reference": PLAN}], "code": {"text": "Aide à la marche"}, "subject": subject,
        },
        task("kine", "action", "ACTI-1", basedOn=[{"reference": "CarePlan/ailleurs"}], description="Rééducation",
             owner={"display": "Kinésithérapeute"}, input=[given_input("action", "titre", valueString="Marche"), aim]),
        task("libre", "action", "ACTI-2", basedOn=[{"reference": PLAN}], description="Chorale"),
        task("autre", "action", "ACTI-3", basedOn=[{"reference": "CarePlan/ailleurs"}], description="D'un autre projet",
             input=[given_input("action", "objectif", valueReference={"reference": "Goal/inconnu"})]),
        task("barre", "moyenressource", "MORE-1", partOf=[{"reference": "Task/kine"}], description="Barre d'appui"),
        task("bilan", "bilan", "BILA-1", basedOn=[{"reference": PLAN}], executionPeriod={"start": "2026-06-01"},
             output=[{"type": {"coding": [{"code": "syntheseBilan"}]}, "valueString": "En progrès"}]),
        {**task("envoi", "action", "ACTI-9", basedOn=[{"reference": PLAN}]),
         "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "outbox"}]}},
        {
            "resourceType": "QuestionnaireResponse", "id": "gir", "status": "completed", "subject": subject,
            "questionnaire": f"{TDDUI}/Questionnaire/tddui-questionnaire-aggir-pa-ssiad", "authored": "2026-01-10",
            "item": [{"linkId": "resultat-eval", "answer": [{"valueCoding": {"code": "MED-341", "display": "GIR-3"}}]}],
        },
    ]  # fmt: skip


def read(resources: list[Resource], context: Context | None = None) -> dict[str, Any]:
    reader = ExampleReader(resources, [PARAMETER])
    plan = reader.read(PLAN)
    assert plan is not None
    return collect(plan, reader, context)


@pytest.fixture
def content() -> dict[str, Any]:
    return read(project())


def test_collect__action_based_on_another_plan__is_found_by_its_objective(content: dict[str, Any]) -> None:
    (goal,) = content["goals"]
    (action,) = goal["actions"]
    assert action["title"] == "Rééducation"
    assert action["description"] == "Marche"
    assert action["owner"] == "Kinésithérapeute"
    assert action["means"] == ["Barre d'appui"]
    assert action["status"] == "Active"


def test_collect__action_of_the_plan_without_objective__is_among_the_others(content: dict[str, Any]) -> None:
    assert [a["title"] for a in content["other_actions"]] == ["Chorale"]


def test_collect__objective__has_french_words_and_its_need(content: dict[str, Any]) -> None:
    (goal,) = content["goals"]
    assert goal["title"] == "Marcher seule"
    assert goal["status"] == "En préparation"
    assert goal["needs"] == "Aide à la marche"
    assert goal["due"] == "06/2026"


def test_collect__agreement__has_name_capacity_date_and_state(content: dict[str, Any]) -> None:
    assert content["agreements"]["structure"] == [
        {"name": "Mme Anne LOPEZ", "role": "Directrice", "date": "16/01/2026", "state": "Accord donné", "signed": True}
    ]
    assert content["agreements"]["person"] == []


def test_collect__agreement_not_active__is_not_called_given() -> None:
    resources = project()
    resources[2]["status"] = "proposed"
    (agreement,) = read(resources)["agreements"]["structure"]
    assert (agreement["state"], agreement["signed"]) == ("Accord en attente", False)


def test_collect__rest_of_the_project__is_there(content: dict[str, Any]) -> None:
    assert content["expectations"] == [{"origin": "la personne accompagnée", "text": "Voir le jardin", "comments": []}]
    assert content["evaluations"][0]["result"] == "GIR 3"
    assert content["evaluations"][0]["status"] == "Approuvée"
    assert content["reviews"][0] | {"date": "01/06/2026", "summary": "En progrès"} == content["reviews"][0]
    assert content["project"]["period"] == "du 15/01/2026 au 31/12/2026"
    assert content["structure"]["finess"] == "750000001"
    assert {"name": "Kinésithérapeute", "role": ""} in content["participants"]
    assert content["person"]["birth_name"] == "MARTIN"
    assert content["person"]["used_name"] == "DURAND"
    assert content["person"]["short"] == "Jeanne DURAND"


def test_collect__identity_not_qualified__gives_no_ins(content: dict[str, Any]) -> None:
    assert content["ins"] is None


def test_collect__structure_of_the_request__heads_the_document() -> None:
    structure = Structure(finess="750000001", category="500", name="Les Tilleuls", address="1 rue X\n75001 Paris")
    context = Context(
        tenant="t", actor=Actor(), now=datetime(2026, 1, 1, tzinfo=UTC), reader=ExampleReader([]), structure=structure
    )
    head = read(project(), context)["structure"]
    assert head["name"] == "Les Tilleuls"
    assert head["address"] == ["1 rue X", "75001 Paris"]


def test_collect__same_data_in_another_order__is_the_same_content() -> None:
    assert read(project()) == read(project()[::-1])


def test_collect__plan_alone__has_empty_sections() -> None:
    alone = {"resourceType": "CarePlan", "id": "projet", "status": "draft", "intent": "plan"}
    content = read([alone])
    assert content["goals"] == []
    assert content["person"]["short"] == "personne accompagnée"
    assert content["structure"]["finess"] == ""


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: [{}]),
)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from _leaves(child, (*path, key))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_collect__any_element_replaced_by_something_odd__never_raises(data: st.DataObject) -> None:
    resources = project()
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from(resources))
        paths = [p for p in _leaves(target) if p[-1] not in ("resourceType", "id", "reference")]
        path = data.draw(st.sampled_from(paths))
        holder: Any = target
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = data.draw(ODD)
    odd = Odd(resources)
    json.dumps(collect(resources[0], odd))


class Odd:
    """A reader over resources that no server would have indexed: every search of a type gives all of it."""

    def __init__(self, resources: list[Resource]) -> None:
        self.resources = {f"{r['resourceType']}/{r['id']}": deepcopy(r) for r in resources}

    def read(self, reference: str) -> Resource | None:
        return self.resources.get(reference)

    def search(self, type: str, params: Any) -> list[Resource]:
        return [r for r in self.resources.values() if r["resourceType"] == type]

    def every(self, type: str, params: Any) -> Iterator[Resource]:
        return iter(self.search(type, params))


@pytest.mark.skipif(not SHARED.is_dir(), reason="published TDDUI examples (../shared) are not here")
def test_collect__published_example__has_every_action_under_its_objective() -> None:
    resources = [json.loads(f.read_text(encoding="utf-8")) for f in sorted(SHARED.glob("[!B]*.json"))]
    reader = ExampleReader(resources, [PARAMETER])
    plan = reader.read("CarePlan/tddui-pp-pa-careplan-example")
    assert plan is not None
    content = collect(plan, reader)
    counts = {goal["title"][:12]: len(goal["actions"]) for goal in content["goals"]}
    assert counts == {"Réduire le r": 3, "Stabiliser l": 2, "Maintenir le": 1}
    assert sum(len(a["means"]) for g in content["goals"] for a in g["actions"]) == 4
    assert content["other_actions"] == []
    assert content["evaluations"][0]["result"] == "GIR 3"
    assert len(content["attachments"]) == 2


@pytest.mark.parametrize(
    ("given", "short", "long"),
    [
        ("1947-04-01", "01/04/1947", "1er avril 1947"), ("2026-08", "08/2026", "août 2026"), ("2026", "2026", "2026"),
        ("2025-12-31T23:30:00Z", "01/01/2026", "1er janvier 2026"), ("bientôt", "bientôt", "bientôt"), (None, "", ""),
        ("2026-13-01", "2026-13-01", "2026-13-01"), (12, "12", "12"),
    ],
)  # fmt: skip
def test_date__any_text__is_said_in_french(given: Any, short: str, long: str) -> None:
    assert date(given) == short
    assert date(given, long=True) == long


def test_words__odd_values__are_empty() -> None:
    assert (
        concept({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]})
        == ""
    )
    assert concept(["x", None, {"text": " a "}]) == "a"
    assert human_name({"given": "Jeanne", "family": 3}) == "3"
    assert period({"end": "2026-01-01"}) == "jusqu’au 01/01/2026"
