"""Each TDDUI profile written from the guide (marked ``derived``): a sound instance is accepted, its mutations are found."""

import copy
from typing import Any

import pytest

from dui_fhir.terminology import Terminology
from dui_fhir.validation.overlay import Item
from dui_fhir.validation.shipped import library, structures
from dui_fhir.validation.validator import Validator

TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/"
SD = TDDUI + "StructureDefinition/"
CS = TDDUI + "CodeSystem/"
DERIVED = {s["url"].rsplit("/", 1)[-1]: s for s in structures("tddui-2.4.0-derived.json")}
VALIDATOR = Validator(library())
WITH_TERMINOLOGY = Validator(library(), Terminology())
PUBLISHED = {s["url"].rsplit("/", 1)[-1] for s in structures("tddui-2.4.0-ballot.json")}
NONE = object()


def _id(kind: str, mark: str, code: str | None = None, system: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {
        "system": f"https://identifiant-medicosocial-{kind}.esante.gouv.fr",
        "value": f"3480787529/1234-{mark}-1",
    }
    return found if code is None else {"type": _concept(system, code), **found}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system if ":" in system else CS + system, "code": code}]}


def _shown(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": CS + system, "code": code, "display": display}]}


def _decision_id(code: str, display: str, value: str) -> dict[str, Any]:
    return {"type": _shown(_BASIC_ID, code, display), "system": "urn:oid:1.2.3", "value": value}


def _ext(name: str, **value: Any) -> dict[str, Any]:
    return {"url": SD + name, **value}


def _note(code: str) -> dict[str, Any]:
    return {"extension": [_ext("tddui-discriminator", valueCodeableConcept=_concept("tddui-discriminator", code))]}


def _input(system: str, code: str, **value: Any) -> dict[str, Any]:
    return {"type": _concept(system, code), **value}


PATIENT = {"reference": "Patient/1"}
_COMMENT = _ext("tddui-comment", valueString="C")
PLAN = [{"reference": "CarePlan/1"}]
PERIOD = {"start": "2026-01-01T08:00:00Z", "end": "2026-01-01T09:00:00Z"}
NAME = {"use": "official", "family": "MARTIN", "given": ["Anne"]}


def _task(kind: str, mark: str, *inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {
        "resourceType": "Task",
        "identifier": [_id(kind, mark)],
        "status": "draft",
        "intent": "plan",
        "basedOn": PLAN,
    }
    return {**base, **({"input": list(inputs)} if inputs else {}), **more}


def _transport(kind: str, mark: str, *inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    identifier = {
        "system": f"https://identifiant-medicosocial-{kind}.esante.gouv.fr",
        "value": f"3480787529/1-{mark}-1",
    }
    return {**_TRANSPORT, "identifier": [identifier], **({"input": list(inputs)} if inputs else {}), **more}


def _component(code: str, display: str, **value: Any) -> dict[str, Any]:
    concept = _concept("tddui-observation-periode-scolaire", code)
    concept["coding"][0]["display"] = display  # part of the published pattern
    return {"code": concept, **value}


def _observation(system: str, code: str, display: str, **more: Any) -> dict[str, Any]:
    kind = _concept(system, code)
    kind["coding"][0]["display"] = display
    return {"resourceType": "Observation", "status": "final", "code": kind, "subject": PATIENT, **more}


_LOINC = "http://loinc.org"
_CAUSE = {"coding": [{"system": _LOINC, "code": "79378-6", "display": "Cause of death"}]}
_TRANSPORT = {
    "resourceType": "Task",
    "identifier": [{"system": "https://example.org/trajets", "value": "1"}],
    "status": "draft",
    "intent": "plan",
    "code": {"text": "VSL"},
    "encounter": {"reference": "Encounter/1"},
    "executionPeriod": PERIOD,
}
_DECISION = {
    "url": SD + "tddui-decision",
    "extension": [
        {"url": "typeDecision", "valueCodeableConcept": _concept("https://example.org/type", "1")},
        {
            "url": "droitPrestation",
            "extension": [
                {"url": "natureDroitPrestation", "valueCodeableConcept": _concept("https://example.org/n", "6")}
            ],
        },
    ],
}
_BASIC_ID = "tddui-basic-decision-identifier"

SOUND: dict[str, dict[str, Any]] = {
    "tddui-patient-ins": {
        "resourceType": "Patient",
        "extension": [
            {
                "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability",
                "extension": [
                    {
                        "url": "identityStatus",
                        "valueCoding": {
                            "system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445",
                            "code": "VALI",
                        },
                    }
                ],
            },
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
                "valueAddress": {
                    "extension": [
                        {
                            "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code",
                            "valueCoding": {
                                "system": "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM",
                                "code": "63220",
                            },
                        }
                    ]
                },
            },
        ],
        "identifier": [
            {
                "use": "official",
                "type": _concept("https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "INS-NIR"),
                "system": "urn:oid:1.2.250.1.213.1.4.8",
                "value": "247047602501234",
            },
            {
                "type": {
                    "coding": [
                        {
                            "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                            "code": "PI",
                            "display": "Patient internal identifier",  # part of the pattern of FR Core
                        }
                    ]
                },
                "system": "https://identifiant-medicosocial-localusager.esante.gouv.fr",
                "value": "3480787529/1234",
            },
        ],
        "name": [
            {
                **NAME,
                "extension": [
                    {
                        "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name",
                        "valueString": "Anne",
                    }
                ],
            }
        ],
        "gender": "female",
        "birthDate": "1947-04-03",
    },
    "tddui-encounter-evenement": {
        "resourceType": "Encounter",
        "identifier": [{"type": {"text": "évènement"}, **_id("evenement", "EVN")}],
        "status": "planned",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "type": [
            {**_concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-permitted"), "text": "Atelier"}
        ],
        "subject": PATIENT,
        "period": PERIOD,
    },
    "tddui-questionnaire-response": {
        "resourceType": "QuestionnaireResponse",
        "identifier": _id("evaluation", "EVAL"),
        "questionnaire": TDDUI + "Questionnaire/tddui-questionnaire-serafin",
        "status": "completed",
        "subject": PATIENT,
        "author": {"reference": "Practitioner/1"},
        "item": [{"linkId": "1"}],
    },
    "tddui-service-request-besoin": {
        "resourceType": "ServiceRequest",
        "identifier": [_id("besoin", "BESO", "BES", "tddui-service-request-identifier")],
        "basedOn": PLAN,
        "status": "active",
        "intent": "plan",
        "code": {"text": "Se déplacer"},
        "subject": PATIENT,
    },
    "tddui-service-request-demande-orientation": {
        "resourceType": "ServiceRequest",
        "identifier": [
            {
                "type": _concept("tddui-service-request-identifier", "DEMANDE_ORIENTATION"),
                "system": "urn:oid:1.2.3",
                "value": "1",
            }
        ],
        "status": "active",
        "intent": "plan",
        "subject": PATIENT,
        "supportingInfo": [{**_note("depotPoste"), "reference": "DocumentReference/1"}],
    },
    "tddui-goal-attente": {
        "resourceType": "Goal",
        "extension": [_ext("tddui-careplan-reference", valueReference=PLAN[0])],
        "identifier": [_id("attente", "ATTE")],
        "lifecycleStatus": "active",
        "description": {"text": "Rester chez moi"},
        "subject": PATIENT,
        "note": [{**_note("origineAttente"), "text": "Usager"}],
    },
    "tddui-goal-projet-vie": {
        "resourceType": "Goal",
        "identifier": [_id("projetvie", "PDV", "PDV", "tddui-goal-identifier")],
        "lifecycleStatus": "active",
        "description": {"text": "Vivre en appartement"},
        "subject": PATIENT,
        "target": [
            {
                "measure": {
                    "extension": [
                        {
                            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                            "valueCode": "not-applicable",
                        }
                    ]
                },
                "detailString": "Emménager",
            }
        ],
    },
    "tddui-task-action": _task("action", "ACTI", _input("tddui-task-input-action", "titre", valueString="T")),
    "tddui-task-moyen-ressource": _task(
        "moyenressource", "MORE", _input("tddui-task-input-moyen-ressource", "titre", valueString="T")
    ),
    "tddui-task-prestation": _task(
        "prestation", "PRES", _input("tddui-task-input-prestation", "titre", valueString="T")
    ),
    "tddui-task-bilan": _task(
        "bilan",
        "BILA",
        _input(
            "tddui-task-input-bilan",
            "synthesePreparationBilan",
            valueAnnotation={"authorReference": {"reference": "Practitioner/1"}, "text": "T"},
        ),
        executionPeriod={"start": "2026-01-01"},
    ),
    "tddui-task-transport": _TRANSPORT,
    "tddui-task-transport-professionnel": _transport(
        "transportprofessionnel", "TPPro", **{"for": {"reference": "Practitioner/1"}}
    ),
    "tddui-task-transport-usager": _transport(
        "transportusager",
        "TPPat",
        _input("tddui-task-input-transport", "accompagnement", valueBoolean=True),
        _input("tddui-task-input-transport", "asepsie", valueBoolean=False),
        _input(
            "tddui-task-input-transport",
            "natureTransport",
            valueCodeableConcept=_concept("https://smt.esante.gouv.fr/terminologie-SERAFINPH", "3.2.4"),
        ),
    ),
    "tddui-observation-cause-mortalite": _observation(
        _LOINC,
        "79378-6",
        "Cause of death",
        component=[
            {
                "code": _CAUSE,
                "valueCodeableConcept": _concept("https://smt.esante.gouv.fr/terminologie-cim-10", "I50.9"),
            }
        ],
    ),
    "tddui-observation-mobilite-usager": _observation(
        _LOINC,
        "LP73551-1",
        "Transport mode",
        valueCodeableConcept=_concept("https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis", "ORG-156"),
        component=[
            {
                "code": {
                    "coding": [
                        {
                            "system": CS + "tddui-observation-type",
                            "code": "OBSAMENAGEMENT",
                            "display": "Observation sur l’aménagement du moyen de transport",
                        }
                    ]
                },
                "valueString": "Rampe latérale",
            }
        ],
    ),
    "tddui-observation-periode-scolaire": _observation(
        "tddui-observation-type",
        "PERIODESCOL",
        "Période scolaire",
        identifier=[_id("periodescolaire", "PSCO")],
        effectivePeriod=PERIOD,
        performer=[{"reference": "RelatedPerson/1"}, {"reference": "Organization/1"}],
        component=[
            _component(
                "typeEnseignementSpecialise",
                "Type enseignement spécialisé",
                valueCodeableConcept=_concept(
                    "https://smt.esante.gouv.fr/fhir/CodeSystem/tre-r408-type-enseignement-specialise", "3"
                ),
            ),
            _component("volumeScolarisation", "Volume de scolarisation", valueQuantity={"value": 12, "unit": "h"}),
        ],
    ),
    "tddui-observation-repas": _observation(
        "tddui-observation-type",
        "REPAS",
        "Repas",
        extension=[_ext("tddui-participant-present", valueBoolean=True)],
        identifier=[_id("repas", "REPAS", "REP", "tddui-observation-identifier")],
        category=[_concept("https://smt.esante.gouv.fr/fhir/CodeSystem/tre-r425-type-repas", "1")],
        effectiveDateTime="2026-04-17T12:00:00+02:00",
    ),
    "tddui-slot-presence-absence": {
        "resourceType": "Slot",
        "extension": [_ext("tddui-planned-absence", valueBoolean=True)],
        "identifier": [_id("presenceabsence", "PA", "PA", "tddui-slot-identifier")],
        "serviceType": [_concept("https://example.org/presence", "2")],
        "appointmentType": {"text": "Vacances"},
        "schedule": {"reference": "Schedule/1"},
        "status": "busy",
        "start": "2026-01-01T08:00:00Z",
        "end": "2026-01-02T08:00:00Z",
    },
    "tddui-schedule": {"resourceType": "Schedule", "actor": [PATIENT]},
    "tddui-basic-decision": {
        "resourceType": "Basic",
        "extension": [_DECISION],
        "identifier": [
            _decision_id("IDDECISION", "Identifiant principal de la décision", "1"),
            _decision_id("IDDECISIONMAJ", "Identifiant révisé de la décision", "0"),
        ],
        "code": _shown("tddui-basic-type", "DECISION", "Décision"),
        "subject": {"reference": "ServiceRequest/1"},
    },
    "tddui-organization": {
        "resourceType": "Organization",
        "identifier": [
            {
                "type": _concept("https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "IDNST"),
                "system": "urn:oid:1.2.250.1.71.4.2.2",
                "value": "1480787529",
            }
        ],
        "name": "Les Chênes",
    },
    "tddui-practitioner": {
        "resourceType": "Practitioner",
        "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "10101234567"}],
        "name": [{"family": "Bernard"}],
    },
    "tddui-practitioner-role": {
        "resourceType": "PractitionerRole",
        "practitioner": {"reference": "Practitioner/1"},
        "organization": {"reference": "Organization/1"},
        "code": [{"text": "IDE"}],
    },
    "tddui-related-person-contact": {
        "resourceType": "RelatedPerson",
        "identifier": [{"value": "1"}],
        "patient": PATIENT,
        "relationship": [
            _concept(
                "https://mos.esante.gouv.fr/NOS/TRE_R217-ProtectionJuridique/FHIR/TRE-R217-ProtectionJuridique", "01"
            )
        ],
        "gender": "female",
    },
    "tddui-document-reference": {
        "resourceType": "DocumentReference",
        "masterIdentifier": {"value": "1"},
        "status": "current",
        "subject": PATIENT,
        "author": [{"reference": "Organization/1"}],
        "content": [{"attachment": {"title": "Contrat"}}],
    },
    "tddui-bundle": {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001",
                "resource": {"resourceType": "Organization", "name": "N"},
                "request": {"method": "POST", "url": "Organization"},
            }
        ],
    },
}
MUTATIONS: dict[str, list[tuple[str, Any]]] = {
    "tddui-patient-ins": [("name", NONE), ("birthDate", NONE), ("identifier.1.system", "urn:x")],
    "tddui-encounter-evenement": [
        ("identifier", NONE), ("identifier.0.type", NONE), ("identifier.0.system", "urn:x"), ("class.system", NONE),
        ("subject", NONE), ("subject", {"reference": "Location/1"}), ("period", NONE), ("period.end", NONE),
        ("type.0.text", NONE), ("hospitalization", {"origin": PATIENT}), ("participant", [{"individual": PATIENT}]),
        ("type.1", {"coding": [{"system": "https://smt.esante.gouv.fr/terminologie-SERAFINPH"}]}),
        ("hospitalization", {"preAdmissionIdentifier": {"value": "1"}}),
    ],
    "tddui-questionnaire-response": [
        ("identifier", NONE), ("identifier.system", "urn:x"), ("questionnaire", NONE), ("subject", NONE), ("item", NONE),
        ("author", NONE), ("source", PATIENT), ("item.0.extension", [_COMMENT, _COMMENT]),
        ("item.0.item", [{"linkId": "1.1", "extension": [_COMMENT, _COMMENT]}]),
    ],
    "tddui-service-request-besoin": [
        ("identifier", NONE), ("identifier.0.system", "urn:x"), ("identifier.0.value", "3480787529/1234-OBJE-1"),
        ("identifier.0.type", NONE), ("basedOn", NONE), ("code.text", NONE), ("code", NONE),
    ],
    "tddui-service-request-demande-orientation": [
        ("identifier", NONE), ("identifier.0.type", NONE), ("supportingInfo.0.reference", "Patient/1"),
        ("supportingInfo.1", {**_note("depotPoste"), "reference": "DocumentReference/2"}),
        ("subject", {"reference": "Group/1"}), ("supportingInfo.0.extension", NONE),
    ],
    "tddui-goal-attente": [
        ("extension", NONE), ("identifier", NONE), ("identifier.0.system", "urn:x"), ("note", NONE), ("note.0.extension", NONE),
    ],
    "tddui-goal-projet-vie": [
        ("identifier", NONE), ("identifier.0.value", "PDV-1"), ("description.text", NONE), ("target.0.measure", NONE),
        ("target.0.measure", {"text": "x"}),
    ],
    "tddui-task-action": [
        ("identifier", NONE), ("identifier.0.system", "urn:x"), ("basedOn", NONE), ("input", NONE),
        ("input.0.valueString", NONE), ("input.0.type", {"text": "x"}), ("owner", {"reference": "Organization/1"}),
    ],
    "tddui-task-moyen-ressource": [("identifier.0.system", "urn:x"), ("basedOn", NONE), ("input", NONE)],
    "tddui-task-prestation": [("identifier.0.system", "urn:x"), ("basedOn", NONE), ("input", NONE)],
    "tddui-task-bilan": [
        ("identifier.0.system", "urn:x"), ("basedOn", NONE), ("executionPeriod", NONE), ("executionPeriod.start", NONE),
        ("input.0.valueAnnotation.authorReference", NONE),
        ("input.0.valueAnnotation.authorReference", {"reference": "Organization/1"}),
    ],
    "tddui-task-transport": [("identifier", NONE), ("encounter", NONE), ("executionPeriod.end", NONE)],
    "tddui-task-transport-professionnel": [
        ("encounter", NONE), ("executionPeriod.start", NONE), ("for", NONE), ("for", PATIENT),
        ("identifier.0.system", "https://identifiant-medicosocial-transportusager.esante.gouv.fr"), ("identifier.0.value", NONE),
    ],
    "tddui-task-transport-usager": [
        ("encounter", NONE), ("owner", PATIENT), ("identifier.0.system", NONE), ("identifier.0.system", "urn:x"),
        ("input.0.valueBoolean", NONE), ("input.3", _input("tddui-task-input-transport", "asepsie", valueBoolean=True)),
        ("input.2", _input("tddui-task-input-transport", "natureTransport", valueString="VSL")),
        ("input.0", _input("tddui-task-input-transport", "accompagnement", valueString="oui")),
    ],
    "tddui-observation-cause-mortalite": [
        ("code.coding.0.code", "79378-5"), ("subject", NONE), ("subject", {"reference": "Group/1"}), ("component", NONE),
        ("component.0.code.coding.0.code", "1"), ("component.0.valueCodeableConcept", NONE),
        ("component.0.code.coding.1", {"system": _LOINC, "code": "79378-6"}),
        ("component.0", {"code": _CAUSE, "valueString": "I50.9"}),
    ],
    "tddui-observation-mobilite-usager": [
        ("code.coding.0.code", "1"), ("subject", NONE), ("component.0.valueString", NONE), ("component.0.code", {"text": "x"}),
        ("component.0.code.coding.1", {"system": CS + "tddui-observation-type", "code": "REPAS"}),
    ],
    "tddui-observation-periode-scolaire": [
        ("identifier", NONE), ("identifier.0.system", "urn:x"), ("identifier.0.value", NONE), ("identifier.1", {"value": "2"}),
        ("code.coding.0.code", "REPAS"), ("subject", NONE), ("performer", NONE), ("performer.0", {"reference": "Organization/2"}),
        ("performer.2", {"reference": "RelatedPerson/2"}), ("component.0.valueCodeableConcept", NONE),
        ("component.0.code", {"text": "x"}),
        ("component.2", _component("volumeScolarisation", "Volume de scolarisation", valueQuantity={"value": 1})),
        ("component.1", _component("volumeScolarisation", "Volume de scolarisation", valueString="12 h")),
    ],
    "tddui-observation-repas": [
        ("extension", NONE), ("identifier", NONE), ("identifier.0.type", NONE), ("identifier.0.system", "urn:x"),
        ("identifier.0.value", "REPAS-1"), ("category", NONE), ("category.1", {"text": "x"}), ("code.coding.0.code", "PERIODESCOL"),
        ("subject", NONE), ("effectiveDateTime", NONE),
    ],
    "tddui-slot-presence-absence": [
        ("identifier", NONE), ("identifier.0.value", "PA"), ("serviceType", NONE), ("appointmentType", NONE), ("extension", NONE),
    ],
    "tddui-schedule": [("actor", [{"reference": "Location/1"}])],
    "tddui-basic-decision": [
        ("extension", NONE), ("identifier", NONE), ("identifier.1", NONE), ("code", {"text": "x"}),
        ("code.coding.0.display", NONE), ("identifier.0.type.coding.0.display", NONE), ("subject", PATIENT),
        ("extension.0.extension.1.extension.0.valueCodeableConcept", _concept("https://example.org/n", "1")),
        ("extension.0.extension.1.extension.0.url", "nature"),
    ],
    "tddui-organization": [("identifier", NONE), ("identifier.0.type", NONE), ("identifier.0.system", "urn:x")],
    "tddui-practitioner": [
        ("identifier", NONE), ("identifier.0.system", NONE), ("identifier.0.value", NONE), ("name.1", {"family": "B"}),
    ],
    "tddui-practitioner-role": [
        ("practitioner", PATIENT), ("organization", PATIENT), ("code", [{"text": "a"}, {"text": "b"}]),
    ],
    "tddui-related-person-contact": [
        ("identifier", NONE), ("patient", NONE), ("address", [{"city": "A"}, {"city": "B"}]),
    ],
    "tddui-document-reference": [
        ("masterIdentifier", NONE), ("author", NONE), ("content.0.attachment.title", NONE), ("subject", {"reference": "Group/1"}),
        ("authenticator", {"reference": "Practitioner/1"}), ("context", {"sourcePatientInfo": {"reference": "Group/1"}}),
    ],
    "tddui-bundle": [("type", "batch"), ("entry.0.request.method", "PUT"), ("entry.0.request", NONE)],
}  # fmt: skip


def _blocking(resource: dict[str, Any], name: str) -> list[str]:
    issues = [*VALIDATOR.profile(resource, SD + name), *VALIDATOR.base(resource)]
    return [f"{i.id} {i.expression[0]} {i.diagnostics}" for i in issues if i.blocking]


def _mutated(resource: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    mutated = copy.deepcopy(resource)
    *parents, last = path.split(".")
    holder: Any = mutated
    for step in parents:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    key: Any = int(last) if isinstance(holder, list) else last
    if value is NONE:
        del holder[key]
    elif isinstance(holder, list) and key == len(holder):
        holder.append(value)
    else:
        holder[key] = value
    return mutated


@pytest.mark.parametrize("name", sorted(SOUND))
def test_derived_profile__sound_instance__is_accepted(name: str) -> None:
    assert _blocking(SOUND[name], name) == []


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [(name, path, value) for name, rows in MUTATIONS.items() for path, value in rows],
)
def test_derived_profile__mutation__is_found(name: str, path: str, value: Any) -> None:
    assert _blocking(_mutated(SOUND[name], path, value), name) != []


def test_bundle__each_kind_of_entry__is_held_to_its_profile() -> None:
    spec = VALIDATOR.library.spec(SD + "tddui-bundle")
    assert spec is not None

    profiles = {s.children["resource"].types[0].profiles[0] for s in spec.children["entry"].slices.values()}

    assert {p.rsplit("/", 1)[-1].partition("|")[0] for p in profiles} == {
        n for n in (*SOUND, *PUBLISHED) if n not in ("tddui-bundle", "tddui-task-transport")
    }


def test_bundle__entry_of_the_second_half__must_be_posted() -> None:
    entry = {
        "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002",
        "resource": {**SOUND["tddui-observation-repas"], "meta": {"profile": [SD + "tddui-observation-repas"]}},
        "request": {"method": "PUT", "url": "Observation/1"},
    }

    bundle = _mutated(SOUND["tddui-bundle"], "entry.1", entry)

    assert [line for line in _blocking(bundle, "tddui-bundle") if "entry[1].request.method" in line]


def test_derived_profiles__of_resources__all_have_an_instance_and_mutations() -> None:
    resources = {n for n, s in DERIVED.items() if s["type"] not in ("Extension", "HumanName")}

    assert resources == set(SOUND) == set(MUTATIONS)
    assert all(s["derived"] is True for s in DERIVED.values())


@pytest.mark.parametrize("name", sorted(n for n, s in DERIVED.items() if s["type"] == "Extension"))
def test_derived_extension__empty_or_of_another_kind__is_found(name: str) -> None:
    url = SD + name
    spec = VALIDATOR.library.spec(url)
    assert spec is not None
    simple = spec.children["value"].max != 0
    value = {"url": url, **({"extension": [{"url": "x", "valueString": "x"}]} if simple else {"valueString": "x"})}
    check = VALIDATOR._overlay.profile(url)
    assert check is not None
    report = VALIDATOR._report({"resourceType": "Basic"}, declared=False)

    check(Item(value, "Extension", None, "Extension"), report)

    assert [i for i in report.issues if i.blocking]


@pytest.mark.parametrize(("prefix", "accepted"), [("MME", True), ("M", True), ("Mlle", False)])
def test_human_name__title__is_one_of_the_list(prefix: str, accepted: bool) -> None:
    resource = _mutated(SOUND["tddui-practitioner"], "name.0.prefix", [prefix])

    issues = WITH_TERMINOLOGY.profile(resource, SD + "tddui-practitioner")

    assert [i.id for i in issues if i.blocking] == ([] if accepted else ["validation-code"])


def test_contact__sex_out_of_the_list__is_found() -> None:
    resource = _mutated(SOUND["tddui-related-person-contact"], "gender", "other")

    issues = WITH_TERMINOLOGY.profile(resource, SD + "tddui-related-person-contact")

    assert "validation-code" in {i.id for i in issues if i.blocking}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("tddui-task-action", "input.1"),
        ("tddui-task-moyen-ressource", "input.1"),
        ("tddui-task-prestation", "input.1"),
        ("tddui-task-bilan", "input.1"),
        ("tddui-task-bilan", "output"),
        ("tddui-service-request-demande-orientation", "identifier.1"),
    ],
)
def test_bound_kind__out_of_its_list__is_found(name: str, path: str) -> None:
    value: Any = {"type": _concept("tddui-slot-identifier", "PA"), "system": "urn:x", "value": "1"}
    if path != "identifier.1":
        value = {"type": value["type"], "valueString": "x"}
    mutated = _mutated(SOUND[name], path, [value] if path == "output" else value)

    issues = WITH_TERMINOLOGY.profile(mutated, SD + name)

    assert [i.id for i in WITH_TERMINOLOGY.profile(SOUND[name], SD + name) if i.blocking] == []
    assert {i.id for i in issues if i.blocking} == {"validation-code"}


def test_request_of_orientation__another_identifier_beside__is_accepted() -> None:
    name = "tddui-service-request-demande-orientation"
    other = {"type": _concept("http://terminology.hl7.org/CodeSystem/v2-0203", "PLAC"), "system": "urn:x", "value": "1"}

    assert [
        i for i in WITH_TERMINOLOGY.profile(_mutated(SOUND[name], "identifier.1", other), SD + name) if i.blocking
    ] == []


@pytest.mark.parametrize(
    ("value_set", "code", "verdict"),
    [
        ("tddui-goal-attente-note", "origineAttente", "valid"),
        ("tddui-goal-attente-note", "titreObjectif", "invalid"),
        ("tddui-goal-objectif-note", "titreObjectif", "valid"),
        ("tddui-goal-objectif-note", "accordUsager", "invalid"),
        ("tddui-care-plan-supporting-info", "accordUsager", "valid"),
        ("tddui-care-plan-supporting-info", "commentaireAttente", "invalid"),
        ("tddui-servicerequest-supportinginfo", "depotPoste", "valid"),
        ("tddui-servicerequest-supportinginfo", "origineAttente", "invalid"),
    ],
)
def test_list_of_notes__each__holds_its_own_discriminators(value_set: str, code: str, verdict: str) -> None:
    told = Terminology().validate(TDDUI + "ValueSet/" + value_set, CS + "tddui-discriminator", code)

    assert told == verdict


@pytest.mark.parametrize(
    ("value_set", "system", "code", "verdict"),
    [
        ("jdv-j366-statut-bilan-projet-personnalise-ms", "tre-r389-statut-bilan-projet-personnalise", "FINAL", "valid"),
        ("jdv-j367-type-projet-personnalise-ms", "tre-r390-type-projet-personnalise", "PPA", "valid"),
        ("jdv-j367-type-projet-personnalise-ms", "tre-r390-type-projet-personnalise", "XX", "invalid"),
        ("jdv-j386-type-enseignement-specialise-ms", "tre-r408-type-enseignement-specialise", "11", "valid"),
        ("jdv-j394-type-demande-compensation-ms", "tre-r417-type-demande-compensation", "8.1", "valid"),
        ("jdv-j394-type-demande-compensation-ms", "tre-r417-type-demande-compensation", "8", "invalid"),
        ("jdv-j395-nature-demande-compensation-ms", "tre-r418-nature-demande-compensation", "2", "valid"),
        ("jdv-j406-motif-absence-ms", "tre-r424-motif-absence", "3", "invalid"),
        ("jdv-j407-type-repas-ms", "tre-r425-type-repas", "4", "valid"),
    ],
)
def test_list_transcribed__each__has_its_codes(value_set: str, system: str, code: str, verdict: str) -> None:
    smt = "https://smt.esante.gouv.fr/fhir/"

    assert Terminology().validate(f"{smt}ValueSet/{value_set}", f"{smt}CodeSystem/{system}", code) == verdict
