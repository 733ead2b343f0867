"""validation/structure.py: R4 structure, all faults together, each with its path."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.definitions.elements import resource_types
from dui_fhir.domain import json
from dui_fhir.validation.faults import Report
from dui_fhir.validation.structure import check_resource

SHARED = Path(__file__).parents[3] / "../shared/reference/fhir"
EXAMPLES = sorted(SHARED.rglob("examples/*.json"))


def faults(resource: Any) -> list[tuple[str, str]]:
    report = Report()
    check_resource(resource, report)
    return [(i.id.removeprefix("validation-"), i.expression[0]) for i in report.issues if i.blocking]


LEAF = {"url": "y", "valueCode": "c"}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Nom</div>'},
    "extension": [{"url": "urn:x", "extension": [{"url": "y", "valueDecimal": json.Decimal("1.00")}]}],
    "active": True,
    "name": [{"given": ["A", None], "_given": [None, {"extension": [{"url": "urn:x", "valueCode": "c"}]}]}],
    "birthDate": "1947-04",
    "_birthDate": {"id": "b"},
    "multipleBirthInteger": 2,
    "generalPractitioner": [
        {"reference": "Practitioner/1"},
        {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"},
    ],
}


def _narrative(inner: str) -> dict[str, str]:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'}


def _link(reference: str) -> dict[str, Any]:
    return {"other": {"reference": reference}, "type": "seealso"}


def _with(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PATIENT), **changes}


def test_check__sound_patient__has_no_fault() -> None:
    assert faults(PATIENT) == []


@pytest.mark.parametrize("type", sorted(resource_types()))
def test_check__type_alone__reports_only_what_is_mandatory(type: str) -> None:
    assert {id for id, _ in faults({"resourceType": type})} <= {"missing", "invariant", "org-1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"colour": "red"}, ("unknown-element", "Patient.colour")),
        ({"active": "true"}, ("type", "Patient.active")),
        ({"active": 1}, ("type", "Patient.active")),
        ({"active": None}, ("type", "Patient.active")),
        ({"active": [True]}, ("type", "Patient.active")),
        ({"name": {"family": "A"}}, ("type", "Patient.name")),
        ({"name": []}, ("empty", "Patient.name")),
        ({"name": [{}]}, ("empty", "Patient.name[0]")),
        ({"name": [{"given": ["A", None]}]}, ("empty", "Patient.name[0].given[1]")),
        ({"name": [{"given": [""]}]}, ("value", "Patient.name[0].given[0]")),
        ({"name": [{"given": ["A\x00"]}]}, ("value", "Patient.name[0].given[0]")),
        ({"birthDate": "1947-4-3"}, ("value", "Patient.birthDate")),
        ({"birthDate": "1947-02-30"}, ("value", "Patient.birthDate")),
        ({"birthDate": "1947-04-03T10:00:00Z"}, ("value", "Patient.birthDate")),
        ({"multipleBirthBoolean": True}, ("too-many-values", "Patient")),
        ({"multipleBirthInteger": 2**31}, ("value", "Patient.multipleBirthInteger")),
        ({"multipleBirthInteger": 2.5}, ("type", "Patient.multipleBirthInteger")),
        ({"gender": " male"}, ("value", "Patient.gender")),
        ({"id": "a/b"}, ("value", "Patient.id")),
        ({"extension": [{"url": "urn:x"}]}, ("ext-1", "Patient.extension[0]")),
        ({"extension": [{"valueString": "x"}]}, ("missing", "Patient.extension[0]")),
        ({"extension": [{"url": "urn:x", "valueString": "x", "extension": [LEAF]}]}, ("ext-1", "Patient.extension[0]")),
        ({"generalPractitioner": [{"reference": "Patient/1"}]}, ("reference-target", "Patient.generalPractitioner[0]")),
        ({"contact": [{"name": {"family": 3}}]}, ("type", "Patient.contact[0].name.family")),
        ({"link": [{"type": "seealso"}]}, ("missing", "Patient.link[0]")),
        ({"contained": [{"resourceType": "Patinet", "id": "c"}], "link": [_link("#c")]}, ("resource-type", "Patient.contained[0]")),
        (
            {"contained": [_with(contained=[_with(id="d")])], "link": [_link("#p")]},
            ("dom-2", "Patient.contained[0]"),
        ),
        ({"contained": [_with(meta={"versionId": "1"})], "link": [_link("#p")]}, ("dom-4", "Patient.contained[0]")),
        ({"text": _narrative("<script>x</script>")}, ("narrative", "Patient.text.div")),
        ({"text": _narrative('<a href="javascript:x">x</a>')}, ("narrative", "Patient.text.div")),
        ({"text": _narrative(" ")}, ("narrative", "Patient.text.div")),
        ({"photo": [{"data": "abc", "contentType": "image/png"}]}, ("value", "Patient.photo[0].data")),
        ({"_birthDate": {}}, ("empty", "Patient._birthDate")),
        ({"_birthDate": [None]}, ("type", "Patient._birthDate")),
    ],
)  # fmt: skip
def test_check__one_fault__is_the_only_one_reported_with_its_path(
    changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert faults(_with(**changes)) == [expected]


def test_check__several_faults__are_all_there() -> None:
    found = faults(_with(colour="red", active="x", birthDate="x"))

    assert {path for _, path in found} == {"Patient.colour", "Patient.active", "Patient.birthDate"}


def test_check__companion_without_value__is_legal() -> None:
    patient = _with(_birthDate={"extension": [{"url": "urn:x", "valueCode": "unknown"}]})
    del patient["birthDate"]

    assert faults(patient) == []


def test_check__mandatory_primitive_given_by_its_companion__is_present() -> None:
    task = {
        "resourceType": "Task",
        "intent": "plan",
        "_status": {"extension": [{"url": "urn:x", "valueCode": "unknown"}]},
    }

    assert faults(task) == []


def test_check__content_reference__is_followed() -> None:
    item = {"linkId": "1", "item": [{"linkId": "2", "answer": [{"item": [{"text": "no link"}]}]}]}
    response = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}

    assert faults(response) == [("missing", "QuestionnaireResponse.item[0].item[0].answer[0].item[0]")]


def test_check__more_faults_than_the_limit__stops_and_says_so() -> None:
    report = Report(limit=3)
    check_resource({"resourceType": "Patient", "name": [{}] * 50}, report)

    assert len(report.issues) == 4
    assert report.issues[-1].id == "validation-too-many"


KEYS = st.sampled_from(
    ["name", "given", "_given", "extension", "url", "valueString", "contained", "resourceType", "text", "div", "link"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_check__any_json__never_raises(value: Any) -> None:
    faults(
        {"resourceType": "Patient", "name": value, "contained": value, "extension": value, "text": value, "link": value}
    )


@pytest.mark.skipif(not EXAMPLES, reason="published examples (../shared) are not here")
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda p: p.name)
def test_check__published_french_example__is_accepted_or_its_fault_is_known(file: Path) -> None:
    resource = json.loads(file.read_bytes())

    found = [f for f in faults(resource) if (file.name, f[0], f[1]) not in KNOWN]
    if file.parent.parent.name == "eprescription":
        found = [f for f in found if f[0] not in KNOWN_OF_PRESCRIPTIONS]

    assert found == []


_EMPTY = "_name.extension[0].extension[1].valueString"
KNOWN = {
    # the language of a translation is there with an empty content: a string has at least one character
    ("Bundle-cds-bundle-transaction-creation-example.json", "value", f"Bundle.entry[0].resource.{_EMPTY}"),
    ("Bundle-cds-bundle-transaction-creation-example.json", "value", f"Bundle.entry[1].resource.{_EMPTY}"),
    (
        "Bundle-cds-bundle-transaction-creation-example.json",
        "value",
        f"Bundle.entry[1].resource.{_EMPTY.replace('_name', '_alias[0]')}",
    ),
    ("CareTeam-cds-careteam-example.json", "value", f"CareTeam.{_EMPTY}"),
    ("Organization-cds-organization-example.json", "value", f"Organization.{_EMPTY}"),
    ("Organization-cds-organization-example.json", "value", f"Organization.{_EMPTY.replace('_name', '_alias[0]')}"),
    # dom-4: contained resources that carry meta.versionId
    # the size of the attachment is not that of its data
    ("DocumentReference-PDSmSimplifiedExample.json", "attachment-size", "DocumentReference.content[0].attachment.size"),
    # dom-3: the contained practitioner is cited nowhere
    ("DocumentReference-exemple-pdsm-documentreference.json", "dom-3", "DocumentReference.contained[0]"),
    ("DocumentReference-exemple-pdsm-documentreference.json", "dom-4", "DocumentReference.contained[0]"),
    ("List-ExampleSubmissionSet.json", "dom-4", "List.contained[0]"),
    ("List-ExampleSubmissionSet.json", "dom-4", "List.contained[1]"),
}
"""Real faults of published examples: (file, id, path)."""
KNOWN_OF_PRESCRIPTIONS = frozenset({"ref-1", "dom-3", "invariant"})
"""Prescriptions refer by ``#id`` to other entries of their Bundle, and some repeats break tim-6, tim-8, tim-10 or rat-1."""
