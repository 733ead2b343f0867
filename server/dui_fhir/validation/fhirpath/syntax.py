"""From the text of an expression to a tree of tuples ``(kind, …)``. Source: FHIRPath N1, grammar and precedence."""

import re
from decimal import Decimal
from typing import Any, TypeAlias

from dui_fhir.validation.fhirpath.errors import FhirPathError, FhirPathSyntaxError
from dui_fhir.validation.fhirpath.moments import Moment
from dui_fhir.validation.fhirpath.values import Quantity

Tree: TypeAlias = tuple[Any, ...]
_TOKENS = re.compile(
    r"""(?P<space>\s+|//[^\n\r]*|/\*[\s\S]*?\*/)
    |(?P<moment>@T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?!\d)
      |@\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<quoted>`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")
    |(?P<variable>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
    |(?P<special>\$[a-z]+)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign><=|>=|!=|!~|[.,()\[\]{}+\-*/&|<>=~])""",
    re.VERBOSE,
)
_LEVELS: dict[str, int] = {
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4, "=": 5, "~": 5, "!=": 5, "!~": 5,
    "<": 6, ">": 6, "<=": 6, ">=": 6, "|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_UNARY = 11
_UNITS = re.compile(r"(?:year|month|week|day|hour|minute|second|millisecond)s?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_DEPTH_MAX = 120


def parse(text: str) -> Tree:
    """Return the tree of an expression. Raises: FhirPathSyntaxError (``syntax: …``)."""
    tokens, offsets = _tokens(text)
    parser = _Parser(tokens)
    try:
        tree = parser.expression(0)
        if (token := parser.peek()) is not None:
            raise FhirPathError(f"syntax: unexpected {token[1]!r}")
    except FhirPathError as error:
        raise FhirPathSyntaxError(str(error), offsets[min(parser.at, len(tokens))]) from error
    return tree


def _tokens(text: str) -> tuple[list[tuple[str, str]], list[int]]:
    """Return the tokens, and where each starts; the last offset is the end of the text."""
    found, offsets, position = [], [], 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise FhirPathSyntaxError("syntax: unexpected character", position)
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match.group()))
            offsets.append(position)
        position = match.end()
    return found, [*offsets, len(text)]


def unescape(text: str) -> str:
    """Return the characters that a literal without its quotes stands for."""
    return re.sub(
        r"\\(u[0-9A-Fa-f]{4}|.)",
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5 else _ESCAPES.get(m[1], m[1]),
        text,
    )


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self.at = 0
        self._depth = 0

    def peek(self) -> tuple[str, str] | None:
        return self._tokens[self.at] if self.at < len(self._tokens) else None

    def _sign(self, *signs: str) -> bool:
        token = self.peek()
        if token is not None and token[0] in ("sign", "word") and token[1] in signs:
            self.at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise FhirPathError(f"syntax: {sign} expected")

    def expression(self, level: int) -> Tree:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise FhirPathError("syntax: too deeply nested")
        left = self._unary()
        while (token := self.peek()) is not None and _LEVELS.get(token[1], 0) > level and token[0] in ("sign", "word"):
            self.at += 1
            if token[1] in ("is", "as"):
                left = ("type", token[1], left, self._type_name())
            else:
                left = ("binary", token[1], left, self.expression(_LEVELS[token[1]]))
        self._depth -= 1
        return left

    def _unary(self) -> Tree:
        if self._sign("-"):
            return ("minus", self._unary())
        if self._sign("+"):
            return ("plus", self._unary())
        return self._postfix(self._term())

    def _postfix(self, left: Tree) -> Tree:
        while True:
            if self._sign("."):
                left = self._invocation(left)
            elif self._sign("["):
                left = ("index", left, self.expression(0))
                self._expect("]")
            else:
                return left

    def _invocation(self, left: Tree | None) -> Tree:
        token = self.peek()
        if token is None:
            raise FhirPathError("syntax: unexpected end")
        kind, text = token
        if kind not in ("word", "quoted", "special"):
            raise FhirPathError(f"syntax: unexpected {text!r}")
        self.at += 1
        if kind == "special":
            return ("special", text)
        name = text if kind == "word" else unescape(text[1:-1])
        if self._sign("("):
            return ("call", left, name, self._arguments())
        return ("member", left, name)

    def _arguments(self) -> tuple[Tree, ...]:
        found: list[Tree] = []
        if self._sign(")"):
            return ()
        while True:
            found.append(self.expression(0))
            if self._sign("asc", "desc"):
                found[-1] = ("order", self._tokens[self.at - 1][1], found[-1])
            if self._sign(")"):
                return tuple(found)
            self._expect(",")

    def _term(self) -> Tree:
        token = self.peek()
        if token is None:
            raise FhirPathError("syntax: unexpected end")
        kind, text = token
        if kind == "word" and text in ("true", "false"):
            self.at += 1
            return ("literal", text == "true")
        if kind in ("word", "quoted", "special"):
            return self._invocation(None)
        self.at += 1
        return self._literal(kind, text)

    def _literal(self, kind: str, text: str) -> Tree:
        if kind == "number":
            return self._number(text)
        if kind == "text":
            return ("literal", unescape(text[1:-1]))
        if kind == "moment":
            return ("literal", Moment.literal(text[1:]))
        if kind == "variable":
            return ("variable", text[1:] if text[1] not in "`'\"" else unescape(text[2:-1]))
        if text == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        if text == "{":
            self._expect("}")
            return ("empty",)
        self.at -= 1  # the fault is the token itself, not what follows
        raise FhirPathError(f"syntax: unexpected {text!r}")

    def _number(self, text: str) -> Tree:
        token = self.peek()
        if token is not None and token[0] == "text":
            self.at += 1
            return ("literal", Quantity(Decimal(text), unescape(token[1][1:-1])))
        if token is not None and token[0] == "word" and _UNITS.fullmatch(token[1]):
            self.at += 1
            return ("literal", Quantity(Decimal(text), token[1].removesuffix("s"), calendar=True))
        return ("literal", Decimal(text) if "." in text else int(text))

    def _type_name(self) -> str:
        parts = []
        while True:
            token = self.peek()
            if token is None or token[0] not in ("word", "quoted"):
                raise FhirPathError("syntax: a type is expected")
            self.at += 1
            parts.append(token[1].strip("`"))
            following = self._tokens[self.at : self.at + 2]
            if (
                len(parts) == 2
                or len(following) < 2
                or following[0][1] != "."
                or following[1][0] not in ("word", "quoted")
            ):
                return ".".join(parts)
            if len(self._tokens) > self.at + 2 and self._tokens[self.at + 2][1] == "(":
                return ".".join(parts)  # a function of the result: (x as Quantity).value()
            self.at += 1
