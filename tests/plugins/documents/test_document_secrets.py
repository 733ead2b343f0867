"""What no document may show, whoever asks: places, names, money, judicial and child protection matter (D12, D14)."""

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from dui_fhir_plugins.commun import document_operations, documents

from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.operation import Answer

from .conftest import PATIENT, PERSON, child_project, contract, health, measure, plan_with_goal, related, words

Make = Callable[..., Answer]
Sections = Callable[..., dict[str, dict[str, Any]]]
PROTECTED = {"security": [{"system": "urn:dui-fhir:label", "code": "adresse-protegee"}]}
ANONYMOUS = {**PATIENT, "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "anonyme"}]}}
SECRET = "Un secret"
TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition"


def all_text(found: dict[str, dict[str, Any]]) -> str:
    return json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize(
    "label",
    [("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V"), *(("urn:dui-fhir:label", c) for c in
     ("cat-RDR", "cat-PDE", "cat-PSY", "cat-FIN", "cat-JUR", "consommation"))],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["dlu", "synthese", "transfert-urgences", "liaison-sortie"])
def test_gathered__labelled_resource__is_not_shown(sections: Sections, kind: str, label: tuple[str, str]) -> None:
    secret = {"resourceType": "Condition", "id": "s", "subject": PERSON, "code": {"text": SECRET},
              "meta": {"security": [{"system": label[0], "code": label[1]}]}}  # fmt: skip
    plain = {**secret, "id": "t", "code": {"text": "Asthme"}, "meta": {}}
    text = all_text(sections(PATIENT, secret, plain, kind=kind, motive="x"))
    assert SECRET not in text
    assert "Asthme" in text


def test_gathered__labelled_resource__is_not_in_the_bundle_either(generate: Make) -> None:
    secret = {"resourceType": "Condition", "id": "s", "subject": PERSON, "code": {"text": SECRET},
              "meta": {"security": [{"system": "urn:dui-fhir:label", "code": "cat-RDR"}]}}  # fmt: skip
    written = generate(PATIENT, secret, *health(), kind="dlu").writes
    assert not [w for w in written if "data" in w and SECRET.encode() in b64decode(w["data"])]


@pytest.mark.parametrize("code", ["cat-NUR", "V", "cat-RDR", "cat-PSY"])
def test_project__labelled_evaluation_or_objective__is_not_shown_since_a_project_may_leave(
    generate: Make, code: str
) -> None:
    label = {"meta": {"security": [{"system": "urn:dui-fhir:label", "code": code}]}}
    plan, *rest = plan_with_goal()
    grid = {"resourceType": "QuestionnaireResponse", "id": "s", "status": "completed", "subject": PERSON,
            "authored": "2026-01-02",
            "questionnaire": "urn:q:addictions",
            "item": [{"linkId": "resultat-eval", "answer": [{"valueString": SECRET}]}], **label}  # fmt: skip
    goal = {**rest[1], "id": "secret", "description": {"text": SECRET}, **label}
    listed = {**plan, "goal": [{"reference": "Goal/secret"}]}
    paper = {"resourceType": "DocumentReference", "id": "d", "status": "current", "description": SECRET, **label}
    attached = {"url": f"{TDDUI}/tddui-attachment", "valueReference": {"reference": "DocumentReference/d"}}
    evaluated = {
        "url": f"{TDDUI}/tddui-evaluation-reference",
        "valueReference": {"reference": "QuestionnaireResponse/s"},
    }
    shown = {**rest[1], "extension": [*rest[1]["extension"], evaluated]}
    written = generate(
        {**listed, "extension": [attached]}, rest[0], shown, rest[2], grid, goal, paper, kind="ppa"
    ).writes
    found = words(written).count(SECRET)
    assert found >= 4 if code == "cat-NUR" else found == 0, "each place would show it"
    assert "Marcher seule" in words(written)


@pytest.mark.parametrize("kind", ["dlu", "synthese", "transfert-urgences"])
def test_measures__in_gathered_documents__kind_and_dates_never_motives_nor_content(
    sections: Sections, kind: str
) -> None:
    placed = measure("placement", debut="2026-09-01", motifs=SECRET, contenu=SECRET, autorite=SECRET)
    text = all_text(sections(PATIENT, placed, kind=kind, motive="x"))
    assert "Placement" in text
    assert SECRET not in text


def test_measures__injonction_therapeutique__is_not_named(sections: Sections) -> None:
    text = all_text(
        sections(PATIENT, measure("injonction-therapeutique", debut="2026-09-01"), kind="synthese", corridor="pds")
    )
    assert "njonction" not in text


def test_money__summary_and_dlu__amounts_never_appear(sections: Sections) -> None:
    coverage = {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": PERSON, "type": {"text": "APA"},
                "period": {"end": "2027-01-31"}, "costToBeneficiary": [{"valueMoney": {"value": 913.37,
                 "currency": "EUR"}}]}  # fmt: skip
    account = {"resourceType": "Account", "id": "b", "status": "active", "subject": [PERSON], "name": "Livret A 913.37"}
    for kind in ("synthese", "dlu"):
        text = all_text(sections(PATIENT, coverage, account, kind=kind))
        assert "913" not in text
    assert "APA (jusqu’au 31/01/2027)" in all_text(sections(PATIENT, coverage, kind="synthese"))


def test_protected_address__person__neither_her_place_nor_the_structure_s(generate: Make) -> None:
    document, *rest = generate({**PATIENT, "meta": PROTECTED}, *health(), kind="synthese", corridor="pde").writes
    text = words(rest)
    assert "Lilas" not in text
    assert "rue Haute" not in text
    assert "06 00 00 00 01" not in text
    assert "Adresse protégée" in text
    labels = [c["code"] for label in document["securityLabel"] for c in label["coding"]]
    assert labels == ["N", "adresse-protegee"], (
        "the label keeps it from the DMP and from the citizen mailbox (COM-43, COM-47)"
    )


def test_protected_address__child_project__place_of_life_is_not_printed(sections: Sections, generate: Make) -> None:
    child = {**PATIENT, "meta": PROTECTED}
    project = child_project(lieu_de_vie="Chez Mme X à Lyon", fratrie="aucune")
    assert "Lyon" not in all_text(sections(project, child, kind="ppe", corridor="pde"))
    assert "Lyon" not in words(generate(project, child, kind="ppe", corridor="pde").writes)


def test_protected_address__project__of_a_child_too(generate: Make) -> None:
    plan, *rest = plan_with_goal()
    document, *others = generate(plan, *rest, {**PATIENT, "meta": PROTECTED}, kind="ppa", corridor="pde").writes
    assert "rue Haute" not in words(others)
    assert any(c["code"] == "adresse-protegee" for label in document["securityLabel"] for c in label["coding"])


def test_protected_address__bundle__patient_has_neither_address_nor_phone(generate: Make) -> None:
    written = generate({**PATIENT, "meta": PROTECTED}, *health(), kind="dlu").writes
    raw = next(b64decode(w["data"]) for w in written if w.get("contentType") == "application/fhir+json")
    assert b"Lilas" not in raw
    assert b"06 00 00 00 01" not in raw


def test_protected_address__relative__named_without_a_number(sections: Sections) -> None:
    hidden = related("mere", "Martin", "MTH", "Mère", meta=PROTECTED)
    text = all_text(sections(PATIENT, hidden, kind="dlu"))
    assert "coordonnées protégées" in text
    assert "06 11 22 33" not in text


def test_anonymous__summary__no_name_no_birth_no_relative_no_address(generate: Make) -> None:
    document, *rest = generate(ANONYMOUS, *health(), kind="synthese", corridor="pds").writes
    text = words(rest)
    assert (
        "Personne accueillie sous anonymat" in text
        or "sous anonymat" in document["description"]
        or "MARTIN" not in text
    )
    for secret in ("MARTIN", "Jeanne", "03/04/1947", "Lilas", "06 00 00 00 01"):
        assert secret not in text, secret
    assert document["contained"] == [{"resourceType": "Patient", "id": "patient"}]


def test_anonymous__dlu__is_refused(generate: Make) -> None:
    with pytest.raises(Unprocessable) as refusal:
        generate(ANONYMOUS, *health(), kind="dlu", corridor="pds")
    assert refusal.value.issues[0].id == "document-anonymous"


def test_anonymous__contract__signer_is_not_named(sections: Sections) -> None:
    text = all_text(sections(contract("DIPC"), ANONYMOUS, kind="dipc", corridor="pds"))
    assert "MARTIN" not in text
    assert "sous anonymat" in text


def test_child_project__laid_out_as_a_plain_project__is_refused_since_that_may_leave(generate: Make) -> None:
    with pytest.raises(Unprocessable) as refusal:
        generate(child_project(fratrie="aucune"), kind="ppa", corridor="pde")
    assert refusal.value.issues[0].id == "document-kind-other"
    plan, *rest = plan_with_goal()
    with pytest.raises(Unprocessable):
        generate(plan, *rest, kind="ppe", corridor="pde")


def test_description__never_names_the_person(generate: Make) -> None:
    for target, kind in ((PATIENT, "dlu"), (contract(), "contrat-sejour")):
        assert "artin" not in generate(target, kind=kind).writes[0]["description"].lower()


def test_operations__offered__from_the_types_that_kinds_are_made_from() -> None:
    (generate, _, _) = document_operations.operations()
    assert set(generate.definition["resource"]) == set(document_operations.MADE_FROM)
    assert documents.PROJECT == "ppa"
