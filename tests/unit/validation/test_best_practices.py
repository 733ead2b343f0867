"""Invariants that R4 gives as warnings are best practices: told, and never a fault. Source: FHIR R4, conformance-rules.html."""

from typing import Any

import pytest

from dui_fhir.definitions.elements import data_types, element_table, resource_types
from dui_fhir.validation.policy import Policy, WriteValidation
from dui_fhir.validation.validator import Validator

VALIDATOR = Validator()
WARNINGS = sorted(
    {
        (c.key, type)
        for type in resource_types() | data_types()
        for element in element_table(type).elements.values()
        for c in element.constraints
        if c.severity == "warning" and c.key != "dom-6"
    }
)
STRUCTURE = {"resourceType": "StructureDefinition", "url": "urn:a", "name": "A", "status": "draft", "kind": "logical"}
BREAKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "con-3": (
        {"category": [{"text": "x"}], "subject": {"reference": "Patient/1"}},
        {"category": [{"text": "x"}], "subject": {"reference": "Patient/1"}, "clinicalStatus": {"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}},
    ),
    "nor-1": ({"status": "active"}, {"status": "active", "oralDiet": {"type": [{"text": "x"}]}}),
}  # fmt: skip


def _told(resource: dict[str, Any], key: str) -> list[tuple[str, str]]:
    issues = VALIDATOR.base(resource)
    return [(i.id, i.severity) for i in issues if i.diagnostics.startswith(f"{key}:")]


def _elements(row: dict[str, Any]) -> dict[str, Any]:
    return {**STRUCTURE, "differential": {"element": [row]}}


@pytest.mark.parametrize(("key", "type"), [(k, t) for k, t in WARNINGS if k.endswith("-0") and k != "cid-0"])
def test_best_practice__name_that_is_no_identifier__is_a_warning(key: str, type: str) -> None:
    assert _told({"resourceType": type, "name": "pas un nom"}, key) == [("validation-invariant", "warning")]
    assert _told({"resourceType": type, "name": "UnNom_2"}, key) == []
    assert _told({"resourceType": type}, key) == []


def test_best_practice__name_of_a_type_without_name__is_not_asked() -> None:
    assert _told({"resourceType": "ChargeItemDefinition"}, "cid-0") == []


@pytest.mark.parametrize(("key", "type"), [("con-3", "Condition"), ("nor-1", "NutritionOrder")])
def test_best_practice__broken__is_a_warning(key: str, type: str) -> None:
    broken, kept = BREAKS[key]
    assert _told({"resourceType": type, **broken}, key) == [("validation-invariant", "warning")]
    assert _told({"resourceType": type, **kept}, key) == []


@pytest.mark.parametrize(
    ("key", "row", "kept"),
    [
        ("eld-20", {"path": "1"}, {"path": "A.b"}),
        (
            "eld-21",
            {"path": "A", "constraint": [{"key": "a", "severity": "error", "human": "a"}]},
            {"path": "A", "constraint": [{"key": "a", "severity": "error", "human": "a", "expression": "true"}]},
        ),
    ],
)
def test_best_practice__of_an_element_definition__is_a_warning(
    key: str, row: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert _told(_elements(row), key) == [("validation-invariant", "warning")]
    assert _told(_elements(kept), key) == []


def test_best_practices__all_of_r4__have_a_test_here() -> None:
    tried = {k for k, _ in WARNINGS if k.endswith("-0")} | set(BREAKS) | {"eld-20", "eld-21"}
    assert {key for key, _ in WARNINGS} == tried


def test_dom_6__no_narrative__is_a_warning_that_a_write_does_not_tell() -> None:
    bare: dict[str, Any] = {"resourceType": "Patient"}
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Anne</div>'}

    assert [(i.id, i.severity) for i in VALIDATOR.base(bare)] == [("validation-dom-6", "warning")]
    assert VALIDATOR.base({**bare, "text": text}) == []
    assert WriteValidation(VALIDATOR, Policy()).check(bare) == ()


def test_best_practice__broken__never_refuses_a_write() -> None:
    resource = {"resourceType": "Questionnaire", "status": "draft", "name": "pas un nom"}

    assert [i.severity for i in WriteValidation(VALIDATOR, Policy()).check(resource)] == ["warning"]
