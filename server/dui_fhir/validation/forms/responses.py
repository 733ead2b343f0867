"""The answers of a QuestionnaireResponse against its Questionnaire. Source: FHIR R4, questionnaireresponse.html#notes.

What must be there is asked of a finished response only (``completed``, ``amended``); what is there is always judged.
"""

from collections.abc import Mapping
from typing import Any

from dui_fhir.domain.issues import Severity
from dui_fhir.validation.bindings import verdict
from dui_fhir.validation.faults import Path, Report
from dui_fhir.validation.forms.definition import Asked, Form, objects, option_of, valued
from dui_fhir.validation.forms.enabling import Scope, is_enabled

FINISHED = frozenset({"completed", "amended"})


def check_response(response: Mapping[str, Any], form: Form, report: Report, path: Path) -> None:
    """Report what the answers do not give, or give otherwise than the form asks."""
    items = objects(response.get("item"))
    _Response(form, report, response.get("status") in FINISHED).level(items, form.items, path, Scope(items))


class _Response:
    def __init__(self, form: Form, report: Report, finished: bool) -> None:
        self._form = form
        self._report = report
        self._finished = finished

    def level(self, items: list[dict[str, Any]], asked: Mapping[str, Asked], path: Path, scope: Scope) -> None:
        """Judge the items that stand together, then what each holds."""
        places: dict[str, list[tuple[dict[str, Any], Path]]] = {}
        for index, item in enumerate(items):
            place: Path = ((path, "item"), index)
            link = str(item.get("linkId"))
            if link in asked:
                places.setdefault(link, []).append((item, place))
            else:
                self._foreign(link, place)
        if list(places) != [link for link in asked if link in places]:
            self._add("validation-item-order", "Les réponses ne sont pas dans l'ordre du questionnaire.",
                      "items out of order", path, "warning")  # fmt: skip
        for link, one in asked.items():
            self._occurrences(one, places.get(link, []), path, scope)

    def _occurrences(self, asked: Asked, found: list[tuple[dict[str, Any], Path]], path: Path, scope: Scope) -> None:
        enabled = is_enabled(asked, scope)
        given = [(item, place) for item, place in found if _has_answers(item)]
        if enabled is False:
            for _, place in given:
                self._add("validation-answer-disabled", f"« {asked.text} » n'était pas à remplir, d'après les autres réponses.",
                          "answer to an item that is not enabled", place, "error" if self._finished else "warning")  # fmt: skip
            return
        if asked.required and not given and asked.type != "display" and self._finished and enabled:
            self._add("validation-answer-missing", f"« {asked.text} » est obligatoire et n'a pas de réponse.",
                      f"no answer to required item {asked.link[:60]}", found[0][1] if found else path)  # fmt: skip
        if len(found) > 1 and (asked.type != "group" or not asked.repeats):
            self._add("validation-item-repeated", f"« {asked.text} » est présent plusieurs fois.",
                      "one item for each linkId; a question that repeats has several answers in one", found[1][1])  # fmt: skip
        for item, place in found:
            self._item(asked, item, place, scope)

    def _item(self, asked: Asked, item: dict[str, Any], path: Path, scope: Scope) -> None:
        answers, below = objects(item.get("answer")), objects(item.get("item"))
        if not asked.holds_answers and answers:
            self._add("validation-answer-unexpected", f"« {asked.text} » n'attend pas de réponse.",
                      f"answer to an item of type {asked.type[:20]}", path)  # fmt: skip
        if asked.type == "group":
            self.level(below, asked.children, path, Scope(below, scope))
            return
        for index in range(len(below)):
            self._foreign(str(below[index].get("linkId")), ((path, "item"), index))
        if not asked.holds_answers:
            return
        if len(answers) > 1 and not asked.repeats:
            self._add("validation-answer-repeated", f"« {asked.text} » n'admet qu'une réponse.",
                      "several answers to a question that does not repeat", path)  # fmt: skip
        for index, answer in enumerate(answers):
            self._answer(asked, answer, ((path, "answer"), index), scope)

    def _answer(self, asked: Asked, answer: dict[str, Any], path: Path, scope: Scope) -> None:
        found = valued(answer)
        if found is not None and found[0] not in asked.keys:
            self._add("validation-answer-type", f"La réponse à « {asked.text} » n'est pas de la sorte prévue.",
                      f"type {asked.type[:20]}: {', '.join(sorted(asked.keys)) or 'no value'}", (path, found[0]))  # fmt: skip
        elif found is not None:
            self._value(asked, found[0], found[1], path)
        below = objects(answer.get("item"))
        if below or asked.children:
            self.level(below, asked.children, path, Scope(below, scope))

    def _value(self, asked: Asked, key: str, value: Any, path: Path) -> None:
        if asked.max_length is not None and isinstance(value, str) and len(value) > asked.max_length:
            self._add("validation-answer-length", f"La réponse à « {asked.text} » dépasse {asked.max_length} caractères.",
                      f"longer than {asked.max_length}", (path, key))  # fmt: skip
        if key == "valueString" and asked.type != "choice":
            return  # free text, which an open choice admits
        if asked.options is not None and option_of(key, value) not in asked.options:
            self._not_offered(asked, (path, key))
        elif asked.members is not None and key == "valueCoding" and isinstance(value, dict):
            self._member(asked, asked.members, value, (path, key))

    def _member(self, asked: Asked, value_set: str, coding: dict[str, Any], path: Path) -> None:
        system, code = coding.get("system"), coding.get("code")
        if not isinstance(code, str) or not isinstance(system, str):
            self._not_offered(asked, path)
            return
        told = "unknown" if value_set.startswith("#") else verdict(self._report, value_set, system, code)
        if told == "invalid":
            self._not_offered(asked, path)
        elif told == "unknown":
            self._add("validation-code-not-checked",
                      "Ce code n'a pas pu être vérifié : la liste de valeurs n'est pas disponible ici.",
                      f"{value_set[:200]} (answers of a question) is not available", path, "information", "not-found")  # fmt: skip

    def _not_offered(self, asked: Asked, path: Path) -> None:
        severity: Severity = "warning" if asked.type == "open-choice" else "error"
        self._add("validation-answer-option", f"La réponse à « {asked.text} » n'est pas parmi celles proposées.",
                  "not an option of the question", path, severity, "code-invalid")  # fmt: skip

    def _foreign(self, link: str, path: Path) -> None:
        if link in self._form.links:
            self._add("validation-item-misplaced", "Cette réponse n'est pas à la place que le questionnaire lui donne.",
                      f"linkId {link[:60]!r} belongs elsewhere", path)  # fmt: skip
        else:
            self._add("validation-item-unknown", "Le questionnaire n'a pas cette question.",
                      f"no item has linkId {link[:60]!r}", path)  # fmt: skip

    def _add(
        self,
        id: str,
        text: str,
        diagnostics: str,
        path: Path,
        severity: Severity = "error",
        code: str = "business-rule",
    ) -> None:
        self._report.add(id, code, text, diagnostics, path, severity)


def _has_answers(item: dict[str, Any]) -> bool:
    """Return whether something was answered in an item, at any depth."""
    waiting = [item]
    while waiting:
        one = waiting.pop()
        given = objects(one.get("answer"))
        if any(valued(answer) is not None for answer in given):
            return True
        for holder in (one, *given):
            waiting += objects(holder.get("item"))
    return False
