"""What the corridor PH cannot say in JSON: CDAPH decisions, components of a child's project, school periods."""

from collections.abc import Iterator, Mapping
from typing import Any

from dui_fhir.api import Change, ClockRule, Context, Issue, Operation, Resource, answers, hookimpl, interval, is_stay

from . import deadlines, serafin

TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui"
DECISION = f"{TDDUI}/StructureDefinition/tddui-decision"
SCHOOL = f"{TDDUI}/StructureDefinition/tddui-observation-periode-scolaire"
PROJECT_IDENTIFIER = "https://identifiant-medicosocial-projetpersonnalise.esante.gouv.fr"
COMPONENT = "urn:dui-fhir:composante"
COMPONENTS = frozenset({"pedagogique", "educative", "therapeutique"})
STAYING = frozenset({"arrived", "triaged", "in-progress", "onleave"})
CLOSING, FIRST, AGAIN = "5", "1", frozenset({"6", "7"})
"""TDDUI: typeDecision 5 closes; natureDroit 1 is a first right, 6 a renewal, 7 a revision."""


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def declare_operations() -> list[Operation]:
    return serafin.operations()


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    resource = change.after or {}
    if change.type == "Encounter":
        return list(_orientation(resource, change, context))
    if change.type == "CarePlan":
        return list(_components(resource, context))
    if change.type == "Basic":
        return [*_decision(resource), *_plan_ended(change)]
    if change.type in ("QuestionnaireResponse", "Task"):
        return [*_serafin(resource, context), *_ratings(resource)]
    if change.type == "Observation" and SCHOOL in _profiles(resource):
        return list(_school(resource, change, context))
    return []


def _fault(rule: str, *expression: str, text: str = "") -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text=text, expression=tuple(expression))


def _profiles(resource: Resource) -> set[str]:
    return {str(p).partition("|")[0] for p in resource.get("meta", {}).get("profile", ())}


def _codes(concepts: Any, system: str | None = None) -> set[str]:
    concepts = concepts if isinstance(concepts, list) else [concepts]
    codings = [c for concept in concepts if isinstance(concept, dict) for c in concept.get("coding", ())]
    return {str(c.get("code")) for c in codings if system in (None, c.get("system"))}


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""


def _parts(element: Mapping[str, Any], url: str) -> Iterator[dict[str, Any]]:
    return (e for e in element.get("extension", ()) if e.get("url") == url)


def _value(element: Mapping[str, Any], url: str) -> Any:
    part: dict[str, Any] = next(_parts(element, url), {})
    return next((v for k, v in part.items() if k.startswith("value")), None)


def _code(element: Mapping[str, Any], url: str) -> str:
    value = _value(element, url)
    if isinstance(value, dict):
        return next(iter(_codes(value)), str(value.get("code", "")))
    return "" if value is None else str(value)


def _rights(decision: Resource) -> Iterator[dict[str, Any]]:
    for extension in _parts(decision, DECISION):
        yield from _parts(extension, "droitPrestation")


def _serafin(resource: Resource, context: Context) -> Iterator[Issue]:
    """PH-07: needs are of JDV_J285, services of JDV_J283 and J284; a grid may cite both."""
    known = set(context.parameters["ph.serafin_prestations"])
    if resource["resourceType"] == "QuestionnaireResponse":
        known |= set(context.parameters["ph.serafin_besoins"])
        given = [a["valueCoding"] for some in answers(resource).values() for a in some if "valueCoding" in a]
    else:
        given = resource.get("code", {}).get("coding", [])
    wrong = sorted({str(c.get("code")) for c in given if c.get("system") in serafin.SYSTEMS} - known)
    if wrong:
        yield _fault("PH-07", resource["resourceType"], text=f"Code inconnu de SERAFIN-PH : {', '.join(wrong)}.")


def _ratings(resource: Resource) -> Iterator[Issue]:
    """PH-14: each need is rated by a whole number, as the published questionnaire asks."""
    if not serafin.is_serafin(resource):
        return
    wrong = serafin.ill_rated(resource)
    if wrong:
        text = f"Un besoin SERAFIN-PH se cote par un nombre entier, à partir de zéro : {', '.join(wrong[:5])}."
        yield _fault("PH-14", "QuestionnaireResponse.item", text=text)


def _orientation(encounter: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """PH-01: a decision whose right covers the first day of the stay."""
    category = context.structure.category if context.structure else ""
    start = encounter.get("period", {}).get("start")
    if not is_stay(encounter) or encounter.get("status") not in STAYING or not start:
        return
    if category in context.parameters["ph.categories_acces_direct"]:
        return
    decisions = _decisions(_target(encounter.get("subject")), change, context)
    if not any(_covers(right, start) for decision in decisions for right in _rights(decision)):
        yield _fault("PH-01", "Encounter.basedOn")


def _decisions(subject: str, change: Change, context: Context) -> Iterator[Resource]:
    """Yield the decisions on the person's requests, in the transaction and stored: nothing is searched once one suffices."""
    if not subject:
        return
    siblings = change.siblings.items()
    written = [s for _, s in siblings if s["resourceType"] == "Basic"]
    asked = {r for r, s in siblings if s["resourceType"] == "ServiceRequest" and _target(s.get("subject")) == subject}
    yield from (s for s in written if _target(s.get("subject")) in asked | {subject})
    stored = {f"ServiceRequest/{r['id']}" for r in context.reader.search("ServiceRequest", [("subject", subject)])}
    yield from (s for s in written if _target(s.get("subject")) in stored - asked)
    yield from context.reader.search("Basic", [("subject", ",".join(sorted(stored | asked | {subject})))])


def _covers(right: Mapping[str, Any], start: str) -> bool:
    opens, ends = _value(right, "dateOuverture"), _value(right, "dateEcheance")
    try:
        day = interval(start)
        return (not opens or interval(opens)[0] <= day[1]) and (not ends or day[0] <= interval(ends)[1])
    except ValueError:
        return False


def _components(plan: Resource, context: Context) -> Iterator[Issue]:
    category = context.structure.category if context.structure else ""
    project = any(i.get("system") == PROJECT_IDENTIFIER for i in plan.get("identifier", ()))
    if project and category in context.parameters["ph.categories_enfants"]:
        missing = sorted(COMPONENTS - _codes(plan.get("category"), COMPONENT))
        if missing:
            yield _fault("PH-05", "CarePlan.category")


def _decision(decision: Resource) -> Iterator[Issue]:
    """PH-08: what the type of a decision asks of its other elements (TDDUI, tddui-basic-decision)."""
    kinds = {c for i in decision.get("identifier", ()) for c in _codes(i.get("type"))}
    for extension in _parts(decision, DECISION):
        type = _code(extension, "typeDecision")
        natures = {_code(right, "natureDroitPrestation") for right in _parts(extension, "droitPrestation")}
        if type == CLOSING and not _value(extension, "dateEffetCloture"):
            yield _fault("PH-08", "Basic.extension", text="Une décision de clôture porte sa date d'effet.")
        if natures & AGAIN and "IDDECISIONMAJ" not in kinds:
            text = "Un renouvellement ou une révision cite la décision mise à jour."
            yield _fault("PH-08", "Basic.identifier", text=text)
        if FIRST in natures and "IDDECISIONMAJ" in kinds:
            text = "Un premier droit ne met à jour aucune décision."
            yield _fault("PH-08", "Basic.identifier", text=text)


def _plan_ended(change: Change) -> Iterator[Issue]:
    """PH-09: the global plan (PAG) that existed and no longer does has a motive."""
    if change.before is None or change.after is None:
        return
    had = any(_value(right, "existencePAG") is True for right in _rights(change.before))
    ended = [right for right in _rights(change.after) if _value(right, "existencePAG") is False]
    if had and any(not _value(right, "motifFinPAG") for right in ended):
        yield _fault("PH-09", "Basic.extension")


def _school(observation: Resource, change: Change, context: Context) -> Iterator[Issue]:
    mine = _bounds(observation)
    if mine is None:
        return
    if mine[1] < mine[0]:
        yield _fault("PH-12", "Observation.effectivePeriod", text="La période scolaire finit avant son début.")
        return
    for other in _others(observation, change, context):
        bounds = _bounds(other)
        if bounds is not None and bounds[0] <= mine[1] and mine[0] <= bounds[1]:
            yield _fault("PH-12", "Observation.effectivePeriod", text="Cette période scolaire en chevauche une autre.")
            return


def _bounds(observation: Resource) -> tuple[int, int] | None:
    period = observation.get("effectivePeriod", {})
    try:
        start = interval(period["start"])[0]
        return start, interval(period["end"])[1] if "end" in period else interval("9999")[1]
    except (KeyError, ValueError):
        return None


def _others(observation: Resource, change: Change, context: Context) -> Iterator[Resource]:
    subject = _target(observation.get("subject"))
    stored = context.reader.search("Observation", [("subject", subject)]) if subject else []
    siblings = [
        s
        for s in change.siblings.values()
        if s["resourceType"] == "Observation" and _target(s.get("subject")) == subject
    ]
    known = {change.id, *(str(s["id"]) for s in siblings)}
    for other in [*siblings, *(o for o in stored if o["id"] not in known)]:
        if other["id"] != change.id and SCHOOL in _profiles(other) and other.get("status") != "entered-in-error":
            yield other
