"""What the corridor DOM cannot say in JSON: deletion of a done intervention, age in SSIAD, the whole AGGIR SSIAD grid."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from dui_fhir.api import Change, ClockRule, Context, Issue, Resource, hookimpl

from . import deadlines

STAY_IDENTIFIER = "https://identifiant-medicosocial-sejour.esante.gouv.fr"
EVENT_IDENTIFIER = "https://identifiant-medicosocial-evenement.esante.gouv.fr"
AGGIR = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-aggir-pa-ssiad"
FIELDS = (
    "fonction-pensee", "fonction-orientation", "se-laver", "prendre-soin", "mettre-vetement", "motricite-fine",
    "mettre-chaussure", "manger", "passage-aliment", "assurer-regulation-miction", "assurer-regulation-defecation",
    "position-corps", "deplacer-maison", "deplacer-dehors", "appareil-communication",
)  # fmt: skip
NURSING_SERVICES = frozenset({"209", "354"})
"""FINESS categories of the services that give nursing care at home: SAD mixte, SSIAD."""
STAYING = frozenset({"arrived", "triaged", "in-progress", "onleave"})


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    resource = change.after or {}
    if change.type == "QuestionnaireResponse":
        return list(_aggir(resource))
    if change.type == "Encounter":
        return list(_age(resource, change, context))
    return []


@hookimpl
def check_delete(change: Change, context: Context) -> list[Issue]:
    before = change.before or {}
    done = change.type == "Encounter" and before.get("status") == "finished" and _has(before, EVENT_IDENTIFIER)
    return [_fault("DOM-02", "Encounter.status")] if done else []


def _fault(rule: str, *expression: str, text: str = "") -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text=text, expression=tuple(expression))


def _has(resource: Resource, system: str) -> bool:
    return any(i.get("system") == system for i in resource.get("identifier", ()))


def _aggir(response: Resource) -> Iterator[Issue]:
    """All fifteen fields are asked of a grid; a result alone is a declared GIR, another matter (D9)."""
    if str(response.get("questionnaire", "")).partition("|")[0] != AGGIR:
        return
    answered = {item.get("linkId") for item in _items(response) if item.get("answer") or item.get("item")}
    given = [f for f in FIELDS if f in answered]
    if given and len(given) < len(FIELDS):
        text = f"Grille AGGIR SSIAD : {len(given)} champs renseignés sur {len(FIELDS)}."
        yield _fault("DOM-09", "QuestionnaireResponse.item", text=text)


def _items(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in node.get("item", ()):
        yield item
        yield from _items(item)
        for answer in item.get("answer", ()):
            yield from _items(answer)


def _age(encounter: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """D312-1: below the age, a handicap or a chronic disease is the reason of the care."""
    if context.structure is None or context.structure.category not in NURSING_SERVICES:
        return
    if not _has(encounter, STAY_IDENTIFIER) or encounter.get("status") not in STAYING:
        return
    if encounter.get("reasonCode") or encounter.get("reasonReference"):
        return
    reference = str((encounter.get("subject") or {}).get("reference", ""))
    person = change.siblings.get(reference) or (context.reader.read(reference) if reference else None)
    born, starts = _day((person or {}).get("birthDate")), _day(encounter.get("period", {}).get("start"))
    if born and starts and _years(born, starts) < int(context.parameters["dom.age_ssiad_ans"]):
        yield _fault("DOM-05", "Encounter.reasonCode")


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _years(born: date, at: date) -> int:
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
