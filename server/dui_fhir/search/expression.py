"""The part of FHIRPath that search parameters are written in, parsed to a small tree.

``Patient.name | Patient.contact.name``, ``(Observation.value as Quantity)``, ``value.ofType(dateTime)``,
``where(system='phone')``, ``where(resolve() is Patient)``, ``extension('url').value``, ``[0]``, ``first()``, ``exists()``,
``and``, ``or``, ``=``, ``!=``, ``%resource``.

Source: FHIRPath (https://hl7.org/fhirpath/), FHIR R4, searchparameter.html.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias


class Unsupported(ValueError):
    """The expression is not FHIRPath, or uses more of it than search parameters do."""


@dataclass(frozen=True, slots=True)
class Name:
    """An element (or a type, at the start) of ``base``; ``base`` None = at the start of the expression."""

    name: str
    base: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class ResourceItself:
    """``%resource``."""


@dataclass(frozen=True, slots=True)
class This:
    """``$this``."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number or a boolean."""

    value: str | bool | int


@dataclass(frozen=True, slots=True)
class As:
    """``base as type``, ``base.as(type)``, ``base.ofType(type)``."""

    base: "Expression"
    type: str


@dataclass(frozen=True, slots=True)
class Where:
    """``base.where(condition)``."""

    base: "Expression"
    condition: "Expression"


@dataclass(frozen=True, slots=True)
class Index:
    """``base[n]``, ``base.first()``."""

    base: "Expression"
    index: int


@dataclass(frozen=True, slots=True)
class Resolve:
    """``resolve()`` of references."""

    base: "Expression"


@dataclass(frozen=True, slots=True)
class Is:
    """``base is type``."""

    base: "Expression"
    type: str


@dataclass(frozen=True, slots=True)
class Exists:
    """``base.exists()``; ``empty`` for ``base.empty()``."""

    base: "Expression"
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Equals:
    """``left = right``; ``negated`` for ``!=``."""

    left: "Expression"
    right: "Expression"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Logic:
    """``left and right``, ``left or right``."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Union:
    """``a | b | c``."""

    parts: "tuple[Expression, ...]"


Expression: TypeAlias = (
    Name | ResourceItself | This | Literal | As | Where | Index | Resolve | Is | Exists | Equals | Logic | Union
)

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<number>\d+)|(?P<name>[%$]?[A-Za-z_]\w*|`[^`]+`)|(?P<symbol>!=|[.|()\[\]=]))"
)
_BOOLEANS = {"true": True, "false": False}


def parse(text: str) -> Expression:
    """Return the tree of an expression. Raises: Unsupported."""
    parser = _Parser(_tokens(text))
    tree = parser.logic()
    if parser.kind is not None:
        raise Unsupported(f"unexpected {parser.text!r}")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position, end = [], 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unsupported(f"cannot read {text[position : position + 20]!r}")
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent, one method per level of precedence."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def kind(self) -> str | None:
        return self._tokens[self._position][0] if self._position < len(self._tokens) else None

    @property
    def text(self) -> str:
        return self._tokens[self._position][1] if self.kind else ""

    def _next(self) -> str:
        text = self.text
        self._position += 1
        return text

    def _take(self, text: str) -> bool:
        if self.kind in ("symbol", "name") and self.text == text:
            self._position += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise Unsupported(f"expected {text!r} and found {self.text!r}")

    def logic(self) -> Expression:
        left = self._equality()
        while self.kind == "name" and self.text in ("and", "or"):
            left = Logic(self._next(), left, self._equality())
        return left

    def _equality(self) -> Expression:
        left = self._typed()
        while self.kind == "symbol" and self.text in ("=", "!="):
            negated = self._next() == "!="
            left = Equals(left, self._typed(), negated)
        return left

    def _typed(self) -> Expression:
        left = self._union()
        while self.kind == "name" and self.text in ("as", "is"):
            left = As(left, self._type()) if self._next() == "as" else Is(left, self._type())
        return left

    def _union(self) -> Expression:
        parts = [self._operand()]
        while self._take("|"):
            parts.append(self._operand())
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _operand(self) -> Expression:
        # "a as T | b as T" reads as a union of casts in the parameters of R4, against FHIRPath's own precedence
        tree = self._path()
        while self.kind == "name" and self.text == "as":
            self._next()
            tree = As(tree, self._type())
        return tree

    def _type(self) -> str:
        if self.kind != "name":
            raise Unsupported(f"expected a type and found {self.text!r}")
        name = self._next()
        while self._take("."):
            name = self._next()  # FHIR.Patient, System.String
        return name.strip("`")

    def _path(self) -> Expression:
        tree = self._primary()
        while True:
            if self._take("."):
                tree = self._member(tree)
            elif self._take("["):
                tree = self._index(tree)
            else:
                return tree

    def _primary(self) -> Expression:
        if self._take("("):
            tree = self.logic()
            self._expect(")")
            return tree
        if self.kind == "string":
            return Literal(re.sub(r"\\(.)", r"\1", self._next()[1:-1]))
        if self.kind == "number":
            return Literal(int(self._next()))
        if self.kind != "name":
            raise Unsupported(f"unexpected {self.text!r}")
        return self._named()

    def _named(self) -> Expression:
        if self.text in _BOOLEANS:
            return Literal(_BOOLEANS[self._next()])
        if self.text.startswith("%"):
            if self.text != "%resource":
                raise Unsupported(f"unknown variable {self.text}")
            self._next()
            return ResourceItself()
        if self.text == "$this":
            self._next()
            return This()
        return self._member(None)

    def _member(self, base: Expression | None) -> Expression:
        if self.kind != "name":
            raise Unsupported(f"expected a name and found {self.text!r}")
        name = self._next()
        if not self._take("("):
            return Name(name.strip("`"), base)
        return self._function(name, This() if base is None else base)

    def _index(self, base: Expression) -> Expression:
        if self.kind != "number":
            raise Unsupported(f"expected an index and found {self.text!r}")
        tree = Index(base, int(self._next()))
        self._expect("]")
        return tree

    def _function(self, name: str, base: Expression) -> Expression:
        if name in ("as", "ofType", "is"):
            type_ = self._type()
            tree: Expression = Is(base, type_) if name == "is" else As(base, type_)
        elif name == "where":
            tree = Where(base, self.logic())
        elif name == "extension":
            tree = self._extension(base)
        else:
            tree = self._plain(name, base)
        self._expect(")")
        return tree

    def _extension(self, base: Expression) -> Expression:
        if self.kind != "string":
            raise Unsupported("extension() takes a literal URL")
        url = Literal(self._next()[1:-1])
        return Where(Name("extension", None if isinstance(base, This) else base), Equals(Name("url"), url))

    @staticmethod
    def _plain(name: str, base: Expression) -> Expression:
        match name:
            case "exists":
                return Exists(base)
            case "empty":
                return Exists(base, empty=True)
            case "resolve":
                return Resolve(base)
            case "first":
                return Index(base, 0)
        raise Unsupported(f"unknown function {name}()")
