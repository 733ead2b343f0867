"""Calendar arithmetic of delays."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.calendar import add_days, add_months, age_at, day_of


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)), (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2024, 2, 29), 60, date(2029, 2, 28)), (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)), (date(2026, 1, 15), -1, date(2025, 12, 15)),
        (date(9999, 12, 31), 1, date.max), (date(1, 1, 1), -1, date.min),
    ],
)  # fmt: skip
def test_add_months__ends_of_months_and_of_the_calendar(start: date, months: int, expected: date) -> None:
    assert add_months(start, months) == expected


@given(start=st.dates(), months=st.integers(-30_000, 150_000))
def test_add_months__any__never_a_later_day_of_the_month(start: date, months: int) -> None:
    later = add_months(start, months)
    assert later in (date.min, date.max) or later.day <= start.day


@given(start=st.dates(), days=st.integers(-(10**7), 10**7))
def test_add_days__any__stays_in_the_calendar(start: date, days: int) -> None:
    later = add_days(start, days)
    assert later in (date.min, date.max) or (later - start).days == days


@pytest.mark.parametrize(
    ("at", "age"), [(date(2026, 5, 19), 2), (date(2026, 5, 20), 3), (date(2024, 2, 29), 0), (date(2023, 5, 20), 0)]
)
def test_age_at__birthday__counts_on_the_day(at: date, age: int) -> None:
    assert age_at(date(2023, 5, 20), at) == age


@pytest.mark.parametrize("text", [None, "", "2026", "2026-02", "2026-02-30", 20260101, "x"])
def test_day_of__no_whole_day__none(text: object) -> None:
    assert day_of(text) is None


def test_day_of__instant__its_day_as_written() -> None:
    assert day_of("2026-01-31T23:30:00-05:00") == date(2026, 1, 31)
