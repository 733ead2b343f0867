"""Each fault that validation can tell has a resource that shows it, with its place, its severity and a French text."""

import re
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.validation.library import Given, Library
from dui_fhir.validation.validator import Validator

SOURCE = Path(__file__).parents[3] / "server/dui_fhir/validation"
CORE = "http://hl7.org/fhir/StructureDefinition/"
ELSEWHERE = {
    "package": "tests/unit/validation/test_packages.py",
    "too-many": "tests/unit/validation/test_structure.py",
    **dict.fromkeys(
        (
            "answer-disabled", "answer-length", "answer-missing", "answer-option", "answer-repeated", "answer-type",
            "answer-unexpected", "item-misplaced", "item-order", "item-repeated", "item-unknown",
        ),
        "tests/unit/validation/test_forms.py",
    ),
}  # fmt: skip


def profile(name: str, type: str, *elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    differential = {"element": list(elements)}
    return {"url": f"urn:p:{name}", "type": type, "baseDefinition": CORE + type, "differential": differential, **more}


SLICED = {
    "path": "Patient.telecom",
    "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "closed"},
}
PHONE = {"id": "Patient.telecom:a", "path": "Patient.telecom", "sliceName": "a"}
PHONE_IS = {"id": "Patient.telecom:a.system", "path": "Patient.telecom.system", "fixedCode": "phone"}
MAIL = {"id": "Patient.telecom:b", "path": "Patient.telecom", "sliceName": "b"}
MAIL_IS = {"id": "Patient.telecom:b.system", "path": "Patient.telecom.system", "fixedCode": "email"}
ORDERED = {**SLICED, "slicing": {**SLICED["slicing"], "ordered": True, "rules": "open"}}  # type: ignore[dict-item]
UNREADABLE = {**SLICED, "slicing": {"discriminator": [{"type": "value", "path": "system.ofType(zz)"}], "rules": "open"}}
LIBRARY = Library(
    [
        Given(
            [
                profile("fixed", "Patient", {"path": "Patient.gender", "fixedCode": "female"}),
                profile("type", "Patient", {"path": "Patient.deceased[x]", "type": [{"code": "boolean"}]}),
                profile("closed", "Patient", SLICED, PHONE, PHONE_IS),
                profile("ordered", "Patient", ORDERED, PHONE, PHONE_IS, MAIL, MAIL_IS),
                profile("unreadable", "Patient", UNREADABLE, PHONE, PHONE_IS),
                profile("bound", "Patient", {"path": "Patient.language", "binding": {"strength": "required", "valueSet": "urn:v"}}),
                profile("admits", "Patient", {
                    "path": "Patient.language", "binding": {"strength": "extensible", "valueSet": "urn:v"}}),
                profile("rule", "Patient", {"path": "Patient", "constraint": [
                    {"key": "a-1", "severity": "error", "expression": "active"}]}),
                profile("unknown-rule", "Patient", {"path": "Patient", "constraint": [
                    {"key": "a-2", "severity": "error", "expression": "active.no_such_function()"}]}),
                profile("target", "Patient", {"path": "Patient.managingOrganization", "type": [
                    {"code": "Reference", "targetProfile": ["urn:p:named"], "aggregation": ["contained"]}]}),
                profile("named", "Organization", {"path": "Organization.name", "min": 1}),
                profile("extension", "Extension", {"path": "Extension.value[x]", "min": 1},
                        context=[{"type": "element", "expression": "Patient"}]),
                profile("modifier", "Extension", {"path": "Extension", "isModifier": True}),
            ]
        )
    ]
)  # fmt: skip


class OneCode:
    """A terminology whose only list holds ``fr``."""

    def validate(self, value_set: str, system: str | None, code: str, display: str | None = None) -> Any:
        return "valid" if code == "fr" else "invalid" if value_set == "urn:v" else "unknown"


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def follows(name: str, **more: Any) -> dict[str, Any]:
    return patient(meta={"profile": [f"urn:p:{name}"]}, **more)


def bundle(*entries: dict[str, Any], type: str = "collection", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type, "entry": list(entries), **more}


def extended(url: str, key: str = "extension", **value: Any) -> dict[str, Any]:
    return {key: [{"url": url, **(value or {"valueString": "a"})}]}


ELSEWHERE_CODED = {"coding": [{"system": "urn:x", "code": "y"}]}
HELD = {"resourceType": "Organization", "id": "o", "name": "N"}
CITED = {"managingOrganization": {"reference": "#o"}}
MESSAGE = {
    "fullUrl": "urn:uuid:0c2a4a2e-8a3c-4f1e-9d5e-2b7a9a4f1c11",
    "resource": {
        "resourceType": "MessageHeader",
        "eventUri": "urn:e",
        "source": {"endpoint": "urn:s"},
        "focus": [{"reference": "Patient/absent"}],
    },
}

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("resource-type", "error", {"resourceType": "Robot"}, "Robot"),
    ("unknown-element", "error", patient(colour="x"), "Patient.colour"),
    ("type", "error", patient(active="true"), "Patient.active"),
    ("value", "error", patient(birthDate="2026-02-30"), "Patient.birthDate"),
    ("missing", "error", patient(link=[{"type": "refer"}]), "Patient.link[0]"),
    ("too-many-values", "error", patient(deceasedBoolean=True, deceasedDateTime="2026"), "Patient"),
    ("empty", "error", patient(name=[{}]), "Patient.name[0]"),
    ("narrative", "error", patient(text={"status": "empty", "div": "<p>"}), "Patient.text.div"),
    ("attachment-size", "error", patient(photo=[{"data": "AAAA", "size": 2, "contentType": "a/b"}]), "Patient.photo[0].size"),
    ("code", "error", patient(gender="femme"), "Patient.gender"),
    ("code", "error", follows("bound", language="de"), "Patient.language"),
    ("code-extensible", "warning", follows("admits", language="de"), "Patient.language"),
    ("code-not-checked", "information", patient(maritalStatus=ELSEWHERE_CODED), "Patient.maritalStatus"),
    ("reference-target", "error", patient(managingOrganization={"reference": "Patient/1"}), "Patient.managingOrganization"),
    ("aggregation", "error", follows("target", managingOrganization={"reference": "Organization/1"}),
     "Patient.managingOrganization"),
    ("no-profile", "error", follows("target", contained=[{"resourceType": "Organization", "id": "o", "alias": ["N"]}], **CITED),
     "Patient.managingOrganization"),
    ("profile-type", "error", follows("type", deceasedDateTime="2026"), "Patient.deceasedDateTime"),
    ("profile-unknown", "information", follows("no-such"), "Patient"),
    ("fixed", "error", follows("fixed", gender="male"), "Patient.gender"),
    ("slice-closed", "error", follows("closed", telecom=[{"system": "fax", "value": "1"}]), "Patient.telecom[0]"),
    ("slice-order", "error", follows("ordered", telecom=[{"system": "email", "value": "1"}, {"system": "phone", "value": "1"}]),
     "Patient"),
    ("slice-not-evaluated", "information", follows("unreadable", telecom=[{"system": "fax", "value": "1"}]),
     "Patient.telecom[0]"),
    ("extension-unknown", "information", patient(**extended("urn:x:unknown")), "Patient.extension[0]"),
    ("modifier-unknown", "error", patient(**extended("urn:x:unknown", "modifierExtension")), "Patient.modifierExtension[0]"),
    ("extension-context", "error", {"resourceType": "Basic", "code": {"text": "x"}, **extended("urn:p:extension")},
     "Basic.extension[0]"),
    ("extension-modifier", "error", patient(**extended("urn:p:modifier")), "Patient.extension[0]"),
    ("ext-1", "error", patient(extension=[{"url": "urn:p:extension"}]), "Patient.extension[0]"),
    ("full-url", "error", bundle({"resource": patient()}), "Bundle.entry[0]"),
    ("full-url", "error", bundle({"fullUrl": "Patient/1", "resource": patient(id="1")}), "Bundle.entry[0]"),
    ("full-url", "error", bundle({"fullUrl": "https://a/Patient/2", "resource": patient(id="1")}), "Bundle.entry[0]"),
    ("bundle-link", "error", bundle(link=[{"relation": "self", "url": "urn:a"}, {"relation": "self", "url": "urn:b"}]), "Bundle"),
    ("not-in-bundle", "error", bundle(MESSAGE, type="message"), "Bundle.entry[0].resource.focus[0]"),
    ("invariant", "error", follows("rule", active=False), "Patient"),
    ("invariant-not-evaluated", "information", follows("unknown-rule", active=True), "Patient"),
    ("dom-2", "error", patient(contained=[{**HELD, "contained": [HELD]}], **CITED), "Patient.contained[0]"),
    ("dom-3", "error", patient(contained=[HELD]), "Patient.contained[0]"),
    ("dom-4", "error", patient(contained=[{**HELD, "meta": {"versionId": "1"}}], **CITED), "Patient.contained[0]"),
    ("dom-5", "error", patient(contained=[{**HELD, "meta": {"security": [{"code": "R"}]}}], **CITED), "Patient.contained[0]"),
    ("dom-6", "warning", patient(), "Patient"),
    ("ref-1", "error", patient(**CITED), "Patient.managingOrganization"),
    ("questionnaire-unknown", "information", {"resourceType": "QuestionnaireResponse", "status": "completed",
                                              "questionnaire": "urn:q"}, "QuestionnaireResponse.questionnaire"),
]  # fmt: skip
"""Id, severity, resource, place."""


@pytest.mark.parametrize(("id", "severity", "resource", "place"), CASES)
def test_fault__each__is_told_at_its_place_in_french(
    id: str, severity: str, resource: dict[str, Any], place: str
) -> None:
    issues = Validator(LIBRARY, OneCode()).validate(resource)

    found = [i for i in issues if i.id == f"validation-{id}"]
    assert [(i.severity, i.expression) for i in found if i.expression == (place,)] == [(severity, (place,))]
    assert all(re.match(r"[A-ZÉÀÎ«]", i.text) and i.text.endswith(".") for i in found)
    assert all(i.diagnostics and i.diagnostics != i.text for i in found)


def test_faults__of_the_source__all_have_a_case() -> None:
    told = {id for file in SOURCE.rglob("*.py") for id in re.findall(r'"validation-([a-z0-9-]+)"', file.read_text())}

    assert told == {id for id, *_ in CASES} | set(ELSEWHERE)
