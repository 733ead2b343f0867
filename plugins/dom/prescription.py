"""DOM-04 (D312-1): nursing care at home is given on a prescription that is in force when the act is done.

A prescription is a ``ServiceRequest`` that orders. It is cited by the act (``Procedure.basedOn``), or by the care plan that the
act is based on (``CarePlan.activity.reference``).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource, add_months, day_of

CATEGORIES: Final = "dom.soins_categories"
VALIDITY: Final = "dom.prescription_validite_mois"
_GIVEN: Final = frozenset({"in-progress", "completed"})
_ORDERS: Final = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
_STANDING: Final = frozenset({"active", "completed"})
_UNKNOWN: Final = "La prescription que cite cet acte est introuvable."
_NONE: Final = (
    "Ce que cite cet acte n'est pas une prescription en cours (demande de soins prescrite, ni annulée ni suspendue)."
)

Span = tuple[date | None, date | None]


def check(act: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """Yield DOM-04 where no prescription covers the days of the act; an act without a day is held to the citation alone."""
    structure = context.structure
    if structure is None or structure.category not in context.parameters[CATEGORIES] or act.get("status") not in _GIVEN:
        return
    text = _fault(act, change, context)
    if text is not None:
        path = ("Procedure.basedOn",)
        yield Issue(severity="error", code="business-rule", id="DOM-04", text=text, expression=path)


def _fault(act: Resource, change: Change, context: Context) -> str | None:
    """Return what is wrong in French, empty for the title of the rule; None where a prescription is in force."""
    cited = [_target(r) for r in act.get("basedOn", ())]
    if not any(cited):
        return ""
    found = list(_cited(cited, change, context))
    if not found:
        return _UNKNOWN
    standing = [p for p in found if _is_prescription(p)]
    if not standing:
        return _NONE
    done = _days_of_act(act, change, context)
    spans = [_in_force(p, int(context.parameters[VALIDITY])) for p in standing]
    if done is None or any(_covers(span, done) for span in spans):
        return None
    return f"L'acte ({_french(done)}) n'est pas dans les dates de sa prescription ({_french(spans[0])})."


def _cited(references: list[str], change: Change, context: Context) -> Iterator[Resource]:
    """Yield what an act cites; of a care plan, also what its activities cite."""
    for reference in references:
        found = _read(reference, change, context)
        if found is None:
            continue
        yield found
        if found["resourceType"] == "CarePlan":
            activities = (_read(_target(a.get("reference")), change, context) for a in found.get("activity", ()))
            yield from (a for a in activities if a is not None)


def _is_prescription(cited: Resource) -> bool:
    return (
        cited["resourceType"] == "ServiceRequest"
        and cited.get("intent") in _ORDERS
        and cited.get("status") in _STANDING
        and cited.get("doNotPerform") is not True
    )


def _in_force(prescription: Resource, months: int) -> Span:
    """Return the days a prescription holds; one that says no end holds for some months."""
    bounds = prescription.get("occurrenceTiming", {}).get("repeat", {}).get("boundsPeriod", {})
    period = prescription.get("occurrencePeriod") or bounds
    start = day_of(period.get("start")) or day_of(prescription.get("authoredOn"))
    start = start or day_of(prescription.get("occurrenceDateTime"))
    end = day_of(period.get("end"))
    return start, end or (add_months(start, months) if start else None)


def _days_of_act(act: Resource, change: Change, context: Context) -> tuple[date, date] | None:
    """Return the first and last day of an act: its own, else those of the intervention it was done in."""
    period: dict[str, Any] = act.get("performedPeriod") or {}
    if not period and "performedDateTime" not in act:
        period = (_read(_target(act.get("encounter")), change, context) or {}).get("period", {})
    start = day_of(act.get("performedDateTime")) or day_of(period.get("start"))
    return (start, day_of(period.get("end")) or start) if start else None


def _covers(span: Span, done: tuple[date, date]) -> bool:
    start, end = span
    return (start is None or start <= done[0]) and (end is None or done[1] <= end)


def _french(span: Span) -> str:
    days = [f"{day:%d/%m/%Y}" for day in dict.fromkeys(span) if day is not None]
    return " au ".join(days) or "sans date"


def _read(reference: str, change: Change, context: Context) -> Resource | None:
    return (change.siblings.get(reference) or context.reader.read(reference)) if reference else None


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""
