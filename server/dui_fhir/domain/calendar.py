"""Calendar arithmetic of legal delays: a delay in months ends on the same day, or on the last of the month."""

import calendar
import re
from datetime import date

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

    31 January + 1 month = 28 or 29 February. Raises: ValueError outside the years 1 to 9999.
    """
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def age_at(born: date, at: date) -> int:
    """Return the age in whole years on a day."""
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
