"""The emergency document of a resident, as a nurse's application makes, signs and reads it at three in the morning."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

FINESS = "330785001"
DOCTOR = {
    "resourceType": "Practitioner",
    "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810002918950"}],
    "name": [{"family": "Petit", "given": ["Hélène"], "prefix": ["DR"]}],
}
CONTRACTS = "https://mos.esante.gouv.fr/NOS/TRE_R393-TypeContratSejour/FHIR/TRE-R393-TypeContratSejour"
LOCAL = "https://identifiant-medicosocial-localusager.esante.gouv.fr"
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}
ALERT = "urn:dui-fhir:alerte"
Resource = dict[str, Any]


def ids(outcome: Resource) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in outcome.get("issue", [])]


def signing(practitioner: str) -> Resource:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "signer", "valueReference": {"reference": practitioner}},
            {"name": "capacity", "valueCode": "medecin"},
        ],
    }


def generating(kind: str, **more: str) -> Resource:
    given = [{"name": "kind", "valueCode": kind}, *({"name": k, "valueCode": v} for k, v in more.items())]
    return {"resourceType": "Parameters", "parameter": given}


def test_dlu__made_refused_incomplete_completed_signed__is_read_and_printed(
    make_server: Callable[..., Any], cli: Callable[..., Any]
) -> None:
    server = make_server()
    structure = f"{FINESS},500,EHPAD d'essai,1 rue des Lilas, 33000 Bordeaux"
    assert cli("tenant", "add", "demo", "--structure", structure, "--data", str(server.data)).returncode == 0
    server.start()

    def post(path: str, body: Resource, status: int = 201) -> Resource:
        answer = server.client.post(f"/fhir/{path}", json=body)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:600])
        return answer.json()

    person = post(
        "Patient",
        {
            "resourceType": "Patient",
            "birthDate": "1936-06-21",
            "name": [{"family": "Martin", "given": ["Jeanne"]}],
            "identifier": [{"system": LOCAL, "value": f"3{FINESS}/E2E-1"}],
        },
    )
    subject = {"reference": f"Patient/{person['id']}"}
    doctor = post("Practitioner", DOCTOR)
    path = f"Patient/{person['id']}/$dlu"

    draft = post(f"Patient/{person['id']}/$generate", generating("dlu"), 200)
    assert draft["docStatus"] == "preliminary"
    assert "dlu-none" in ids(server.client.get(f"/fhir/{path}").json())
    refused = post(f"DocumentReference/{draft['id']}/$sign", signing(f"Practitioner/{doctor['id']}"), 422)
    assert "COM-80" in ids(refused)
    assert "Allergies" in str(refused)

    post(
        "AllergyIntolerance",
        {
            "resourceType": "AllergyIntolerance",
            "patient": subject,
            "code": {"text": "Pénicilline"},
            "clinicalStatus": ACTIVE,
        },
    )
    post("MedicationRequest", {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": subject,
                               "medicationCodeableConcept": {"text": "Apixaban 5 mg"}})  # fmt: skip
    for code, status in (("soins-palliatifs", "inactive"), ("chute", "active")):
        post("Flag", {"resourceType": "Flag", "status": status, "subject": subject,
                      "code": {"coding": [{"system": ALERT, "code": code, "display": code}]}})  # fmt: skip
    post("Consent", {"resourceType": "Consent", "status": "active", "patient": subject, "dateTime": "2026-01-10",
                     "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr"}]},
                     "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentcategorycodes",
                      "code": "acd"}]}],
                     "policyRule": {"text": "directives anticipées"}})  # fmt: skip
    complete = post(f"Patient/{person['id']}/$generate", generating("dlu"), 200)
    assert complete["id"] != draft["id"]
    assert post(f"Patient/{person['id']}/$generate", generating("dlu"), 200)["id"] == complete["id"], "same content"
    assert server.client.get(f"/fhir/DocumentReference/{draft['id']}").json()["status"] == "superseded"
    post(f"DocumentReference/{complete['id']}/$sign", signing(f"Practitioner/{doctor['id']}"), 200)

    bundle = server.client.get(f"/fhir/{path}").json()
    assert bundle["type"] == "document"
    assert bundle["entry"][0]["resource"]["resourceType"] == "Composition"
    assert "AllergyIntolerance" in {e["resource"]["resourceType"] for e in bundle["entry"]}
    judged = server.client.post("/fhir/Bundle/$validate", json=bundle).json()
    assert [i for i in judged["issue"] if i["severity"] in ("error", "fatal")] == []
    for answer in (
        server.client.get(f"/fhir/{path}?_format=application/pdf"),
        server.client.get(f"/fhir/{path}", headers={"Accept": "application/pdf"}),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-1.")
    attachment = server.client.get(f"/fhir/{complete['content'][0]['attachment']['url']}").json()
    assert base64.b64decode(attachment["data"]) == answer.content, "byte for byte what was signed"

    sheet = server.client.get(f"/fhir/Patient/{person['id']}/$summary?_format=application/pdf")
    assert sheet.content.startswith(b"%PDF-1.")
    assert server.client.get(f"/fhir/Patient/{person['id']}/$summary").json()["type"] == "document"
    wrong = server.client.get(f"/fhir/Patient/{person['id']}/$everything?_format=application/pdf")
    assert wrong.status_code == 406
    unknown = post(f"Patient/{person['id']}/$generate", generating("dipm"), 400)
    assert ids(unknown) == ["document-kind-unknown"]


def test_documents__contract_in_falc_and_child_project__made_and_the_latter_never_leaves(
    make_server: Callable[..., Any], cli: Callable[..., Any]
) -> None:
    server = make_server(environment={"DUI_FHIR_PLUGINS": "commun,ph,pde"})
    home = "330785001,183,IME d'essai,1 rue des Lilas, 33000 Bordeaux"
    children = "330785019,177,MECS d'essai,2 rue des Lilas, 33000 Bordeaux"
    config = server.folder / "reglages.toml"
    config.write_text('plugins = ["commun", "ph", "pde"]\n', encoding="utf-8")
    structures = ("--structure", home, "--structure", children)
    added = cli("tenant", "add", "demo", *structures, "--data", str(server.data), "--config", str(config))
    assert added.returncode == 0, added.stderr
    server.start()

    def post(path: str, body: Resource, status: int) -> Resource:
        answer = server.client.post(f"/fhir/{path}", json=body)
        assert answer.status_code == status, (path, answer.status_code, answer.text[:900])
        return answer.json()

    def person(finess: str, protected: bool) -> Resource:
        label = (
            {"meta": {"security": [{"system": "urn:dui-fhir:label", "code": "adresse-protegee"}]}} if protected else {}
        )
        number = [{"system": LOCAL, "value": f"3{finess}/E2E-2"}]
        names = [{"family": "Petit", "given": ["Zoé"]}]
        body = {
            "resourceType": "Patient",
            "birthDate": "2014-05-02",
            "name": names,
            "identifier": number,
            **label,
        }
        return {"reference": f"Patient/{post('Patient', body, 201)['id']}"}

    adult = person(FINESS, False)
    parties = [{"reference": [adult], "role": {"text": "Personne accompagnée"}}]
    clauses = [
        {
            "type": {"coding": [{"system": "urn:dui-fhir:clause", "code": code}]},
            "offer": {"text": "Vivre avec les autres.", "party": parties},
        }
        for code in ("objectifs", "prestations", "conditions-sejour", "participation-financiere")
    ]
    contract = post("Contract", {
        "resourceType": "Contract", "status": "negotiable", "subject": [adult], "term": clauses,
        "identifier": [{"system": "urn:exemple:contrats", "value": f"3{FINESS}/E2E-2-CONT-1"}],
        "type": {"coding": [{"system": CONTRACTS, "code": "CS"}]},
        "applies": {"start": "2026-01-10", "end": "2029-01-10"},
    }, 201)  # fmt: skip
    easy = post(f"Contract/{contract['id']}/$generate", generating("contrat-sejour", variant="falc"), 200)
    assert easy["extension"] == [{"url": "urn:dui-fhir:extension:variante", "valueCode": "falc"}], "nothing is missing"
    assert easy["subject"] == adult

    child = person("330785019", True)
    domains = [{"coding": [{"system": "urn:dui-fhir:domaine", "code": "developpement-sante"}]}]
    project = post("CarePlan", {
        "resourceType": "CarePlan", "status": "draft", "intent": "plan", "subject": child,
        "author": {"display": "Mme Diallo, référente ASE"},
        "identifier": [{"system": "urn:exemple:ppe", "value": "3330785019/E2E-2-PPER-1"}],
        "category": [{"coding": [{"system": "urn:dui-fhir:projet", "code": "PPE"}]}, *domains],
        "extension": [{"url": f"urn:dui-fhir:extension:{name}", "valueString": "Dit."} for name in
                      ("fratrie", "observations", *(f"evaluation-{d}" for d in ("developpement-sante", "famille-tiers",
                       "scolarite-vie-sociale")))],
    }, 201)  # fmt: skip
    assert ids(post(f"CarePlan/{project['id']}/$generate", generating("ppa"), 422)) == ["document-kind-other"]
    assert ids(post(f"CarePlan/{project['id']}/$ppa-document", {"resourceType": "Parameters"}, 422)) == [
        "document-kind-other"
    ]
    made = post(f"CarePlan/{project['id']}/$generate", generating("ppe"), 200)
    assert "extension" not in made
    signer = {
        "display": "Mme Diallo",
        "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "3330785019/ASE1"},
    }
    parameters = [{"name": "signer", "valueReference": signer}, {"name": "capacity", "valueCode": "referent-ase"}]
    post(f"DocumentReference/{made['id']}/$sign", {"resourceType": "Parameters", "parameter": parameters}, 200)
    assert server.client.get(f"/fhir/DocumentReference/{made['id']}").json()["docStatus"] == "final"
    refused = post(f"DocumentReference/{made['id']}/$dmp-submit", {"resourceType": "Parameters"}, 422)
    assert {"COM-43"} <= set(ids(refused))
