"""FHIR R4, operations.html: every operation of ``metadata`` is called with inputs of its OperationDefinition, on the files of the
fictitious structures of ``dui-fhir sample``, and answers what its definition and its page promise.

A new operation needs a function here, and a new input a call that gives it.
"""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.app import build_engine, create_app
from dui_fhir.bulk.folder import Folders
from dui_fhir.bulk.runner import Runner
from dui_fhir.definitions import resource_types
from dui_fhir.demo.sample import DOMAINS, Sample
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings

Resource = dict[str, Any]
HOST = "ailleurs.test"
PERSONS = {"pa": 4, "dom": 2, "ph": 1}
TODAY = date(2026, 11, 20)
FIRST = "2026-10-01"
LAST = "2026-10-31"
GENERIC = frozenset({"meta", "meta-add", "meta-delete", "validate", "erase", "graphql"})
"""Operations of every type of resource: test_capability_truth.py calls them on each."""
TX = "http://exemple.test/"
SYSTEM = f"{TX}CodeSystem/fruits"
VALUE_SET = f"{TX}ValueSet/fruits"
MAP = f"{TX}ConceptMap/fruits"


class World:
    """A tenant with the files of three structures, and a client that checks what it sends and gets by the definitions."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            {
                "store": "memory",
                "bulk_dir": str(folder),
                "log_level": "ERROR",
                "erase_allowed": True,
                "subscription_hosts": [HOST],
                "bulk_jobs_max": 100,
                "plugins": ["commun", *DOMAINS],
            }
        )
        self.engine = build_engine(self.settings)
        self.client = create_app(self.settings, engine=self.engine).test_client()
        self.runner = Runner(self.engine, Folders(folder))
        self.store = self.engine.stores.create("essai")
        self.finess: dict[str, str] = {}
        self.used: set[str] = set()
        for number, (corridor, persons) in enumerate(PERSONS.items(), 1):
            self._fill(Sample(corridor, persons=persons, seed=1, today=TODAY, number=number))

    def _fill(self, sample: Sample) -> None:
        register(self.store, sample.structure, self.engine.extractor)
        self.engine.structures.forget("essai")
        self.finess[sample.corridor] = sample.finess
        for bundle in sample.bundles():
            assert self.send("POST", "", bundle).status_code == 200

    def of(self, kind: str, person: int = 1, corridor: str = "pa") -> str:
        """Return the id that the sample gives to a resource of a person."""
        return f"{kind}-{self.finess[corridor]}-u{person:05d}"

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; ``headers`` with ``_`` for ``-``."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names = {"Content-Type": "application/fhir+json", **names} if data is not None else names
        target = path if path.startswith("http") else f"/t/essai/fhir/{path}".rstrip("/")
        return self.client.open(target, method=method, data=data, headers=names)

    def stored(self, resource: Resource) -> Resource:
        answer = self.send("POST", resource["resourceType"], resource)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def put(self, resource: Resource) -> None:
        assert self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource).status_code in (200, 201)

    def definition(self, path: str) -> Resource:
        """Return the definition of the operation at a path."""
        code, type = path.rpartition("$")[2], path.partition("/")[0] if path[:1].isupper() else None
        return next(
            o.definition
            for o in self.engine.operations
            if o.definition["code"] == code
            and (type in o.definition.get("resource", ()) if type else o.definition["system"])
        )

    def call(self, path: str, status: int = 200, /, **inputs: Any) -> Any:
        """Call an operation by POST with a Parameters made from its definition, and by GET where that is the same thing.

        ``inputs``: names with ``_`` for ``-`` where the definition says so; a list for what repeats. The answer is checked
        against the outputs of the definition, then returned as JSON.
        """
        definition = self.definition(path)
        given = {_name(definition, name): value for name, value in inputs.items()}
        self.used |= set(given)
        answer = self.send(
            "POST", path, {"resourceType": "Parameters", "parameter": list(_parameters(definition, given))}
        )
        assert answer.status_code == status, (path, inputs, answer.status_code, answer.text[:600])
        if status < 300 and answer.data:
            assert faults(definition, answer.json) == []
        if not definition.get("affectsState", True) and status == 200 and _plain(given):
            self._same_by_get(path, given, answer)
        return answer.json if answer.data else answer

    def _same_by_get(self, path: str, given: dict[str, Any], answer: Any) -> None:
        pairs = [(n, v) for n, some in given.items() for v in (some if isinstance(some, list) else [some])]
        query = [(n, str(v).lower() if isinstance(v, bool) else str(v)) for n, v in pairs]
        got = self.client.get(f"/t/essai/fhir/{path}", query_string=query)
        assert got.status_code == 200, (path, query, got.text[:600])
        assert _shape(got.json) == _shape(answer.json)


def _name(definition: Resource, name: str) -> str:
    declared = {p["name"] for p in definition["parameter"] if p["use"] == "in"}
    return name if name in declared else name.replace("_", "-")


def _parameters(definition: Resource, given: dict[str, Any]) -> Iterator[Resource]:
    declared = {p["name"]: p for p in definition["parameter"] if p["use"] == "in"}
    for name, some in given.items():
        for value in some if isinstance(some, list) else [some]:
            yield {"name": name, **_value(declared.get(name, {"type": "string"}), value)}


def _value(declared: Resource, value: Any) -> Resource:
    type = declared.get("type")
    if type is None:
        return {
            "part": [{"name": p["name"], **_value(p, value[p["name"]])} for p in declared["part"] if p["name"] in value]
        }
    if type == "Resource" or type in resource_types():
        return {"resource": value}
    return {f"value{type[0].upper()}{type[1:]}": value}


def _plain(given: dict[str, Any]) -> bool:
    return not any(isinstance(v, dict) for some in given.values() for v in (some if isinstance(some, list) else [some]))


def _shape(answer: Resource) -> Any:
    """Return what two calls of one question have in common."""
    names = [p["name"] for p in answer.get("parameter", ())]
    return answer["resourceType"], answer.get("type"), len(answer.get("entry", ())), names


def faults(definition: Resource, body: Resource) -> list[str]:
    """Return how an answer differs from the outputs that a definition declares (operations.html#response)."""
    declared = {p["name"]: p for p in definition["parameter"] if p["use"] == "out"}
    returned = declared.get("return", {}).get("type")
    if not declared or returned == body["resourceType"]:
        return []
    given = [p["name"] for p in body.get("parameter", ())]
    found = [f"{name} is not declared" for name in given if name not in declared] if returned != "Parameters" else []
    found += [f"{p['name']} is missing" for p in declared.values() if p["min"] > given.count(p["name"])]
    return found + [f"{n} is repeated" for n, p in declared.items() if p["max"] == "1" and given.count(n) > 1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("bulk"))
    yield made
    made.engine.stores.close()


# what each operation is asked and must answer; the name is code_Type

Try = Callable[[World], None]
CASES: dict[tuple[str, str], Try] = {}
UNTRIED: dict[tuple[str, str], frozenset[str]] = {}
"""Inputs that a call of this file does not give, with the reason beside."""


def case(code: str, *types: str, untried: tuple[str, ...] = ()) -> Callable[[Try], Try]:
    """Note what tries an operation on some types (none: the system)."""

    def noted(function: Try) -> Try:
        for type in types or ("",):
            CASES[code, type] = function
            UNTRIED[code, type] = frozenset(untried)
        return function

    return noted


def _members(bundle: Resource, type: str = "searchset") -> list[Resource]:
    assert bundle["type"] == type, bundle["type"]
    return [entry["resource"] for entry in bundle.get("entry", ())]


def _types(bundle: Resource, type: str = "searchset") -> set[str]:
    return {member["resourceType"] for member in _members(bundle, type)}


def _named(parameters: Resource) -> dict[str, Any]:
    found = {}
    for parameter in parameters["parameter"]:
        found[parameter["name"]] = next(
            (v for k, v in parameter.items() if k.startswith("value")), parameter.get("part")
        )
    return found


def _pdf(world: World, document: Resource) -> None:
    assert document["status"] == "current"
    attachment = document["content"][0]["attachment"]
    assert attachment["contentType"] == "application/pdf"
    binary = world.send("GET", attachment["url"]).json
    assert base64.b64decode(binary["data"]).startswith(b"%PDF-1.")


def _subject(world: World, person: int = 1) -> Resource:
    return {"reference": f"Patient/{world.of('usager', person)}"}


# documents


@case("ppa-document", "CarePlan")
def _(world: World) -> None:
    _pdf(world, world.call(f"CarePlan/{world.of('projet')}/$ppa-document"))


@case("generate", "CarePlan", "Composition", "Consent", "Contract", "Patient", "QuestionnaireResponse")
def _(world: World) -> None:
    author = [{"reference": f"Practitioner/direction-{world.finess['pa']}"}]
    psychological = {"coding": [{"system": "http://loinc.org", "code": "83901-9"}]}
    composition = {"resourceType": "Composition", "status": "final", "type": psychological, "date": "2026-01-01",
                   "title": "Bilan", "author": author, "subject": _subject(world)}  # fmt: skip
    contract = {"resourceType": "Contract", "status": "executed", "subject": [_subject(world)]}
    sources = {
        f"CarePlan/{world.of('projet')}": "ppa",
        f"Composition/{world.stored(composition)['id']}": "bilan-psychologique",
        f"Consent/{world.of('accord')}": "consentement",
        f"Contract/{world.stored(contract)['id']}": "contrat-sejour",
        f"QuestionnaireResponse/{world.of('grille')}": "grille-aggir",
    }
    for source, kind in sources.items():
        _pdf(world, world.call(f"{source}/$generate", kind=kind))
    _pdf(world, world.call(f"{list(sources)[3]}/$generate", kind="contrat-sejour", variant="falc"))
    _pdf(world, world.call(f"Patient/{world.of('usager')}/$generate", kind="transfert-urgences", motive="Chute"))


@case("sign", "DocumentReference")
def _(world: World) -> None:
    plan = f"CarePlan/{world.of('projet', 2)}"
    director = {"reference": f"Practitioner/direction-{world.finess['pa']}"}
    document = world.call(f"{plan}/$generate", kind="ppa")
    path = f"DocumentReference/{document['id']}"
    requested = world.call(f"{path}/$sign", signer=director, capacity="directeur", state="requested")
    assert requested["activity"]["coding"][0]["code"] == "requested"
    signed = world.call(
        f"{path}/$sign", signer=director, capacity="directeur", state="signed", motive="Lu et approuvé", final=True,
        hash=document["content"][0]["attachment"]["hash"], signature="AAAA", signature_format="application/pkcs7-signature",
    )  # fmt: skip
    assert (signed["target"], signed["signature"][0]["data"]) == ([{"reference": path}], "AAAA")
    assert world.send("GET", path).json["docStatus"] == "final"
    scan = world.stored({"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0="})
    paper = world.call(
        f"{path}/$sign", signer=_subject(world, 2), capacity="usager", state="signed-on-paper",
        scan={"reference": f"Binary/{scan['id']}"},
    )  # fmt: skip
    assert paper["entity"][0]["what"] == {"reference": f"Binary/{scan['id']}"}


@case("dmp-submit", "DocumentReference")
def _(world: World) -> None:
    director = {"reference": f"Practitioner/direction-{world.finess['pa']}"}
    document = world.call(f"CarePlan/{world.of('projet', 3)}/$generate", kind="ppa")
    path = f"DocumentReference/{document['id']}"
    world.call(f"{path}/$sign", signer=director, capacity="directeur")
    task = world.call(f"{path}/$dmp-submit")
    assert (task["code"]["coding"][0]["code"], task["focus"]["reference"]) == ("dmp-submit", path)
    assert task["status"] in ("requested", "in-progress")


@case("dlu", "Patient")
def _(world: World) -> None:
    person = world.of("usager", 4)
    for resource in _safety(_subject(world, 4)):
        world.stored(resource)
    path = f"Patient/{person}"
    assert world.call(f"{path}/$dlu", 404)["issue"][0]["details"]["coding"][0]["code"] == "dlu-none"
    document = world.call(f"{path}/$generate", kind="dlu")
    doctor = world.stored(DOCTOR)
    signer = {"reference": f"Practitioner/{doctor['id']}"}
    world.call(f"DocumentReference/{document['id']}/$sign", signer=signer, capacity="medecin")
    assert _members(world.call(f"{path}/$dlu"), "document")[0]["resourceType"] == "Composition"
    printed = world.send("GET", f"{path}/$dlu", Accept="application/pdf")
    assert (printed.status_code, printed.data[:5]) == (200, b"%PDF-")


DOCTOR = {
    "resourceType": "Practitioner",
    "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810002918950"}],
    "name": [{"family": "Petit", "given": ["Hélène"], "prefix": ["DR"]}],
}


def _safety(subject: Resource) -> Iterator[Resource]:
    """Yield what an emergency document must say."""
    active = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    yield {"resourceType": "AllergyIntolerance", "patient": subject, "code": {"text": "Pénicilline"},
           "clinicalStatus": {"coding": [{"system": active, "code": "active"}]}}  # fmt: skip
    for code, status in (("soins-palliatifs", "inactive"), ("chute", "active")):
        yield {"resourceType": "Flag", "status": status, "subject": subject,
               "code": {"coding": [{"system": "urn:dui-fhir:alerte", "code": code, "display": code}]}}  # fmt: skip
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr"}
    category = {"system": "http://terminology.hl7.org/CodeSystem/consentcategorycodes", "code": "acd"}
    yield {"resourceType": "Consent", "status": "active", "patient": subject, "dateTime": "2026-01-10",
           "scope": {"coding": [scope]}, "category": [{"coding": [category]}],
           "policyRule": {"text": "directives anticipées"}}  # fmt: skip


@case("summary", "Patient")
def _(world: World) -> None:
    path = f"Patient/{world.of('usager')}/$summary"
    assert _members(world.call(path), "document")[0]["resourceType"] == "Composition"
    assert world.send("GET", f"{path}?_format=application/pdf").data.startswith(b"%PDF-")


@case("document", "Composition")
def _(world: World) -> None:
    composition = {"resourceType": "Composition", "status": "final", "type": {"text": "Synthèse"}, "date": "2026-01-01",
                   "title": "Synthèse", "author": [_subject(world)], "subject": _subject(world)}  # fmt: skip
    path = f"Composition/{world.stored(composition)['id']}/$document"
    assert [m["resourceType"] for m in _members(world.call(path, persist=False), "document")][:2] == [
        "Composition",
        "Patient",
    ]
    kept = world.call(path, 201, persist=True)
    assert world.send("GET", f"Bundle/{kept['id']}").json == kept


# life of a file, team


@case("change-status", "EpisodeOfCare")
def _(world: World) -> None:
    path = f"EpisodeOfCare/{world.of('dossier', 2)}/$change-status"
    changed = world.call(path, status="finished", date="2026-11-19", reason="Déménagement")
    assert (changed["status"], changed["period"]["end"]) == ("finished", "2026-11-19")
    assert world.call(path, 400, status="inconnu")["resourceType"] == "OperationOutcome"


@case("transfer", "EpisodeOfCare")
def _(world: World) -> None:
    target = {"reference": f"Organization/finess-{world.finess['ph']}"}
    path = f"EpisodeOfCare/{world.of('dossier', 3)}/$transfer"
    opened = world.call(path, organization=target, date="2026-11-19", reason="Proximité de la famille")
    assert opened["managingOrganization"]["reference"] == target["reference"]
    assert world.send("GET", f"EpisodeOfCare/{world.of('dossier', 3)}").json["status"] == "finished"


@case("medication-round", "Patient")
def _(world: World) -> None:
    path = f"Patient/{world.of('usager')}/$medication-round"
    world.call(path)
    assert _types(world.call(path, date="2026-11-20")) & {"MedicationAdministration", "MedicationRequest"}


@case("acknowledge", "Communication")
def _(world: World) -> None:
    said = f"Communication/{world.of('transmission-1')}"
    reader = {"reference": f"Practitioner/cadre-{world.finess['pa']}"}
    receipt = world.call(f"{said}/$acknowledge", 201, reader=reader, version=1)
    assert (receipt["focus"]["reference"], receipt["owner"]) == (f"{said}/_history/1", reader)


@case("feed", "Communication")
def _(world: World) -> None:
    reader = {"reference": f"Practitioner/cadre-{world.finess['pa']}"}
    everything = _members(world.call("Communication/$feed", reader=reader))
    unread = _members(
        world.call(
            "Communication/$feed", reader=reader, unread=True, patient=_subject(world), since="2026-01-01T00:00:00Z"
        )
    )
    assert "Communication" in {m["resourceType"] for m in everything}
    assert len(unread) < len(everything)
    world.call("Communication/$feed", reader=reader, role=["infirmier"])


@case("exchanges", "Patient")
def _(world: World) -> None:
    path = f"Patient/{world.of('usager')}/$exchanges"
    every = len(_members(world.call(path)))
    within = len(_members(world.call(path, start="2020-01-01", end="2026-12-31", direction="internal")))
    assert (every > 0, within <= every) == (True, True)


@case("liaison-note", "Communication")
def _(world: World) -> None:
    coding = {"system": "http://loinc.org", "code": "34133-9", "display": "Synthèse"}
    note = world.call(f"Communication/{world.of('transmission-1', 2)}/$liaison-note", 201, type=coding)
    assert note["type"]["coding"][0]["code"] == "34133-9"


@case("transmission", "DocumentReference")
def _(world: World) -> None:
    note = world.call(f"Communication/{world.of('transmission-1', 3)}/$liaison-note", 201)
    said = world.call(f"DocumentReference/{note['id']}/$transmission", 201)
    assert said["about"] == [{"reference": f"DocumentReference/{note['id']}"}]


@case("identity-worklist", "Patient")
def _(world: World) -> None:
    inputs = {"reason": ["provisoire"], "structure": world.finess["pa"], "_count": 1, "page": 1}
    lines = world.call("Patient/$identity-worklist", **inputs)
    assert lines["total"] >= len(_members(lines))
    unknown = world.call("Patient/$identity-worklist", 400, reason=["inconnu"])
    assert unknown["resourceType"] == "OperationOutcome"


# evaluations


@case("gir", "QuestionnaireResponse")
def _(world: World) -> None:
    found = _named(world.call(f"QuestionnaireResponse/{world.of('grille')}/$gir"))
    assert found["basis"] in ("computed", "declared", "incomplete")


@case("forfait-ssiad", "Patient")
def _(world: World) -> None:
    person = f"Patient/{world.of('usager', 1, 'dom')}"
    inputs = {"week": "2026-11-18", "structure": world.finess["dom"]}
    for path in ("Patient", person):
        week = _named(world.call(f"{path}/$forfait-ssiad", **inputs))["week"]
        assert week == {"start": "2026-11-16", "end": "2026-11-22"}


@case("serafin", "QuestionnaireResponse")
def _(world: World) -> None:
    base = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire"
    response = {"resourceType": "QuestionnaireResponse", "status": "completed", "authored": "2026-11-18",
                "questionnaire": f"{base}/tddui-questionnaire-serafin",
                "subject": {"reference": f"Patient/{world.of('usager', 1, 'ph')}"}}  # fmt: skip
    stored = world.stored(response)
    assert _named(world.call(f"QuestionnaireResponse/{stored['id']}/$serafin")) == {"rated": 0}


# records, observations


@case("everything", "Patient")
def _(world: World) -> None:
    path = f"Patient/{world.of('usager')}/$everything"
    whole = world.call(path)
    assert {"Patient", "EpisodeOfCare", "CarePlan", "Goal"} <= _types(whole)
    some = world.call(
        path, start="2020-01-01", end="2026-12-31", _since="2026-01-01T00:00:00Z", _type=["Goal", "CarePlan"]
    )
    assert _types(some) - {"Practitioner", "Organization", "Patient"} == {"Goal", "CarePlan"}
    page = world.call(path, _count=2)
    assert [link["relation"] for link in page["link"]] == ["self", "next"]
    assert sum(entry["search"]["mode"] == "match" for entry in page["entry"]) == 2


@case("everything", "Encounter")
def _(world: World) -> None:
    _record_of(world, f"Encounter/{world.of('sejour')}")


@case("everything", "EpisodeOfCare")
def _(world: World) -> None:
    _record_of(world, f"EpisodeOfCare/{world.of('dossier')}")


def _record_of(world: World, reference: str) -> None:
    type = reference.partition("/")[0]
    assert type in _types(world.call(f"{reference}/$everything"))
    some = world.call(f"{reference}/$everything", _since="2026-01-01T00:00:00Z", _type=[type], _count=1)
    assert type in _types(some)


@case("lastn", "Observation")
def _(world: World) -> None:
    for value, day in ((70.5, "2026-11-01"), (70.2, "2026-11-10"), (69.9, "2026-11-19")):
        world.stored({"resourceType": "Observation", "status": "final", "subject": _subject(world), "effectiveDateTime": day,
                      "code": {"coding": [{"system": "http://loinc.org", "code": "39156-5"}]},
                      "valueQuantity": {"value": value, "unit": "kg"}})  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "max", "valuePositiveInt": 2}, {"name": "patient", "valueString": _subject(world)["reference"]},
        {"name": "code", "valueString": "http://loinc.org|39156-5"},
    ]}  # fmt: skip
    found = world.send("POST", "Observation/$lastn", body)
    world.used.add("max")
    assert [m["valueQuantity"]["value"] for m in _members(found.json)] == [69.9, 70.2]
    query = f"max=2&patient={_subject(world)['reference']}&code=http://loinc.org|39156-5"
    assert _members(world.send("GET", f"Observation/$lastn?{query}").json) == _members(found.json)


@case("purge", "Patient")
def _(world: World) -> None:
    gone = world.stored({"resourceType": "Patient", "active": True})
    goal = world.stored({"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "x"},
                         "subject": {"reference": f"Patient/{gone['id']}"}})  # fmt: skip
    told = world.call(f"Patient/{gone['id']}/$purge")
    assert told["issue"][0]["details"]["coding"][0]["code"] == "core-erased"
    statuses = [world.send("GET", f"{r['resourceType']}/{r['id']}").status_code for r in (gone, goal)]
    assert statuses == [410, 410]


@case("index-status", "SearchParameter")
def _(world: World) -> None:
    told = world.call("SearchParameter/$index-status")["parameter"]
    assert (told[0]["name"], told[0]["valueBoolean"]) == ("complete", len(told) == 1)
    for base in told[1:]:
        assert {part["name"] for part in base["part"]} == {"type", "code", "done", "total", "percent", "state"}


# indicators


@case(
    "evaluate-measure", "Measure", untried=("practitioner", "lastReceivedOn")
)  # both refused, as docs/fr/indicateurs.md says
def _(world: World) -> None:
    measures = _members(world.call("Organization/$indicators", month="2026-10"), "collection")
    measure = next(m["measure"] for m in measures if m["resourceType"] == "MeasureReport")
    period = {"periodStart": FIRST, "periodEnd": LAST}
    report = world.call("Measure/$evaluate-measure", measure=measure, reportType="summary", **period)
    assert (report["type"], report["period"]["start"][:10]) == ("summary", FIRST)
    subject = f"Organization/finess-{world.finess['pa']}"
    url = measure.partition("|")[0]
    (stored,) = _members(world.send("GET", f"Measure?url={url}").json)
    one = world.call(f"Measure/{stored['id']}/$evaluate-measure", subject=subject, **period)
    assert one["measure"] == measure
    for refused in ("practitioner", "lastReceivedOn"):
        world.call("Measure/$evaluate-measure", 400, measure=measure, **period, **{refused: "2026-01-01"})


@case("indicators", "Organization")
def _(world: World) -> None:
    finess = world.finess["pa"]
    whole = _members(
        world.call("Organization/$indicators", structure=[finess], month="2026-10", quarter=True), "collection"
    )
    assert {m["resourceType"] for m in whole} == {"MeasureReport"}
    names = [whole[0]["measure"]]
    for path in ("Organization/$indicators", f"Organization/finess-{finess}/$indicators"):
        (only,) = _members(
            world.call(path, periodStart=FIRST, periodEnd=LAST, measure=names, reportType="subject-list"), "collection"
        )
        assert (only["measure"], only["type"]) == (names[0], "subject-list")
    body = {"resourceType": "Parameters", "parameter": [{"name": "keep", "valueBoolean": True}]}
    kept = _members(world.send("POST", f"Organization/finess-{finess}/$indicators", body).json, "collection")
    world.used.add("keep")
    counted = [r for r in kept if r["group"][0].get("population")]
    assert counted
    assert world.send("GET", "MeasureReport?_summary=count").json["total"] > 0


# agendas, subscriptions


@case("calendar-link", "Patient", "Practitioner", "RelatedPerson")
def _(world: World) -> None:
    relation = {"resourceType": "RelatedPerson", "patient": _subject(world)}
    owners = [f"Patient/{world.of('usager')}", f"Practitioner/direction-{world.finess['pa']}"]
    for owner in [*owners, f"RelatedPerson/{world.stored(relation)['id']}"]:
        link = _named(world.call(f"{owner}/$calendar-link", days=30, replace=True))
        assert world.send("GET", link["url"]).data.startswith(b"BEGIN:VCALENDAR")


@case("calendar-revoke", "Patient", "Practitioner", "RelatedPerson")
def _(world: World) -> None:
    relation = {"resourceType": "RelatedPerson", "patient": _subject(world)}
    owners = [f"Patient/{world.of('usager', 2)}", f"Practitioner/cadre-{world.finess['pa']}"]
    for owner in [*owners, f"RelatedPerson/{world.stored(relation)['id']}"]:
        link = _named(world.call(f"{owner}/$calendar-link"))
        world.call(f"{owner}/$calendar-revoke", link=link["link"]["reference"])
        assert world.send("GET", link["url"]).status_code == 404


def _subscription(world: World) -> str:
    channel = {"type": "rest-hook", "endpoint": f"https://{HOST}/x"}
    asked = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "essai",
        "criteria": "Goal?",
        "channel": channel,
    }
    return str(world.stored(asked)["id"])


@case("status", "Subscription")
def _(world: World) -> None:
    id = _subscription(world)
    (one,) = _members(world.call(f"Subscription/{id}/$status"))
    assert _named(one)["status"] == "requested"
    assert _members(world.call("Subscription/$status", id=[id], status=["requested"])) == [one]
    assert _members(world.call("Subscription/$status", id=[id], status=["error"])) == []


@case("events", "Subscription")
def _(world: World) -> None:
    id = _subscription(world)
    inputs = {"eventsSinceNumber": "1", "eventsUntilNumber": "5", "content": "id-only"}
    told = _members(world.call(f"Subscription/{id}/$events", **inputs), "history")
    assert [m["resourceType"] for m in told] == ["Parameters"]


# bulk data


def _files(world: World, accepted: Any) -> list[Resource]:
    """Let the worker do what was accepted, and return the lines of its files."""
    manifest = _ended(world, accepted)
    files = [world.send("GET", output["url"]) for output in manifest["output"]]
    return [json.loads(line) for file in files for line in file.text.splitlines()]


def _ended(world: World, accepted: Any) -> Resource:
    assert accepted.status_code == 202
    world.runner.run_all()
    manifest = world.send("GET", accepted.headers["Content-Location"])
    assert manifest.status_code == 200, manifest.text
    return dict(manifest.json)


_EXPORTED = {
    "_outputFormat": "application/fhir+ndjson",
    "_since": "2026-01-01T00:00:00Z",
    "_type": ["Patient,Goal"],
    "_typeFilter": ["Goal?lifecycle-status=active"],
    "_elements": ["Patient.birthDate"],
}


def _exported(world: World, path: str, **more: Any) -> list[Resource]:
    lines = _files(world, world.call(f"{path}$export", 202, **_EXPORTED, **more))
    assert {line["resourceType"] for line in lines} == {"Patient", "Goal"}
    assert {line["lifecycleStatus"] for line in lines if line["resourceType"] == "Goal"} == {"active"}
    assert not any("name" in line for line in lines if line["resourceType"] == "Patient")
    return [line for line in lines if line["resourceType"] == "Patient"]


@case("export")
def _(world: World) -> None:
    assert len(_exported(world, "")) >= sum(PERSONS.values())


@case("export", "Patient")
def _(world: World) -> None:
    assert [p["id"] for p in _exported(world, "Patient/", patient=[_subject(world)])] == [world.of("usager")]


@case("export", "Group")
def _(world: World) -> None:
    members = [{"entity": _subject(world, person)} for person in (1, 2)]
    group = world.stored({"resourceType": "Group", "type": "person", "actual": True, "member": members})
    assert [p["id"] for p in _exported(world, f"Group/{group['id']}/", patient=[_subject(world, 2)])] == [
        world.of("usager", 2)
    ]


@case("import")
def _(world: World) -> None:
    line = {"resourceType": "Patient", "id": "importe", "active": True}
    binary = {"resourceType": "Binary", "contentType": "application/fhir+ndjson",
              "data": base64.b64encode(json.dumps(line).encode()).decode()}  # fmt: skip
    source = {"type": "Patient", "url": f"Binary/{world.stored(binary)['id']}"}
    inputs = {"inputFormat": "application/fhir+ndjson", "inputSource": "https://ancien.example", "input": [source]}
    manifest = _ended(world, world.call("$import", 202, **inputs))
    assert manifest["extension"]["urn:dui-fhir:counts"]["created"] == 1
    assert world.send("GET", "Patient/importe").json["active"] is True


@case("async-status")
def _(world: World) -> None:
    accepted = world.call("$export", 202, _type=["Goal"])
    job = accepted.headers["Content-Location"].rpartition("=")[2]
    world.used = {"job"}
    assert world.send("GET", f"$async-status?job={job}").headers["Retry-After"]
    world.runner.run_all()
    assert [o["type"] for o in world.send("GET", f"$async-status?job={job}").json["output"]] == ["Goal"]
    assert world.send("DELETE", f"$async-status?job={job}").status_code == 202


@case("async-file")
def _(world: World) -> None:
    manifest = _ended(world, world.call("$export", 202, _type=["Goal"]))
    job, file = manifest["output"][0]["url"].partition("?job=")[2].split("&file=")
    inputs = [{"name": "job", "valueId": job}, {"name": "file", "valueString": file}]
    got = world.send("POST", "$async-file", {"resourceType": "Parameters", "parameter": inputs})
    world.used |= {"job", "file"}
    assert got.headers["Content-Type"] == "application/fhir+ndjson"
    assert len(got.text.splitlines()) == manifest["output"][0]["count"]


# terminology; the options of $expand and $validate-code are tried by the official cases (test_terminology_cases.py)


def _codes(world: World) -> None:
    concept = [
        {"code": "agrume", "display": "Agrume", "concept": [{"code": "citron", "display": "Citron"}]},
        {"code": "pomme", "display": "Pomme"},
    ]
    world.put({"resourceType": "CodeSystem", "id": "fruits", "url": SYSTEM, "version": "1", "status": "active",
               "content": "complete", "hierarchyMeaning": "is-a", "concept": concept})  # fmt: skip
    world.put({"resourceType": "ValueSet", "id": "fruits", "url": VALUE_SET, "status": "active",
               "compose": {"include": [{"system": SYSTEM}]}})  # fmt: skip
    target = [{"code": "lemon", "equivalence": "equivalent"}]
    group = {"source": SYSTEM, "target": f"{TX}en", "element": [{"code": "citron", "target": target}]}
    world.put({"resourceType": "ConceptMap", "id": "fruits", "url": MAP, "status": "active", "sourceUri": VALUE_SET,
               "targetUri": f"{TX}ValueSet/en", "group": [group]})  # fmt: skip


@case("expand", "ValueSet", untried=("*",))
def _(world: World) -> None:
    _codes(world)
    every = world.call("ValueSet/$expand", url=VALUE_SET)["expansion"]
    assert {c["code"]: [n["code"] for n in c.get("contains", ())] for c in every["contains"]} == {
        "agrume": ["citron"],
        "pomme": [],
    }
    page = world.call("ValueSet/fruits/$expand", filter="pom", count=1, offset=0)["expansion"]
    assert [(c["code"], c["display"]) for c in page["contains"]] == [("pomme", "Pomme")]
    own = {
        "resourceType": "ValueSet",
        "status": "active",
        "compose": {"include": [{"system": SYSTEM, "concept": [{"code": "citron"}]}]},
    }
    assert [c["code"] for c in world.call("ValueSet/$expand", valueSet=own)["expansion"]["contains"]] == ["citron"]


@case("validate-code", "ValueSet", untried=("*",))
def _(world: World) -> None:
    _codes(world)
    coding = {"system": SYSTEM, "code": "citron", "display": "Citron"}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("ValueSet", {"url": VALUE_SET, "code": "citron", "system": SYSTEM, "display": "Citron"}),
        ("ValueSet/fruits", {"coding": coding}),
        ("ValueSet/fruits", {"codeableConcept": {"coding": [coding]}}),
    ]
    for path, inputs in asked:
        assert _named(world.call(f"{path}/$validate-code", **inputs))["result"] is True
    wrong = _named(world.call("ValueSet/$validate-code", url=VALUE_SET, code="chou", system=SYSTEM))
    assert (wrong["result"], bool(wrong["message"])) == (False, True)


@case("validate-code", "CodeSystem", untried=("*",))
def _(world: World) -> None:
    _codes(world)
    inputs = {"code": "pomme", "display": "Pomme", "version": "1"}
    assert _named(world.call("CodeSystem/$validate-code", url=SYSTEM, **inputs))["result"] is True
    assert _named(world.call("CodeSystem/fruits/$validate-code", code="chou"))["result"] is False


@case("lookup", "CodeSystem", untried=("useSupplement", "date", "displayLanguage"))
def _(world: World) -> None:
    _codes(world)
    found = _named(
        world.call("CodeSystem/$lookup", system=SYSTEM, code="citron", version="1", property=["display", "parent"])
    )
    assert (found["display"], found["version"]) == ("Citron", "1")
    assert _named(world.call("CodeSystem/$lookup", coding={"system": SYSTEM, "code": "pomme"}))["display"] == "Pomme"
    assert world.call("CodeSystem/$lookup", 404, system=SYSTEM, code="chou")["resourceType"] == "OperationOutcome"


@case("subsumes", "CodeSystem")
def _(world: World) -> None:
    _codes(world)
    asked = {("agrume", "citron"): "subsumes", ("citron", "agrume"): "subsumed-by", ("citron", "citron"): "equivalent",
             ("pomme", "citron"): "not-subsumed"}  # fmt: skip
    for (one, other), outcome in asked.items():
        assert _named(world.call("CodeSystem/$subsumes", codeA=one, codeB=other, system=SYSTEM, version="1")) == {
            "outcome": outcome
        }
        assert _named(world.call("CodeSystem/fruits/$subsumes", codeA=one, codeB=other)) == {"outcome": outcome}
        codings = {"codingA": {"system": SYSTEM, "code": one}, "codingB": {"system": SYSTEM, "code": other}}
        assert _named(world.call("CodeSystem/$subsumes", **codings)) == {"outcome": outcome}


@case(
    "translate",
    "ConceptMap",
    untried=("conceptMapVersion", "version", "dependency", "source", "target", "targetsystem"),
)
def _(world: World) -> None:
    _codes(world)
    coding = {"system": SYSTEM, "code": "citron"}
    inline = {k: v for k, v in world.send("GET", "ConceptMap/fruits").json.items() if k not in ("id", "meta")}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("ConceptMap", {"url": MAP, "code": "citron", "system": SYSTEM}),
        ("ConceptMap/fruits", {"coding": coding}),
        ("ConceptMap/fruits", {"codeableConcept": {"coding": [coding]}}),
        ("ConceptMap", {"conceptMap": inline, "coding": coding}),
        ("ConceptMap/fruits", {"coding": {"system": f"{TX}en", "code": "lemon"}, "reverse": True}),
    ]
    for path, inputs in asked:
        found = _named(world.call(f"{path}/$translate", **inputs))
        assert found["result"] is True, (path, inputs)
        code = next(p["valueCoding"]["code"] for p in found["match"] if p["name"] == "concept")
        assert code == ("citron" if "reverse" in inputs else "lemon")


# the tests


def _claimed(world: World) -> set[tuple[str, str]]:
    rest = world.send("GET", "metadata").json["rest"][0]
    found = {(o["name"], "") for o in rest.get("operation", ())}
    found |= {(o["name"], r["type"]) for r in rest["resource"] for o in r.get("operation", ())}
    return {(name, type) for name, type in found if name not in GENERIC}


def test_operations__each_one_claimed__is_tried_here(world: World) -> None:
    assert _claimed(world) - set(CASES) == set()


@pytest.mark.parametrize(
    "tried", dict.fromkeys(CASES.values()), ids=lambda tried: "-".join(_keys(tried)[0]).rstrip("-")
)
def test_operation__with_inputs_of_its_definition__answers_as_documented(world: World, tried: Try) -> None:
    claimed = [key for key in _keys(tried) if key in _claimed(world)]
    if not claimed:
        pytest.skip("no corridor offers it")
    world.used = set()
    tried(world)
    for code, type in claimed:
        declared = {p["name"] for p in world.definition(f"{type}/${code}".lstrip("/"))["parameter"] if p["use"] == "in"}
        untried = declared if UNTRIED[code, type] == {"*"} else UNTRIED[code, type]
        assert declared - world.used - untried == set()


def _keys(tried: Try) -> list[tuple[str, str]]:
    return [key for key, function in CASES.items() if function is tried]
