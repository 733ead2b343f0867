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
        "extension": [extension("fr-core-patient-birth-list-given-name", valueString="CATARINA BELLA")],
    }
    profiles = [
        p.replace("/tddui-patient", "/tddui-patient-ins") if p.endswith("/tddui-patient") else p
        for p in _profiles(patient)
    ]
    return {
        **{k: v for k, v in patient.items() if k != "_birthDate"},
        "meta": {**patient.get("meta", {}), "profile": profiles, "tag": [SIMULATED]},
        "extension": [reliability(today), birth_place("63220")],
        "identifier": [matricule, *kept],
        "name": [name],
        "gender": "female",
        "birthDate": "1936-06-21",
    }


def _profiles(patient: Resource) -> list[str]:
    profiles: list[str] = patient.get("meta", {}).get("profile", [])
    return profiles


def reliability(today: date, *, qualified: bool = True) -> dict[str, Any]:
    """Return how far an identity is to be trusted: qualified by an INSi answer and an identity card, or provisional.

    FR Core 2.1.0 writes QUAL as VALI with an INS identifier.
    """
    status = {"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0445", "code": "VALI" if qualified else "PROV"}
    parts: list[dict[str, Any]] = [{"url": "identityStatus", "valueCoding": status}]
    if qualified:
        mode = {"system": f"{CORE}/CodeSystem/fr-core-cs-mode-validation-identity", "code": "CN"}
        method = {"system": f"{CORE}/CodeSystem/fr-core-cs-method-collection", "code": "INSI"}
        parts += [
            {"url": "validationDate", "valueDate": today.isoformat()},
            {"url": "validationMode", "valueCoding": mode},
            {"url": "methodCollection", "valueCoding": method},
            {"url": "dateCollection", "valueDate": today.isoformat()},
        ]
    return {"url": f"{CORE}/StructureDefinition/fr-core-identity-reliability", "extension": parts}


def birth_place(commune: str) -> dict[str, Any]:
    """Return the extension of the place of birth; ``commune``: code of the COG."""
    coding = {"system": "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM", "code": commune}
    return {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
        "valueAddress": {"extension": [extension("fr-core-address-insee-code", valueCoding=coding)], "country": "FRA"},
    }


def extension(name: str, **value: Any) -> dict[str, Any]:
    """Return an extension of FR Core."""
    return {"url": f"{CORE}/StructureDefinition/{name}", **value}
