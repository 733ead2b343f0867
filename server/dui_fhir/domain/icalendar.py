"""A calendar as text, without a word about health. Pure. Source: RFC 5545, and RFC 7986 for the refresh interval.

A phone, its maker and whoever looks over a shoulder read it: title, place and motive are left out; only times remain.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Status = Literal["TENTATIVE", "CONFIRMED", "CANCELLED"]
MEDIA = "text/calendar"
TITLE = "Rendez-vous"
LINE_BYTES = 75
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """``start_ms``, ``end_ms`` (None = a moment) and ``changed_ms`` are UTC epoch milliseconds; ``sequence`` grows with each
    change; ``uid`` is opaque and stable."""

    uid: str
    start_ms: int
    end_ms: int | None
    changed_ms: int
    sequence: int
    status: Status = "CONFIRMED"


def calendar(events: Iterable[Event], *, refresh_minutes: int = 60) -> bytes:
    """Return the calendar, lines folded and ended by CRLF; the same events give the same bytes."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//dui-fhir//agenda//FR",
        "CALSCALE:GREGORIAN",
        f"NAME:{text(TITLE)}",
        f"X-WR-CALNAME:{text(TITLE)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:PT{refresh_minutes}M",
        f"X-PUBLISHED-TTL:PT{refresh_minutes}M",
    ]
    for event in events:
        lines += _event(event)
    lines.append("END:VCALENDAR")
    return b"".join(folded(line) for line in lines)


def _event(event: Event) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{text(event.uid)}"
    # without METHOD, DTSTAMP is the moment of the last revision (RFC 5545, 3.8.7.2): so bytes change with the data only
    yield f"DTSTAMP:{moment(event.changed_ms)}"
    yield f"LAST-MODIFIED:{moment(event.changed_ms)}"
    yield f"DTSTART:{moment(event.start_ms)}"
    if event.end_ms is not None and event.end_ms > event.start_ms:
        yield f"DTEND:{moment(event.end_ms)}"
    yield f"SUMMARY:{text(TITLE)}"
    yield f"STATUS:{event.status}"
    yield f"SEQUENCE:{event.sequence}"
    yield "CLASS:PRIVATE"
    if event.status == "CANCELLED":
        yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def moment(ms: int) -> str:
    """Return a UTC DATE-TIME, whole seconds."""
    when = _EPOCH + timedelta(milliseconds=ms)
    return f"{when.year:04d}{when:%m%dT%H%M%SZ}"


def text(value: str) -> str:
    """Escape a TEXT value; what no line may hold is dropped."""
    for character, escaped in (
        ("\\", "\\\\"),
        (";", "\\;"),
        (",", "\\,"),
        ("\r\n", "\\n"),
        ("\r", "\\n"),
        ("\n", "\\n"),
    ):
        value = value.replace(character, escaped)
    return "".join(c for c in value if c >= " " and c != "\x7f")


def folded(line: str) -> bytes:
    """Return a content line in UTF-8, cut so that no piece exceeds 75 bytes nor splits a character."""
    pieces: list[bytes] = []
    piece, room = b"", LINE_BYTES
    for character in line:
        encoded = character.encode()
        if len(piece) + len(encoded) > room:
            pieces.append(piece)
            piece, room = b"", LINE_BYTES - 1  # the space that starts a continuation counts
        piece += encoded
    return b"\r\n ".join([*pieces, piece]) + b"\r\n"
