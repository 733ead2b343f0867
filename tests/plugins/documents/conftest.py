"""A person's file, small, full, protected, anonymous; and what makes a document of it with the corridors as shipped."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dui_fhir_plugins.commun import document_operations, documents
from dui_fhir_plugins.commun.document_record import Record

from dui_fhir.documents import TypstRenderer
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context, DocumentKind
from dui_fhir.domain.operation import Answer, OperationRequest
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_host import PluginHost
from dui_fhir.plugin_kit.reader import ExampleReader
from dui_fhir.settings import Settings

ROOT = Path(__file__).parents[3]
PARAMETER = json.loads((ROOT / "plugins/commun/search/Task-objectif.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
CATEGORIES = {"pa": "500", "ph": "183", "dom": "209", "pde": "177", "pds": "197", "ahi": "214", "pjm": "340"}
LOINC = "http://loinc.org"
PERSON = {"reference": "Patient/p"}

PATIENT: Resource = {
    "resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1947-04-03",
    "name": [{"use": "official", "family": "Martin", "given": ["Jeanne"]}],
    "address": [{"line": ["12 rue des Lilas"], "postalCode": "75011", "city": "Paris"}],
    "telecom": [{"system": "phone", "value": "06 00 00 00 01"}],
    "generalPractitioner": [{"display": "Dr Hélène Petit"}],
}  # fmt: skip


def concept(text: str, code: str = "", system: str = LOINC) -> dict[str, Any]:
    return {"text": text, **({"coding": [{"system": system, "code": code}]} if code else {})}


def flag(code: str, text: str, status: str = "active") -> Resource:
    return {
        "resourceType": "Flag", "id": f"f-{code}", "status": status, "subject": PERSON,
        "code": concept(text, code, "urn:dui-fhir:alerte"), "period": {"start": "2026-02-01"},
    }  # fmt: skip


def medication(number: int, text: str, dose: str = "1 comprimé le matin") -> Resource:
    return {
        "resourceType": "MedicationRequest", "id": f"m{number:02}", "status": "active", "intent": "order", "subject": PERSON,
        "medicationCodeableConcept": {"text": text}, "authoredOn": "2026-09-01", "dosageInstruction": [{"text": dose}],
    }  # fmt: skip


def related(id: str, name: str, kind: str, label: str, **more: Any) -> Resource:
    return {
        "resourceType": "RelatedPerson", "id": id, "patient": PERSON, "active": True,
        "name": [{"family": name, "given": ["Paul"]}], "telecom": [{"system": "phone", "value": f"06 11 22 33 {len(id):02}"}],
        "relationship": [concept(label, kind, "urn:dui-fhir:relationship")], **more,
    }  # fmt: skip


def health() -> list[Resource]:
    """A resident's file, with what a DLU needs."""
    return [
        {"resourceType": "AllergyIntolerance", "id": "a", "patient": PERSON, "code": {"text": "Pénicilline"},
         "criticality": "high", "reaction": [{"manifestation": [{"text": "Œdème de Quincke"}]}], "onsetDateTime": "1998"},
        medication(1, "Paracétamol 1 g", "1 comprimé 3 fois par jour si douleur"),
        medication(2, "Apixaban 5 mg", "1 comprimé matin et soir"),
        flag("chute", "Risque de chute"), flag("fausse-route", "Fausses routes : eau gélifiée"),
        flag("soins-palliatifs", "Soins palliatifs", status="inactive"),
        {"resourceType": "Consent", "id": "dir", "status": "active", "patient": PERSON, "dateTime": "2025-05-02",
         "scope": concept("Directives", "adr", "http://terminology.hl7.org/CodeSystem/consentscope"),
          "category": [concept("DA", "acd")]},
        {"resourceType": "Condition", "id": "c1", "subject": PERSON, "code": {"text": "Fibrillation auriculaire"},
         "onsetDateTime": "2019-03"},
        {"resourceType": "Condition", "id": "c2", "subject": PERSON, "code": {"text": "Fracture du col du fémur"},
         "clinicalStatus": concept("", "resolved", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
          "onsetDateTime": "2022"},
        related("fille", "Martin", "DAUC", "Fille"),
        related("confiance", "Durand", "personne-confiance", "Personne de confiance", period={"start": "2025-06-01"}),
        {"resourceType": "QuestionnaireResponse", "id": "gir", "status": "completed", "subject": PERSON, "authored": "2026-01-10",
         "questionnaire": "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-aggir-pa-ssiad",
         "item": [{"linkId": "b1", "text": "Transferts", "answer": [{"valueCoding": {"code": "qf4", "display": "Ne fait pas"}}]},
                  {"linkId": "resultat-eval", "answer": [{"valueCoding": {"code": "MED-340", "display": "GIR-2"}}]}]},
        {"resourceType": "Observation", "id": "o1", "status": "final", "subject": PERSON, "code": concept("Poids", "29463-7"),
         "effectiveDateTime": "2026-11-01", "valueQuantity": {"value": 61.5, "unit": "kg"}},
        {"resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": PERSON, "period": {"start": "2025-06-01"},
         "type": [{"text": "Hébergement permanent"}]},
    ]  # fmt: skip


@pytest.fixture(scope="session")
def host() -> PluginHost:
    return PluginHost.load(Settings({"plugins": ["commun", *CATEGORIES], "plugin_folders": []}))


Request = Callable[..., OperationRequest]
Make = Callable[..., Answer]


@pytest.fixture
def request_of(host: PluginHost) -> Request:
    """``request_of(target, *others, corridor="pa", media="", **parameters)``."""

    def make(
        target: Resource, *others: Resource, corridor: str = "pa", media: str = "", **inputs: Any
    ) -> OperationRequest:
        patient = [] if any(r["resourceType"] == "Patient" for r in (target, *others)) else [PATIENT]
        structure = Structure(
            finess="750000001",
            category=inputs.pop("category", CATEGORIES[corridor]),
            name="Les Tilleuls",
            address="1 rue Haute\n75001 Paris",
        )
        context = Context(
            tenant="essai", actor=Actor(kind="professional"), now=NOW, structure=structure,
            reader=ExampleReader([*patient, target, *others], [PARAMETER]),
            corridors=frozenset({"commun", corridor}), parameters={**host.parameters(structure), **inputs.pop("settings", {})},
        )  # fmt: skip
        kinds: dict[str, DocumentKind] = {d.id: d.as_kind() for d in reversed(host.documents([corridor]))}
        return OperationRequest(
            context=context, renderer=inputs.pop("renderer", TypstRenderer()), parameters=inputs, documents=kinds,
            type=target["resourceType"], target=target, media=media,
        )  # fmt: skip

    return make


@pytest.fixture
def generate(request_of: Request) -> Make:
    """``generate(target, *others, kind=…, corridor=…)`` runs ``$generate``."""

    def run(target: Resource, *others: Resource, **inputs: Any) -> Answer:
        return document_operations.generate(request_of(target, *others, **inputs))

    return run


@pytest.fixture
def sections(request_of: Request) -> Callable[..., dict[str, dict[str, Any]]]:
    """``sections(target, *others, kind=…)`` gathers a document without laying it out: section id → section."""

    def gather(target: Resource, *others: Resource, kind: str, **inputs: Any) -> dict[str, dict[str, Any]]:
        request = request_of(target, *others, **inputs)
        patient = documents.patient_of(target, request.context.reader)
        record = Record(target, patient, request.context, request.documents[kind], {"motive": inputs.get("motive", "")})
        return {s["id"]: s for s in documents.content_of(record)["sections"]}

    return gather


def words(answer: Sequence[Resource] | bytes) -> str:
    """Return the text of the PDF of an answer's writes."""
    import io
    from base64 import b64decode

    import pypdf

    pdf = (
        answer
        if isinstance(answer, bytes)
        else next(b64decode(r["data"]) for r in answer if r.get("contentType") == "application/pdf")
    )
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def clause(code: str, text: str, **offer: Any) -> dict[str, Any]:
    return {"type": concept("", code, "urn:dui-fhir:clause"), "offer": {"text": text, **offer}}


def contract(type: str = "CS", **more: Any) -> Resource:
    """A contract with the clauses of D311 V and its prices."""
    prices = [
        {"entityCodeableConcept": {"text": "Hébergement, chambre seule"}, "unitPrice": {"value": 62.5, "currency": "EUR"},
         "quantity": {"value": 1, "unit": "jour"}, "effectiveTime": "2026-01-01"},
        {"entityCodeableConcept": {"text": "Tarif dépendance GIR 1-2"}, "unitPrice": {"value": 21.07, "currency": "EUR"},
         "quantity": {"value": 1, "unit": "jour"}, "effectiveTime": "2026-01-01"},
    ]  # fmt: skip
    return {
        "resourceType": "Contract", "id": "k", "status": "negotiable", "subject": [PERSON], "issued": "2026-01-10",
        "identifier": [{"value": "3750000001/42-CONT-1"}], "applies": {"start": "2026-01-15"},
        "type": concept("Contrat de séjour" if type == "CS" else "DIPC", type, "urn:oid:1.2.250.1.213.1.6.1.393"),
        "term": [
            clause("objectifs", "Vivre le plus autonome possible.\nGarder le lien avec sa famille.", party=[
                {"reference": [{"display": "Mme Anne Lopez"}], "role": {"text": "Directrice"}},
                {"reference": [PERSON], "role": {"text": "Personne accompagnée"}},
            ]),
            clause("prestations", "Hébergement.\nRestauration.\nAide à la toilette.\nAnimation."),
            clause("conditions-sejour", "Chambre individuelle de 20 m². Les visites sont libres de 10 h à 20 h."),
            clause("participation-financiere", "La personne paie le tarif hébergement. L’aide sociale peut compléter."),
            clause("absence-hospitalisation", "Après 72 heures d’absence, le forfait journalier est déduit."),
            clause("resiliation", "La personne peut partir avec un mois de préavis."),
            {"type": concept("", "tarifs", "urn:dui-fhir:clause"), "offer": {}, "asset": [{"valuedItem": prices}]},
        ],
        **more,
    }  # fmt: skip


CONSENT: Resource = {
    "resourceType": "Consent", "id": "cs", "status": "proposed", "patient": PERSON, "scope": concept("Vie privée"),
    "category": [concept("Partage d’informations avec les partenaires")], "dateTime": "2026-11-20",
    "provision": {"type": "permit", "period": {"start": "2026-11-20", "end": "2027-11-20"},
                  "purpose": [{"code": "TREAT", "display": "l’accompagnement"}], "class": [{"code": "x",
                   "display": "Projet personnalisé"}],
                  "actor": [{"role": concept("Infirmière libérale"), "reference": {"display": "Mme Élodie Bernard"}}]},
}  # fmt: skip


def section(code: str, text: str, system: str = "urn:dui-fhir:section", **more: Any) -> dict[str, Any]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{text}</p></div>'
    return {
        "code": {"coding": [{"system": system, "code": code}]},
        "text": {"status": "additional", "div": div},
        **more,
    }


def composition(category: str, *sections: dict[str, Any], code: str = "28653-4") -> Resource:
    return {
        "resourceType": "Composition", "id": "co", "status": "preliminary", "subject": PERSON, "date": "2026-11-20",
        "type": {"coding": [{"system": LOINC, "code": code}]}, "title": "Document", "author": [{"display": "Le service"}],
        "category": [{"coding": [{"system": "urn:dui-fhir:document", "code": category}]}], "section": list(sections),
    }  # fmt: skip


def child_project(*domains: str, **extensions: str) -> Resource:
    """A PPE that has these domains of life and these texts."""
    categories = [("urn:dui-fhir:projet", "PPE"), *(("urn:dui-fhir:domaine", d) for d in domains)]
    return {
        "resourceType": "CarePlan", "id": "ppe", "status": "draft", "intent": "plan", "title": "Projet pour l'enfant",
        "subject": PERSON, "category": [{"coding": [{"system": s, "code": c}]} for s, c in categories],
        "author": {"display": "Mme Référente ASE"},
        "extension": [{"url": f"urn:dui-fhir:extension:{k.replace('_', '-')}", "valueString": v} for k, v in extensions.items()],
    }  # fmt: skip


def measure(type: str, **facts: str) -> Resource:
    coding = {"coding": [{"system": "urn:dui-fhir:mesure", "code": type}]}
    parts = [{"url": "type", "valueCodeableConcept": coding}, *({"url": k, "valueString": v} for k, v in facts.items())]
    return {
        "resourceType": "Basic", "id": f"mesure-{type}", "subject": PERSON,
        "code": {"coding": [{"system": "urn:dui-fhir:objet", "code": "mesure"}]},
        "extension": [{"url": "urn:dui-fhir:extension:mesure", "extension": parts}],
    }  # fmt: skip


def plan_with_goal() -> list[Resource]:
    """A TDDUI project with a wish, an objective and an action; the CarePlan first."""
    base = "https://identifiant-medicosocial-{}.esante.gouv.fr"
    mine = {
        "url": "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-careplan-reference",
        "valueReference": {"reference": "CarePlan/projet"},
    }
    inputs = [{"type": {"coding": [{"code": "objectif"}]}, "valueReference": {"reference": "Goal/marcher"}}]
    return [
        {"resourceType": "CarePlan", "id": "projet", "status": "active", "intent": "plan", "title": "Projet", "subject": PERSON,
         "identifier": [{"system": base.format("projetpersonnalise"), "value": "3750000001/42-PPER-1"}]},
        {"resourceType": "Goal", "id": "attente", "identifier": [{"system": base.format("attente"), "value": "1"}],
         "extension": [mine],
         "lifecycleStatus": "active", "description": {"text": "Je veux aller au marché. Je veux choisir mes légumes."},
          "subject": PERSON},
        {"resourceType": "Goal", "id": "marcher", "identifier": [{"system": base.format("objectif"), "value": "2"}],
         "extension": [mine],
         "lifecycleStatus": "active", "description": {"text": "Marcher seule jusqu'au marché"}, "subject": PERSON,
         "target": [{"dueDate": "2027-06-01"}]},
        {"resourceType": "Task", "id": "kine", "identifier": [{"system": base.format("action"), "value": "3"}],
         "status": "in-progress",
         "intent": "plan", "description": "Exercices de marche", "owner": {"display": "M. Karim Benali, kinésithérapeute"},
          "input": inputs,
         "executionPeriod": {"start": "2026-12-01"}},
    ]  # fmt: skip
