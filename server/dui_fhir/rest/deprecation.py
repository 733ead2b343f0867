"""Addresses that are to go: served as before, and told so. Source: RFC 9745, RFC 8594 (Sunset); docs/compatibility.md."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

NOTICE = timedelta(days=183)
"""The six months that docs/compatibility.md promises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deprecated:
    """One address that is to go. ``path``: regular expression of the whole path below the FHIR base (``Task/[^/]+/\\$old``).

    ``since``: the day it was announced; ``until``: the day from which it may be gone; ``page``: where its replacement is told.
    """

    path: str
    since: date
    until: date
    page: str
    methods: tuple[str, ...] = ()
    """Those concerned; none = all."""

    def __post_init__(self) -> None:
        if self.until - self.since < NOTICE:
            raise ValueError(f"{self.path}: less than six months between announcement and removal")

    def concerns(self, method: str, path: str) -> bool:
        """Tell whether a request uses it."""
        return (not self.methods or method in self.methods) and re.fullmatch(self.path, path) is not None

    def headers(self) -> dict[str, str]:
        """Return what the answer says."""
        since, until = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (self.since, self.until))
        return {
            "Deprecation": f"@{int(since.timestamp())}",
            "Sunset": format_datetime(until, usegmt=True),
            "Link": f'<{self.page}>; rel="deprecation"; type="text/html"',
        }


DEPRECATED: tuple[Deprecated, ...] = ()
"""Every address that is to go; a new row goes with a line in CHANGELOG.md."""


def headers(method: str, path: str) -> dict[str, str]:
    """Return the headers of an answer to a request; none where its address stays."""
    found = next((one for one in DEPRECATED if one.concerns(method, path)), None)
    return found.headers() if found else {}
