"""What the corridor DOM cannot say in JSON: deletion of a done intervention, age in SSIAD, evaluations."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from dui_fhir.api import Change, ClockRule, Context, Issue, Operation, Resource, hookimpl, is_event, is_stay

from . import aggir, deadlines, dependency, tariff
from .prescription import CATEGORIES as NURSING
from .prescription import check as check_prescription

NOTE = "urn:dui-fhir:communication"
CONSENT = "urn:dui-fhir:consent"
ACTIVITIES = "urn:dui-fhir:activite"
STAYING = frozenset({"arrived", "triaged", "in-progress", "onleave"})


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def declare_indicators() -> list[dict[str, Any]]:
    return [{**dependency.SHARE, "value": dependency.heavy}]


@hookimpl
def declare_operations() -> list[Operation]:
    return tariff.operations()


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    resource = change.after or {}
    if change.type == "QuestionnaireResponse":
        return list(aggir.check(resource, context))
    if change.type == "Encounter":
        return [*_age(resource, change, context), *_team(resource, change, context)]
    if change.type == "Communication":
        return list(_liaison(resource, change, context))
    if change.type == "Procedure":
        return list(check_prescription(resource, change, context))
    return []


@hookimpl
def check_delete(change: Change, context: Context) -> list[Issue]:
    before = change.before or {}
    done = change.type == "Encounter" and before.get("status") == "finished" and is_event(before)
    return [_fault("DOM-02", "Encounter.status")] if done else []


def _fault(rule: str, *expression: str, text: str = "") -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text=text, expression=tuple(expression))


def _age(encounter: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """D312-1: below the age, a handicap or a chronic disease is the reason of the care."""
    if context.structure is None or context.structure.category not in context.parameters[NURSING]:
        return
    if not is_stay(encounter) or encounter.get("status") not in STAYING:
        return
    if encounter.get("reasonCode") or encounter.get("reasonReference"):
        return
    activities = _activities(encounter)
    if activities and "soins" not in activities:
        return  # a mixed service that only helps this person
    reference = str((encounter.get("subject") or {}).get("reference", ""))
    person = change.siblings.get(reference) or (context.reader.read(reference) if reference else None)
    born, starts = _day((person or {}).get("birthDate")), _day(encounter.get("period", {}).get("start"))
    if born and starts and _years(born, starts) < int(context.parameters["dom.age_ssiad_ans"]):
        yield _fault("DOM-05", "Encounter.reasonCode")


def _activities(stay: Resource) -> set[str]:
    """What a mixed service does for the person in this stay, as the stay says; nothing where it does not."""
    codings = [c for t in stay.get("type", ()) for c in t.get("coding", ()) if c.get("system") == ACTIVITIES]
    return {str(c.get("code")) for c in codings}


def _team(encounter: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """DOM-03: who comes is in the person's team on that day; silent where no team is known."""
    if not is_event(encounter) or encounter.get("status") in ("cancelled", "entered-in-error"):
        return
    came = {_target(p.get("individual")) for p in encounter.get("participant", ())} - {""}
    teams = list(_teams(_target(encounter.get("subject")), change, context))
    at = _day(encounter.get("period", {}).get("start"))
    if teams and at and not came <= {member for team in teams for member in _members(team, at)}:
        yield _fault("DOM-03", "Encounter.participant")


def _liaison(note: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """DOM-10: a liaison note stays in the team, with the person and those around, unless sharing was agreed to."""
    kinds = {c.get("code") for k in note.get("category", ()) for c in k.get("coding", ()) if c.get("system") == NOTE}
    subject, at = _target(note.get("subject")), _day(note.get("sent")) or context.now.date()
    if "note-liaison" not in kinds or note.get("status") == "entered-in-error":
        return
    sent = {_target(r) for r in note.get("recipient", ())}
    outside = {r for r in sent if r.startswith(("Practitioner", "Organization", "HealthcareService"))}
    outside -= {member for team in _teams(subject, change, context) for member in _members(team, at)}
    written = [s for s in change.siblings.values() if s["resourceType"] == "Consent"]
    agreements = [c for c in written if _target(c.get("patient")) == subject]
    agreements += context.reader.search("Consent", [("patient", subject)]) if outside and subject else []
    if outside and not any(_agreed(c, at) for c in agreements):
        yield _fault("DOM-10", "Communication.recipient")


def _agreed(consent: Resource, at: date) -> bool:
    codes = {
        c.get("code") for k in consent.get("category", ()) for c in k.get("coding", ()) if c.get("system") == CONSENT
    }
    provision = consent.get("provision", {})
    in_force = provision.get("type") != "deny" and _covers(provision.get("period", {}), at)
    return consent.get("status") == "active" and "partage-hors-equipe" in codes and in_force


def _teams(subject: str, change: Change, context: Context) -> Iterator[Resource]:
    """Yield the care teams of a person, in the transaction and stored."""
    written = [
        s for s in change.siblings.values() if s["resourceType"] == "CareTeam" and _target(s.get("subject")) == subject
    ]
    stored = context.reader.search("CareTeam", [("subject", subject)]) if subject else []
    known = {s["id"] for s in written}
    for team in [*written, *(t for t in stored if t["id"] not in known)]:
        if team.get("status") != "entered-in-error":
            yield team


def _members(team: Resource, at: date) -> Iterator[str]:
    for participant in team.get("participant", ()):
        if _covers(participant.get("period", {}), at) and _covers(team.get("period", {}), at):
            yield _target(participant.get("member"))
            yield _target(participant.get("onBehalfOf"))


def _covers(period: Mapping[str, Any], at: date) -> bool:
    start, end = _day(period.get("start")), _day(period.get("end"))
    return (start is None or start <= at) and (end is None or at <= end)


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _years(born: date, at: date) -> int:
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
