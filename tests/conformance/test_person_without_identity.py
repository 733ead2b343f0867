"""Decision D12: a person without identity has a status and a minimal profile, which the corridors that receive them choose."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

Fhir = Any
Resource = dict[str, Any]

KEY = "dui-sans-identite-"
PROFILE = "urn:dui-fhir:profile:personne-sans-identite"
LOCAL = {"system": "https://identifiant-medicosocial-localusager.esante.gouv.fr", "value": "3010000000/A17"}
RELIABILITY = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"
INS = {
    "system": "urn:oid:1.2.250.1.213.1.4.10",
    "type": {"coding": [{"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR-TEST"}]},
    "value": "236066322083656",
}  # fmt: skip
SOCIAL = {"system": "urn:x", "type": {"coding": [{"code": "NH"}]}, "value": "1"}
VALIDATED = {
    "url": RELIABILITY,
    "extension": [
        {
            "url": "identityStatus",
            "valueCoding": {"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445", "code": "VALI"},
        }
    ],
}


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    """One application with the corridors that receive such persons, and one that does not."""
    settings = Settings({"store": "memory", "log_level": "ERROR", "plugins": ["ahi", "pds", "pde", "pa"]})
    engine = build_engine(settings)
    yield create_app(settings, engine=engine)
    engine.stores.close()


def _person(fhir: Fhir, corridor: str, status: str = "identite-inconnue", **changes: Any) -> Resource:
    fhir.structure("010000000", category="214", corridors=(corridor,))
    return {
        "resourceType": "Patient",
        "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": status}]},
        "identifier": [copy.deepcopy(LOCAL)],
        **changes,
    }


def _faults(answer: Any) -> set[str]:
    """Return the keys of the invariants that refuse, and the ids of the other faults of validation."""
    found = set()
    for issue in answer.json.get("issue", []) if answer.json["resourceType"] == "OperationOutcome" else []:
        id = issue["details"]["coding"][0]["code"]
        if issue["severity"] == "error" and id.startswith("validation-"):
            key = next((w for w in issue["diagnostics"].replace(":", " ").split() if w.startswith(KEY)), "")
            found.add(key.removeprefix(KEY) or id)
    return found


@pytest.mark.parametrize("corridor", ["ahi", "pds", "pde"])
@pytest.mark.parametrize("status", ["anonyme", "identite-inconnue"])
def test_create__nothing_but_a_local_number__is_accepted(fhir: Fhir, corridor: str, status: str) -> None:
    answer = fhir.post("Patient", _person(fhir, corridor, status))

    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("corridor", ["ahi", "pds", "pde"])
@pytest.mark.parametrize(
    ("changes", "id"),
    [
        ({"identifier": [LOCAL, INS]}, "2"),
        ({"identifier": [LOCAL, SOCIAL]}, "2"),
        ({"identifier": [LOCAL, {"value": "A17"}]}, "validation-missing"),
        ({"name": [{"use": "official", "given": ["Sam"]}]}, "3"),
        ({"extension": [VALIDATED]}, "4"),
    ],
    ids=["ins", "social-security", "no-system", "official-name", "validated"],
)
def test_create__what_contradicts_the_status__is_refused(
    fhir: Fhir, corridor: str, changes: dict[str, Any], id: str
) -> None:
    answer = fhir.post("Patient", _person(fhir, corridor, **changes))

    assert (answer.status_code, _faults(answer)) == (422, {id})
    assert fhir.count("Patient") == 0


def test_validate__without_any_number__is_told(fhir: Fhir) -> None:
    person = _person(fhir, "ahi")
    del person["identifier"]

    assert "validation-missing" in _faults(fhir.post(f"Patient/$validate?profile={PROFILE}", person))


def test_create__anonymous_with_a_family_name__is_refused(fhir: Fhir) -> None:
    name = [{"use": "anonymous", "family": "X"}]

    anonymous = fhir.post("Patient", _person(fhir, "ahi", "anonyme", name=name))
    unknown = fhir.post("Patient", _person(fhir, "ahi", "identite-inconnue", name=name))

    assert (anonymous.status_code, _faults(anonymous)) == (422, {"5"})
    assert unknown.status_code == 201


def test_update__identity_found__leaves_the_profile_with_the_status(fhir: Fhir) -> None:
    stored = fhir.create(_person(fhir, "ahi"))
    named = {**stored, "name": [{"use": "official", "family": "DURAND", "given": ["Sam"]}]}

    still = fhir.put(f"Patient/{stored['id']}", named)
    found = fhir.put(f"Patient/{stored['id']}", {k: v for k, v in named.items() if k != "meta"})

    assert (still.status_code, _faults(still)) == (422, {"3"})
    assert found.status_code == 200, found.text


def test_create__in_another_corridor__nobody_chooses_the_profile(fhir: Fhir) -> None:
    name = [{"use": "official", "given": ["Sam"]}]

    answer = fhir.post("Patient", _person(fhir, "pa", name=name))

    assert answer.status_code == 201, answer.text


def test_validate__profile_named__is_known(fhir: Fhir) -> None:
    person = _person(fhir, "pa", identifier=[LOCAL, INS])

    answer = fhir.post(f"Patient/$validate?profile={PROFILE}", person)

    assert "2" in _faults(answer)
