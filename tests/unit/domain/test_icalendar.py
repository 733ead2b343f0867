"""Calendars read by an independent reader (icalendar), whatever the events; RFC 5545."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from dui_fhir.domain.icalendar import Event, calendar, folded, text

MS = st.integers(0, 4_000_000_000_000)
EVENTS = st.builds(
    Event,
    uid=st.from_regex(r"[0-9a-f]{40}@dui-fhir", fullmatch=True),
    start_ms=MS,
    end_ms=st.none() | MS,
    changed_ms=MS,
    sequence=st.integers(0, 10_000),
    status=st.sampled_from(["TENTATIVE", "CONFIRMED", "CANCELLED"]),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.lists(EVENTS, max_size=5))
def test_calendar__any_events__are_read_back(events: list[Event]) -> None:
    body = calendar(events)

    read = Calendar.from_ical(body)
    found = list(read.walk("VEVENT"))
    assert [str(e["UID"]) for e in found] == [e.uid for e in events]
    for event, component in zip(events, found, strict=True):
        assert component["DTSTART"].dt == EPOCH + timedelta(seconds=event.start_ms // 1000)
        assert component["DTSTAMP"].dt == EPOCH + timedelta(seconds=event.changed_ms // 1000)
        assert str(component["SUMMARY"]) == "Rendez-vous"
        assert str(component["STATUS"]) == event.status
        assert component["SEQUENCE"] == event.sequence
        assert set(component) <= {
            "UID", "DTSTAMP", "LAST-MODIFIED", "DTSTART", "DTEND", "SUMMARY", "STATUS", "SEQUENCE", "CLASS", "TRANSP",
        }  # fmt: skip
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    assert b"\n" not in body.replace(b"\r\n", b"")


@given(st.text())
def test_text__any_words__come_back_through_folding(value: str) -> None:
    value = "".join(c for c in value if c.isprintable())
    event = Event(uid="u", start_ms=0, end_ms=None, changed_ms=0, sequence=0)
    body = calendar([event]).replace(b"SUMMARY:Rendez-vous\r\n", folded(f"SUMMARY:{text(value)}"))

    (read,) = Calendar.from_ical(body).walk("VEVENT")

    assert str(read["SUMMARY"]) == value


@pytest.mark.parametrize("length", [74, 75, 76, 149, 150, 300])
def test_folded__accents__never_split_and_never_over_75_bytes(length: int) -> None:
    line = "é" * length
    pieces = folded(line).removesuffix(b"\r\n").split(b"\r\n ")

    assert "".join(p.decode() for p in pieces) == line
    assert all(len(p) <= 75 for p in pieces)


def test_text__separators_and_lines__escaped() -> None:
    assert text("a,b;c\\d\r\ne\x07") == "a\\,b\\;c\\\\d\\ne"
