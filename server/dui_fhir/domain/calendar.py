"""Calendar arithmetic of legal delays: a delay in months ends on the same day, or on the last of the month."""

import calendar
import re
from datetime import MAXYEAR, MINYEAR, date, timedelta

_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def day_of(text: object) -> date | None:
    """Return the day of a FHIR date or dateTime; None for a partial date, an impossible one, or no date."""
    match = _DAY.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None


def add_months(start: date, months: int) -> date:
    """Return the same day ``months`` later (earlier where negative), or the last day of that month.

    31 January + 1 month = 28 or 29 February. Beyond the calendar, its first or last day: a file may hold the year 9999.
    """
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    if not MINYEAR <= year <= MAXYEAR:
        return date.min if year < MINYEAR else date.max
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def add_days(start: date, days: int) -> date:
    """Return the day ``days`` later (earlier where negative); beyond the calendar, its first or last day."""
    try:
        return start + timedelta(days=days)
    except OverflowError:
        return date.min if days < 0 else date.max


def age_at(born: date, at: date) -> int:
    """Return the age in whole years on a day."""
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
