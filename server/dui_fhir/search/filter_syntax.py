"""The grammar of ``_filter``. Source: FHIR R4, search_filter.html#syntax.

``not`` binds first, then ``and``, then ``or``.
"""

import json
import re
from dataclasses import dataclass
from typing import TypeAlias

NESTING_MAX = 30

OPERATORS = frozenset({
    "eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re",
})  # fmt: skip


class FilterSyntax(ValueError):
    """The text is no filter; the message is in French, ``position`` counts characters from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path, and the filter in brackets that what it leads to must pass."""

    name: str
    filter: "Filter | None" = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """``path operator value``; ``quoted`` tells a text in quotes from a bare word."""

    path: tuple[Step, ...]
    operator: str
    value: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Logical:
    """``and`` or ``or`` of two filters or more."""

    operator: str
    filters: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    """``not (filter)``."""

    filter: "Filter"


Filter: TypeAlias = Comparison | Logical | Negation

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*(?::[A-Z][A-Za-z]+)?")
_WORD = re.compile(r"[a-z]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parse(text: str) -> Filter:
    """Return a filter. Raises: FilterSyntax."""
    reader = _Reader(text)
    found = reader.any_of(0)
    reader.space()
    if reader.at < len(text):
        raise reader.fault("rien n'est attendu après le filtre")
    return found


def comparisons(filter: Filter) -> int:
    """Return how many comparisons a filter makes, those in brackets included."""
    match filter:
        case Logical(_, filters):
            return sum(comparisons(one) for one in filters)
        case Negation(inner):
            return comparisons(inner)
        case Comparison(path):
            return 1 + sum(comparisons(step.filter) for step in path if step.filter is not None)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self._brackets = text, 0, 0

    def fault(self, message: str) -> FilterSyntax:
        return FilterSyntax(message, self.at + 1)

    def space(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def any_of(self, depth: int) -> Filter:
        return self._joined("or", depth)

    def _joined(self, word: str, depth: int) -> Filter:
        if depth > NESTING_MAX:
            raise self.fault(f"plus de {NESTING_MAX} parenthèses imbriquées")

        def part() -> Filter:
            return self._joined("and", depth) if word == "or" else self._one(depth)

        found = [part()]
        while self._skip_word(word):
            found.append(part())
        return found[0] if len(found) == 1 else Logical(word, tuple(found))

    def _skip_word(self, word: str) -> bool:
        self.space()
        found = _WORD.match(self.text, self.at)
        if found is None or found[0] != word or self.text[found.end() : found.end() + 1] not in (" ", "(", "\t", "\n"):
            return False
        self.at = found.end()
        return True

    def _one(self, depth: int) -> Filter:
        self.space()
        start = self.at
        if self._skip_word("not"):
            self.space()
            if self._peek() == "(":
                return Negation(self._parenthesised(depth))
            self.at = start
        return self._parenthesised(depth) if self._peek() == "(" else self._comparison(depth)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _parenthesised(self, depth: int) -> Filter:
        return self._enclosed(")", depth)

    def _enclosed(self, end: str, depth: int) -> Filter:
        self.at += 1
        found = self.any_of(depth + 1)
        self.space()
        if self._peek() != end:
            raise self.fault(f"« {end} » est attendu")
        self.at += 1
        return found

    def _comparison(self, depth: int) -> Comparison:
        path = self._path(depth)
        self.space()
        operator = _WORD.match(self.text, self.at)
        if operator is None or operator[0] not in OPERATORS:
            raise self.fault("un opérateur est attendu : eq, ne, co, sw, gt, lt, ge, le, pr…")
        self.at = operator.end()
        self.space()
        value, quoted = self._value()
        return Comparison(path, operator[0], value, quoted)

    def _path(self, depth: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        while True:
            name = _NAME.match(self.text, self.at)
            if name is None:
                raise self.fault("un paramètre de recherche est attendu")
            self.at = name.end()
            inside = self._bracketed(depth) if self._peek() == "[" else None
            steps.append(Step(name[0], inside))
            if self._peek() != ".":
                if inside is not None:
                    raise self.fault("« . » est attendu après « ] »")
                return tuple(steps)
            self.at += 1

    def _bracketed(self, depth: int) -> Filter:
        self._brackets += 1
        found = self._enclosed("]", depth)
        self._brackets -= 1
        return found

    def _value(self) -> tuple[str, bool]:
        quoted = _STRING.match(self.text, self.at)
        if quoted is not None:
            self.at = quoted.end()
            try:
                return str(json.loads(quoted[0], strict=False)), True
            except ValueError:
                raise self.fault("le texte entre guillemets est mal écrit") from None
        stop = r"[^\s)\]\"]+" if self._brackets else r"[^\s)\"]+"
        found = re.compile(stop).match(self.text, self.at)
        if found is None:
            raise self.fault("une valeur est attendue ; un texte s'écrit entre guillemets")
        self.at = found.end()
        return found[0], False
