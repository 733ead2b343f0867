"""Sections of an evaluation (QuestionnaireResponse): its result, its answers; and the newest results of a person."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dui_fhir.api import Resource

from .document_blocks import Block, Blocks, fields, sub, table
from .document_record import Record, name_of
from .document_text import concept, date, items, status, text
from .gatherer import reference_of
from .ppa_content import questionnaire_title, result_of
from .reading import value_of
from .sections_words import measure, number

VALIDATION = "urn:dui-fhir:extension:validation-medecin"
_DONE = frozenset({"completed", "amended", "in-progress"})
RESULT = "resultat-eval"


def newest(record: Record) -> Blocks:
    """Newest result of each grid of the person."""
    found: dict[str, Resource] = {}
    for response in sorted(record.of("QuestionnaireResponse"), key=lambda r: text(r.get("authored"))):
        if text(response.get("status")) in _DONE and result_of(response, record.context):
            found[text(response.get("questionnaire")).partition("|")[0]] = response
    rows = [[_title(r), result_of(r, record.context), date(r.get("authored"))] for r in record.use(found.values())]
    return table(("Évaluation", "Résultat", "Date"), sorted(rows), (2.4, 1.4, 1))


def _title(response: Resource) -> str:
    return questionnaire_title(text(response.get("questionnaire")))


def identification(record: Record) -> Blocks:
    """What was evaluated, when, by whom, and who validated it."""
    response = record.target
    if response.get("resourceType") != "QuestionnaireResponse":
        return []
    return fields(
        ("Évaluation", _title(response)),
        ("Date", date(response.get("authored"))),
        ("Évaluateur", _who(response, "author", record)),
        ("Répondant", _who(response, "source", record)),
        ("État", status(response)),
        ("Validée par un médecin le", date(_validation(response))),
    )


def _validation(response: Resource) -> Any:
    found = next((e for e in items(response.get("extension")) if e.get("url") == VALIDATION), None)
    return value_of(found)


def _who(response: Resource, element: str, record: Record) -> str:
    found = record.gather.get(response.get(element)) or {}
    if found.get("resourceType") == "PractitionerRole":
        found = record.gather.get(found.get("practitioner")) or {}
    if reference_of(found) == record.person and record.anonymous:
        return ""
    return name_of(found, response.get(element))


def result(record: Record) -> Blocks:
    """The result: GIR, score."""
    return fields(("Résultat", result_of(record.target, record.context)))


def answers(record: Record) -> Blocks:
    """Every answer, group by group, in the order of the form."""
    labels = _labels(record)
    return list(_grouped(items(record.target.get("item")), labels))


def _labels(record: Record) -> dict[str, str]:
    """Words of the questions by link id, from the Questionnaire where the tenant holds it."""
    url = text(record.target.get("questionnaire")).partition("|")[0]
    found = record.gather.search("Questionnaire", ("url", url)) if url else []
    return {text(i.get("linkId")): text(i.get("text")) for q in found for i in _flat(items(q.get("item")))}


def _flat(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        yield node
        yield from _flat(items(node.get("item")))


def _grouped(nodes: list[dict[str, Any]], labels: Mapping[str, str]) -> Iterator[Block]:
    """Questions of one level in a table; a group is a sub-section, or flattened where it has no answer of its own."""
    rows: list[list[str]] = []
    for node in nodes:
        label = text(node.get("text")) or labels.get(text(node.get("linkId")), "") or text(node.get("linkId"))
        if text(node.get("linkId")) == RESULT:
            continue
        said = [_answer(a) for a in items(node.get("answer"))]
        if any(said):
            rows.append([label, ", ".join(s for s in said if s)])
        inner = [*items(node.get("item")), *(i for a in items(node.get("answer")) for i in items(a.get("item")))]
        if inner:
            yield from table(("Question", "Réponse"), rows, (2.4, 1.6))
            rows = []
            yield from sub(label, list(_grouped(inner, labels)))
    yield from table(("Question", "Réponse"), rows, (2.4, 1.6))


def _answer(answer: Mapping[str, Any]) -> str:
    value = next((v for k, v in answer.items() if k.startswith("value")), None)
    if isinstance(value, bool):
        return "Oui" if value else "Non"
    if isinstance(value, dict):
        return measure(value) or concept(value) or text(value.get("display"))
    given = text(value)
    return (
        date(given)
        if "valueDate" in answer or "valueDateTime" in answer
        else number(given)
        if _is_number(value)
        else given
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


SECTIONS: Mapping[str, Callable[[Record], Blocks]] = {
    "evaluation": identification,
    "resultat": result,
    "reponses": answers,
    "resultats": newest,
}
