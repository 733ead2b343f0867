"""SERAFIN-PH: the needs of an evaluation, and the services of the project that answer them.

The published questionnaire rates each need by a whole number; no formula makes a score of them (README, open questions). What
follows from the nomenclature alone is computed: the rated needs by branch, and those that no planned service of the matching
branch answers. Sources: JDV_J283 to J285, TDDUI.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from dui_fhir.api import Answer, BadRequest, NotFound, Operation, OperationRequest, Resource, answers, loads

QUESTIONNAIRE: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-serafin"
SYSTEMS: Final = frozenset({"https://smt.esante.gouv.fr/terminologie-SERAFINPH", "urn:oid:1.2.250.1.213.3.3.60"})
MATCHES: Final = "ph.serafin_correspondances"
_OPEN: Final = "requested,accepted,ready,in-progress,completed,draft,received,on-hold"
_SERVICE_INPUT: Final = "typePrestation"

DEFINITION: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-serafin",
    "url": "urn:dui-fhir:operation:serafin",
    "name": "QuestionnaireResponseSerafin",
    "title": "Synthèse d’une évaluation SERAFIN-PH",
    "status": "active",
    "kind": "operation",
    "affectsState": False,
    "code": "serafin",
    "description": "Les besoins cotés, du plus fort au plus faible, et les prestations du projet qui y répondent.",
    "resource": ["QuestionnaireResponse"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [{"name": "return", "use": "out", "min": 1, "max": "1", "type": "Parameters"}],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A rated need: its code in the nomenclature, its words, its value."""

    code: str
    text: str
    value: int


def operations() -> list[Operation]:
    """Return the operation of this module."""
    return [Operation(definition=DEFINITION, run=summary)]


def is_serafin(response: Mapping[str, Any]) -> bool:
    """True for a response to the published questionnaire, whatever its version."""
    return str(response.get("questionnaire", "")).partition("|")[0] == QUESTIONNAIRE


def ill_rated(response: Mapping[str, Any]) -> list[str]:
    """Return the linkIds whose rating is no whole number from 0 up."""
    given = answers(response)
    return sorted(link for link, some in given.items() if any(not _is_rating(a) for a in some))


def _is_rating(answer: Mapping[str, Any]) -> bool:
    value = answer.get("valueInteger")
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@cache
def asked() -> Mapping[str, tuple[str, str]]:
    """Return linkId → (code of the need, its words), as the questionnaire of this corridor says."""
    form = loads((Path(__file__).parent / "questionnaires" / "serafin.json").read_bytes())
    return {item["linkId"]: (item["code"][0]["code"], item["text"]) for item in form["item"]}


def needs(response: Mapping[str, Any]) -> list[Need]:
    """Return the needs rated above 0, the strongest first; what the form does not ask is left out."""
    form = asked()
    found = [
        Need(code=form[link][0], text=form[link][1], value=answer["valueInteger"])
        for link, some in answers(response).items()
        for answer in some[:1]
        if link in form and _is_rating(answer) and answer["valueInteger"] > 0
    ]
    return sorted(found, key=lambda need: (-need.value, _order(need.code)))


def branch_of(code: str, matches: Mapping[str, str]) -> str:
    """Return the branch of direct services that answers a need: that of the longest known start of its code, or nothing.

    ``matches``: branch of needs → branch of services (``1.3.1`` → ``2.3.1``).
    """
    parts = code.split(".")
    starts = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((matches[start] for start in starts if start in matches), "")


def summary(request: OperationRequest) -> Answer:
    """Return a Parameters: one ``need`` per rated need (``code``, ``text``, ``value``, ``branch``, ``service``…), ``rated``.

    ``service`` repeats: the codes planned in the branch that answers the need; a need without any is ``uncovered``.
    Raises: NotFound, BadRequest (``evaluation-not-serafin``) where the response is to another questionnaire.
    """
    response = request.target
    if response is None:
        raise NotFound.of("evaluation-unknown", "L’évaluation n’existe pas.", "no such response")
    if not is_serafin(response):
        raise BadRequest.of(
            "evaluation-not-serafin",
            "Cette évaluation n’est pas une évaluation SERAFIN-PH du transfert de données.",
            "not the SERAFIN form",
            ["QuestionnaireResponse.questionnaire"],
        )
    parameters = request.context.parameters
    found = needs(response)
    planned = sorted(_services(request, str(response.get("subject", {}).get("reference", ""))), key=_order)
    lines = [_line(need, planned, parameters[MATCHES]) for need in found]
    count = {"name": "rated", "valueInteger": len(found)}
    return Answer(result={"resourceType": "Parameters", "parameter": [count, *lines]})


def _line(need: Need, planned: list[str], matches: Mapping[str, str]) -> Resource:
    branch = branch_of(need.code, matches)
    services = [code for code in planned if branch and (code == branch or code.startswith(f"{branch}."))]
    parts: list[Resource] = [
        {"name": "code", "valueCode": need.code},
        {"name": "text", "valueString": need.text},
        {"name": "value", "valueInteger": need.value},
    ]
    parts += [{"name": "branch", "valueCode": branch}] if branch else []
    parts += [{"name": "service", "valueCode": code} for code in services]
    return {"name": "need", "part": [*parts, {"name": "covered", "valueBoolean": bool(services)}]}


def _services(request: OperationRequest, person: str) -> set[str]:
    """Return the codes of the services planned or done for a person."""
    if not person:
        return set()
    tasks = request.context.reader.search("Task", [("patient", person), ("status", _OPEN)])
    return {code for task in tasks for code in services_of(task)}


def services_of(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield the SERAFIN codes of a service: of ``Task.code``, and of its inputs ``typePrestation`` (TDDUI)."""
    concepts = [task.get("code", {})]
    for given in task.get("input", ()):
        kinds = {coding.get("code") for coding in given.get("type", {}).get("coding", ())}
        if _SERVICE_INPUT in kinds:
            concepts.append(given.get("valueCodeableConcept", {}))
    for concept in concepts:
        yield from (str(c["code"]) for c in concept.get("coding", ()) if c.get("system") in SYSTEMS and "code" in c)


def _order(code: str) -> list[int]:
    return [int(part) if part.isdigit() else 0 for part in code.split(".")]
