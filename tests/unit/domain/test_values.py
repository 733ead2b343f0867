"""domain/body.py, reference.py, issues.py, errors.py, ids.py."""

import json as stdlib_json
import time

import pytest

from dui_fhir.domain import errors, json
from dui_fhir.domain.body import Body
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.domain.reference import Reference, walk

PATIENTS = [
    {"resourceType": "Patient", "id": "a"},
    {"resourceType": "Patient", "id": "a", "meta": {}},
    {
        "resourceType": "Patient",
        "id": "a",
        "meta": {"profile": ["p"], "versionId": "9", "lastUpdated": "x"},
        "name": [{"family": "Ô"}],
    },
]


@pytest.mark.parametrize("patient", PATIENTS)
def test_body_join__any_meta__is_the_resource_with_the_version_given(patient: dict[str, object]) -> None:
    stored = json.loads(Body.of(patient).join(3, 0))

    expected = json.loads(json.dumps(patient))
    expected["meta"] = {k: v for k, v in expected.get("meta", {}).items() if k == "profile"}
    expected["meta"] |= {"versionId": "3", "lastUpdated": "1970-01-01T00:00:00.000Z"}
    assert stored == expected
    assert stdlib_json.loads(Body.of(patient).join(3, 0)) == expected


def test_body_digest__same_content_other_version__is_equal() -> None:
    one, two = (Body.of({"resourceType": "Patient", "id": "a", "meta": {"versionId": v}}) for v in "12")

    assert one.digest == two.digest
    assert one.digest != Body.of({"resourceType": "Patient", "id": "a", "active": True}).digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/a", Reference(type="Patient", id="a")),
        ("Patient/a/_history/2", Reference(type="Patient", id="a", version="2")),
        ("https://h/fhir/Patient/a", Reference(type="Patient", id="a", base="https://h/fhir")),
        ("urn:uuid:0", None),
        ("#p", None),
        ("Patient/" + "a" * 65, None),
        ("Patient?identifier=x", None),
    ],
)
def test_reference_parse__text__gives_its_parts_or_none(text: str, expected: Reference | None) -> None:
    assert Reference.parse(text) == expected


def test_walk__nested_references__gives_each_with_its_path() -> None:
    resource = {
        "subject": {"reference": "Patient/a"},
        "input": [{"valueReference": {"reference": "Goal/g"}}],
        "x": {"reference": {}},
    }

    assert [(path, element["reference"]) for path, element in walk(resource)] == [
        ("subject", "Patient/a"),
        ("input[0].valueReference", "Goal/g"),
    ]


def test_outcome__no_issue__still_has_one() -> None:
    assert outcome([])["issue"][0]["severity"] == "information"


def test_errors__each_class_of_the_tree__has_its_own_status() -> None:
    classes = [c for c in errors.DuiError.__subclasses__() if c is not errors.ConfigurationError]

    assert len({c.status for c in classes}) == len(classes)
    assert all(c.__doc__ for c in classes)


def test_error_of__single_issue__keeps_its_parts_and_hides_nothing() -> None:
    error = errors.Unprocessable.of("PA-01", "Le GIR diffère.", "computed 2", ["QuestionnaireResponse.item[0]"])

    assert error.issues == (
        Issue(
            severity="error",
            code="processing",
            id="PA-01",
            text="Le GIR diffère.",
            diagnostics="computed 2",
            expression=("QuestionnaireResponse.item[0]",),
        ),
    )
    assert "PA-01" in str(error)


def test_new_id__two_moments__sort_in_time_and_are_fhir_ids() -> None:
    first = new_id()
    time.sleep(0.002)
    second = new_id()

    assert first < second
    assert Reference.parse(f"Patient/{first}") is not None
    assert first[14] == "7"
