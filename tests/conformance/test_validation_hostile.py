"""Hostile content against the shipped profiles: always an answer, in bounded time, never an exception."""

import copy
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.validation.shipped import library
from dui_fhir.validation.validator import Validator

CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/"
VALIDATOR = Validator(library())
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "meta": {"profile": [CORE + "fr-core-patient-ins", TDDUI + "tddui-patient"]},
    "extension": [
        {
            "url": CORE + "fr-core-identity-reliability",
            "extension": [{"url": "identityStatus", "valueCoding": {"system": "urn:x", "code": "VALI"}}],
        }
    ],
    "identifier": [{"type": {"coding": [{"system": "urn:x", "code": "INS-NIR"}]}, "system": "urn:x", "value": "1"}],
    "name": [{"use": "official", "family": "A", "_family": {"extension": [{"url": "urn:x", "valueString": "x"}]}}],
    "birthDate": "1950-01-01",
    "_birthDate": {"extension": [{"url": TDDUI + "tddui-birth-order", "valuePositiveInt": 1}]},
    "contained": [{"resourceType": "Organization", "id": "o", "name": "N"}],
    "managingOrganization": {"reference": "#o"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["url", "extension", "system", "code", "value", "resourceType", "reference", "coding", "id", "x"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found.append((value, key))
        _places(inner, found)
    return found


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 1000), JSON)
def test_validate__any_value_anywhere__is_answered(place: int, value: Any) -> None:
    mutated = copy.deepcopy(PATIENT)
    places = _places(mutated, [])
    holder, key = places[place % len(places)]
    holder[key] = value

    issues = VALIDATOR.validate(mutated)

    assert all(i.text and i.id.startswith("validation-") for i in issues)


@settings(deadline=None, max_examples=100)
@given(JSON)
def test_validate__any_bundle_content__is_answered(value: Any) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": value,
        "meta": {"profile": [TDDUI + "tddui-bundle"]},
    }

    assert isinstance(VALIDATOR.validate(bundle), list)


def test_validate__deep_extensions__are_answered_in_time() -> None:
    inner: dict[str, Any] = {"url": "x", "valueString": "x"}
    for _ in range(60):
        inner = {"url": "x", "extension": [inner]}
    started = time.process_time()

    VALIDATOR.validate({**PATIENT, "extension": [{"url": "urn:x", "extension": [inner]}]})

    assert time.process_time() - started < 1


def test_validate__chain_of_ten_thousand_references__is_answered_in_time() -> None:
    entries = [
        {
            "fullUrl": f"urn:uuid:{n}",
            "resource": {
                "resourceType": "Task",
                "status": "draft",
                "intent": "plan",
                "meta": {"profile": [TDDUI + "tddui-task-prestation"]},
                "partOf": [{"reference": f"urn:uuid:{n + 1}"}],
            },
            "request": {"method": "POST", "url": "Task"},
        }
        for n in range(2000)
    ]
    started = time.process_time()

    VALIDATOR.validate({"resourceType": "Bundle", "type": "transaction", "entry": entries})

    assert time.process_time() - started < 10
