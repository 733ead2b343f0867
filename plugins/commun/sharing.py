"""COM-26 (L1110-4 III): what is told to a professional outside the person's team asks for the person's agreement."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource, day_of

from .identities import fault
from .reading import codes, target

NOTE: Final = ("urn:dui-fhir:communication", "note-liaison")
AGREED: Final = ("urn:dui-fhir:consent", "partage-hors-equipe")
AT_HOME: Final = "dom"
"""Its rule DOM-10 says the same of its notes."""
_PROFESSIONAL: Final = ("Practitioner/", "PractitionerRole/", "Organization/", "HealthcareService/")


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a liaison note being written; a note that came in says no recipient."""
    note: Resource = change.after or {}
    if NOTE[1] not in codes(note.get("category"), NOTE[0]) or note.get("status") == "entered-in-error":
        return
    sent = {target(r) for r in note.get("recipient", ()) if target(r).startswith(_PROFESSIONAL)}
    if not sent or AT_HOME in context.corridors:
        return
    person, at = target(note.get("subject")), day_of(note.get("sent")) or context.now.date()
    outside = sent - _team(person, at, change, context)
    if outside and not _agreed(person, at, change, context):
        yield fault("COM-26", "Communication.recipient")


def _team(person: str, at: date, change: Change, context: Context) -> set[str]:
    """Return who is in the person's care teams on that day, and for whom."""
    found: set[str] = set()
    for team in _about("CareTeam", "subject", person, change, context):
        if team.get("status") == "entered-in-error" or not _covers(team.get("period", {}), at):
            continue
        for participant in team.get("participant", ()):
            if _covers(participant.get("period", {}), at):
                found |= {target(participant.get("member")), target(participant.get("onBehalfOf"))}
    return found


def _agreed(person: str, at: date, change: Change, context: Context) -> bool:
    return any(
        consent.get("status") == "active"
        and AGREED[1] in codes(consent.get("category"), AGREED[0])
        and consent.get("provision", {}).get("type") != "deny"
        and _covers(consent.get("provision", {}).get("period", {}), at)
        for consent in _about("Consent", "patient", person, change, context)
    )


def _about(type: str, link: str, person: str, change: Change, context: Context) -> Iterator[Resource]:
    """Yield the resources of a type about a person: those of the transaction, then those stored."""
    written = [s for s in change.siblings.values() if s["resourceType"] == type and target(s.get(link)) == person]
    yield from written
    known = {s["id"] for s in written}
    stored = context.reader.search(type, [(link, person)]) if person else []
    yield from (s for s in stored if s["id"] not in known)


def _covers(period: Mapping[str, Any], at: date) -> bool:
    start, end = day_of(period.get("start")), day_of(period.get("end"))
    return (start is None or start <= at) and (end is None or at <= end)
