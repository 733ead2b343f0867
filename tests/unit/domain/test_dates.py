"""domain/dates.py: partial dates are intervals (FHIR R4, search.html#date)."""

import calendar
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.dates import instant, interval, to_ms

PARIS = ZoneInfo("Europe/Paris")
MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)).map(
    lambda d: d.replace(tzinfo=UTC)
)


@given(MOMENTS)
def test_interval__each_precision_of_one_moment__contains_the_finer_one(moment: datetime) -> None:
    texts = [
        f"{moment:%Y}",
        f"{moment:%Y-%m}",
        f"{moment:%Y-%m-%d}",
        f"{moment:%Y-%m-%dT%H:%M}Z",
        f"{moment:%Y-%m-%dT%H:%M:%S}Z",
    ]
    bounds = [interval(text) for text in texts]

    for (low, high), (inner_low, inner_high) in zip(bounds, bounds[1:], strict=False):
        assert low <= inner_low <= inner_high <= high


@given(st.integers(1, 9999), st.integers(1, 12))
def test_interval__month__covers_all_its_days(year: int, month: int) -> None:
    low, high = interval(f"{year:04d}-{month:02d}")

    assert high - low + 1 == calendar.monthrange(year, month)[1] * 86_400_000


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)], ids=["spring", "autumn", "plain"]
)
def test_interval__local_day_of_a_clock_change__has_its_real_length(day: str, hours: int) -> None:
    low, high = interval(day, PARIS)

    assert high - low + 1 == hours * 3_600_000


def test_interval__offset__is_honoured_and_the_zone_ignored() -> None:
    expected = to_ms(datetime(2026, 1, 1, 10, tzinfo=timezone(timedelta(hours=2))))

    assert interval("2026-01-01T10:00:00+02:00", PARIS) == (expected, expected + 999)


@pytest.mark.parametrize(
    ("text", "width"),
    [("2026-01-01T10:00:00.5Z", 100), ("2026-01-01T10:00:00.123Z", 1), ("2026-01-01T10:00:00.1234567Z", 1)],
)
def test_interval__fraction__is_as_wide_as_its_digits_say(text: str, width: int) -> None:
    low, high = interval(text)

    assert high - low + 1 == width


def test_interval__leap_second__is_the_last_second_of_the_minute() -> None:
    assert interval("2016-12-31T23:59:60Z") == interval("2016-12-31T23:59:59Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2023-13",
        "2023-02-30",
        "2023-1-1",
        "2023-01-01T25:00Z",
        "2023-01-01T10",
        "2023-01-01T10:00:00+15:00",
        "0000",
        "x2023",
    ],
)
def test_interval__no_date__raises_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - raised by datetime as well as here
        interval(text)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_instant__any_millisecond__reads_back_as_itself(ms: int) -> None:
    assert interval(instant(ms)) == (ms, ms)
