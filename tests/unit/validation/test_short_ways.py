"""The short ways of validation say what the long ones say: quick tests of texts, slices by a text, silent reports."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.definitions.elements import data_types, kind
from dui_fhir.validation.faults import Blocked, Report
from dui_fhir.validation.items import Item
from dui_fhir.validation.library import Given, Library
from dui_fhir.validation.matching import fits
from dui_fhir.validation.overlay import Overlay
from dui_fhir.validation.primitives import quick_test, value_check
from dui_fhir.validation.slice_index import slice_index
from dui_fhir.validation.validator import Validator

QUICK = sorted(t for t in data_types() if kind(t) == "primitive-type" and quick_test(t) is not None)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[A-Za-z0-9.:/ \-+TZ\t\n]{0,24}", fullmatch=True),
    st.sampled_from(["", " ", "2026-11-25", "2026-02-30", "2026-1-1", "0000-01-01", "2026-W01-1", "a\x0b", "\x1f", "é"]),
    st.just("x" * 1001),
)  # fmt: skip


@given(st.sampled_from(QUICK), TEXTS)
def test_quick_test__text_that_passes__has_no_fault(type: str, text: str) -> None:
    quick = quick_test(type)
    assert quick is not None
    if text and quick(text):
        assert value_check(type)(text) is None


@pytest.mark.parametrize(
    ("type", "text"),
    [("string", "Élodie"), ("code", "official"), ("date", "1941-05-06"), ("uri", "urn:oid:1.2.250"), ("id", "a-1")],
)
def test_quick_test__usual_text__passes(type: str, text: str) -> None:
    quick = quick_test(type)
    assert quick is not None
    assert quick(text)


CODES = st.sampled_from(["a", "b", "c"])
CODINGS = st.lists(st.fixed_dictionaries({"code": CODES}, optional={"system": CODES}), max_size=3)
CONCEPTS = st.fixed_dictionaries({}, optional={"coding": CODINGS, "text": CODES})
PATTERNS = st.lists(st.one_of(st.none(), CODES, CONCEPTS), min_size=1, max_size=5)


@given(PATTERNS, st.one_of(CONCEPTS, CODES, st.none(), st.lists(CONCEPTS, max_size=2)))
def test_slice_index__any_patterns__leaves_no_slice_out_that_fits(patterns: list[Any], value: Any) -> None:
    index = slice_index("type", patterns)
    if index is None:
        return
    item = Item({"type": value} if value is not None else {}, "Identifier", None, "Identifier")
    candidates = index.candidates(item)

    values = value if isinstance(value, list) else [value]
    fitting = [n for n, pattern in enumerate(patterns) if pattern is not None and any(fits(pattern, v) for v in values)]
    assert list(candidates) == sorted(candidates)
    assert set(fitting) <= set(candidates)
    assert {n for n, pattern in enumerate(patterns) if pattern is None} <= set(candidates)


@pytest.mark.parametrize(
    ("type", "value"),
    [("NoSuchType", {"type": {"coding": [{"code": "a"}]}}), ("Identifier", None), ("Extension", {"url": "a"})],
)
def test_slice_index__element_that_cannot_be_found_plainly__tries_all(type: str, value: Any) -> None:
    index = slice_index("value.code", [{"code": "a"}, {"code": "b"}])
    assert index is not None
    assert list(index.candidates(Item(value, type, None, type))) == [0, 1]


PROFILE = {
    "url": "urn:p",
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "differential": {
        "element": [
            {"path": "Patient.name", "min": 1, "max": "1"},
            {"path": "Patient.gender", "patternCode": "female"},
            {"path": "Patient.telecom", "max": "0"},
            {"path": "Patient.birthDate", "min": 1},
            {
                "path": "Patient",
                "constraint": [{"key": "a", "severity": "error", "expression": "active.exists() implies active"}],
            },
        ]
    },
}
NAMES = st.lists(st.just({"family": "A"}), max_size=2)
PATIENTS = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "name": NAMES,
        "gender": st.sampled_from(["female", "male"]),
        "telecom": st.just([{"value": "1"}]),
        "birthDate": st.just("1941-05-06"),
        "active": st.booleans(),
    },
)


@given(PATIENTS)
def test_passes__any_resource__says_what_the_whole_check_says(patient: dict[str, Any]) -> None:
    library = Library([Given([PROFILE])])
    overlay = Overlay(library)
    check = overlay.profile("urn:p")
    assert check is not None

    whole = [i for i in Validator(library).profile(patient, "urn:p") if i.blocking]

    report = Report()
    report.resource = report.root = patient
    assert overlay.passes(check, Item(patient, "Patient", None, "Patient"), report) is (whole == [])
    assert report.issues == []


def test_silent_report__what_blocks_nothing__goes_on() -> None:
    silent = Report().silent()
    silent.add("validation-x", "value", "x", "x", "Patient", "warning")
    assert silent.issues == []
    with pytest.raises(Blocked):
        silent.missing("name", "Patient")
