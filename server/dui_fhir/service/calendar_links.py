"""Links by which a calendar application follows the appointments of one person: revocable, unguessable, unknown to us.

Only the hash of a token is kept, as the id of a Basic: whoever reads the base cannot open a feed. Deleting the Basic, or the
operation ``$calendar-revoke``, closes the link; so does its expiry.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant, interval
from dui_fhir.domain.errors import NotFound
from dui_fhir.domain.icalendar import Event, Status
from dui_fhir.domain.query import DateIs
from dui_fhir.domain.reference import Reference
from dui_fhir.domain.version import Version
from dui_fhir.ports import Store, every
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import parse
from dui_fhir.settings import Settings

OBJECT_SYSTEM = "urn:dui-fhir:objet"
CODE = "lien-agenda"
EXPIRES = "urn:dui-fhir:extension:expiration"
REVOKED = "urn:dui-fhir:extension:revocation"
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
SUBJECTS = ("Patient", "Practitioner", "RelatedPerson")
DAY_MS = 86_400_000
_PAGE = 500
EVENTS_MAX = 5_000
_STATUS: dict[str, Status] = {
    "proposed": "TENTATIVE", "pending": "TENTATIVE", "waitlist": "TENTATIVE",
    "cancelled": "CANCELLED", "entered-in-error": "CANCELLED",
}  # fmt: skip


def link_id(tenant: str, token: str) -> str:
    """Return the id of the Basic of a token: SHA-256, so that the base never holds what opens the feed."""
    return "agenda-" + hashlib.sha256(f"{tenant}|{token}".encode()).hexdigest()[:56]


def link_of(tenant: str, token: str, subject: str, now_ms: int, days: int) -> Resource:
    """Return the Basic of a new link to the appointments of ``Type/id``, open for some days."""
    return {
        "resourceType": "Basic",
        "id": link_id(tenant, token),
        "extension": [{"url": EXPIRES, "valueInstant": instant(now_ms + days * DAY_MS)}],
        "code": {"coding": [{"system": OBJECT_SYSTEM, "code": CODE}], "text": "Lien vers un agenda"},
        "subject": {"reference": subject},
        "created": instant(now_ms)[:10],
    }


def revoked(link: Resource, now_ms: int) -> Resource:
    """Return a link closed now."""
    kept = [e for e in link.get("extension", ()) if e.get("url") != REVOKED]
    return {**link, "extension": [*kept, {"url": REVOKED, "valueInstant": instant(now_ms)}]}


def is_open(link: Resource, now_ms: int) -> bool:
    """True for a link that is neither revoked nor expired."""
    moments = {e.get("url"): e.get("valueInstant") for e in link.get("extension", ())}
    expires = moments.get(EXPIRES)
    return REVOKED not in moments and isinstance(expires, str) and now_ms < interval(expires)[0]


def subject_of(store: Store, tenant: str, token: str, now_ms: int) -> str:
    """Return ``Type/id`` of whom a token opens the agenda.

    Raises: NotFound (``agenda-link``), the same for a token that never was, that is closed, or of another tenant.
    """
    found = store.read("Basic", link_id(tenant, token)) if TOKEN.fullmatch(token) else None
    link = found.resource() if found is not None and not found.deleted else None
    target = Reference.parse(link["subject"]["reference"]) if link is not None and is_open(link, now_ms) else None
    if target is None:
        raise NotFound.of("agenda-link", "Ce lien d'agenda n'existe pas, ou n'est plus ouvert.", "no open link")
    return str(target)


def events(store: Store, subject: str, now_ms: int, options: SearchOptions, settings: Settings) -> Iterator[Event]:
    """Yield the appointments of someone, some days back and ahead (settings ``agenda_…``), in a stable order."""
    actors = [subject, *_roles(store, subject, options)]
    low = now_ms - settings.agenda_past_days * DAY_MS
    high = now_ms + settings.agenda_future_days * DAY_MS
    parsed = parse("Appointment", [("actor", ",".join(actors)), ("_sort", "date")], options)
    parsed = parsed.within(DateIs("date", "ap", low, high))
    for version in islice(every(store, replace(parsed.query, limit=_PAGE)), EVENTS_MAX):
        event = event_of(version, frozenset(actors))
        if event is not None:
            yield event


def _roles(store: Store, subject: str, options: SearchOptions) -> list[str]:
    if not subject.startswith("Practitioner/"):
        return []
    query = replace(parse("PractitionerRole", [("practitioner", subject)], options).query, limit=100)
    return [f"PractitionerRole/{v.id}" for v in store.search(query).matches]


def event_of(version: Version, actors: frozenset[str]) -> Event | None:
    """Return an appointment as an event; None without a beginning, or where this actor declined."""
    appointment = version.resource()
    mine = [p for p in appointment.get("participant", ()) if p.get("actor", {}).get("reference") in actors]
    start = appointment.get("start")
    if not isinstance(start, str) or (mine and all(p.get("status") == "declined" for p in mine)):
        return None
    start_ms = interval(start)[0]
    return Event(
        uid=hashlib.sha256(f"agenda|{version.id}".encode()).hexdigest()[:40] + "@dui-fhir",
        start_ms=start_ms,
        end_ms=_end_ms(appointment, start_ms),
        changed_ms=version.instant_ms,
        sequence=version.version - 1,
        status=_STATUS.get(str(appointment.get("status")), "CONFIRMED"),
    )


def _end_ms(appointment: Resource, start_ms: int) -> int | None:
    if isinstance(appointment.get("end"), str):
        return interval(appointment["end"])[0]
    minutes = appointment.get("minutesDuration")
    return start_ms + minutes * 60_000 if isinstance(minutes, int) else None
