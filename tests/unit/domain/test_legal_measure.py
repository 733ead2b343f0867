"""The legal measure: read from a Basic, and its dates."""

from datetime import date
from typing import Any

import pytest

from dui_fhir.domain.legal_measure import MEASURE, OBJECT_SYSTEM, LegalMeasure


def basic(*parts: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Basic",
        "id": "m",
        "code": {"coding": [{"system": OBJECT_SYSTEM, "code": "mesure"}]},
        "subject": {"reference": "Patient/p"},
        "extension": [{"url": MEASURE, "extension": list(parts)}],
    }


def measured(**days: str) -> LegalMeasure:
    found = LegalMeasure.of(basic(*({"url": name, "valueDate": day} for name, day in days.items())))
    assert found is not None
    return found


def test_of__other_basic__none() -> None:
    assert LegalMeasure.of({"resourceType": "Basic", "id": "d", "code": {"coding": [{"code": "mesure"}]}}) is None


def test_of__every_shape_of_value__read() -> None:
    found = LegalMeasure.of(
        basic(
            {"url": "type", "valueCodeableConcept": {"coding": [{"system": "urn:dui-fhir:mesure", "code": "tutelle"}]}},
            {"url": "autorite", "valueReference": {"reference": "Organization/tribunal"}},
            {"url": "renouvellement", "valueBoolean": True},
            {"url": "dateDecision", "valueDate": "2026-01-05"},
            {"url": "droitLimite", "extension": [
                {"url": "titulaire", "valueReference": {"reference": "RelatedPerson/pere"}},
                {"url": "droit", "valueCode": "visite"},
            ]},
        )
    )  # fmt: skip
    assert found is not None
    assert (found.person, found.type, found.authority, found.renewal) == (
        "Patient/p",
        "tutelle",
        "Organization/tribunal",
        True,
    )
    assert found.decided == date(2026, 1, 5)
    assert found.restricted == (("RelatedPerson/pere", "visite"),)


@pytest.mark.parametrize(
    ("today", "runs"), [("2026-01-04", False), ("2026-01-05", True), ("2026-06-30", True), ("2026-07-01", False)]
)
def test_in_force__first_and_last_day_included(today: str, runs: bool) -> None:
    assert measured(debut="2026-01-05", fin="2026-06-30").in_force(date.fromisoformat(today)) is runs


def test_in_force__lifted_before_its_end__over() -> None:
    assert not measured(debut="2026-01-05", fin="2026-12-31", mainlevee="2026-03-01").in_force(date(2026, 3, 2))


def test_in_force__no_end__runs_on() -> None:
    assert measured(dateDecision="2020-01-01").in_force(date(2026, 1, 1))


def test_last_day_allowed__29_february__28_february_five_years_later() -> None:
    assert measured(dateDecision="2024-02-29").last_day_allowed(5) == date(2029, 2, 28)
