"""``CarePlan/$ppa-document``: metadata of PDSm, the same content again, a later version."""

import hashlib
import io
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest
from dui_fhir_plugins.commun import ppa

from dui_fhir.demo.identity import with_ins
from dui_fhir.documents import TypstRenderer, faults
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.operation import Answer, OperationRequest
from dui_fhir.plugin_host import PluginHost
from dui_fhir.plugin_kit.reader import ExampleReader
from dui_fhir.settings import Settings

MakeDocument = Callable[..., Answer]
NOW = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
PATIENT: Resource = {
    "resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1947-04-03",
    "name": [{"use": "official", "family": "Martin", "given": ["Jeanne"]}],
}  # fmt: skip
PLAN: Resource = {
    "resourceType": "CarePlan", "id": "projet", "status": "active", "intent": "plan", "title": "Projet",
    "subject": {"reference": "Patient/p"}, "period": {"start": "2026-01-15"},
    "identifier": [
        {"system": "https://identifiant-medicosocial-projetpersonnalise.esante.gouv.fr", "value": "3750000001/42-PPER-1"},
    ],
}  # fmt: skip
NURSE: Resource = {
    "resourceType": "Practitioner", "id": "ide", "name": [{"family": "Bernard"}],
    "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810101234564"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def host() -> PluginHost:
    return PluginHost.load(Settings({"plugins": ["commun", "pa", "dom"], "plugin_folders": []}))


@pytest.fixture
def make(host: PluginHost) -> MakeDocument:
    def make(*resources: Resource, plan: Resource = PLAN, patient: Resource = PATIENT, **options: Any) -> Answer:
        reader = ExampleReader([plan, patient, NURSE, *resources])
        corridors = frozenset({"commun", *options.get("corridors", ("pa",))})
        actor = Actor(kind="professional", professional=options.get("professional", "810101234564"))
        context = Context(tenant="t", actor=actor, now=NOW, reader=_WithObjective(reader), corridors=corridors)
        kinds = {d.id: d.as_kind() for d in reversed(host.documents(corridors))}
        kinds["ppa"] = replace(kinds["ppa"], **options.get("kind", {}))
        request = OperationRequest(
            context=context, renderer=TypstRenderer(), parameters={}, type="CarePlan", target=plan, documents=kinds
        )
        return ppa.make_document(request)

    return make


class _WithObjective:
    """No Task here: the parameter of the trunk is not needed."""

    def __init__(self, reader: ExampleReader) -> None:
        self._reader = reader

    def read(self, reference: str) -> Resource | None:
        return self._reader.read(reference)

    def search(self, type: str, params: Any) -> list[Resource]:
        return self._reader.search(type, params)

    def every(self, type: str, params: Any) -> Any:
        return self._reader.every(type, params)


def test_definition__operation__is_for_one_care_plan() -> None:
    (operation,) = ppa.operations()
    assert operation.definition["code"] == "ppa-document"
    assert (operation.definition["instance"], operation.definition["affectsState"]) == (True, True)
    assert operation.definition["resource"] == ["CarePlan"]


def test_document__first_time__has_the_metadata_of_pdsm(make: MakeDocument) -> None:
    document, binary = make().writes
    assert (document["status"], document["docStatus"]) == ("current", "preliminary")
    assert document["type"]["coding"][0]["code"] == "80788-3"
    assert document["category"][0]["coding"][0]["code"] == "44"
    assert document["content"][0]["format"]["code"] == "urn:ihe:iti:xds-sd:pdf:2008"
    assert document["context"]["facilityType"]["coding"][0]["code"] == "SA17"
    assert document["context"]["practiceSetting"]["coding"][0]["code"] == "AMBULATOIRE"
    assert document["context"]["related"] == [{"reference": "CarePlan/projet"}]
    assert document["context"]["period"] == {"start": "2026-01-15"}
    assert document["context"]["sourcePatientInfo"] == {"reference": "#patient"}
    assert document["author"] == [{"reference": "Practitioner/ide"}]
    assert document["custodian"]["identifier"]["value"] == "1750000001"
    assert document["masterIdentifier"]["value"].startswith("urn:oid:2.25.")
    assert document["content"][0]["attachment"]["url"] == f"Binary/{binary['id']}"
    assert binary["securityContext"]["reference"] == f"DocumentReference/{document['id']}"
    assert "Martin" not in document["description"]


def test_document__attachment__is_a_pdfa_with_its_hash_and_size(make: MakeDocument) -> None:
    document, binary = make().writes
    pdf, attachment = b64decode(binary["data"]), document["content"][0]["attachment"]
    assert faults(pdf) == ()
    assert attachment["size"] == len(pdf)
    assert b64decode(attachment["hash"]) == hashlib.sha1(pdf).digest()
    first = pypdf.PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Projet d’accompagnement personnalisé" in first
    assert "25 novembre 2026" in first, "the day in Paris"


def test_document__same_content__answers_the_existing_one_and_writes_nothing(make: MakeDocument) -> None:
    written = make().writes
    again = make(*written)
    assert again.result is not None
    assert again.result["id"] == written[0]["id"]
    assert not again.writes


def test_document__asked_twice_at_once__makes_the_same_resources(make: MakeDocument) -> None:
    assert make().writes == make().writes


def test_document__changed_plan__replaces_the_draft(make: MakeDocument) -> None:
    first = make().writes
    document, _, old = make(*first, plan={**PLAN, "title": "Projet revu"}).writes
    assert document["relatesTo"] == [
        {"code": "replaces", "target": {"reference": f"DocumentReference/{first[0]['id']}"}}
    ]
    assert (old["id"], old["status"]) == (first[0]["id"], "superseded")
    assert document["id"] != old["id"]


def test_document__changed_plan_after_signature__leaves_the_signed_one_in_force(make: MakeDocument) -> None:
    draft, binary = make().writes
    signed = {**draft, "docStatus": "final"}
    written = make(signed, binary, plan={**PLAN, "title": "Projet revu"}).writes
    assert [w["resourceType"] for w in written] == ["DocumentReference", "Binary"]
    assert written[0]["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{draft['id']}"


def test_document__back_to_a_former_content__is_a_new_document(make: MakeDocument) -> None:
    first = make().writes
    second = make(*first, plan={**PLAN, "title": "Projet revu"}).writes
    stored = {f"{r['resourceType']}/{r['id']}": r for r in (*first, *second)}
    third = make(*stored.values())
    assert third.writes
    assert third.writes[0]["id"] not in {first[0]["id"], second[0]["id"]}


def test_document__qualified_identity__changes_the_document_and_shows_the_ins(make: MakeDocument) -> None:
    first = make().writes
    patient = with_ins(PATIENT, date(2026, 11, 24))
    document, binary, _ = make(*first, patient=patient).writes
    text = pypdf.PdfReader(io.BytesIO(b64decode(binary["data"]))).pages[0].extract_text()
    assert "INS à scanner" in text
    assert "2360663220836 56" in text


def test_document__template_of_the_corridor__is_used(make: MakeDocument, tmp_path: Path) -> None:
    template = tmp_path / "ppa.typ"
    template.write_text("#let data = json(bytes(sys.inputs.data))\nModèle maison : #data.project.title")
    _, binary = make(kind={"template": template}).writes
    assert "Modèle maison : Projet" in pypdf.PdfReader(io.BytesIO(b64decode(binary["data"]))).pages[0].extract_text()


@pytest.mark.parametrize(
    ("corridors", "sector", "setting"),
    [(("dom",), "SA41", "SAD"), ((), "SA41", "AMBULATOIRE"), (("pa", "dom"), "SA41", "AMBULATOIRE")],
)
def test_document__corridor__gives_the_sector(
    make: MakeDocument, corridors: tuple[str, ...], sector: str, setting: str
) -> None:
    context = make(corridors=corridors).writes[0]["context"]
    assert context["facilityType"]["coding"][0]["code"] == sector
    assert context["practiceSetting"]["coding"][0]["code"] == setting


def test_document__professional_unknown_here__is_by_the_author_of_the_plan(make: MakeDocument) -> None:
    author = {"reference": "Practitioner/ide"}
    document = make(professional="3750000001/EDU7", plan={**PLAN, "author": author}).writes[0]
    assert document["author"] == [author]


@pytest.mark.parametrize("professional", [None, "3750000001/EDU7"])
def test_document__nobody_named__is_by_the_structure(make: MakeDocument, professional: str | None) -> None:
    document = make(professional=professional).writes[0]
    assert document["author"] == [document["custodian"]]


@pytest.mark.parametrize(
    ("plan", "id"),
    [
        ({**PLAN, "subject": {"reference": "Patient/absent"}}, "ppa-no-patient"),
        ({k: v for k, v in PLAN.items() if k != "subject"}, "ppa-no-patient"),
        ({**PLAN, "status": "entered-in-error"}, "ppa-entered-in-error"),
    ],
)
def test_document__plan_that_leads_to_nobody__is_refused(make: MakeDocument, plan: Resource, id: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        make(plan=plan)
    assert refusal.value.issues[0].id == id
