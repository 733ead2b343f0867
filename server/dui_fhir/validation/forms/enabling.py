"""Whether an item is asked, given the answers: ``enableWhen``. Source: FHIR R4, questionnaire.html#enableWhen.

The answers looked at are those nearest to the item: beside it and below, else around its parent, and so on outwards.
"""

from collections.abc import Mapping
from typing import Any

from dui_fhir.validation.fhirpath import FhirPathError, Node
from dui_fhir.validation.fhirpath.values import equal, order
from dui_fhir.validation.forms.definition import Asked, Condition, objects, option_of, valued


class Scope:
    """The items that stand beside one another, inside those around them."""

    def __init__(self, items: list[dict[str, Any]], outer: "Scope | None" = None) -> None:
        self._items = items
        self._outer = outer
        self._answers: dict[str, list[dict[str, Any]]] | None = None

    def answers(self, link: str) -> list[dict[str, Any]]:
        """Return the answers to a question that are nearest; none where it was not answered."""
        if self._answers is None:
            self._answers = _answers(self._items)
        found = self._answers.get(link)
        if found is not None or self._outer is None:
            return found or []
        return self._outer.answers(link)


def _answers(items: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    waiting = list(items)
    while waiting:
        item = waiting.pop()
        given = objects(item.get("answer"))
        found.setdefault(str(item.get("linkId")), []).extend(given)
        for holder in (item, *given):
            waiting += objects(holder.get("item"))
    return found


def is_enabled(asked: Asked, scope: Scope) -> bool | None:
    """Return whether an item is asked; None where that cannot be told (values that do not compare)."""
    if not asked.conditions:
        return True
    told = [_holds(condition, scope.answers(condition.link)) for condition in asked.conditions]
    decisive = not asked.all_conditions  # one that holds is enough, or one that does not
    if decisive in told:
        return decisive
    return None if None in told else not decisive


def _holds(condition: Condition, answers: list[dict[str, Any]]) -> bool | None:
    given = [found for answer in answers if (found := valued(answer)) is not None]
    if condition.operator == "exists":
        return bool(given) is condition.value
    told = [_compares(condition, key, value) for key, value in given]
    return True if True in told else None if None in told else False


def _compares(condition: Condition, key: str, value: Any) -> bool | None:
    if condition.operator in ("=", "!="):
        same = _same(condition, key, value)
        return same if same is None or condition.operator == "=" else not same
    try:
        found = order(_node(key, value), _node(condition.key, condition.value))
    except FhirPathError:
        return None
    if found is None:
        return None
    return _ORDERS[condition.operator](found) if condition.operator in _ORDERS else None


def _same(condition: Condition, key: str, value: Any) -> bool | None:
    if condition.key in ("valueCoding", "valueReference"):
        return bool(option_of(key, value) == option_of(condition.key, condition.value))
    return equal(_node(key, value), _node(condition.key, condition.value))


def _node(key: str, value: Any) -> Node:
    name = key.removeprefix("value")
    return Node(value, name if isinstance(value, Mapping) else name[:1].lower() + name[1:])


_ORDERS = {">": lambda o: o > 0, "<": lambda o: o < 0, ">=": lambda o: o >= 0, "<=": lambda o: o <= 0}
