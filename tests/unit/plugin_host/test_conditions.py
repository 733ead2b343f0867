"""The filter ``when`` of a rule, and which states are drafts."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.actor import SYSTEM
from dui_fhir.domain.change import Change
from dui_fhir.domain.context import Context
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_host.conditions import FINAL_STATES, compile_path, compile_when, is_draft

EHPAD = Structure(finess="000000000", category="500", name="x", address="y")


def _context(structure=EHPAD):
    return Context(tenant="t", actor=SYSTEM, now=datetime(2026, 1, 1, tzinfo=UTC), reader=None, structure=structure)  # type: ignore[arg-type]


def _looks_at(when, resource, interaction="create", structure=EHPAD):
    change = Change(interaction=interaction, type=resource["resourceType"], id="1", after=resource)
    return compile_when(when)(resource, change, _context(structure))


PLAN = {
    "resourceType": "CarePlan",
    "status": "active",
    "meta": {"profile": ["https://exemple.fr/plan|1.0", "https://exemple.fr/autre"]},
    "category": [{"coding": [{"system": "urn:a", "code": "PPA"}]}, {"coding": [{"system": "urn:b", "code": "X"}]}],
    "extension": [
        {"url": "https://exemple.fr/ext", "valueCode": "oui"},
        {"url": "https://exemple.fr/n", "valueInteger": 0},
    ],
}


def _coding(**wanted):
    return {"all": [{"path": "category", "coding": wanted}]}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (None, True),
        ({"profile": ["https://exemple.fr/plan"]}, True),
        ({"profile": ["https://exemple.fr/pla"]}, False),
        ({"status": ["draft", "active"]}, True),
        ({"status": ["draft"]}, False),
        ({"structure": ["202", "500"]}, True),
        ({"structure": ["202"]}, False),
        ({"interaction": ["create"]}, True),
        ({"interaction": ["update"]}, False),
        (_coding(code="PPA"), True),
        (_coding(system="urn:a", code=["Y", "PPA"]), True),
        (_coding(system="urn:b", code="PPA"), False),
        ({"all": [{"path": "category.coding", "coding": {"code": "X"}}]}, True),
        ({"all": [{"path": "category.coding.code", "in": ["X"]}]}, True),
        ({"all": [{"path": "category.coding.code", "not_in": ["X"]}]}, False),
        ({"all": [{"path": "period", "exists": False}]}, True),
        ({"all": [{"path": "period.start", "exists": True}]}, False),
        ({"all": [{"path": "extension(https://exemple.fr/ext).valueCode", "in": ["oui"]}]}, True),
        ({"all": [{"path": "extension(https://exemple.fr/n).valueInteger", "exists": True}]}, True),
        ({"any": [{"path": "period", "exists": True}, {"path": "status", "in": ["active"]}]}, True),
        ({"all": [{"path": "status", "in": ["active"]}, {"path": "period", "exists": True}]}, False),
        ({"status": ["active"], "structure": ["202"]}, False),
    ],
)
def test_when__care_plan_of_an_ehpad__is_looked_at_or_not(when, expected) -> None:
    assert _looks_at(when, PLAN) is expected


def test_when__status_of_a_document__is_its_doc_status() -> None:
    document = {"resourceType": "DocumentReference", "status": "current", "docStatus": "final"}

    assert _looks_at({"status": ["final"]}, document)
    assert not _looks_at({"status": ["current"]}, document)


def test_when__structure_unknown__category_is_not_met() -> None:
    assert not _looks_at({"structure": ["500"]}, PLAN, structure=None)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "extension", "url"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(value=ODD, path=st.sampled_from(["a", "a.b", "extension(u).a", "a.extension(u)"]))
def test_path__any_shape_of_json__never_fails(value, path) -> None:
    list(compile_path(path)(value))


@given(value=ODD)
def test_when__any_shape_of_meta_and_elements__never_fails(value) -> None:
    resource = {"resourceType": "Goal", "meta": value, "status": value, "a": value}
    when = {
        "status": ["s"],
        "profile": ["u"],
        "all": [{"path": "a", "coding": {"code": "c"}}],
        "any": [{"path": "a.b", "in": ["c"]}],
    }

    assert _looks_at(when, resource) is False
    assert _looks_at({key: part for key, part in when.items() if key != "status"}, resource) in (True, False)


@pytest.mark.parametrize(
    ("type", "element", "state", "expected"),
    [
        ("QuestionnaireResponse", "status", "in-progress", True),
        ("QuestionnaireResponse", "status", "amended", False),
        ("Composition", "status", "preliminary", True),
        ("CarePlan", "status", "draft", True),
        ("CarePlan", "status", "active", False),
        ("Contract", "status", "offered", True),
        ("Contract", "status", "executed", False),
        ("DocumentReference", "docStatus", "preliminary", True),
        ("DocumentReference", "docStatus", "final", False),
        ("Goal", "lifecycleStatus", "proposed", False),
    ],
)
def test_is_draft__state__is_that_of_decision_d8(type, element, state, expected) -> None:
    assert is_draft({"resourceType": type, element: state}) is expected


@given(value=ODD, type=st.sampled_from(sorted(FINAL_STATES)))
def test_is_draft__any_shape_of_state__never_fails(value, type) -> None:
    assert is_draft({"resourceType": type, FINAL_STATES[type][0]: value})


@pytest.mark.parametrize("type", sorted(FINAL_STATES))
def test_is_draft__no_state_at_all__is_a_draft(type) -> None:
    assert is_draft({"resourceType": type})


@pytest.mark.parametrize(
    ("url", "expected"), [("https://exemple.fr/plan", True), ("https://exemple.fr/plan|1.0", False)]
)
def test_condition__profile_claimed_with_its_version__counts_as_the_profile(url: str, expected: bool) -> None:
    assert _looks_at({"any": [{"path": "meta.profile", "in": [url]}]}, PLAN) is expected
