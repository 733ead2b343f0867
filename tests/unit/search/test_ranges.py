"""Numbers and dates of searches as intervals."""

import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain.dates import to_ms
from dui_fhir.search import ranges

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("text", "comparator", "low", "high"),
    [
        ("100", "eq", "99.5", "100.5"),
        ("100.00", "eq", "99.995", "100.005"),
        ("1e2", "eq", "95", "105"),
        ("-0.5", "eq", "-0.55", "-0.45"),
        ("ne3", "ne", "2.5", "3.5"),
        ("gt100", "gt", "100", "100"),
        ("le5.40", "le", "5.4", "5.4"),
        ("ap100", "ap", "90", "110"),
        ("ap-100", "ap", "-110", "-90"),
        ("ap1", "ap", "0.5", "1.5"),
    ],
)
def test_number__text__is_the_interval_of_the_page(text, comparator, low, high):
    found = ranges.number(text)
    assert (found.comparator, found.low, found.high) == (comparator, Fraction(low), Fraction(high))


@pytest.mark.parametrize(
    "text", ["", "abc", "1,5", "ge", "eq eq1", "1e999", "--1", "1e", "0x10", "1" * 60, "gtlt5", "NaN", "١"]
)
def test_number__nonsense__raises(text):
    with pytest.raises(ValueError, match=r"decimal|exponent"):
        ranges.number(text)


def test_floats__half_open__excludes_the_upper_end():
    found = ranges.number("100")
    low, high = found.floats(float(found.low), float(found.high))
    assert low == 99.5
    assert 100.49999 < high < 100.5


@given(
    st.decimals(min_value=-(10**6), max_value=10**6, places=3),
    st.decimals(min_value=-(10**6), max_value=10**6, places=3),
)
def test_number__equal_by_the_bounds__means_equal_when_rounded(wanted, value):
    found = ranges.number(f"{wanted:f}")
    assert (found.low <= Fraction(value) < found.high) == (wanted == value)


PARTS = st.tuples(
    st.integers(1900, 2100),
    st.integers(1, 12),
    st.integers(1, 28),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
)
FORMS = ("{0:04}", "{0:04}-{1:02}", "{0:04}-{1:02}-{2:02}", "{0:04}-{1:02}-{2:02}T{3:02}:{4:02}:{5:02}Z")


@given(PARTS, st.sampled_from(FORMS), PARTS)
def test_date__partial__covers_what_begins_with_it(parts, form, other):
    """Brute force: in UTC, a moment is in a partial date when its own text begins like it."""
    text = form.format(*parts)
    _, low, high = ranges.date(text, UTC, 0)
    moments = [datetime(*other, tzinfo=UTC), datetime(*parts, tzinfo=UTC)]
    moments += [m + timedelta(days=d) for m in list(moments) for d in (-1, 1)]
    for moment in moments:
        begins = f"{moment:%Y-%m-%dT%H:%M:%SZ}".startswith(text)
        assert (low <= to_ms(moment) <= high) == begins


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)])
def test_date__day_of_a_clock_change__has_its_real_length(day, hours):
    _, low, high = ranges.date(day, PARIS, 0)
    assert high - low + 1 == hours * 3_600_000


def test_date__offset_with_a_space__is_a_plus_that_was_not_encoded():
    assert ranges.date("2026-01-01T10:00:00 01:00", UTC, 0) == ranges.date("2026-01-01T10:00:00+01:00", UTC, 0)


def test_date__approximate__widens_by_a_tenth_of_the_distance_to_now():
    now = to_ms(datetime(2026, 1, 1, tzinfo=UTC))
    comparator, low, high = ranges.date("ap2016-01-01", UTC, now)
    assert comparator == "ap"
    assert (high - low) / 86_400_000 == pytest.approx(2 * 365.25 + 1, abs=1)


@pytest.mark.parametrize("text", ["", "2026-13", "2026-02-30", "26", "ge", "2026-1-1", "hier", "2026-01-01T25:00:00Z"])
def test_date__nonsense__raises(text):
    with pytest.raises(ValueError, match=re.compile(".")):
        ranges.date(text, UTC, 0)
