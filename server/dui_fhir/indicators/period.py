"""Periods of count: a month, or the quarter that ends with it, in the time zone of the deployment."""

import re
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from typing import Self

from dui_fhir.domain.calendar import add_days, add_months
from dui_fhir.domain.dates import interval
from dui_fhir.domain.errors import BadRequest

QUARTER_MONTHS = 3
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From ``start`` to ``end``, both days included."""

    start: date
    end: date

    @classmethod
    def month(cls, text: str, *, quarter: bool = False) -> Self:
        """Return the month ``AAAA-MM``, or the three months that end with it (first measure of the programme).

        Raises: BadRequest (``indicator-period``).
        """
        found = _MONTH.fullmatch(text)
        if found is None or found[1] == "0000":
            raise _wrong("un mois s'écrit AAAA-MM")
        first = date(int(found[1]), int(found[2]), 1)
        start = add_months(first, 1 - QUARTER_MONTHS) if quarter else first
        return cls(start=start, end=add_days(add_months(first, 1), -1))

    @classmethod
    def between(cls, start: str, end: str) -> Self:
        """Return a period from two FHIR dates, partial ones covering their whole month or year. Raises: BadRequest."""
        try:
            first, last = _days(start)[0], _days(end)[1]
        except ValueError:
            raise _wrong("les bornes sont des dates AAAA-MM-JJ") from None
        if last < first:
            raise _wrong("la fin précède le début")
        return cls(start=first, end=last)

    def bounds_ms(self, zone: tzinfo) -> tuple[int, int]:
        """Return its first and last millisecond."""
        return interval(self.start.isoformat(), zone)[0], interval(self.end.isoformat(), zone)[1]

    def since(self, months: int) -> "Period":
        """Return the period of that many months that ends the same day."""
        return Period(start=add_months(self.end, -months), end=self.end)

    @property
    def name(self) -> str:
        """``2026-10`` for a whole month, else ``2026-08-01/2026-10-31``."""
        whole = self.start.day == 1 and self.end == add_days(add_months(self.start, 1), -1)
        return f"{self.start:%Y-%m}" if whole else f"{self.start.isoformat()}/{self.end.isoformat()}"

    def to_fhir(self) -> dict[str, str]:
        """Return a FHIR Period."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}


def last_months(day: date, count: int) -> tuple[str, ...]:
    """Return the ``count`` last whole months before a day, oldest first (``AAAA-MM``)."""
    first = day.replace(day=1)
    return tuple(f"{add_months(first, -back):%Y-%m}" for back in range(count, 0, -1))


def _days(text: str) -> tuple[date, date]:
    low, high = interval(text)
    epoch = date(1970, 1, 1)
    return epoch + timedelta(milliseconds=low), epoch + timedelta(milliseconds=high)


def _wrong(why: str) -> BadRequest:
    return BadRequest.of("indicator-period", f"Période de l'indicateur : {why}.", "period of the indicator")
