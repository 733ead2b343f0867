"""The calendar feed (F-16, F-22): a link made, read by an independent reader, revoked, expired; never a word about health."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from icalendar import Calendar

from dui_fhir.app import build_engine, create_app
from dui_fhir.domain.clock import FixedClock
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores

BASE = "/t/alpha/fhir"
START_MS = int(datetime(2026, 10, 15, 8, tzinfo=UTC).timestamp() * 1000)


class Served:
    """A server over memory whose clock tests move."""

    def __init__(self) -> None:
        self.clock = FixedClock(START_MS)
        settings = Settings({"store": "memory", "plugin_folders": [], "log_level": "ERROR"})
        self.engine = build_engine(settings, clock=self.clock, stores=MemoryStores(self.clock))
        self.client: FlaskClient = create_app(settings, engine=self.engine).test_client()
        for tenant in ("alpha", "beta"):
            self.engine.stores.create(tenant)

    def put(self, resource: dict[str, Any]) -> None:
        answer = self.client.put(f"{BASE}/{resource['resourceType']}/{resource['id']}", json=resource)
        assert answer.status_code in (200, 201), answer.text

    def appointment(self, id: str, actor: str, start: str = "2026-10-20T09:00:00+02:00", **more: Any) -> None:
        self.put(
            {
                "resourceType": "Appointment", "id": id, "status": "booked", "start": start, "end": start.replace("09:00", "09:30"),
                "description": "Chimiothérapie", "comment": "à jeun", "reasonCode": [{"text": "cancer"}],
                "participant": [{"actor": {"reference": actor, "display": "Zoé FICTIF"}, "status": "accepted"}], **more,
            }
        )  # fmt: skip

    def link(self, subject: str, **inputs: Any) -> dict[str, Any]:
        given = [
            {"name": n, "valueBoolean" if isinstance(v, bool) else "valuePositiveInt": v} for n, v in inputs.items()
        ]
        body = {"resourceType": "Parameters", "parameter": given} if given else None
        answer = self.client.post(f"{BASE}/{subject}/$calendar-link", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        found = {p["name"]: next(v for k, v in p.items() if k.startswith("value")) for p in answer.json["parameter"]}
        return {**found, "path": found["url"].removeprefix("http://localhost")}


@pytest.fixture
def server() -> Iterator[Served]:
    served = Served()
    for type, id in (("Patient", "p"), ("Practitioner", "d")):
        served.put({"resourceType": type, "id": id})
    yield served
    served.engine.stores.close()


def _events(body: bytes) -> list[Any]:
    return list(Calendar.from_ical(body).walk("VEVENT"))


def test_feed__person__times_only(server: Served) -> None:
    server.appointment("a", "Patient/p")
    server.appointment("other", "Patient/q")

    answer = server.client.get(server.link("Patient/p")["path"])

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/calendar")
    (event,) = _events(answer.data)
    assert event["DTSTART"].dt == datetime(2026, 10, 20, 7, tzinfo=UTC)
    assert event["DTEND"].dt == datetime(2026, 10, 20, 7, 30, tzinfo=UTC)
    for word in ("Chimio", "jeun", "cancer", "FICTIF", "Patient", "LOCATION", "DESCRIPTION", "ATTENDEE"):
        assert word not in answer.text


def test_feed__professional__also_by_his_roles_and_not_what_he_declined(server: Served) -> None:
    server.put({"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/d"}})
    server.appointment("a", "Practitioner/d")
    server.appointment("b", "PractitionerRole/r", start="2026-10-21T09:00:00+02:00")
    server.appointment(
        "c", "Practitioner/d", participant=[{"actor": {"reference": "Practitioner/d"}, "status": "declined"}]
    )

    found = _events(server.client.get(server.link("Practitioner/d")["path"]).data)

    assert [e["DTSTART"].dt.day for e in found] == [20, 21]


def test_feed__moved_then_cancelled__same_event_with_a_higher_sequence(server: Served) -> None:
    server.appointment("a", "Patient/p")
    path = server.link("Patient/p")["path"]
    (first,) = _events(server.client.get(path).data)
    server.clock.advance(seconds=60)
    server.appointment("a", "Patient/p", start="2026-10-22T09:00:00+02:00")
    server.appointment("a", "Patient/p", start="2026-10-22T09:00:00+02:00", status="cancelled")

    (last,) = _events(server.client.get(path).data)

    assert last["UID"] == first["UID"]
    assert (first["SEQUENCE"], last["SEQUENCE"]) == (0, 2)
    assert (str(first["STATUS"]), str(last["STATUS"])) == ("CONFIRMED", "CANCELLED")
    assert last["DTSTAMP"].dt > first["DTSTAMP"].dt


def test_feed__unchanged__answers_304_and_changes_with_the_data(server: Served) -> None:
    server.appointment("a", "Patient/p")
    path = server.link("Patient/p")["path"]
    first = server.client.get(path)
    server.clock.advance(seconds=3600)

    again = server.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    server.appointment("b", "Patient/p")
    changed = server.client.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert changed.status_code == 200
    assert server.client.head(path).status_code == 200


def test_feed__empty__is_a_calendar(server: Served) -> None:
    answer = server.client.get(server.link("Patient/p")["path"])

    assert _events(answer.data) == []
    assert answer.data.startswith(b"BEGIN:VCALENDAR\r\n")


def test_feed__window__far_past_and_far_future_are_left_out(server: Served) -> None:
    for id, day in (("old", "2026-08-01"), ("past", "2026-10-01"), ("soon", "2027-10-01"), ("far", "2028-01-01")):
        server.appointment(id, "Patient/p", start=f"{day}T09:00:00Z")

    found = _events(server.client.get(server.link("Patient/p")["path"]).data)

    assert [e["DTSTART"].dt.strftime("%Y-%m") for e in found] == ["2026-10", "2027-10"]


def test_link__token__is_nowhere_in_the_base(server: Served) -> None:
    link = server.link("Patient/p")
    token = link["path"].removesuffix(".ics").rpartition("/")[2]

    stored = server.client.get(f"{BASE}/{link['link']['reference']}")

    assert len(token) == 43
    assert token not in stored.text
    assert stored.json["subject"] == {"reference": "Patient/p"}
    assert token not in server.client.get(f"{BASE}/_history").text


@pytest.mark.parametrize("how", ["revoke", "revoke-one", "delete", "expire", "replace"])
def test_link__closed__same_answer_as_one_that_never_was(server: Served, how: str) -> None:
    link = server.link("Patient/p", days=10)
    never = server.client.get("/t/alpha/agenda/" + "x" * 43 + ".ics")
    one = {"resourceType": "Parameters", "parameter": [{"name": "link", "valueString": link["link"]["reference"]}]}

    if how == "revoke":
        assert server.client.post(f"{BASE}/Patient/p/$calendar-revoke").json["parameter"][0]["valueInteger"] == 1
    elif how == "revoke-one":
        assert server.client.post(f"{BASE}/Patient/p/$calendar-revoke", json=one).status_code == 200
        assert server.client.post(f"{BASE}/Patient/p/$calendar-revoke", json=one).status_code == 404
    elif how == "delete":
        assert server.client.delete(f"{BASE}/{link['link']['reference']}").status_code in (200, 204)
    elif how == "replace":
        assert server.client.get(server.link("Patient/p", replace=True)["path"]).status_code == 200
    else:
        server.clock.advance(days=9.9)
        assert server.client.get(link["path"]).status_code == 200
        server.clock.advance(days=0.2)

    closed = server.client.get(link["path"])
    assert (closed.status_code, closed.data) == (never.status_code, never.data) == (404, closed.data)


def test_link__of_another_tenant_or_person__does_not_open(server: Served) -> None:
    link = server.link("Patient/p")

    assert server.client.get(link["path"].replace("alpha", "beta")).status_code == 404
    assert server.client.get(link["path"].replace("/t/alpha", "")).status_code == 404
    assert server.client.get("/t/alpha/agenda/court.ics").status_code == 404
    assert server.client.post(f"{BASE}/Patient/inconnu/$calendar-link").status_code == 404
    assert server.client.get(f"{BASE}/Patient/p/$calendar-link").status_code == 405


def test_link__longer_than_allowed__ends_at_the_limit(server: Served) -> None:
    link = server.link("Patient/p", days=5000)

    assert link["expires"].startswith("2027-10-15")
