"""From the tree of an expression to one function of an environment."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from dui_fhir.validation.fhirpath.environment import Environment
from dui_fhir.validation.fhirpath.errors import FhirPathError
from dui_fhir.validation.fhirpath.functions import FUNCTIONS, Argument
from dui_fhir.validation.fhirpath.operators import OPERATORS, boolean, negated, single, typed
from dui_fhir.validation.fhirpath.syntax import Tree, parse
from dui_fhir.validation.fhirpath.values import Node, child_nodes, is_of, is_text, known_child, known_type, plain

Step: TypeAlias = Callable[[Environment], list[Any]]
_CODES = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}


class Expression:
    """A compiled expression; safe to share between threads."""

    __slots__ = ("_step", "text")

    def __init__(self, text: str, step: Step) -> None:
        self.text = text
        self._step = step

    def evaluate(self, focus: Any, environment: Environment) -> list[Any]:
        """Return the collection that the expression yields on a focus. Raises: FhirPathError."""
        environment.this = [] if focus is None else [focus]
        environment.context = focus
        try:
            return self._step(environment)
        except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise FhirPathError(f"{type(error).__name__} while evaluating") from error

    def holds(self, focus: Any, environment: Environment) -> bool:
        """Return whether an invariant is kept: only where it yields true. Raises: FhirPathError."""
        found = self.evaluate(focus, environment)
        return boolean(found) is True


@lru_cache(4096)
def compile_expression(text: str) -> Expression:
    """Return the function of an expression, made once. Raises: FhirPathError (``syntax: …``, unknown function)."""
    return Expression(text, _step(parse(text)))


def _step(tree: Tree) -> Step:
    return _KINDS[tree[0]](tree)


def _literal(tree: Tree) -> Step:
    value = tree[1]
    return lambda env: [value]


def _empty(tree: Tree) -> Step:
    return lambda env: []


def _special(tree: Tree) -> Step:
    name = tree[1]
    if name == "$this":
        return lambda env: env.this
    if name == "$index":
        return lambda env: [env.index]
    if name == "$total":
        return lambda env: env.total
    raise FhirPathError(f"syntax: unknown {name}")


def _member(tree: Tree) -> Step:
    left, name = tree[1], tree[2]
    if left is None:
        return _first_member(name)
    inner = _step(left)

    def step(env: Environment) -> list[Any]:
        found: list[Any] = []
        focus = inner(env)
        env.spend(1 + len(focus))
        for item in focus:
            child_nodes(item, name, found)
        if not found and env.strict:
            _refuse_unknown(focus, name)
        return found

    return step


def _first_member(name: str) -> Step:
    is_type = name[0].isupper()

    def step(env: Environment) -> list[Any]:
        found: list[Any] = []
        env.spend(1)
        for item in env.this:
            if is_type and item.__class__ is Node and is_of(item, name):
                found.append(item)
            else:
                child_nodes(item, name, found)
        if not found and env.strict:
            _refuse_unknown(env.this, name)
        return found

    return step


def _refuse_unknown(focus: list[Any], name: str) -> None:
    for item in focus:
        if item.__class__ is Node and isinstance(item.value, dict) and not known_child(item.type, name):
            raise FhirPathError(f"{item.type} has no element {name}")


def _variable(tree: Tree) -> Step:
    name = tree[1]
    if name in _CODES:
        value = _CODES[name]
        return lambda env: [value]
    if name.startswith("vs-"):
        return lambda env: [f"http://hl7.org/fhir/ValueSet/{name[3:]}"]
    if name.startswith("ext-"):
        return lambda env: [f"http://hl7.org/fhir/StructureDefinition/{name[4:]}"]

    def step(env: Environment) -> list[Any]:
        if name in ("resource", "rootResource", "context"):
            found = {"resource": env.resource, "rootResource": env.root, "context": env.context}[name]
        elif name in env.variables:
            found = env.variables[name]
        else:
            raise FhirPathError(f"unknown variable {name}")
        return [] if found is None else found if isinstance(found, list) else [found]

    return step


def _index(tree: Tree) -> Step:
    inner, at = _step(tree[1]), _step(tree[2])

    def step(env: Environment) -> list[Any]:
        focus, position = inner(env), single(at(env))
        if position is None:
            return []
        return [focus[position]] if 0 <= position < len(focus) else []

    return step


def _call(tree: Tree) -> Step:
    left, name, arguments = tree[1:]
    inner = None if left is None else _step(left)
    if name in ("is", "as", "ofType"):
        return _type_function(inner, name, arguments)
    if name not in FUNCTIONS:
        raise FhirPathError(f"unknown function {name}")
    function, least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise FhirPathError(f"wrong number of arguments for {name}")
    steps = tuple(_argument(a) for a in arguments)
    if name == "where" and (equality := _equality(arguments[0])) is not None:
        return _where_equal(inner, steps[0], *equality)

    def step(env: Environment) -> list[Any]:
        focus = env.this if inner is None else inner(env)
        env.spend(1 + len(focus))
        return function(focus, env, steps)

    return step


def _equality(tree: Tree) -> tuple[str, str] | None:
    """Return the name and the text of ``name = 'text'``; None for another condition."""
    if tree[0] != "binary" or tree[1] != "=" or tree[2][0] != "member" or tree[2][1] is not None:
        return None
    if tree[3][0] != "literal" or not isinstance(tree[3][1], str):
        return None
    return tree[2][2], tree[3][1]


def _where_equal(inner: Step | None, condition: Argument, name: str, text: str) -> Step:
    """``where(system = 'x')``, the commonest filter: the texts are compared as they are wherever that is the same."""

    def step(env: Environment) -> list[Any]:
        focus = env.this if inner is None else inner(env)
        env.spend(1 + len(focus))
        found = []
        for index, item in enumerate(focus):
            value = item.value.get(name) if item.__class__ is Node and item.value.__class__ is dict else None
            if value.__class__ is str and is_text(item.type, name):
                kept = value == text
            else:
                kept = bool(boolean(condition.on(item, index, env)))
            if kept:
                found.append(item)
        return found

    return step


def _argument(tree: Tree) -> Argument:
    if tree[0] == "order":
        return Argument(_step(tree[2]), descending=tree[1] == "desc")
    if tree[0] == "minus":  # sort(-name): the older way to say descending
        return Argument(_step(tree), inner=_step(tree[1]))
    return Argument(_step(tree))


def _type_function(inner: Step | None, name: str, arguments: tuple[Tree, ...]) -> Step:
    if len(arguments) != 1:
        raise FhirPathError(f"wrong number of arguments for {name}")
    wanted = _type_argument(arguments[0])
    _refuse_type(wanted)

    def step(env: Environment) -> list[Any]:
        return typed(env.this if inner is None else inner(env), name, wanted)

    return step


def _type_argument(tree: Tree) -> str:
    if tree[0] != "member":
        raise FhirPathError("a type is expected")
    return str(tree[2]) if tree[1] is None else f"{_type_argument(tree[1])}.{tree[2]}"


def _refuse_type(wanted: str) -> None:
    if not known_type(wanted):
        raise FhirPathError(f"unknown type {wanted}")


def _typed(tree: Tree) -> Step:
    name, inner, wanted = tree[1], _step(tree[2]), tree[3]
    _refuse_type(wanted)
    return lambda env: typed(inner(env), name, wanted)


def _binary(tree: Tree) -> Step:
    name = tree[1]
    left, right = _step(tree[2]), _step(tree[3])
    if name in ("and", "or", "implies", "xor"):
        return _logic(name, left, right)
    operator = OPERATORS[name]
    return lambda env: operator(left(env), right(env))


def _logic(name: str, left: Step, right: Step) -> Step:
    decided = {"and": (False, False), "or": (True, True), "implies": (False, True)}.get(name)

    def step(env: Environment) -> list[Any]:
        a = boolean(left(env))
        if decided is not None and a is decided[0]:
            return [decided[1]]
        answer = _LOGIC[name](a, boolean(right(env)))
        return [] if answer is None else [answer]

    return step


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if b is False else None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    return True if b is True else None if a is None or b is None else False


def _xor(a: bool | None, b: bool | None) -> bool | None:
    return None if a is None or b is None else a != b


def _implies(a: bool | None, b: bool | None) -> bool | None:
    return True if b is True else None if a is None or b is None else False


_LOGIC = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}


def _minus(tree: Tree) -> Step:
    inner = _step(tree[1])
    return lambda env: negated(inner(env))


def _plus(tree: Tree) -> Step:
    inner = _step(tree[1])
    return lambda env: [plain(i) for i in inner(env)]


def _order(tree: Tree) -> Step:
    return _step(tree[2])


_KINDS: dict[str, Callable[[Tree], Step]] = {
    "literal": _literal,
    "empty": _empty,
    "special": _special,
    "member": _member,
    "variable": _variable,
    "index": _index,
    "call": _call,
    "type": _typed,
    "binary": _binary,
    "minus": _minus,
    "plus": _plus,
    "order": _order,
}
