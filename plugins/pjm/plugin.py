"""What the corridor PJM cannot say in JSON: the measure, accounts, sendings, destruction, the delays."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from dui_fhir.api import Change, ClockRule, Context, Issue, LegalMeasure, Resource, add_months, hookimpl, value

from . import deadlines

EXTENSION = "urn:dui-fhir:extension:"
_NAMES = (
    ("type", "son type"), ("decided", "la date du jugement"), ("authority", "le tribunal"), ("end", "son échéance"),
    ("scope", "sa portée (biens, personne)"),
)  # fmt: skip


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    resource = change.after or {}
    if change.type == "Basic":
        measure = LegalMeasure.of(resource)
        return [*_facts(measure), *_length(measure, context)] if measure else []
    if change.type == "Composition":
        return list(_balances(resource, change, context))
    if change.type == "Account":
        return list(_bank(resource, change, context))
    return list(_health(resource, context)) if change.type == "DocumentReference" else []


@hookimpl
def check_delete(change: Change, context: Context) -> list[Issue]:
    return list(_kept(change, context))


@hookimpl
def check_sending(document: Resource, channel: str, context: Context) -> list[Issue]:
    """PJM-14: professional MSSanté only; what only a decision or nothing opens is COM-43 and COM-44 (D14)."""
    kind = context.document
    closed_anyway = channel == "dmp" and (kind is None or kind.dmp != "auto")
    return [] if channel == "mssante" or closed_anyway else [_fault("PJM-14", "DocumentReference.type")]


def _facts(measure: LegalMeasure) -> Iterator[Issue]:
    """PJM-01 (art. 425 and following)."""
    missing = [french for name, french in _NAMES if not getattr(measure, name)]
    if missing:
        yield _fault("PJM-01", "Basic.extension", f"La mesure est incomplète ; il manque : {', '.join(missing)}.")


def _length(measure: LegalMeasure, context: Context) -> Iterator[Issue]:
    """PJM-02 (art. 441, 442): five years, ten for a tutelle, twenty once renewed."""
    name = "duree_initiale_tutelle_ans" if measure.type == "tutelle" else "duree_initiale_ans"
    years = int(context.parameters[f"pjm.{'duree_renouvellement_ans' if measure.renewal else name}"])
    last = measure.last_day_allowed(years)
    if measure.end and last and measure.end > last:
        yield _fault("PJM-02", "Basic.extension", f"La mesure dure plus de {years} ans.")


def _balances(account: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """PJM-11: a year begins with what the one before left, and ends with what the next begins with."""
    year = value(account, f"{EXTENSION}exercice")
    if year is None:
        return
    for other in _compositions(account, change, context):
        years = (value(other, f"{EXTENSION}exercice"), year)
        if years == (year - 1, year) and _differ(other, account):
            yield _fault("PJM-11", "Composition.extension")
            return
        if years == (year + 1, year) and other.get("status") != "preliminary" and _differ(account, other):
            text = "Le solde de clôture du compte n'est pas le solde d'ouverture de l'année suivante."
            yield _fault("PJM-11", "Composition.extension", text)
            return


def _differ(before: Resource, after: Resource) -> bool:
    """True where both balances are said and are not the same."""
    closing, opening = _amount(before, "solde-cloture"), _amount(after, "solde-ouverture")
    return closing is not None and opening is not None and closing != opening


def _amount(composition: Resource, name: str) -> Any:
    found = value(composition, f"{EXTENSION}{name}")
    return found.get("value") if isinstance(found, dict) else found


def _compositions(account: Resource, change: Change, context: Context) -> Iterator[Resource]:
    subject = _target(account.get("subject"))
    siblings = [s for s in change.siblings.values() if s["resourceType"] == "Composition"]
    known = {change.id, *(s["id"] for s in siblings)}
    stored = context.reader.search("Composition", [("subject", subject)]) if subject else []
    for other in [*(s for s in siblings if s["id"] != change.id), *(s for s in stored if s["id"] not in known)]:
        if _target(other.get("subject")) == subject and other.get("status") != "entered-in-error":
            yield other


def _bank(account: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """PJM-12: in a curatelle simple the person manages his own account."""
    subjects = {_target(s) for s in account.get("subject", ())} - {""}
    today = context.now.date()
    types = {m.type for s in sorted(subjects) for m in _measures(s, change, context) if m.in_force(today)}
    if account.get("owner") and "curatelle-simple" in types and not types & _managed(context):
        yield _fault("PJM-12", "Account.owner")


def _managed(context: Context) -> set[str]:
    return set(context.parameters["pjm.mesures_de_gestion"])


def _measures(person: str, change: Change | None, context: Context) -> Iterator[LegalMeasure]:
    siblings = change.siblings if change else {}
    written = [s for s in siblings.values() if s["resourceType"] == "Basic" and _target(s.get("subject")) == person]
    known = {s["id"] for s in written}
    stored = [b for b in context.reader.search("Basic", [("subject", person)]) if b["id"] not in known]
    for basic in [*written, *stored]:
        measure = LegalMeasure.of(basic)
        if measure is not None:
            yield measure


def _health(document: Resource, context: Context) -> Iterator[Issue]:
    """PJM-13: this corridor has no health category."""
    codes = {str(c.get("code")) for c in (document.get("type") or {}).get("coding", ())}
    if codes & set(context.parameters["pjm.types_de_sante"]):
        yield _fault("PJM-13", "DocumentReference.type")


def _kept(change: Change, context: Context) -> Iterator[Issue]:
    """PJM-15 (art. 515): nothing of the file is destroyed before five years after the end of the measure."""
    resource = change.before or {}
    person = f"Patient/{change.id}" if change.type == "Patient" else _target(resource.get("subject"))
    if not person.startswith("Patient/") or change.type == "Task":
        return
    own = LegalMeasure.of(resource) if change.type == "Basic" else None
    measures = [*_measures(person, None, context), *([own] if own else [])]
    years = int(context.parameters["pjm.conservation_ans"])
    if any(_still_kept(m.ended or m.end, years, context.now.date()) for m in measures):
        yield _fault("PJM-15", change.type)


def _still_kept(end: date | None, years: int, today: date) -> bool:
    return end is None or today <= add_months(end, 12 * years)


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""


def _fault(rule: str, path: str, text: str = "") -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text=text, expression=(path,))
