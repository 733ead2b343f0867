"""AGGIR in TDDUI's QuestionnaireResponse. Source: TDDUI 2.4.0-ballot, tddui-questionnaire-aggir-pa-ssiad; decision D9."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dui_fhir.domain import aggir, aggir_response
from dui_fhir.domain.aggir_response import PA, PH, Complete, Contradictory, Declared, Grid, Partial, evaluate

EXAMPLES = Path(__file__).parents[3] / "../shared/reference/fhir/tddui-2.4.0-ballot/examples"
IDENTIFIER = "3010000000/1-EVAL-1"
PROFILES = st.text("ABC", min_size=8, max_size=8)


def response(profile: str, **options: Any) -> dict[str, Any]:
    return aggir_response.build(profile, subject="Patient/p", identifier=IDENTIFIER, **options)


def fields(body: dict[str, Any]) -> list[dict[str, Any]]:
    nested: list[dict[str, Any]] = body["item"][0]["answer"][0]["item"]
    return nested


@settings(max_examples=50)
@given(PROFILES, st.booleans())
def test_gir__built_from_a_profile__read_back(profile: str, adverbs: bool) -> None:
    expected = aggir.gir(profile)
    found = evaluate(response(profile, adverbs=adverbs, declared=expected))
    assert found == Complete(profile=profile, rank=aggir.rank(profile), gir=expected, declared=expected)


@settings(max_examples=50)
@given(PROFILES, st.sampled_from([1, 2, 3, 4, 5, 6]))
def test_gir__other_result_declared__contradictory(profile: str, declared: aggir.Gir) -> None:
    found = evaluate(response(profile, declared=declared))
    if declared == aggir.gir(profile):
        assert isinstance(found, Complete)
    else:
        assert isinstance(found, Contradictory)
        assert [f.kind for f in found.faults] == ["result"]


def test_gir__no_result_given__computed() -> None:
    assert evaluate(response("CCCCCCCC")) == Complete(profile="CCCCCCCC", rank=1, gir=1)


def test_gir__only_the_result__declared() -> None:
    body = response("AAAAAAAA", declared=3)
    del body["item"][0]["answer"][0]["item"]
    assert evaluate(body) == Declared(gir=3)


@pytest.mark.parametrize("asked", [f for f in PA.fields if f.variable], ids=lambda f: f.link_id)
def test_gir__one_counted_field_missing__partial(asked: aggir_response.Field) -> None:
    body = response("BBBBBBBB", declared=4)
    kept = [i for i in fields(body) if i["linkId"] != asked.link_id]
    body["item"][0]["answer"][0]["item"] = kept
    assert evaluate(body) == Partial(missing=(asked.link_id,), declared=4)


def test_gir__fields_that_never_count_missing__complete() -> None:
    body = response("BBBBBBBB")
    body["item"][0]["answer"][0]["item"] = [
        i for i in fields(body) if i["linkId"] not in ("deplacer-dehors", "appareil-communication")
    ]
    assert isinstance(evaluate(body), Complete)


def test_gir__nothing_answered__partial_with_all_counted_fields() -> None:
    found = evaluate({"resourceType": "QuestionnaireResponse"})
    assert isinstance(found, Partial)
    assert len(found.missing) == 13


def test_gir__adverbs_only__modality_from_the_adverbs() -> None:
    body = response("BCABCABC")
    for item in fields(body):
        item["item"] = item["answer"][0]["item"]
        del item["answer"]
    found = evaluate(body)
    assert isinstance(found, Complete)
    assert found.profile == "BCABCABC"


def test_gir__fields_straight_below_the_result_or_at_the_top__read_all_the_same() -> None:
    body = response("BCABCABC")
    expected = evaluate(body)
    below = {**body, "item": [{"linkId": "resultat-eval", "item": fields(body)}]}

    assert isinstance(expected, Complete)
    assert evaluate(below) == evaluate({**body, "item": fields(body)}) == expected


@pytest.mark.parametrize("code", ["qf1", "D", ""])
def test_gir__unknown_modality__unreadable(code: str) -> None:
    body = response("AAAAAAAA")
    fields(body)[3]["answer"][0]["valueCoding"]["code"] = code
    found = evaluate(body)
    assert isinstance(found, Contradictory)
    assert [(f.kind, f.link_id) for f in found.faults] == [("modality", "prendre-soin")]


@pytest.mark.parametrize(
    ("code", "adverbs", "agree"),
    [
        ("qf2", (1, 1, 1, 1), False), ("qf4", (1, 1, 1, 1), False), ("qf0", (0, 0, 0, 0), False), ("qf2", (0, 0, 0, 0), False),
        ("qf0", (1, 1, 0, 1), False), ("qf4", (0, 1, 0, 0), False), ("qf2", (0, 1, 0, 0), True), ("qf0", (1, 1), True),
        ("qf0", (1, 0), False), ("qf4", (0,), True), ("qf2", (0,), True),
    ],
)  # fmt: skip
def test_gir__adverbs_against_the_modality__contradictory(code: str, adverbs: tuple[int, ...], agree: bool) -> None:
    body = response("AAAAAAAA")
    answer = fields(body)[0]["answer"][0]
    answer["valueCoding"]["code"] = code
    answer["item"] = [
        {"linkId": f"pensee-{name}", "answer": [{"valueBoolean": bool(value)}]}
        for name, value in zip(aggir_response.ADVERBS, adverbs, strict=False)
    ]
    found = evaluate(body)
    assert isinstance(found, Complete) if agree else [f.kind for f in found.faults] == ["adverbs"]  # type: ignore[union-attr]


def test_gir__result_not_a_gir__unreadable() -> None:
    body = response("AAAAAAAA", declared=6)
    body["item"][0]["answer"][0]["valueCoding"]["code"] = "MED-999"
    found = evaluate(body)
    assert isinstance(found, Contradictory)
    assert found.faults[0].link_id == "resultat-eval"


@pytest.mark.parametrize("grid", [PA, PH], ids=["pa", "ph"])
def test_grid_of__canonical_with_a_version__recognised(grid: Grid) -> None:
    assert aggir_response.grid_of({"questionnaire": grid.questionnaire + "|2.4.0-ballot"}) is grid


def test_grid_of__other_questionnaire__none() -> None:
    assert aggir_response.grid_of({"questionnaire": "https://example.org/other"}) is None
    assert aggir_response.grid_of({}) is None


@settings(max_examples=50)
@given(PROFILES)
def test_gir__grid_of_disabled_people__one_field_per_variable(profile: str) -> None:
    found = evaluate(response(profile, grid=PH))
    assert found == Complete(profile=profile, rank=aggir.rank(profile), gir=aggir.gir(profile))


def test_gir__published_grid_of_disabled_people__its_gir_2() -> None:
    """The values of the guide's example ``tddui-questionnaire-response-aggir-ph-example``: two A, washing and dressing C…"""
    assert evaluate(response("AACCBBCC", grid=PH, declared=2)) == Complete(
        profile="AACCBBCC", rank=6, gir=2, declared=2
    )


def test_labels__some_fields__in_the_order_of_the_grid() -> None:
    assert PH.labels(("manger", "se-laver")) == ["Se laver", "Manger"]


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs ../shared")
def test_fields__published_questionnaire__same_link_ids_and_adverbs() -> None:
    published = json.loads((EXAMPLES / "Questionnaire-tddui-questionnaire-aggir-pa-ssiad.json").read_text())
    asked = published["item"][0]["item"]
    assert [(i["linkId"], i["text"], i["code"][0]["code"]) for i in asked] == [
        (f.link_id, f.label, f.icf) for f in PA.fields
    ]
    for item, known in zip(asked, PA.fields, strict=True):
        assert [i["linkId"] for i in item["item"]] == [f"{known.stem}-{a}" for a in aggir_response.ADVERBS]


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs ../shared")
def test_gir__published_response__declared_gir_3() -> None:
    name = "QuestionnaireResponse-tddui-pp-pa-questionnaire-response-aggir-pa-example.json"
    assert evaluate(json.loads((EXAMPLES / name).read_text())) == Declared(gir=3)
