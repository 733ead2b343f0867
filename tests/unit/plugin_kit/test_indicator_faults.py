"""Faults of indicators.json that its schema cannot see."""

from typing import Any

import pytest

from dui_fhir.plugin_kit.indicator_faults import indicator_faults


def faults(**numerator: Any) -> list[str]:
    entry = {"id": "X", "calculation": {"numerator": numerator, "denominator": {"population": "accompanied"}}}
    return [f.text for f in indicator_faults([entry], clock_rules={"PA-07"}, parameters={"commun.mois"})]


@pytest.mark.parametrize(
    "numerator",
    [
        {"in_order": ["PA-07"]},
        {"having": [{"resource": "Encounter", "search": "status=finished", "date": "date", "months": "commun.mois"}]},
        {"having": [{"any": [{"resource": "CarePlan"}, {"resource": "Task", "date": "period"}]}]},
        {"count": "minutes", "of": {"resource": "Encounter", "date": "date"}},
    ],
)
def test_indicator__sound__no_fault(numerator: dict[str, Any]) -> None:
    assert faults(**numerator) == []


@pytest.mark.parametrize(
    ("numerator", "word"),
    [
        ({"in_order": ["PA-99"]}, "PA-99"),
        ({"having": [{"resource": "Patiente"}]}, "Patiente"),
        ({"having": [{"resource": "Encounter", "search": "statut=finished"}]}, "recherche refusée"),
        ({"without": [{"resource": "Encounter", "date": "status"}]}, "type date"),
        ({"having": [{"any": [{"resource": "CarePlan"}, {"resource": "Task", "date": "sent"}]}]}, "sent"),
        ({"having": [{"resource": "CarePlan", "date": "date", "months": "commun.autre"}]}, "commun.autre"),
        ({"count": "points", "of": {"resource": "Observation"}}, "value"),
    ],
)
def test_indicator__fault__is_told_with_its_cause(numerator: dict[str, Any], word: str) -> None:
    (text,) = faults(**numerator)

    assert word in text
