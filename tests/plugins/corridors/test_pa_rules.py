"""AGGIR on the write path: PA-01 to 04 and 13 through the host; the corridors stay apart."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dui_fhir.domain import aggir, aggir_response
from dui_fhir.domain.issues import Issue

Write = Callable[..., tuple[Issue, ...]]
VECTORS = ["CCCCCCCC", "CCCCCCAA", "CCAAAAAA", "AACCCCCC", "BBCCBBAA", "BBBBBBBB", "AABAAAAA", "AAAAAAAA"]


def response(profile: str, **options: Any) -> dict[str, Any]:
    body = aggir_response.build(profile, subject="Patient/p", identifier="3010000000/1-EVAL-1", **options)
    return {**body, "id": "eval"}


def answers(issues: tuple[Issue, ...]) -> list[tuple[str, str]]:
    return [(i.id, i.severity) for i in issues]


@pytest.mark.parametrize("profile", VECTORS)
@pytest.mark.parametrize("status", ["in-progress", "completed", "amended"])
def test_pa_01__right_gir_or_none__accepted(profile: str, status: str, write: Write) -> None:
    assert answers(write(response(profile, status=status, declared=aggir.gir(profile)))) == []
    assert answers(write(response(profile, status=status))) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=st.text("ABC", min_size=8, max_size=8), declared=st.sampled_from([1, 2, 3, 4, 5, 6]))
def test_pa_01__any_profile_and_gir__refused_when_they_differ(profile: str, declared: aggir.Gir, write: Write) -> None:
    expected = [] if declared == aggir.gir(profile) else [("PA-01", "error")]
    assert answers(write(response(profile, declared=declared))) == expected


def test_pa_01__text__both_girs_named(write: Write) -> None:
    (issue,) = write(response("CCCCCCCC", declared=6))
    assert issue.text == "GIR 6 transmis, GIR 1 calculé d'après la grille."
    assert issue.expression == ("QuestionnaireResponse.item",)


def test_pa_01__in_reprise__still_refused(write: Write) -> None:
    assert answers(write(response("CCCCCCCC", declared=6), reprise=True)) == [("PA-01", "error")]


@pytest.mark.parametrize(
    ("status", "reprise", "expected"),
    [
        ("in-progress", False, [("PA-02", "warning")]), ("completed", False, [("PA-02", "error")]),
        ("amended", False, [("PA-02", "error")]), ("completed", True, [("PA-02", "warning")]),
        ("entered-in-error", False, []),
    ],
)  # fmt: skip
def test_pa_02__partial_grid__by_state(
    status: str, reprise: bool, expected: list[tuple[str, str]], write: Write
) -> None:
    body = response("BBBBBBBB", status=status)
    body["item"][0]["answer"][0]["item"] = body["item"][0]["answer"][0]["item"][:4]
    assert answers(write(body, reprise=reprise)) == expected


def test_pa_02__text__missing_fields_named(write: Write) -> None:
    body = response("BBBBBBBB")
    body["item"][0]["answer"][0]["item"] = [i for i in body["item"][0]["answer"][0]["item"] if i["linkId"] != "manger"]
    (issue,) = write(body)
    assert issue.text.endswith("il manque : Manger.")


def test_pa_03__modalities_are_a_parameter__read(write: Write) -> None:
    body = response("AAAAAAAA", adverbs=False)
    for item in body["item"][0]["answer"][0]["item"]:
        item["answer"][0]["valueCoding"]["code"] = "seul"
    assert {i.id for i in write(body)} == {"PA-03"}
    assert answers(write(body, parameters={"commun.aggir_modalites": {"seul": "A"}})) == []


def test_pa_13__result_alone__declared_in_every_state(write: Write) -> None:
    body = response("AAAAAAAA", declared=3, adverbs=False)
    del body["item"][0]["answer"][0]["item"]
    assert answers(write(body)) == [("PA-13", "warning")]
    assert answers(write(body, active=("dom",), category="354")) == [("DOM-16", "warning")]


def test_rules_of_pa__structure_of_another_corridor__silent(write: Write) -> None:
    assert answers(write(response("CCCCCCCC", declared=6), active=("ph",))) == []


def test_dom_09__complete_for_the_gir_but_not_fifteen_fields__refused_at_home_only(write: Write) -> None:
    body = response("BBBBBBBB")
    body["item"][0]["answer"][0]["item"] = body["item"][0]["answer"][0]["item"][:13]
    assert answers(write(body, active=("pa",))) == []
    assert answers(write(body, active=("dom",), category="354")) == [("DOM-09", "error")]


def test_pa_06__admission_in_another_category__silent(write: Write) -> None:
    stay = {
        "resourceType": "Encounter",
        "id": "s",
        "status": "in-progress",
        "identifier": [
            {"system": "https://identifiant-medicosocial-sejour.esante.gouv.fr", "value": "3010000000/1-SEJOUR-1"}
        ],
        "serviceProvider": {"identifier": {"value": "010000000"}},
    }
    assert answers(write(stay, category="500")) == [("PA-06", "warning")]
    assert answers(write(stay, category="202")) == []
