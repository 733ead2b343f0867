"""``Patient/[id]/$medication-round?date=``: what is to be given to a person on a day, and what was.

A Bundle (searchset): one Task of ours per planned dose, in order, not stored; then the prescriptions and administrations it
rests on; an OperationOutcome for each prescription whose times are not read, so that none is forgotten.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.api import (
    Answer,
    BadRequest,
    Context,
    Issue,
    NotFound,
    Operation,
    OperationRequest,
    Resource,
    add_days,
    day_of,
    outcome,
    to_ms,
)

from .definitions import operation_definition, searchset
from .dosage import Dose, Habits, Unread, doses
from .medication import habits_of, moment_of
from .reading import TAG, target

_TASK_SYSTEM: Final = "urn:dui-fhir:task"
_DONE: Final = {"completed": "completed", "stopped": "completed", "not-done": "rejected", "in-progress": "in-progress"}
_TAG: Final = {"system": TAG, "code": "prise"}
_RUNNING: Final = "active"

DEFINITION: Final = operation_definition(
    "medication-round", "MedicationRound", "Tour de médicaments d’une personne",
    "Les prises prévues d’un jour, d’après les prescriptions actives, et ce qui a été donné, refusé ou omis. Un horaire "
    "qui ne se lit pas est dit.",
    "Patient", level="instance", writes=False, returns="Bundle",
    inputs=[("date", "date", 0, "1", "Le jour, dans le fuseau de la structure ; aujourd’hui s’il n’est pas dit.")],
)  # fmt: skip


def operations() -> list[Operation]:
    """Return the operation of this module."""
    return [Operation(definition=DEFINITION, run=medication_round)]


def medication_round(request: OperationRequest) -> Answer:
    """Return the round of a day. Raises: NotFound, BadRequest (``round-date``)."""
    if request.target is None:
        raise NotFound.of("round-no-patient", "La personne n’existe pas.")
    context, habits = request.context, habits_of(request.context)
    day = _day(request.parameters.get("date"), context, habits)
    person = f"Patient/{request.target['id']}"
    prescriptions = _prescriptions(person, context)
    given = _given(person, day, context, habits)
    tasks, unread = _round(prescriptions, given, day, habits, context)
    return Answer(result=_bundle(tasks, [*prescriptions, *given], unread))


def _day(text: Any, context: Context, habits: Habits) -> date:
    if not text:
        return context.now.astimezone(habits.zone).date()
    day = day_of(text)
    if day is None:
        raise BadRequest.of("round-date", "La date est un jour complet : AAAA-MM-JJ.", "date is no full date", ["date"])
    return day


def _prescriptions(person: str, context: Context) -> list[Resource]:
    found = context.reader.search("MedicationRequest", [("subject", person), ("status", _RUNNING)])
    kept = [r for r in found if r.get("intent") not in ("proposal", "option") and not r.get("doNotPerform")]
    return sorted(kept, key=lambda r: (str(r.get("authoredOn", "")), r["id"]))


def _given(person: str, day: date, context: Context, habits: Habits) -> list[Resource]:
    """Return the administrations of a local day, with those of the nights around it."""
    days = [("effective-time", f"ge{add_days(day, -1)}"), ("effective-time", f"le{add_days(day, 1)}")]
    found = context.reader.search("MedicationAdministration", [("subject", person), *days])
    kept = [g for g in found if g.get("status") != "entered-in-error" and _local(g, habits) == day]
    return sorted(kept, key=lambda g: (moment_of(g) or 0, g["id"]))


def _local(given: Resource, habits: Habits) -> date | None:
    at = moment_of(given)
    return None if at is None else datetime.fromtimestamp(at / 1000, habits.zone).date()


def _round(
    prescriptions: Sequence[Resource], given: Sequence[Resource], day: date, habits: Habits, context: Context
) -> tuple[list[Resource], list[Issue]]:
    timed: list[tuple[bool, int, str, Resource]] = []
    unread: list[Issue] = []
    for prescription in prescriptions:
        left = [g for g in given if target(g.get("request")) == f"MedicationRequest/{prescription['id']}"]
        planned, issues = _planned(prescription, day, habits)
        unread += issues
        for number, dose in enumerate(planned):
            done = _taken(dose, left, context)
            task = _task(prescription, dose, done, f"{day}|{number}", habits, context)
            timed.append((dose.at is None, dose.at or 0, task["description"], task))
    return [task for *_, task in sorted(timed, key=lambda t: t[:3])], unread


def _planned(prescription: Resource, day: date, habits: Habits) -> tuple[list[Dose], list[Issue]]:
    planned: list[Dose] = []
    unread: list[Issue] = []
    for instruction in prescription.get("dosageInstruction") or [{}]:
        try:
            planned += doses(prescription, instruction, day, habits)
        except Unread as error:
            unread.append(_unread(prescription, str(error)))
    return planned, unread


def _unread(prescription: Resource, reason: str) -> Issue:
    text = f"« {_name(prescription)} » : les heures de prise ne se lisent pas ({reason}) ; voyez la prescription."
    return Issue(
        severity="warning", code="not-supported", id="round-timing", text=text,
        diagnostics=f"MedicationRequest/{prescription['id']}", expression=("MedicationRequest.dosageInstruction",),
    )  # fmt: skip


def _taken(dose: Dose, left: list[Resource], context: Context) -> Resource | None:
    """Return the administration of a dose, the nearest in time, and take it out of those left; as needed: none."""
    if dose.at is None:
        return None
    margin = int(context.parameters["commun.medicament_tolerance_minutes"]) * 60_000
    due = dose.at
    near = [(abs((moment_of(g) or 0) - due), g["id"], g) for g in left]
    found = min((n for n in near if n[0] <= margin), key=lambda n: n[:2], default=None)
    if found is None:
        return None
    left.remove(found[2])
    return found[2]


def _task(
    prescription: Resource, dose: Dose, done: Resource | None, key: str, habits: Habits, context: Context
) -> Resource:
    reference = f"MedicationRequest/{prescription['id']}"
    task: Resource = {
        "resourceType": "Task",
        "id": str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:prise:{prescription['id']}|{key}")),
        "meta": {"tag": [_TAG]},
        "status": _status(dose, done, context),
        "intent": "order",
        "code": {"coding": [{"system": _TASK_SYSTEM, "code": "prise", "display": "Prise de médicament"}]},
        "description": " : ".join(filter(None, [_name(prescription), dose.text])),
        "focus": {"reference": reference},
        "for": prescription["subject"],
    }
    if dose.at is None:
        task["businessStatus"] = {"text": "Si besoin"}
    else:
        task["executionPeriod"] = {"start": dose.local(habits)}
        task["businessStatus"] = {"text": _said(dose.at, done, context)}
    if done is not None:
        task["output"] = [
            {
                "type": {"text": "Administration"},
                "valueReference": {"reference": f"MedicationAdministration/{done['id']}"},
            }
        ]
    return task


def _status(dose: Dose, done: Resource | None, context: Context) -> str:
    if done is not None:
        return _DONE.get(str(done.get("status")), "on-hold")
    return "requested" if dose.at is None or dose.at > to_ms(context.now) else "ready"


def _said(due: int, done: Resource | None, context: Context) -> str:
    """Say in French where the dose stands."""
    if done is not None:
        reasons = [
            str(r.get("text") or next((c.get("code") for c in r.get("coding", ())), ""))
            for r in done.get("statusReason", ())
        ]
        words = {"completed": "Donné", "in-progress": "En cours", "not-done": "Non donné", "stopped": "Interrompu"}
        return " : ".join(
            filter(None, [words.get(str(done.get("status")), "À vérifier"), ", ".join(filter(None, reasons))])
        )
    margin = int(context.parameters["commun.medicament_tolerance_minutes"]) * 60_000
    now = to_ms(context.now)
    return "En retard" if now > due + margin else "À donner" if now > due - margin else "Prévu"


def _name(prescription: Resource) -> str:
    concept = prescription.get("medicationCodeableConcept") or {}
    named = concept.get("text") or next((c.get("display") or c.get("code") for c in concept.get("coding", ())), "")
    return str(named or (prescription.get("medicationReference") or {}).get("display") or "Médicament")


def _bundle(tasks: Sequence[Resource], sources: Sequence[Resource], unread: Sequence[Issue]) -> Resource:
    entries = [*_entries(tasks, "match"), *_entries(sources, "include")]
    if unread:
        entries.append({"resource": outcome(unread), "search": {"mode": "outcome"}})
    return searchset(entries, len(tasks))


def _entries(resources: Sequence[Resource], mode: str) -> Iterator[dict[str, Any]]:
    for resource in resources:
        named = f"urn:uuid:{resource['id']}" if mode == "match" else ""
        full = {"fullUrl": named} if named else {}
        yield {**full, "resource": resource, "search": {"mode": mode}}
