"""service/patching: JSON Patch and FHIRPath Patch, with the official cases where ../shared is here."""

import json
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.definitions.children import R4Shape
from dui_fhir.domain.errors import DuiError
from dui_fhir.service.patching import fhirpath_patch, json_patch

CASES = Path(__file__).parents[3] / "../shared/reference/fhir-test-cases/patch"
shared = pytest.mark.skipif(not CASES.exists(), reason="official patch cases (../shared) are not here")


def _cases(name: str) -> list[Any]:
    file = CASES / name
    return json.loads(file.read_text()) if file.exists() else []


@shared
@pytest.mark.parametrize("case", _cases("fhirpath-patch-tests.json"), ids=lambda c: c["name"])
def test_fhirpath_patch__official_case__gives_the_expected_resource_or_error(case: Any) -> None:
    before = json.dumps(case["input"])
    if "error" in case:
        with pytest.raises(DuiError):
            fhirpath_patch.apply(case["input"], case["diff"], R4Shape())
    else:
        assert fhirpath_patch.apply(case["input"], case["diff"], R4Shape()) == case["output"]
    assert json.dumps(case["input"]) == before, "the resource given was changed"


@shared
@pytest.mark.parametrize("case", _cases("json-patch-tests.json"), ids=lambda c: c["comment"])
def test_json_patch__official_case__gives_the_expected_document_or_error(case: Any) -> None:
    if not isinstance(case["doc"], dict):
        pytest.skip("a resource is an object")
    if "error" in case:
        with pytest.raises(DuiError):
            json_patch.apply(case["doc"], case["patch"])
    else:
        assert json_patch.apply(case["doc"], case["patch"]) == case["expected"]


PATIENT = {
    "resourceType": "Patient",
    "deceasedBoolean": False,
    "identifier": [{"system": "a", "value": "1"}, {"system": "b", "value": "2"}],
    "name": [{"given": ["A", "B"], "_given": [None, {"id": "x"}]}],
    "extension": [{"url": "urn:e", "valueString": "s"}],
}


def _patch(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": list(parts)}]}


def _type(type: str, path: str) -> list[dict[str, Any]]:
    return [{"name": "type", "valueCode": type}, {"name": "path", "valueString": path}]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "Patient.identifier.where(system = 'b').value",
            [{"system": "a", "value": "1"}, {"system": "b", "value": "9"}],
        ),
        (
            "Patient.identifier.where(value = '2' and system = 'b').value",
            [{"system": "a", "value": "1"}, {"system": "b", "value": "9"}],
        ),
        ("Patient.identifier.first().value", [{"system": "a", "value": "9"}, {"system": "b", "value": "2"}]),
        ("Patient.identifier.last().value", [{"system": "a", "value": "1"}, {"system": "b", "value": "9"}]),
    ],
)
def test_fhirpath_patch__path_with_criteria__changes_that_element_only(path: str, expected: Any) -> None:
    patched = fhirpath_patch.apply(
        PATIENT, _patch(*_type("replace", path), {"name": "value", "valueString": "9"}), R4Shape()
    )

    assert patched["identifier"] == expected


def test_fhirpath_patch__choice_replaced_by_another_type__changes_the_key() -> None:
    value = {"name": "value", "valueDateTime": "2026-01-01"}

    patched = fhirpath_patch.apply(PATIENT, _patch(*_type("replace", "Patient.deceased"), value), R4Shape())

    assert patched["deceasedDateTime"] == "2026-01-01"
    assert "deceasedBoolean" not in patched


def test_fhirpath_patch__extension_by_url__is_found() -> None:
    patched = fhirpath_patch.apply(PATIENT, _patch(*_type("delete", "Patient.extension('urn:e')")), R4Shape())

    assert "extension" not in patched


def test_fhirpath_patch__deleted_primitive_of_a_list__keeps_the_companions_parallel() -> None:
    patched = fhirpath_patch.apply(PATIENT, _patch(*_type("delete", "Patient.name[0].given[0]")), R4Shape())

    assert patched["name"] == [{"given": ["B"], "_given": [{"id": "x"}]}]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [*_type("explode", "Patient.name")],
        [*_type("replace", "Patient..name"), {"name": "value", "valueString": "x"}],
        [*_type("replace", ""), {"name": "value", "valueString": "x"}],
        [*_type("replace", "Observation.status"), {"name": "value", "valueCode": "x"}],
        [*_type("replace", "Patient.identifier.value"), {"name": "value", "valueString": "x"}],
        [*_type("replace", "Patient.identifier.where(((.value"), {"name": "value", "valueString": "x"}],
        [*_type("replace", "Patient.identifier.where(nonsense().x!).value"), {"name": "value", "valueString": "x"}],
        [
            *_type("replace", "Patient.identifier.where(value.matches('a+')).value"),
            {"name": "value", "valueString": "x"},
        ],
        [*_type("add", "Patient"), {"name": "name", "valueString": "colour"}, {"name": "value", "valueString": "x"}],
        [
            *_type("add", "Patient"),
            {"name": "name", "valueString": "deceased"},
            {"name": "value", "valueBoolean": True},
        ],
        [*_type("add", "Patient"), {"name": "name", "valueString": "deceased"}, {"name": "value", "valueString": "x"}],
        [
            *_type("insert", "Patient.identifier"),
            {"name": "index", "valueInteger": 9},
            {"name": "value", "valueIdentifier": {}},
        ],
        [
            *_type("move", "Patient.identifier"),
            {"name": "source", "valueInteger": 0},
            {"name": "destination", "valueInteger": 2},
        ],
        [*_type("delete", "Patient")],
    ],
)
def test_fhirpath_patch__faulty_operation__is_a_clear_client_error(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(DuiError) as error:
        fhirpath_patch.apply(PATIENT, _patch(*parts), R4Shape())

    assert error.value.status in (400, 422)
    assert error.value.issues[0].id.startswith("core-patch-")


@pytest.mark.parametrize(
    "patch", [{}, "x", [1], [{"op": "add"}], [{"op": "fly", "path": "/a"}], [{"op": "replace", "path": "", "value": 1}]]
)
def test_json_patch__faulty_document__is_a_clear_client_error(patch: Any) -> None:
    with pytest.raises(DuiError) as error:
        json_patch.apply(PATIENT, patch)

    assert error.value.status in (400, 422)
