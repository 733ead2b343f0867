"""What the workloads write: a small transaction, and the Bundle of one person."""

import json
from typing import Any

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:bench", "value": "0"}],
    "name": [{"use": "official", "family": "MESURE", "given": ["Élodie"]}],
    "gender": "female",
    "birthDate": "1941-05-06",
    "address": [{"line": ["1 rue du Banc"], "postalCode": "33000", "city": "Bordeaux"}],
}
_FULL_URL = "urn:uuid:0b0c1c1e-0000-4000-8000-000000000001"


def patient(number: int) -> dict[str, Any]:
    """Return a Patient that differs from all others."""
    return {**PATIENT, "identifier": [{"system": "urn:bench", "value": str(number)}]}


def small_transaction(number: int) -> bytes:
    """Return a transaction of a Patient and an Observation of that person."""
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": _FULL_URL},
        "effectiveDateTime": "2026-11-24T10:00:00+01:00",
        "valueQuantity": {"value": 61.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    entries = [
        {"fullUrl": _FULL_URL, "resource": patient(number), "request": {"method": "POST", "url": "Patient"}},
        {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
    ]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def person(number: int) -> bytes:
    """Return the TDDUI transaction of one person: fifteen resources that name their profiles."""
    from dui_fhir.demo.person import bundle

    return json.dumps(bundle(usager=f"B{number:06d}")).encode()
