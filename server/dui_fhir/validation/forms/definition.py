"""A Questionnaire read once: its items by linkId, what each accepts, and when it is asked.

Source: FHIR R4, questionnaire.html and valueset-item-type.html.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VALUES = {
    "boolean": "valueBoolean",
    "decimal": "valueDecimal",
    "integer": "valueInteger",
    "date": "valueDate",
    "dateTime": "valueDateTime",
    "time": "valueTime",
    "string": "valueString",
    "text": "valueString",
    "url": "valueUri",
    "attachment": "valueAttachment",
    "reference": "valueReference",
    "quantity": "valueQuantity",
}
"""The JSON key of an answer, by type of question; questions with options are told apart by these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One ``enableWhen``: what is expected of the answers to the question ``link``."""

    link: str
    operator: str
    key: str
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One item. ``options`` None: any value; ``members`` the value set of its answers; ``contained``: held by the form."""

    link: str
    text: str
    type: str
    required: bool
    repeats: bool
    max_length: int | None
    keys: frozenset[str]
    options: frozenset[Any] | None
    members: str | None
    conditions: tuple[Condition, ...]
    all_conditions: bool
    children: "Mapping[str, Asked]"

    @property
    def holds_answers(self) -> bool:
        """Return whether the item is a question."""
        return self.type not in ("group", "display")


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """A Questionnaire. ``links``: every linkId, wherever it stands."""

    items: Mapping[str, Asked]
    links: frozenset[str]


def form_of(questionnaire: Mapping[str, Any]) -> Form:
    """Return what a Questionnaire asks. What it says wrongly of an item is left out: the form itself is judged elsewhere."""
    lists = {f"#{c.get('id')}": c for c in objects(questionnaire.get("contained"))}
    items = _level(questionnaire, lists)
    return Form(items=items, links=frozenset(_links(items)))


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a JSON array; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def option_of(key: str, value: Any) -> Any:
    """Return what makes two answers the same option: the system and the code of a Coding, the text of a Reference."""
    if isinstance(value, dict):
        value = (value.get("system"), value.get("code")) if key == "valueCoding" else value.get("reference")
    return key, value if isinstance(value, str | int | float | bool | tuple | None) else None


def valued(holder: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Return the ``value[x]`` of an answer or of an option, by its JSON key."""
    return next(((k, v) for k, v in holder.items() if k.startswith("value") and v is not None), None)


def _level(holder: Mapping[str, Any], lists: Mapping[str, Any]) -> dict[str, Asked]:
    return {str(item.get("linkId")): _asked(item, lists) for item in objects(holder.get("item"))}


def _links(items: Mapping[str, Asked]) -> Iterator[str]:
    for link, asked in items.items():
        yield link
        yield from _links(asked.children)


def _asked(item: Mapping[str, Any], lists: Mapping[str, Any]) -> Asked:
    type, length = str(item.get("type")), item.get("maxLength")
    given = [found for option in objects(item.get("answerOption")) if (found := valued(option)) is not None]
    options = frozenset(option_of(key, value) for key, value in given) if given else None
    members = item.get("answerValueSet")
    if isinstance(members, str) and members.startswith("#"):
        options, members = _enumerated(lists.get(members)), members
    return Asked(
        link=str(item.get("linkId")),
        text=str(item.get("text") or item.get("prefix") or item.get("linkId"))[:80],
        type=type,
        required=item.get("required") is True,
        repeats=item.get("repeats") is True,
        max_length=length if isinstance(length, int) else None,
        keys=_keys(type, {key for key, _ in given}),
        options=options,
        members=members if isinstance(members, str) and options is None else None,
        conditions=tuple(c for row in objects(item.get("enableWhen")) if (c := _condition(row)) is not None),
        all_conditions=item.get("enableBehavior") == "all",
        children=_level(item, lists),
    )


def _keys(type: str, given: set[str]) -> frozenset[str]:
    if type == "choice":
        return frozenset(given or {"valueCoding"})
    if type == "open-choice":
        return frozenset({*given, "valueCoding", "valueString"})
    return frozenset({VALUES[type]} if type in VALUES else ())


def _enumerated(value_set: Any) -> frozenset[Any] | None:
    """Return the options of a value set that lists its codes; None where a terminology would have to be asked."""
    compose = value_set.get("compose") if isinstance(value_set, dict) else None
    if not isinstance(compose, dict) or compose.get("exclude"):
        return None
    found: set[Any] = set()
    for include in objects(compose.get("include")):
        codes = objects(include.get("concept"))
        if not codes or include.get("valueSet"):
            return None
        found |= {option_of("valueCoding", {"system": include.get("system"), "code": c.get("code")}) for c in codes}
    return frozenset(found)


def _condition(row: Mapping[str, Any]) -> Condition | None:
    answer = next(((k, v) for k, v in row.items() if k.startswith("answer")), None)
    if answer is None or not isinstance(row.get("question"), str):
        return None
    key = answer[0].removeprefix("answer")
    return Condition(link=row["question"], operator=str(row.get("operator")), key=f"value{key}", value=answer[1])
