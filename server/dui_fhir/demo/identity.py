"""A qualified INS identity for the demo: a published test person of the INSi qualification platform, never a real one.

Sources: FR Core 2.1.0, fr-core-patient-ins; RNIV (status QUAL = INSi answer + high-trust document). Nobody called INSi and
nobody saw a document: the resource says so with the tag ``simule``.
"""

from datetime import date
from typing import Any

from dui_fhir.domain.change import Resource

CORE = "https://hl7.fr/ig/fhir/core"
INS_NIR_TEST = "urn:oid:1.2.250.1.213.1.4.10"
SIMULATED = {"system": "urn:dui-fhir:tag", "code": "simule", "display": "Preuves d’identité simulées"}


def with_ins(patient: Resource, today: date) -> Resource:
    """Return the patient as TCHITCHI Catarina Bella, with matricule, traits and evidence; other identifiers are kept."""
    kept = [i for i in patient.get("identifier", []) if i.get("system") != INS_NIR_TEST]
    matricule = {
        "use": "official",
        "type": {"coding": [{"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR-TEST"}]},
        "system": INS_NIR_TEST,
        "value": "236066322083656",
    }
    name = {
        "use": "official",
        "family": "TCHITCHI",
        "given": ["CATARINA"],
        "extension": [_extension("fr-core-patient-birth-list-given-name", valueString="CATARINA BELLA")],
    }
    profiles = [
        p.replace("/tddui-patient", "/tddui-patient-ins") if p.endswith("/tddui-patient") else p
        for p in _profiles(patient)
    ]
    return {
        **{k: v for k, v in patient.items() if k != "_birthDate"},
        "meta": {**patient.get("meta", {}), "profile": profiles, "tag": [SIMULATED]},
        "extension": [_reliability(today), _birth_place()],
        "identifier": [matricule, *kept],
        "name": [name],
        "gender": "female",
        "birthDate": "1936-06-21",
    }


def _profiles(patient: Resource) -> list[str]:
    profiles: list[str] = patient.get("meta", {}).get("profile", [])
    return profiles


def _reliability(today: date) -> dict[str, Any]:
    """INSi answer and identity card (FR Core 2.1.0 writes QUAL as VALI with an INS identifier)."""
    parts = [
        {"url": "identityStatus", "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0445", "code": "VALI"}},
        {"url": "validationDate", "valueDate": today.isoformat()},
        {
            "url": "validationMode",
            "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-mode-validation-identity", "code": "CN"},
        },
        {
            "url": "methodCollection",
            "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-method-collection", "code": "INSI"},
        },
        {"url": "dateCollection", "valueDate": today.isoformat()},
    ]
    return {"url": f"{CORE}/StructureDefinition/fr-core-identity-reliability", "extension": parts}


def _birth_place() -> dict[str, Any]:
    commune = {"system": "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM", "code": "63220"}
    return {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
        "valueAddress": {
            "extension": [_extension("fr-core-address-insee-code", valueCoding=commune)],
            "country": "FRA",
        },
    }


def _extension(name: str, **value: Any) -> dict[str, Any]:
    return {"url": f"{CORE}/StructureDefinition/{name}", **value}
