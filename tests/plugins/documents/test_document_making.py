"""One engine: the same content again, a new content, variants apart, refusals, metadata, the FHIR document, the last DLU."""

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from dui_fhir_plugins.commun import document_operations
from dui_fhir_plugins.dom import deadlines as dom_deadlines
from dui_fhir_plugins.pa import deadlines as pa_deadlines

from dui_fhir.domain.change import Resource
from dui_fhir.domain.dossier import Dossier
from dui_fhir.domain.errors import BadRequest, NotFound, Unprocessable
from dui_fhir.domain.operation import Answer, OperationRequest
from dui_fhir.domain.reference import walk
from dui_fhir.plugin_kit.reader import ExampleReader

from .conftest import CONSENT, NOW, PATIENT, PERSON, composition, contract, health, plan_with_goal, section

Make = Callable[..., Answer]
Request = Callable[..., OperationRequest]


def signed(document: Resource, **changes: Any) -> Resource:
    return {**document, "docStatus": "final", **changes}


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises((BadRequest, NotFound, Unprocessable)) as raised:
        act()
    return raised.value.issues[0].id


def test_document__of_a_file__has_the_codes_of_its_kind(generate: Make) -> None:
    document = generate(contract(), kind="contrat-sejour").writes[0]
    assert (document["docStatus"], document["status"]) == ("preliminary", "current")
    codes = [c["coding"][0]["code"] for c in document["category"]]
    assert (document["type"]["coding"][0]["code"], codes) == ("51851-4", ["95", "contrat-sejour"])
    assert document["context"]["related"][0] == {"reference": "Contract/k"}
    assert document["subject"] == PERSON


def test_document__same_content__is_not_made_again(generate: Make) -> None:
    written = generate(PATIENT, *health(), kind="dlu").writes
    again = generate(PATIENT, *health(), *written, kind="dlu")
    assert (again.writes, again.result["id"] if again.result else "") == ((), written[0]["id"])


def test_document__asked_twice_at_once__makes_the_same_resources(generate: Make) -> None:
    assert generate(PATIENT, *health(), kind="dlu").writes == generate(PATIENT, *health(), kind="dlu").writes


def test_document__new_content__replaces_a_draft_and_leaves_a_signed_one_in_force(generate: Make) -> None:
    first = generate(PATIENT, *health(), kind="dlu").writes
    fewer = health()[1:]
    second = generate(PATIENT, *fewer, *first, kind="dlu").writes
    assert second[0]["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{first[0]['id']}"
    assert (second[-1]["id"], second[-1]["status"]) == (first[0]["id"], "superseded")
    after = generate(PATIENT, *fewer, signed(first[0]), *first[1:], kind="dlu").writes
    assert "superseded" not in {w.get("status") for w in after}


def test_variant__falc__is_a_document_of_its_own_and_replaces_only_itself(generate: Make) -> None:
    plain = generate(contract(), kind="contrat-sejour").writes
    easy = generate(contract(), *plain, kind="contrat-sejour", variant="falc").writes
    assert "relatesTo" not in easy[0]
    assert {"url": "urn:dui-fhir:extension:variante", "valueCode": "falc"} in easy[0]["extension"]
    again = generate(contract(), *plain, *easy, kind="contrat-sejour", variant="falc")
    assert again.result is not None
    assert again.result["id"] == easy[0]["id"]


def test_kinds__of_one_type_code__do_not_replace_each_other(generate: Make) -> None:
    first = generate(contract("x"), kind="contrat-sejour").writes
    annex = generate(contract("x"), *first, kind="annexe-tarifs").writes
    assert "relatesTo" not in annex[0]


def test_lacking__required_sections_empty__are_noted_for_com_80(generate: Make) -> None:
    document = generate(PATIENT, kind="dlu").writes[0]
    assert [e["valueString"] for e in document["extension"]] == [
        "Allergies et intolérances", "Soins palliatifs", "Directives anticipées", "Traitements en cours",
    ]  # fmt: skip
    assert "extension" not in generate(PATIENT, *health(), kind="dlu").writes[0]


def test_lacking__project__wishes_and_objectives_but_not_the_agreements(generate: Make) -> None:
    plan, *rest = plan_with_goal()
    assert [e["valueString"] for e in generate(plan, kind="ppa").writes[0]["extension"]] == [
        "Projet de vie et attentes", "Objectifs et actions",
    ]  # fmt: skip
    assert "extension" not in generate(plan, *rest, kind="ppa").writes[0]


@pytest.mark.parametrize(
    ("category", "title"),
    [("183", "Projet individualisé d’accompagnement"), ("446", "Projet individualisé de prise en charge et d’accompagnement"),
     ("186", "Projet personnalisé d’accompagnement")],
)  # fmt: skip
def test_title__project__is_what_the_law_of_the_structure_calls_it(generate: Make, category: str, title: str) -> None:
    plan, *rest = plan_with_goal()
    document = generate(plan, *rest, kind="ppa", corridor="ph", category=category).writes[0]
    assert document["description"] == f"{title} du 24/11/2026"


def test_refusals__unknown_kind_variant_or_nature__say_what_is_possible(generate: Make) -> None:
    gir = next(r for r in health() if r["id"] == "gir")
    assert refusal(lambda: generate(PATIENT, kind="ppe")) == "document-kind-unknown"
    assert refusal(lambda: generate(PATIENT, kind="dlu", variant="falc")) == "document-variant-unknown"
    assert refusal(lambda: generate(contract("DIPC"), kind="contrat-sejour")) == "document-kind-other"
    assert refusal(lambda: generate(contract("CS"), kind="dipc")) == "document-kind-other"
    assert refusal(lambda: generate(composition("inventaire"), kind="dipm", corridor="pjm")) == "document-kind-other"
    other = {**gir, "questionnaire": "urn:autre"}
    assert refusal(lambda: generate(other, kind="grille-aggir")) == "document-kind-other"
    assert (
        refusal(lambda: generate({**CONSENT, "status": "entered-in-error"}, kind="consentement"))
        == "document-entered-in-error"
    )
    nobody = {k: v for k, v in CONSENT.items() if k != "patient"}
    assert refusal(lambda: generate(nobody, kind="consentement")) == "document-no-patient"


def test_motive__transfer__is_asked_and_printed(generate: Make) -> None:
    without = generate(PATIENT, *health(), kind="transfert-urgences").writes[0]
    assert [e["valueString"] for e in without["extension"]] == ["Motif du transfert"]
    said = generate(PATIENT, *health(), kind="transfert-urgences", motive="Chute").writes[0]
    assert "extension" not in said


# --- the FHIR document


def bundle_of(written: Any) -> Resource:
    raw = next(b64decode(w["data"]) for w in written if w.get("contentType") == "application/fhir+json")
    found: Resource = json.loads(raw)
    return found


def test_bundle__of_a_dlu__stands_alone(generate: Make) -> None:
    bundle = bundle_of(generate(PATIENT, *health(), kind="dlu").writes)
    urls = {e["fullUrl"] for e in bundle["entry"]}
    composition = bundle["entry"][0]["resource"]
    links = [element["reference"] for _, element in walk(composition)]
    assert bundle["type"] == "document"
    assert links
    assert {link for link in links if link not in urls} == set()
    assert [s["title"] for s in composition["section"]][:2] == ["Allergies et intolérances", "Risques et précautions"]
    allergies = composition["section"][0]
    assert {c["code"] for c in allergies["code"]["coding"]} == {"48765-2", "allergies"}
    assert len(allergies["entry"]) == 1
    assert "Pénicilline" in allergies["text"]["div"]


def test_bundle__empty_section__says_why(generate: Make) -> None:
    composition = bundle_of(generate(PATIENT, kind="dlu").writes)["entry"][0]["resource"]
    assert composition["section"][0]["emptyReason"]["text"] == "non renseigné"
    assert "entry" not in composition["section"][0]


def test_bundle__section_text__is_escaped(generate: Make) -> None:
    evil = {"resourceType": "Condition", "id": "c", "subject": PERSON, "code": {"text": "<script>a & b</script>"}}
    text = json.dumps(bundle_of(generate(PATIENT, evil, kind="dlu").writes)["entry"][0])
    assert "&lt;script&gt;a &amp; b" in text


# --- $dlu, $summary


def dlu(request_of: Request, *resources: Resource, **options: Any) -> Answer:
    return document_operations.dlu(request_of(PATIENT, *resources, **options))


def test_dlu__none_signed__is_not_found_though_a_draft_exists(request_of: Request, generate: Make) -> None:
    draft = generate(PATIENT, *health(), kind="dlu").writes
    assert refusal(lambda: dlu(request_of, *draft)) == "dlu-none"


def test_dlu__signed_then_a_new_draft__the_signed_one_in_both_forms(request_of: Request, generate: Make) -> None:
    document, *content = generate(PATIENT, *health(), kind="dlu").writes
    draft = generate(PATIENT, *health()[1:], signed(document), *content, kind="dlu").writes
    stored = [signed(document), *content, *draft]
    bundle = dlu(request_of, *stored).result
    printed = dlu(request_of, *stored, media="application/pdf").result
    assert bundle == bundle_of(content)
    assert printed is not None
    assert printed["data"] == content[0]["data"]


def test_dlu__received_from_a_hospital__is_not_ours(request_of: Request, generate: Make) -> None:
    document, *content = generate(PATIENT, *health(), kind="dlu").writes
    received = signed(document, meta={"tag": [{"system": "urn:dui-fhir:tag", "code": "recu-mssante"}]})
    assert refusal(lambda: dlu(request_of, received, *content)) == "dlu-none"


def test_dlu__stored_as_a_file_only__says_to_ask_for_the_pdf(request_of: Request, generate: Make) -> None:
    document, pdf, _ = generate(PATIENT, *health(), kind="dlu").writes
    bare = signed(document, context={})
    assert refusal(lambda: dlu(request_of, bare, pdf)) == "dlu-no-bundle"
    assert dlu(request_of, bare, pdf, media="application/pdf").result == {**pdf, "meta": {"versionId": "1"}}


@pytest.mark.parametrize(("day", "stale"), [("2025-11-24", False), ("2025-11-23", True)])
def test_dlu__twelve_months__told_as_stale_the_day_after(
    request_of: Request, generate: Make, day: str, stale: bool
) -> None:
    document, *content = generate(PATIENT, *health(), kind="dlu").writes
    answer = dlu(request_of, signed(document, date=f"{day}T10:00:00Z"), *content)
    assert [i.id for i in answer.issues] == (["dlu-stale"] if stale else [])


def test_dlu__corridor_without_a_delay__is_never_stale(request_of: Request, generate: Make) -> None:
    document, *content = generate(PATIENT, *health(), kind="dlu", corridor="ahi").writes
    answer = dlu(request_of, signed(document, date="2019-01-01"), *content, corridor="ahi")
    assert answer.issues == ()


@pytest.mark.parametrize(
    ("corridor", "find"), [("pa", pa_deadlines.emergency_sheet), ("dom", dom_deadlines.emergency_sheet)]
)
def test_dlu__signed__closes_the_deadline_that_a_draft_leaves_open(
    request_of: Request, generate: Make, corridor: str, find: Callable[[Dossier], Any]
) -> None:
    document = generate(PATIENT, *health(), kind="dlu", corridor=corridor).writes[0]
    stay = {
        "resourceType": "Encounter",
        "id": "s",
        "status": "in-progress",
        "subject": PERSON,
        "period": {"start": "2026-01-05"},
    }
    request = request_of(PATIENT, corridor=corridor)

    def due(stored: Resource) -> list[date]:
        reader = ExampleReader([PATIENT, stored, stay])
        file = Dossier(
            today=NOW.date(), reader=reader, person="Patient/p", stays=(stay,), parameters=request.context.parameters
        )
        return [d.due for d in find(file)]

    (open_since,) = due(document)
    (next_one,) = due(signed(document))
    assert open_since < NOW.date(), "late: nothing is signed"
    assert next_one == date(2027, 11, 24), "to be updated a year after"


def test_summary__asked__is_made_from_the_file_and_nothing_is_written(request_of: Request) -> None:
    answer = document_operations.summary(request_of(PATIENT, *health()))
    assert answer.result is not None
    assert (answer.writes, answer.result["type"]) == ((), "document")
    assert "GIR 2" in json.dumps(answer.result, ensure_ascii=False)


def test_summary__of_one_corridor__titles_and_sections_are_its_own(request_of: Request) -> None:
    request = request_of(PATIENT, *health(), corridor="pjm")
    result = document_operations.summary(replace(request, media="")).result
    assert result is not None
    assert {e["resource"]["resourceType"] for e in result["entry"]}.isdisjoint(
        {"AllergyIntolerance", "MedicationRequest", "Condition"}
    )


def test_report__conclusion_missing__is_lacking(generate: Make) -> None:
    document = generate(
        composition("rapport-situation", section("bilan-ppe", "Fait")), kind="rapport-situation", corridor="pde"
    ).writes[0]
    assert [e["valueString"] for e in document["extension"]] == [
        "Bilan des objectifs de la décision",
        "Conclusion et propositions",
    ]


def test_stay__of_a_home_service_with_thousands_of_visits__is_found(request_of: Request) -> None:
    """More than an internal search returns at once: the document is made all the same."""
    visits = [
        {"resourceType": "Encounter", "id": f"v{n}", "status": "in-progress", "subject": PERSON,
         "partOf": {"reference": "Encounter/s"}}
        for n in range(1200)
    ]  # fmt: skip
    stay = {
        "resourceType": "Encounter",
        "id": "s",
        "status": "in-progress",
        "subject": PERSON,
        "period": {"start": "2026-01-05"},
    }

    class Limited(ExampleReader):
        def search(self, type: str, params: Any) -> list[Resource]:
            found = super().search(type, params)
            assert len(found) <= 1000, type
            return found

        def every(self, type: str, params: Any) -> Any:
            return iter(super().search(type, params))

    request = request_of(PATIENT, corridor="dom")
    request = replace(request, context=replace(request.context, reader=Limited([PATIENT, stay, *visits])))
    result = document_operations.summary(request).result
    assert "Depuis le : 05/01/2026" in json.dumps(result, ensure_ascii=False)
