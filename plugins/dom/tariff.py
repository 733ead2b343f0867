"""``Patient/$forfait-ssiad``: the weekly package of the persons nursed at home, from their GIR and the visits of a week.

The order of 28 April 2023 sorts the persons into nine groups (*forfaits intervention*) by GIR, care at the week-end and visits of
a nurse; some groups carry supplements. Computed over one week, Monday to Sunday: the financing counts weeks of effective care, so
a week without a visit has no package. The amounts are set each year by another order: they are a parameter, empty as shipped.
Sources: CASF R314-138 III; order of 28 April 2023; the values that were not read at the source are parameters (README).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dui_fhir.api import (
    AGGIR_PA,
    AGGIR_PH,
    AggirComplete,
    AggirDeclared,
    Answer,
    BadRequest,
    Operation,
    OperationRequest,
    Resource,
    add_days,
    day_of,
    evaluate_aggir,
    is_event,
)

EVENT_TYPES: Final = "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis"
NURSING: Final = frozenset({"209", "354"})
"""FINESS categories of the services that give nursing care at home: SAD mixte, SSIAD."""
GROUPS: Final = {
    1: "GIR 5 ou 6",
    2: "GIR 3 ou 4, ni week-end ni infirmier",
    3: "GIR 3 ou 4, infirmier, sans week-end",
    4: "GIR 3 ou 4, week-end, sans infirmier",
    5: "GIR 3 ou 4, week-end et infirmier",
    6: "GIR 1 ou 2, ni week-end ni infirmier",
    7: "GIR 1 ou 2, infirmier, sans week-end",
    8: "GIR 1 ou 2, week-end, sans infirmier",
    9: "GIR 1 ou 2, week-end et infirmier",
}
SUPPLEMENTS: Final = {
    "gir": "GIR 1 ou 3, le plus dépendant du groupe",
    "diabete": "intervention pour diabète insulinotraité",
    "conjointe": "intervention conjointe d'un infirmier et d'un aide-soignant",
}
_SATURDAY: Final = 5

DEFINITION: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-forfait-ssiad",
    "url": "urn:dui-fhir:operation:forfait-ssiad",
    "name": "PatientForfaitSsiad",
    "title": "Forfait intervention d’une semaine de soins à domicile",
    "status": "active",
    "kind": "operation",
    "affectsState": False,
    "code": "forfait-ssiad",
    "description": "Le groupe tarifaire de chaque personne soignée dans la semaine, et ce qui le fonde.",
    "resource": ["Patient"],
    "system": False,
    "type": True,
    "instance": True,
    "parameter": [
        {
            "name": "week", "use": "in", "min": 0, "max": "1", "type": "date",
            "documentation": "Un jour de la semaine voulue ; à défaut, la dernière semaine entière.",
        },
        {
            "name": "structure", "use": "in", "min": 0, "max": "1", "type": "string",
            "documentation": "FINESS du service ; à défaut, tous les services de soins à domicile de l’organisme.",
        },
        {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Parameters"},
    ],
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """What was done for a person in a week: the visits of care, and what they say."""

    visits: tuple[str, ...]
    weekend: bool
    nurse: bool
    diabetes: bool
    joint: bool


def operations() -> list[Operation]:
    """Return the operation of this module."""
    return [Operation(definition=DEFINITION, run=run)]


def group(gir: int, *, weekend: bool, nurse: bool) -> int:
    """Return the group, 1 to 9, of a person: GIR 1 to 6, cared for at the week-end or not, by a nurse or not."""
    if gir >= 5:
        return 1
    return (2 if gir >= 3 else 6) + 2 * weekend + nurse


def supplements(gir: int, week: Week, number: int, groups: Iterable[str]) -> list[str]:
    """Return the codes of :data:`SUPPLEMENTS` that apply, none where the group carries none."""
    if str(number) not in set(groups):
        return []
    found = {"gir": gir in (1, 3), "diabete": week.diabetes, "conjointe": week.joint}
    return [code for code, applies in found.items() if applies]


def run(request: OperationRequest) -> Answer:
    """Return a Parameters: ``week`` (Period), ``group`` (number, persons), and a ``person`` each.

    Of a person: ``reference``, ``gir``, ``basis`` (the evaluation), ``weekend``, ``nurse``, ``visits``, ``group``, ``label``,
    ``supplement``…, ``amount``; or ``reason``, in French, where there is no group. Raises: BadRequest (``evaluation-week``,
    ``evaluation-structure``).
    """
    parameters = request.context.parameters
    zone = ZoneInfo(str(parameters["commun.fuseau"]))
    monday = _monday(request, zone)
    events = _events(request, _services(request), monday, zone)
    if request.target is not None:
        person = f"Patient/{request.target['id']}"
        events = {person: events.get(person, [])}
    lines = [_person(request, person, events[person], monday, zone) for person in sorted(events)]
    counts = Counter(number for number, _ in lines if number)
    told: list[Resource] = [
        {"name": "week", "valuePeriod": {"start": monday.isoformat(), "end": add_days(monday, 6).isoformat()}}
    ]
    told += [
        {"name": "group", "part": [*_group(number), {"name": "persons", "valueInteger": counts[number]}]}
        for number in sorted(counts)
    ]
    return Answer(result={"resourceType": "Parameters", "parameter": [*told, *(line for _, line in lines)]})


def _monday(request: OperationRequest, zone: ZoneInfo) -> date:
    given = request.parameters.get("week")
    if given:
        day = day_of(given)
        if day is None:
            raise BadRequest.of(
                "evaluation-week",
                "La semaine se donne par un jour complet : AAAA-MM-JJ.",
                "week is no full date",
                ["week"],
            )
        return add_days(day, -day.weekday())
    today = request.context.now.astimezone(zone).date()
    return add_days(today, -today.weekday() - 7)


def _services(request: OperationRequest) -> frozenset[str]:
    """Return the references of the nursing services that are asked for."""
    nursing = {s.finess for s in request.context.structures if s.category in NURSING}
    asked = request.parameters.get("structure")
    if asked and asked not in nursing:
        raise BadRequest.of(
            "evaluation-structure",
            "Cette structure n’est pas un service de soins à domicile de l’organisme.",
            "not a nursing service of this tenant",
            ["structure"],
        )
    return frozenset(f"Organization/finess-{finess}" for finess in ({asked} if asked else nursing))


def _events(
    request: OperationRequest, services: frozenset[str], monday: date, zone: ZoneInfo
) -> dict[str, list[Resource]]:
    """Return the visits of care done in the week, by person: events with a type of the list of SSIAD."""
    known = frozenset(request.context.parameters["dom.evenements_soins"])
    # one day more at each end: the search knows no zone; the exact bounds follow
    asked = [
        ("status", "finished"),
        ("date", f"ge{add_days(monday, -1)}"),
        ("date", f"le{add_days(monday, 7)}"),
    ]
    if request.target is not None:
        asked.append(("subject", f"Patient/{request.target['id']}"))
    found: defaultdict[str, list[Resource]] = defaultdict(list)
    for event in request.context.reader.every("Encounter", asked):
        day = _day(event, zone)
        cared = _types(event) & known and is_event(event)
        if (
            cared
            and day is not None
            and 0 <= (day - monday).days < 7
            and _target(event.get("serviceProvider")) in services
        ):
            found[_target(event.get("subject"))].append(event)
    return found


def _person(
    request: OperationRequest, person: str, events: Sequence[Resource], monday: date, zone: ZoneInfo
) -> tuple[int, Resource]:
    parameters = request.context.parameters
    parts: list[Resource] = [{"name": "reference", "valueReference": {"reference": person}}]
    if not events:
        reason = "Aucun passage de soins réalisé dans la semaine : elle ne compte pas."
        return 0, {"name": "person", "part": [*parts, {"name": "reason", "valueString": reason}]}
    week = _week(events, parameters, zone)
    parts += [{"name": name, "valueBoolean": getattr(week, name)} for name in ("weekend", "nurse")]
    parts.append({"name": "visits", "valueInteger": len(week.visits)})
    evaluation = _evaluation(request, person, add_days(monday, 6))
    if evaluation is None:
        reason = "Aucun GIR connu à la fin de la semaine : grille AGGIR à remplir."
        return 0, {"name": "person", "part": [*parts, {"name": "reason", "valueString": reason}]}
    gir, basis = evaluation
    number = group(gir, weekend=week.weekend, nurse=week.nurse)
    parts += [{"name": "gir", "valueInteger": gir}, {"name": "basis", "valueReference": {"reference": basis}}]
    parts += _group(number)
    parts += [
        {"name": "supplement", "valueCoding": {"code": code, "display": SUPPLEMENTS[code]}}
        for code in supplements(gir, week, number, parameters["dom.forfaits_majorables"])
    ]
    amount = parameters["dom.forfaits_montants"].get(str(number))
    parts += [{"name": "amount", "valueMoney": {"value": amount, "currency": "EUR"}}] if amount is not None else []
    return number, {"name": "person", "part": parts}


def _group(number: int) -> list[Resource]:
    return [{"name": "number", "valueInteger": number}, {"name": "label", "valueString": GROUPS[number]}]


def _week(events: Sequence[Resource], parameters: Mapping[str, Any], zone: ZoneInfo) -> Week:
    types = {code for event in events for code in _types(event)}
    days = [day for event in events if (day := _day(event, zone)) is not None]
    return Week(
        visits=tuple(f"Encounter/{event['id']}" for event in events),
        weekend=any(day.weekday() >= _SATURDAY for day in days),
        nurse=bool(types & set(parameters["dom.evenements_infirmiers"])),
        diabetes=bool(types & set(parameters["dom.evenements_diabete"])),
        joint=bool(types & set(parameters["dom.evenements_conjoints"])),
    )


def _evaluation(request: OperationRequest, person: str, until: date) -> tuple[int, str] | None:
    """Return the GIR of the last validated grid up to a day, with its reference; a declared GIR counts (decision D9)."""
    asked = f"{AGGIR_PA.questionnaire},{AGGIR_PH.questionnaire}"
    search = [("patient", person), ("status", "completed,amended"), ("questionnaire", asked)]
    grids = (r for r in request.context.reader.search("QuestionnaireResponse", search))
    dated = [(str(g.get("authored", "")), str(g["id"]), g) for g in grids if _until(g, until)]
    for _, id, grid in sorted(dated, key=lambda line: line[:2], reverse=True):
        found = evaluate_aggir(grid, request.context.parameters["commun.aggir_modalites"])
        if isinstance(found, AggirComplete | AggirDeclared):
            return found.gir, f"QuestionnaireResponse/{id}"
    return None


def _until(grid: Resource, until: date) -> bool:
    day = day_of(grid.get("authored"))
    return day is not None and day <= until


def _types(event: Resource) -> frozenset[str]:
    return frozenset(_codes(event.get("type", ())))


def _codes(concepts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        yield from (str(c.get("code")) for c in concept.get("coding", ()) if c.get("system") == EVENT_TYPES)


def _day(event: Resource, zone: ZoneInfo) -> date | None:
    """Return the local day on which an event begins."""
    try:
        moment = datetime.fromisoformat(str(event.get("period", {}).get("start", "")))
    except ValueError:
        return None
    return moment.astimezone(zone).date() if moment.tzinfo is not None else moment.date()


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""
