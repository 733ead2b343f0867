"""What each section says: from the articles and the HAS model, from the file, from a doctor's words; explicit *none*."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain import aggir_response
from dui_fhir.domain.change import Resource
from dui_fhir.plugin_host import PluginHost

from .conftest import (  # fmt: skip
    CATEGORIES,
    CONSENT,
    LOINC,
    PATIENT,
    PERSON,
    child_project,
    clause,
    composition,
    concept,
    contract,
    flag,
    health,
    measure,
    medication,
    plan_with_goal,
    related,
    section,
)

Sections = Callable[..., dict[str, dict[str, Any]]]
RULES = Path(__file__).parents[3] / "plugins"


def kinds(host: PluginHost, corridor: str) -> dict[str, Any]:
    return {d.id: d for d in reversed(host.documents([corridor]))}


def required(host: PluginHost, corridor: str, id: str) -> list[str]:
    return [s.id for s in kinds(host, corridor)[id].sections if s.required]


def codes_of_rule(rule: str) -> set[str]:
    """Return every ``const`` of a section code in a JSON rule."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("const"), str) and not node["const"].startswith("urn:"):
                found.add(node["const"])
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(json.loads((RULES / rule).read_text(encoding="utf-8"))["properties"])
    return found


def shown(blocks: list[dict[str, Any]]) -> str:
    return json.dumps(blocks, ensure_ascii=False)


# --- the lists


@pytest.mark.parametrize("corridor", ["pa", "dom", "ph", "pds"])
def test_dlu__sections__those_of_the_has_model_safety_first(host: PluginHost, corridor: str) -> None:
    assert [s.id for s in kinds(host, corridor)["dlu"].sections] == [
        "allergies", "risques", "soins-palliatifs", "directives", "personne-confiance", "contacts", "representants",
        "medecin-traitant", "antecedents", "traitements", "etat-fonctionnel", "etat-psychique", "dispositifs", "vaccinations",
        "constantes", "annexes",
    ]  # fmt: skip


def test_dlu__required_sections__are_those_that_pa_08_asks_of_the_composition(host: PluginHost) -> None:
    asked = codes_of_rule("pa/rules/PA-08.schema.json")
    by_code = {s.code.code if s.code else s.id: s.id for s in kinds(host, "pa")["dlu"].sections}
    assert {by_code[c] for c in asked} == set(required(host, "pa", "dlu"))


@pytest.mark.parametrize(
    ("corridor", "kind", "rule"),
    [("pjm", "dipm", "pjm/rules/PJM-05.schema.json"), ("pde", "rapport-situation", "pde/rules/PDE-07.schema.json")],
)
def test_written_document__required_sections__are_those_of_the_rule(
    host: PluginHost, corridor: str, kind: str, rule: str
) -> None:
    assert set(required(host, corridor, kind)) == codes_of_rule(rule)


def test_child_project__required__domains_siblings_referent_observations_of_pde_04(host: PluginHost) -> None:
    assert required(host, "pde", "ppe") == [
        "fratrie", "referent", "developpement-sante", "famille-tiers", "scolarite-vie-sociale", "observations",
    ]  # fmt: skip
    domains = codes_of_rule("pde/rules/PDE-04.schema.json")
    assert domains == {"developpement-sante", "famille-tiers", "scolarite-vie-sociale"}


def test_contract__sections__contents_of_d311_v_and_price_annex_of_viii(host: PluginHost) -> None:
    assert required(host, "pa", "contrat-sejour") == [
        "parties", "objectifs", "prestations", "conditions-sejour", "participation-financiere",
    ]  # fmt: skip
    ids = [s.id for s in kinds(host, "pa")["contrat-sejour"].sections]
    assert {"mention-l111-3-1", "tarifs", "resiliation"} <= set(ids)


def test_summary__protection_of_adults__has_no_health_section(host: PluginHost) -> None:
    ids = {s.id for s in kinds(host, "pjm")["synthese"].sections}
    assert ids == {"domicile", "contacts", "personne-confiance", "representants", "projet", "equipe"}


@pytest.mark.parametrize("corridor", ["ahi", "pde"])
def test_summary__social_corridors__safety_but_neither_history_nor_treatment(host: PluginHost, corridor: str) -> None:
    ids = {s.id for s in kinds(host, corridor)["synthese"].sections}
    assert {"allergies", "risques"} <= ids
    assert not ids & {"antecedents", "traitements", "resultats"}


def test_falc__project_contract_and_consent__in_ph_and_ahi(host: PluginHost) -> None:
    for corridor in ("ph", "ahi"):
        found = kinds(host, corridor)
        assert all("falc" in found[id].variants for id in ("ppa", "contrat-sejour", "dipc", "consentement"))


# --- health


def test_allergies__coded__substance_reaction_gravity(sections: Sections) -> None:
    (block,) = sections(PATIENT, *health(), kind="dlu")["allergies"]["blocks"]
    assert block["rows"] == [["Pénicilline", "Œdème de Quincke", "risque élevé", "1998"]]


def test_allergies__none_known__is_said_and_is_no_empty_section(sections: Sections) -> None:
    none = {
        "resourceType": "AllergyIntolerance",
        "id": "n",
        "patient": PERSON,
        "code": concept("", "716186003", "http://snomed.info/sct"),
    }
    found = sections(PATIENT, none, kind="dlu")["allergies"]
    assert shown(found["blocks"]).count("Aucune allergie connue") == 1
    assert not found["empty"]


def test_allergies__no_information__is_an_empty_section(sections: Sections) -> None:
    code = concept("", "no-allergy-info", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips")
    unknown = {"resourceType": "AllergyIntolerance", "id": "n", "patient": PERSON, "code": code}
    assert sections(PATIENT, unknown, kind="dlu")["allergies"]["empty"]


@pytest.mark.parametrize("state", [("clinicalStatus", "resolved"), ("verificationStatus", "refuted")])
def test_allergies__over_or_refuted__is_left_out(sections: Sections, state: tuple[str, str]) -> None:
    old = {
        "resourceType": "AllergyIntolerance",
        "id": "n",
        "patient": PERSON,
        "code": {"text": "Latex"},
        state[0]: concept("", state[1], "x"),
    }
    assert sections(PATIENT, old, kind="dlu")["allergies"]["empty"]


def test_treatments__ordered_and_stated_alike__one_line(sections: Sections) -> None:
    stated = {"resourceType": "MedicationStatement", "id": "s", "status": "active", "subject": PERSON,
              "medicationCodeableConcept": {"text": "apixaban 5 mg"}, "dosage": [{"text": "1 comprimé matin et soir"}]}  # fmt: skip
    ordered = medication(1, "Apixaban 5 mg", "1 comprimé matin et soir")
    stopped = {**medication(2, "Arrêté"), "status": "stopped"}
    (block,) = sections(PATIENT, ordered, stated, stopped, kind="dlu")["traitements"]["blocks"]
    assert [row[0].casefold() for row in block["rows"]] == ["apixaban 5 mg"]


def test_treatments__none__is_said(sections: Sections) -> None:
    code = concept("", "no-known-medications", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips")
    none = {
        "resourceType": "MedicationStatement",
        "id": "s",
        "status": "active",
        "subject": PERSON,
        "medicationCodeableConcept": code,
    }
    found = sections(PATIENT, none, kind="dlu")["traitements"]
    assert "Aucun traitement" in shown(found["blocks"])
    assert not found["empty"]


def test_palliative__flag_in_force_ended_or_absent__yes_no_or_empty(sections: Sections) -> None:
    yes = sections(PATIENT, flag("soins-palliatifs", "Soins palliatifs"), kind="dlu")["soins-palliatifs"]
    no = sections(PATIENT, flag("soins-palliatifs", "Soins palliatifs", "inactive"), kind="dlu")["soins-palliatifs"]
    assert "Oui, depuis le 01/02/2026" in shown(yes["blocks"])
    assert (shown(no["blocks"]).count("Non"), no["empty"]) == (1, False)
    assert sections(PATIENT, kind="dlu")["soins-palliatifs"]["empty"]


def test_doctor_s_words__nothing_coded__fill_the_sections(sections: Sections) -> None:
    nil = {
        "emptyReason": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "nilknown"}]
        }
    }
    written = composition(
        "x", section("48765-2", "", LOINC, **nil), section("soins-palliatifs", "Non"), section("etat-psychique",
         "Calme &amp; orientée"), code="74207-2",
    )  # fmt: skip
    found = sections(PATIENT, written, kind="dlu")
    assert "Aucun connu à ce jour" in shown(found["allergies"]["blocks"])
    assert "Calme & orientée" in shown(found["etat-psychique"]["blocks"])
    assert not found["soins-palliatifs"]["empty"]


def test_directives__exist__that_they_do_and_since_when_never_their_text(sections: Sections) -> None:
    found = sections(PATIENT, *health(), kind="dlu")["directives"]
    assert "02/05/2025" in shown(found["blocks"])


def test_risks__palliative_flag__is_no_risk(sections: Sections) -> None:
    found = sections(PATIENT, *health(), kind="dlu")["risques"]
    assert "chute" in shown(found["blocks"])
    assert "palliatifs" not in shown(found["blocks"])


def test_contacts__ranked__first_to_call_first_and_trusted_person_apart(sections: Sections) -> None:
    second = related("a", "Aubert", "DAUC", "Fille", telecom=[{"system": "phone", "value": "02", "rank": 2}])
    first = related("z", "Zola", "SON", "Fils", telecom=[{"system": "phone", "value": "01", "rank": 1}])
    found = sections(PATIENT, second, first, *health(), kind="dlu")
    assert [row[0] for row in found["contacts"]["blocks"][0]["rows"]][:2] == ["Paul ZOLA", "Paul AUBERT"]
    assert "DURAND" not in shown(found["contacts"]["blocks"])
    assert "DURAND" in shown(found["personne-confiance"]["blocks"])


def test_vitals__several__the_newest_with_a_decimal_comma(sections: Sections) -> None:
    old = {"resourceType": "Observation", "id": "o0", "status": "final", "subject": PERSON, "code": concept("Poids", "29463-7"),
           "effectiveDateTime": "2026-09-01", "valueQuantity": {"value": 60, "unit": "kg"}}  # fmt: skip
    (block,) = sections(PATIENT, old, *health(), kind="dlu")["constantes"]["blocks"]
    assert block["rows"] == [["Poids", "61,5 kg", "01/11/2026"]]


# --- contracts, consents, evaluations, projects


def test_contract__clauses_and_prices__in_their_sections(sections: Sections) -> None:
    found = sections(contract(), kind="contrat-sejour")
    assert "Hébergement." in shown(found["prestations"]["blocks"])
    assert "72 heures" in shown(found["participation-financiere"]["blocks"])
    assert found["tarifs"]["blocks"][0]["rows"][0] == ["Hébergement, chambre seule", "62,50 €", "jour", "01/01/2026"]
    assert "sans valeur contractuelle" in shown(found["tarifs"]["blocks"])
    assert not [s["title"] for s in found.values() if s["required"] and s["empty"]]


def test_parties__offered_and_signed__named_once_each(sections: Sections) -> None:
    signature = {"when": "2026-01-20T10:00:00Z"}
    signers = [
        {
            "type": {"code": "dir", "display": "Directrice"},
            "party": {"display": "Mme Anne Lopez"},
            "signature": [signature],
        },
        {"type": {"code": "tut", "display": "Tuteur"}, "party": {"display": "M. Idris Ba"}, "signature": [signature]},
    ]
    found = sections({**contract(), "signer": signers}, kind="contrat-sejour")
    assert found["parties"]["blocks"][0]["rows"] == [
        ["Mme Anne Lopez", "Directrice"], ["Jeanne MARTIN", "Personne accompagnée"], ["M. Idris Ba", "Tuteur"],
    ]  # fmt: skip
    assert "20/01/2026" in shown(found["duree"]["blocks"])


def test_contract__without_prices__annex_is_empty_though_its_remark_is_printed(sections: Sections) -> None:
    found = sections({**contract(), "term": [clause("objectifs", "x")]}, kind="contrat-sejour")["tarifs"]
    assert found["empty"]
    assert found["blocks"][0]["kind"] == "note"


def test_withdrawal__elderly_only__fifteen_days(sections: Sections) -> None:
    assert "15 jours" in shown(sections(contract(), kind="contrat-sejour")["retractation"]["blocks"])
    assert "Sans objet" in shown(sections(contract(), kind="contrat-sejour", corridor="ahi")["retractation"]["blocks"])


def test_l111_3_1__chrs__is_missing_until_written(sections: Sections) -> None:
    said = {"url": "urn:dui-fhir:extension:mention-l111-3-1", "valueString": "Accueil inconditionnel."}
    assert sections(contract(), kind="contrat-sejour", corridor="ahi")["mention-l111-3-1"]["empty"]
    found = sections({**contract(), "extension": [said]}, kind="contrat-sejour", corridor="ahi")
    assert "inconditionnel" in shown(found["mention-l111-3-1"]["blocks"])


def test_consent__asked__what_with_whom_and_the_answer(sections: Sections) -> None:
    found = sections(CONSENT, kind="consentement")
    assert "Partage d’informations" in shown(found["objet"]["blocks"])
    assert "Mme Élodie Bernard – Infirmière libérale" in shown(found["destinataires"]["blocks"])
    assert "Accord demandé" in shown(found["reponse"]["blocks"])


def test_evaluation__aggir__result_apart_from_the_answers(sections: Sections) -> None:
    found = sections(next(r for r in health() if r["id"] == "gir"), kind="grille-aggir")
    assert "GIR 2" in shown(found["resultat"]["blocks"])
    assert found["reponses"]["blocks"][0]["rows"] == [["Transferts", "Ne fait pas"]]


def test_evaluation__aggir_without_its_result__the_one_that_the_server_computes(sections: Sections) -> None:
    grid = aggir_response.build("AACCBBCC", subject="Patient/p", identifier="x/1-EVAL-1")
    found = sections({**grid, "id": "sans-resultat", "subject": PERSON}, kind="grille-aggir")
    assert "GIR 2 (calculé)" in shown(found["resultat"]["blocks"])


def test_evaluation__of_the_project__has_a_name_that_people_read(sections: Sections) -> None:
    asked = "urn:dui-fhir:questionnaire:evaluation-enfant"
    response = {"resourceType": "QuestionnaireResponse", "id": "e", "status": "completed", "subject": PERSON,
                "questionnaire": asked,
                "item": [{"linkId": "a", "text": "Évaluation", "answer": [{"valueString": "Va bien."}]}]}  # fmt: skip
    found = sections(response, kind="evaluation-familiale", corridor="pde")
    assert "Évaluation de la situation de l’enfant" in shown(found["evaluation"]["blocks"])
    assert "Va bien." in shown(found["reponses"]["blocks"])


@pytest.mark.parametrize(("born", "printed"), [("2015-01-01", True), ("1950-01-01", False), (None, True)])
def test_representatives__parents__of_a_minor_only(sections: Sections, born: str | None, printed: bool) -> None:
    parent = {"resourceType": "RelatedPerson", "id": "parent", "patient": PERSON, "name": [{"family": "Durand"}],
              "relationship": [concept("Père", "FTH", "urn:dui-fhir:relationship")]}  # fmt: skip
    person = {**PATIENT, "birthDate": born}
    if born is None:
        del person["birthDate"]
    found = sections(person, parent, kind="synthese")
    assert ("DURAND" in shown(found["representants"]["blocks"])) is printed


def test_child_project__measure_and_domains__decision_with_motives_and_each_domain(sections: Sections) -> None:
    placed = measure(
        "placement", cadre="judiciaire", autorite="Juge des enfants", dateDecision="2026-09-01", motifs="Danger"
    )
    goal = {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "subject": PERSON,
     "description": {"text": "Orthophonie"},
            "category": [concept("", "developpement-sante", "urn:dui-fhir:domaine")]}  # fmt: skip
    project = {**child_project("developpement-sante", fratrie="Deux sœurs"), "goal": [{"reference": "Goal/g"}]}
    found = sections(project, placed, goal, kind="ppe", corridor="pde")
    assert "Danger" in shown(found["decision-mesure"]["blocks"])
    assert "Orthophonie" in shown(found["developpement-sante"]["blocks"])
    assert found["famille-tiers"]["empty"]
    assert "Deux sœurs" in shown(found["fratrie"]["blocks"])


def test_composition__whole__every_section_under_its_title(sections: Sections) -> None:
    written = composition(
        "inventaire",
        {**section("a", "Un buffet"), "title": "Meubles"},
        {**section("b", "Livret A"), "title": "Comptes"},
    )
    found = sections(written, kind="inventaire", corridor="pjm")["composition"]
    assert [b["title"] for b in found["blocks"]] == ["Meubles", "Comptes"]


def test_project_of_summary__active__its_objectives(sections: Sections) -> None:
    found = sections(PATIENT, *plan_with_goal(), kind="synthese")["projet"]
    assert "Marcher seule" in shown(found["blocks"])


def test_every_kind__nothing_in_the_file__every_section_is_empty_or_says_not_concerned(
    host: PluginHost, sections: Sections
) -> None:
    """An empty file never raises, and nothing is invented."""
    for corridor in CATEGORIES:
        for kind in kinds(host, corridor).values():
            if kind.made_from and kind.made_from[0] == "Patient":
                bare: Resource = {"resourceType": "Patient", "id": "p"}
                for found in sections(bare, kind=kind.id, corridor=corridor).values():
                    assert found["empty"] or found["id"] == "pieces-remises", (corridor, kind.id, found["id"])


def test_relation__code_without_words__is_said_in_french():
    from dui_fhir_plugins.commun.document_text import concept

    sister = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "SIS"}]}
    assert concept(sister) == "sœur"
    assert concept({"coding": [{**sister["coding"][0], "display": "Sœur cadette"}]}) == "Sœur cadette"
    assert concept({"coding": [{"system": "urn:x", "code": "autre"}]}) == "autre"
