"""The functions of FHIRPath N1 and those that FHIR R4 adds (fhirpath.html#functions)."""

import base64
import binascii
import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import cmp_to_key, lru_cache
from typing import Any, TypeAlias

from dui_fhir.validation.fhirpath.boundaries import boundary, precision
from dui_fhir.validation.fhirpath.conversions import CONVERSIONS, to_text
from dui_fhir.validation.fhirpath.environment import Environment
from dui_fhir.validation.fhirpath.errors import FhirPathError
from dui_fhir.validation.fhirpath.moments import Moment
from dui_fhir.validation.fhirpath.operators import boolean, number, single
from dui_fhir.validation.fhirpath.values import (
    Node,
    Quantity,
    all_children,
    child_nodes,
    compare_quantities,
    distinct,
    equal,
    identity,
    order,
    plain,
    type_name,
)
from dui_fhir.validation.narrative import narrative_fault


@dataclass(frozen=True, slots=True)
class Argument:
    """A compiled argument; ``inner`` is what a leading minus negates (``sort(-$this)``)."""

    step: Callable[[Environment], list[Any]]
    descending: bool = False
    inner: Callable[[Environment], list[Any]] | None = None

    def __call__(self, env: Environment) -> list[Any]:
        return self.step(env)

    def on(self, item: Any, index: int, env: Environment) -> list[Any]:
        """Evaluate with ``$this`` and ``$index``."""
        return _with(self.step, item, index, env)


Arguments: TypeAlias = tuple[Argument, ...]
Function: TypeAlias = Callable[[list[Any], Environment, Arguments], list[Any]]
FUNCTIONS: dict[str, tuple[Function, int, int]] = {}
_TEXT_MAX = 100_000


def _with(step: Callable[[Environment], list[Any]], item: Any, index: int, env: Environment) -> list[Any]:
    this, outer = env.this, env.index
    env.this, env.index = [item], index
    env.spend(1)
    try:
        return step(env)
    finally:
        env.this, env.index = this, outer


def _function(name: str, least: int = 0, most: int | None = None) -> Callable[[Function], Function]:
    def register(function: Function) -> Function:
        FUNCTIONS[name] = (function, least, least if most is None else most)
        return function

    return register


# Existence


@_function("empty")
def _empty(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [not focus]


@_function("exists", 0, 1)
def _exists(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    if not args:
        return [bool(focus)]
    return [any(boolean(args[0].on(item, i, env)) for i, item in enumerate(focus))]


@_function("all", 1)
def _all(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [all(boolean(args[0].on(item, i, env)) for i, item in enumerate(focus))]


@_function("not")
def _not(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    value = boolean(focus)
    return [] if value is None else [not value]


@_function("hasValue")
def _has_value(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    if len(focus) != 1:
        return [False]
    item = focus[0]
    return [item.__class__ is not Node or (item.value is not None and not isinstance(item.value, dict))]


@_function("getValue")
def _get_value(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    value = single(focus)
    return [] if value is None else [value]


def _booleans(name: str, test: Callable[[list[bool]], bool]) -> None:
    def function(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
        return [test([plain(i) is True for i in focus])]

    FUNCTIONS[name] = (function, 0, 0)


_booleans("allTrue", all)
_booleans("anyTrue", any)
_booleans("allFalse", lambda values: not any(values))
_booleans("anyFalse", lambda values: not all(values))


def _within(inner: list[Any], outer: list[Any]) -> bool:
    return all(any(equal(a, b) is True for b in outer) for a in inner)


@_function("subsetOf", 1)
def _subset(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    other = args[0](env)
    env.spend(len(focus) * len(other))
    return [_within(focus, other)]


@_function("supersetOf", 1)
def _superset(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    other = args[0](env)
    env.spend(len(focus) * len(other))
    return [_within(other, focus)]


@_function("count")
def _count(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [len(focus)]


@_function("distinct")
def _distinct(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return distinct(focus)


@_function("isDistinct")
def _is_distinct(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [len(distinct(focus)) == len(focus)]


# Filtering, projection, subsets


@_function("where", 1)
def _where(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [item for i, item in enumerate(focus) if boolean(args[0].on(item, i, env))]


@_function("select", 1)
def _select(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [found for i, item in enumerate(focus) for found in args[0].on(item, i, env)]


@_function("repeat", 1)
def _repeat(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    known: set[Any] = set()
    found: list[Any] = []
    queue = list(focus)
    while queue:
        fresh = [f for i, item in enumerate(queue) for f in args[0].on(item, i, env)]
        env.spend(len(fresh))
        queue = []
        for item in fresh:
            key = identity(item)
            if key is None and not any(equal(item, f) for f in found):
                queue.append(item)
                found.append(item)
            elif key is not None and key not in known:
                known.add(key)
                queue.append(item)
                found.append(item)
    return found


@_function("aggregate", 1, 2)
def _aggregate(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    outer, env.total = env.total, args[1](env) if len(args) > 1 else []
    try:
        for i, item in enumerate(focus):
            env.total = args[0].on(item, i, env)
        return env.total
    finally:
        env.total = outer


@_function("iif", 2, 3)
def _iif(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    if len(focus) > 1:
        raise FhirPathError("a single item is expected")
    item = focus[0] if focus else None
    steps = [lambda a=a: a.on(item, 0, env) if focus else a(env) for a in args]
    condition = steps[0]()
    if condition and not (len(condition) == 1 and plain(condition[0]).__class__ is bool):
        raise FhirPathError("a boolean is expected")
    if condition and plain(condition[0]) is True:
        return list(steps[1]())
    return list(steps[2]()) if len(steps) > 2 else []


def _slice(name: str, part: Callable[[list[Any]], list[Any]]) -> None:
    FUNCTIONS[name] = (lambda focus, env, args: part(focus), 0, 0)


_slice("first", lambda items: items[:1])
_slice("last", lambda items: items[-1:])
_slice("tail", lambda items: items[1:])


@_function("single")
def _single(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    if len(focus) > 1:
        raise FhirPathError("a single item is expected")
    return focus


@_function("skip", 1)
def _skip(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return focus[max(0, _integer(args[0], env)) :]


@_function("take", 1)
def _take(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return focus[: max(0, _integer(args[0], env))]


def _integer(argument: Argument, env: Environment) -> int:
    value = single(argument(env))
    if value.__class__ is not int:
        raise FhirPathError("an integer is expected")
    return int(value)


@_function("intersect", 1)
def _intersect(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    other = args[0](env)
    env.spend(len(focus) * len(other))
    return distinct([a for a in focus if any(equal(a, b) is True for b in other)])


@_function("exclude", 1)
def _exclude(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    other = args[0](env)
    env.spend(len(focus) * len(other))
    return [a for a in focus if not any(equal(a, b) is True for b in other)]


@_function("union", 1)
def _union(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return distinct(focus + args[0](env))


@_function("combine", 1)
def _combine(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return focus + args[0](env)


@_function("sort", 0, 5)
def _sort(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    keys: list[tuple[Callable[[Environment], list[Any]], bool]] = [
        (a.inner or a.step, a.descending or a.inner is not None) for a in args
    ] or [(lambda e: e.this, False)]

    def compare(left: Any, right: Any) -> int:
        for step, descending in keys:
            a, b = _with(step, left, 0, env)[:1], _with(step, right, 0, env)[:1]
            answer = (bool(a) - bool(b)) if not a or not b else order(a[0], b[0]) or 0
            if answer:
                return -answer if descending else answer
        return 0

    return sorted(focus, key=cmp_to_key(compare))


# Navigation


@_function("children")
def _children(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    found = [child for item in focus for child in all_children(item)]
    env.spend(len(found))
    return found


@_function("descendants")
def _descendants(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    found: list[Any] = []
    level = focus
    while level:
        level = _children(level, env, args)
        found += level
    return found


@_function("extension", 1)
def _extension(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    url, found = single(args[0](env)), []
    for item in focus:
        extensions: list[Any] = []
        child_nodes(item, "extension", extensions)
        found += [e for e in extensions if isinstance(e.value, dict) and e.value.get("url") == url]
    return found


@_function("resolve")
def _resolve(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    if env.resolve is None:
        raise FhirPathError("references cannot be resolved here")
    found = []
    for item in focus:
        value = item.value if item.__class__ is Node else item
        text = value.get("reference") if isinstance(value, dict) else value
        target = env.resolve(text) if isinstance(text, str) else None
        if target is not None:
            found.append(target)
    return found


@_function("type")
def _type(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    named = [type_name(item).partition(".") for item in focus]
    return [Node({"namespace": space, "name": name}, "ClassInfo") for space, _, name in named]


@_function("conformsTo", 1)
def _conforms(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    url = single(args[0](env))
    if not focus:
        return []
    answer = env.conforms(focus[0], url) if env.conforms is not None else None
    if answer is None:
        raise FhirPathError("profile not known")
    return [answer]


@_function("memberOf", 1)
def _member(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    url = single(args[0](env))
    if not focus:
        return []
    answer = env.member(focus[0], url) if env.member is not None else None
    if answer is None:
        raise FhirPathError("value set not known")
    return [answer]


@_function("htmlChecks")
def _html(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [narrative_fault(str(plain(item))) is None for item in focus]


@_function("trace", 1, 2)
def _trace(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return focus


# Text


def _text(focus: list[Any]) -> str | None:
    value = single(focus)
    if value is not None and not isinstance(value, str):
        raise FhirPathError("a string is expected")
    if value is not None and len(value) > _TEXT_MAX:
        raise FhirPathError("text too long for a function")
    return value


def _on_text(name: str, function: Callable[..., Any], least: int = 0, most: int | None = None) -> None:
    def call(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
        text = _text(focus)
        values = [single(a(env)) for a in args]
        if text is None or None in values[:least]:
            return []
        found = function(text, *values)
        return [] if found is None else found if isinstance(found, list) else [found]

    FUNCTIONS[name] = (call, least, least if most is None else most)


@lru_cache(1024)
def _regex(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error as error:
        raise FhirPathError("not a regular expression") from error


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise FhirPathError("a string is expected")
    return value


def _substring(text: str, start: Any, length: Any = None) -> str | None:
    if start.__class__ is not int:
        raise FhirPathError("an integer is expected")
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(0, int(length))]


_on_text("upper", str.upper)
_on_text("lower", str.lower)
_on_text("trim", str.strip)
_on_text("length", len)
_on_text("toChars", lambda text: list(text))
_on_text("startsWith", lambda text, other: text.startswith(_string(other)), 1)
_on_text("endsWith", lambda text, other: text.endswith(_string(other)), 1)
_on_text("contains", lambda text, other: _string(other) in text, 1)
_on_text("indexOf", lambda text, other: text.find(_string(other)), 1)
_on_text("lastIndexOf", lambda text, other: text.rfind(_string(other)), 1)
_on_text("matches", lambda text, pattern: _regex(_string(pattern)).search(text) is not None, 1)
_on_text("matchesFull", lambda text, pattern: _regex(_string(pattern)).fullmatch(text) is not None, 1)
_on_text("replace", lambda text, old, new: text.replace(_string(old), _string(new)), 2)
_on_text("substring", _substring, 1, 2)
_on_text("split", lambda text, by: text.split(_string(by)), 1)


def _replace_matches(text: str, pattern: Any, new: Any) -> str:
    if not pattern:
        return text
    template = re.sub(r"\$(\d+)", r"\\g<\1>", _string(new).replace("\\", "\\\\"))
    return _regex(_string(pattern)).sub(re.sub(r"\$\{(\w+)\}", r"\\g<\1>", template), text)


_on_text("replaceMatches", _replace_matches, 2)


def _encode(text: str, scheme: Any) -> str | None:
    if scheme == "hex":
        return text.encode().hex()
    if scheme == "base64":
        return base64.b64encode(text.encode()).decode()
    return base64.urlsafe_b64encode(text.encode()).decode() if scheme == "urlbase64" else None


def _decode(text: str, scheme: Any) -> str | None:
    try:
        if scheme == "hex":
            return bytes.fromhex(text).decode()
        if scheme == "base64":
            return base64.b64decode(text).decode()
        return base64.urlsafe_b64decode(text).decode() if scheme == "urlbase64" else None
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise FhirPathError("text does not decode") from error


_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def _escape(text: str, target: Any) -> str | None:
    if target == "html":
        return "".join(_HTML.get(c, c) for c in text)
    return text.replace("\\", "\\\\").replace('"', '\\"') if target == "json" else None


def _unescape(text: str, target: Any) -> str | None:
    if target == "html":
        for char, entity in reversed(_HTML.items()):
            text = text.replace(entity, char)
        return text
    return text.replace('\\"', '"').replace("\\\\", "\\") if target == "json" else None


_on_text("encode", _encode, 1)
_on_text("decode", _decode, 1)
_on_text("escape", _escape, 1)
_on_text("unescape", _unescape, 1)


@_function("join", 0, 1)
def _join(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    between = single(args[0](env)) if args else ""
    values = [plain(item) for item in focus]
    return [_string(between or "").join(_string(v) for v in values if v is not None)] if values else []


# Numbers


def _on_number(name: str, function: Callable[..., Any], least: int = 0, most: int | None = None) -> None:
    def call(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
        value = single(focus)
        values = [single(a(env)) for a in args]
        if value is None or None in values:
            return []
        if not all(number(v) for v in values) or not (number(value) or value.__class__ is Quantity):
            raise FhirPathError("a number is expected")
        found = function(value, *values)
        return [] if found is None else [found]

    FUNCTIONS[name] = (call, least, least if most is None else most)


def _abs(value: Any) -> Any:
    return Quantity(abs(value.value), value.unit) if value.__class__ is Quantity else abs(value)


def _rounded(mode: str) -> Callable[[Any], int]:
    return lambda value: int(Decimal(value).to_integral_value(mode))


def _round(value: Any, places: int = 0) -> Decimal:
    if places < 0:
        raise FhirPathError("negative precision")
    return Decimal(value).quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_UP)


def _real(function: Callable[..., float]) -> Callable[..., Decimal | None]:
    def call(*values: Any) -> Decimal | None:
        try:
            found = function(*(float(v) for v in values))
        except (OverflowError, ValueError, ZeroDivisionError):
            return None
        return None if isinstance(found, complex) else Decimal(repr(found)).normalize() + 0

    return call


def _power(value: Any, exponent: Any) -> Any:
    if isinstance(value, int) and isinstance(exponent, int) and 0 <= exponent < 1000 and abs(value) < 10**6:
        return value**exponent
    return _real(math.pow)(value, exponent)


_on_number("abs", _abs)
_on_number("ceiling", _rounded(ROUND_CEILING))
_on_number("floor", _rounded(ROUND_FLOOR))
_on_number("truncate", _rounded(ROUND_DOWN))
_on_number("round", _round, 0, 1)
_on_number("exp", _real(math.exp))
_on_number("ln", _real(math.log))
_on_number("sqrt", _real(math.sqrt))
_on_number("log", _real(lambda v, b: math.log(v) / math.log(b)), 1)
_on_number("power", _power, 1)


# Time


def _now(env: Environment) -> dt.datetime:
    if env.now is None:
        env.now = dt.datetime.now(dt.UTC)
    return env.now  # type: ignore[no-any-return]


@_function("now")
def _now_(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [Moment.literal(_now(env).isoformat(timespec="milliseconds").replace("+00:00", "Z"))]


@_function("today")
def _today(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [Moment.literal(_now(env).date().isoformat())]


@_function("timeOfDay")
def _time_of_day(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    return [Moment.literal("T" + _now(env).time().isoformat(timespec="milliseconds"))]


# Conversions and precision


def _conversion(name: str, convert: Callable[[Any], Any]) -> None:
    def to(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
        value = single(focus)
        found = None if value is None else convert(value)
        return [] if found is None else [found]

    def can(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
        value = single(focus)
        return [] if value is None else [convert(value) is not None]

    FUNCTIONS[f"to{name}"] = (to, 0, 1 if name == "Quantity" else 0)
    FUNCTIONS[f"convertsTo{name}"] = (can, 0, 1 if name == "Quantity" else 0)


for _name, _convert in CONVERSIONS.items():
    _conversion(_name, _convert)


def _boundary(name: str, high: bool) -> None:
    def call(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
        value = single(focus)
        digits = single(args[0](env)) if args else None
        found = None if value is None else boundary(value, digits, high=high)
        return [] if found is None else [found]

    FUNCTIONS[name] = (call, 0, 1)


_boundary("lowBoundary", high=False)
_boundary("highBoundary", high=True)


@_function("precision")
def _precision(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    value = single(focus)
    found = None if value is None else precision(value)
    return [] if found is None else [found]


@_function("comparable", 1)
def _comparable(focus: list[Any], env: Environment, args: Arguments) -> list[Any]:
    a, b = single(focus), single(args[0](env))
    if a.__class__ is not Quantity or b.__class__ is not Quantity:
        return []
    return [compare_quantities(a, b) is not None]


__all__ = ["FUNCTIONS", "Argument", "to_text"]
