"""Times of a prescription: what is read gives the right hours, what is not read is said."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dui_fhir_plugins.commun.dosage import Dose, Habits, Unread, doses
from hypothesis import given, settings
from hypothesis import strategies as st

PARIS = ZoneInfo("Europe/Paris")
HABITS = Habits(
    times={"1": ["08:00"], "2": ["08:00", "19:00"], "3": ["08:00", "12:00", "19:00"]},
    moments={"MORN": "08:00", "HS": "22:00"},
    zone=PARIS,
)
REQUEST = {"resourceType": "MedicationRequest", "id": "m", "authoredOn": "2026-01-12T10:00:00+01:00"}  # a Monday
DAY = date(2026, 1, 15)


def hours(timing: dict[str, Any], day: date = DAY, request: dict[str, Any] = REQUEST) -> list[str]:
    found = doses(request, {"timing": timing}, day, HABITS)
    return [f"{datetime.fromtimestamp(d.at / 1000, PARIS):%H:%M}" for d in found if d.at is not None]


def repeat(**r: Any) -> dict[str, Any]:
    return {"repeat": r}


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        (repeat(frequency=2, period=1, periodUnit="d"), ["08:00", "19:00"]),
        (repeat(period=1, periodUnit="d"), ["08:00"]),
        (repeat(timeOfDay=["21:30:00", "07:15:00"]), ["07:15", "21:30"]),
        (repeat(frequency=1, period=1, periodUnit="d", when=["MORN", "HS"]), ["08:00", "22:00"]),
        (repeat(frequency=1, period=8, periodUnit="h"), ["00:00", "08:00", "16:00"]),
        (repeat(frequency=1, period=12, periodUnit="h"), ["08:00", "20:00"]),
        (repeat(frequency=3, period=1, periodUnit="d"), ["08:00", "12:00", "19:00"]),
        (repeat(dayOfWeek=["mon", "thu"]), ["08:00"]),
        (repeat(dayOfWeek=["mon", "thu"], frequency=2, period=1, periodUnit="wk"), ["08:00"]),
        (repeat(dayOfWeek=["thu"], frequency=2, period=1, periodUnit="d"), ["08:00", "19:00"]),
        (repeat(dayOfWeek=["fri"]), []),
        (repeat(frequency=1, period=3, periodUnit="d"), ["08:00"]),
        (repeat(frequency=1, period=2, periodUnit="d"), []),
        (repeat(frequency=1, period=1, periodUnit="wk"), []),
        ({"code": {"coding": [{"code": "BID"}]}}, ["08:00", "19:00"]),
        ({"code": {"coding": [{"code": "BED"}]}}, ["22:00"]),
        ({"code": {"coding": [{"code": "QOD"}]}}, []),
        ({"event": ["2026-01-15T09:30:00+01:00", "2026-01-16T09:30:00+01:00"]}, ["09:30"]),
        # late in the evening of another zone: the next day in Paris
        ({"event": ["2026-01-14T23:30:00Z"]}, ["00:30"]),
    ],
)  # fmt: skip
def test_doses__timing_that_is_read__hours_of_the_day(timing: dict[str, Any], expected: list[str]) -> None:
    assert hours(timing) == expected


@pytest.mark.parametrize(
    "timing",
    [
        {},
        {"code": {"text": "selon la glycémie"}},
        {"code": {"coding": [{"code": "QH"}]}},
        repeat(frequency=1, frequencyMax=3, period=1, periodUnit="d"),
        repeat(frequency=1, period=1, periodUnit="d", offset=30, when=["MORN"]),
        repeat(count=3),
        repeat(when=["CV"]),
        repeat(frequency=9, period=1, periodUnit="d"),
        repeat(frequency=1, period=5, periodUnit="h"),
        repeat(frequency=3, period=1, periodUnit="wk"),
        repeat(dayOfWeek=["mon"], frequency=1, period=2, periodUnit="wk"),
        repeat(dayOfWeek=["mon", "thu"], frequency=3, period=1, periodUnit="wk"),
        repeat(frequency=1, period=1.5, periodUnit="d"),
        repeat(timeOfDay=["huit heures"]),
        repeat(boundsRange={"low": {"value": 3}}),
        repeat(frequency=1, period=1, periodUnit="d", boundsDuration={"value": 3, "code": "a"}),
        {"event": ["2026-01-15"]},
        {"event": ["demain T"]},
    ],
)  # fmt: skip
def test_doses__timing_not_read__is_said_never_guessed(timing: dict[str, Any]) -> None:
    with pytest.raises(Unread) as told:
        hours(timing, date(2026, 1, 19))
    assert str(told.value)


@pytest.mark.parametrize(
    ("bounds", "first", "last"),
    [
        ({"boundsPeriod": {"start": "2026-01-14", "end": "2026-01-20"}}, date(2026, 1, 14), date(2026, 1, 20)),
        ({"boundsDuration": {"value": 7, "code": "d"}}, date(2026, 1, 12), date(2026, 1, 18)),
        ({"boundsDuration": {"value": 2, "code": "wk"}}, date(2026, 1, 12), date(2026, 1, 25)),
        ({"boundsDuration": {"value": 1, "code": "mo"}}, date(2026, 1, 12), date(2026, 2, 11)),
    ],
)
def test_bounds__day_before_on_and_after_each_end__doses_inside_only(
    bounds: dict[str, Any], first: date, last: date
) -> None:
    one = timedelta(days=1)
    counted = [len(hours(repeat(frequency=1, period=1, periodUnit="d", **bounds), d))
               for d in (first - one, first, last, last + one)]  # fmt: skip
    assert counted == [0, 1, 1, 0]


def test_doses__day_before_the_prescription_was_written__none() -> None:
    daily = repeat(frequency=1, period=1, periodUnit="d")
    assert [len(hours(daily, date(2026, 1, d))) for d in (11, 12)] == [0, 1]


def test_doses__monthly_on_the_31st__last_day_of_shorter_months() -> None:
    written = {**REQUEST, "authoredOn": "2026-01-31"}
    monthly = repeat(frequency=1, period=1, periodUnit="mo")
    assert [d for d in range(26, 29) if hours(monthly, date(2026, 2, d), written)] == [28]


def test_as_needed__is_listed_without_an_hour() -> None:
    found = doses(REQUEST, {"asNeededBoolean": True, "text": "si douleur"}, DAY, HABITS)
    assert found == [Dose(at=None, instruction={"asNeededBoolean": True, "text": "si douleur"})]
    assert found[0].text == "si douleur"


@settings(max_examples=120, deadline=None)
@given(st.dates(date(2025, 12, 1), date(2027, 12, 31)), st.integers(1, 9))
def test_every_so_many_days__over_time__exactly_those_days(day: date, every: int) -> None:
    expected = day >= date(2026, 1, 12) and (day - date(2026, 1, 12)).days % every == 0
    assert bool(hours(repeat(frequency=1, period=every, periodUnit="d"), day)) is expected


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_doses__clocks_change_that_night__hours_of_the_wall_clock(day: date) -> None:
    found = doses(REQUEST, {"timing": repeat(frequency=2, period=1, periodUnit="d")}, day, HABITS)
    assert [datetime.fromtimestamp((d.at or 0) / 1000, UTC).astimezone(PARIS).hour for d in found] == [8, 19]
