"""Rules on medications given: COM-59, 60, 61, 62, 63, 65 (COM-57, 58 and 64 are written in JSON).

The plan is a MedicationRequest, what was prepared a MedicationDispense, what was given, refused or omitted a
MedicationAdministration. A fact outside the plan is stored with a task (D7); only what cannot be true is refused.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from dui_fhir.api import Change, Context, Issue, Resource, add_days, interval, to_ms

from .dosage import Dose, Habits, Unread, doses
from .identities import fault
from .reading import related, target

GIVEN = frozenset({"completed", "in-progress", "stopped"})
KEPT = frozenset({"completed", "stopped", "not-done"})
ENDED = frozenset({"completed", "cancelled", "stopped", "entered-in-error", "draft", "on-hold"})


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a MedicationAdministration being written."""
    given: Resource = change.after or {}
    if given.get("status") == "entered-in-error":
        return
    yield from _times(given, context)
    reference = target(given.get("request"))
    request = related(reference, change, context)
    if request is not None and target(request.get("subject")) != target(given.get("subject")):
        yield fault("COM-60", "MedicationAdministration.request")
        return
    if given.get("status") in GIVEN:
        yield from _against(given, request, change, context)


def check_delete(change: Change, context: Context) -> Iterator[Issue]:
    """COM-65: what was given, refused or omitted is not erased."""
    if change.type == "MedicationAdministration" and (change.before or {}).get("status") in KEPT:
        yield fault("COM-65", "MedicationAdministration.status")


def _times(given: Resource, context: Context) -> Iterator[Issue]:
    """COM-61: an end after its beginning, and nothing given tomorrow."""
    period = given.get("effectivePeriod", {})
    start, end = _ms(period.get("start"), 0), _ms(period.get("end"), 1)
    if start is not None and end is not None and end < start:
        text = "L’administration finit avant de commencer."
        yield fault("COM-61", "MedicationAdministration.effectivePeriod", text=text)
    at = moment_of(given)
    late = to_ms(context.now) + _minutes(context, "medicament_avance_minutes")
    if given.get("status") in GIVEN and at is not None and at > late:
        yield fault("COM-61", "MedicationAdministration.effective[x]")


def _against(given: Resource, request: Resource | None, change: Change, context: Context) -> Iterator[Issue]:
    """COM-59, 62: what the plan says of it. COM-63: what was given already."""
    if request is None:
        yield fault("COM-59", "MedicationAdministration.request")
        return
    at = moment_of(given)
    if request.get("status") in ENDED:
        yield fault("COM-62", "MedicationAdministration.request")
    elif at is not None and _unplanned(request, at, context):
        text = "Médicament donné en dehors des heures de la prescription."
        yield fault("COM-59", "MedicationAdministration.effective[x]", text=text)
    if at is not None and any(_close(at, moment_of(o), context) for o in _others(request, change, context)):
        yield fault("COM-63", "MedicationAdministration.effective[x]")


def _unplanned(request: Resource, at: int, context: Context) -> bool:
    """True where the prescription says when, and not then; a time that is not read here says nothing."""
    habits = habits_of(context)
    day = datetime.fromtimestamp(at / 1000, habits.zone).date()
    margin = _minutes(context, "medicament_tolerance_minutes")
    try:
        planned = [dose for near in (-1, 0, 1) for dose in planned_doses(request, add_days(day, near), habits)]
    except Unread:
        return False
    return not any(dose.at is None or abs(dose.at - at) <= margin for dose in planned)


def planned_doses(request: Resource, day: date, habits: Habits) -> list[Dose]:
    """Return the doses of a prescription on a local day. Raises: Unread, where one of its instructions is not read."""
    instructions = request.get("dosageInstruction", ())
    if not instructions:
        raise Unread("aucun horaire")
    return [dose for instruction in instructions for dose in doses(request, instruction, day, habits)]


def _close(at: int, other: int | None, context: Context) -> bool:
    return other is not None and abs(at - other) < _minutes(context, "medicament_double_minutes")


def _others(request: Resource, change: Change, context: Context) -> Iterator[Resource]:
    """Yield the other administrations of the same prescription, in the transaction and stored."""
    reference, mine = f"MedicationRequest/{request['id']}", f"MedicationAdministration/{change.id}"
    written = {r: s for r, s in change.siblings.items() if r.startswith("MedicationAdministration/") and r != mine}
    stored = context.reader.search("MedicationAdministration", [("request", reference)])
    for other in [
        *written.values(),
        *(o for o in stored if f"MedicationAdministration/{o['id']}" not in {mine, *written}),
    ]:
        if other.get("status") in GIVEN and target(other.get("request")) == reference:
            yield other


def moment_of(given: Resource) -> int | None:
    """Return when a medication was given, in epoch milliseconds; None where it does not say."""
    period = given.get("effectivePeriod") or {}
    return _ms(given.get("effectiveDateTime") or period.get("start"), 0)


def _ms(text: Any, side: int) -> int | None:
    try:
        return interval(text)[side]
    except (TypeError, ValueError):
        return None


def _minutes(context: Context, name: str) -> int:
    return int(context.parameters[f"commun.{name}"]) * 60_000


def habits_of(context: Context) -> Habits:
    """Return the hours of the structure."""
    parameters: Mapping[str, Any] = context.parameters
    return Habits(
        times=parameters["commun.medicament_heures"],
        moments=parameters["commun.medicament_moments"],
        zone=_zone(str(parameters["commun.fuseau"])),
    )


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
