"""SearchParameter expressions compiled to trees of accessors, once per resource type.

The tree of a type follows its JSON keys, so that one walk over the elements a resource has serves all its parameters: what
is absent costs nothing. Data types come from the element tables, hence no FHIRPath is interpreted when a resource is indexed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from dui_fhir.definitions import Element, element_table, resource_types
from dui_fhir.definitions.elements import kind
from dui_fhir.search.expression import (
    As,
    Equals,
    Exists,
    Expression,
    Index,
    Is,
    Literal,
    Logic,
    Name,
    Resolve,
    ResourceItself,
    This,
    Union,
    Unsupported,
    Where,
)

Predicate: TypeAlias = Callable[[Any], bool]


class Key(NamedTuple):
    """Step to a JSON key."""

    name: str


class Keep(NamedTuple):
    """Step that keeps the values satisfying a condition of type ``position``."""

    condition: Expression
    position: str


class Nth(NamedTuple):
    """Step to one item of a list."""

    position: int


Step: TypeAlias = Key | Keep | Nth


class Path(NamedTuple):
    """Where an expression leads: steps from the context (``absolute``: from the resource), and the type found there.

    ``position`` is a data type (``HumanName``) or the path of a backbone element (``Patient.contact``).
    """

    steps: tuple[Step, ...]
    position: str
    absolute: bool = False


def paths(tree: Expression, position: str, resource_type: str) -> list[Path]:
    """Return the places an expression leads to from an element of type ``position``; none where it cannot apply.

    Raises: Unsupported.
    """
    match tree:
        case Union(parts):
            return [path for part in parts for path in paths(part, position, resource_type)]
        case This():
            return [Path((), position)]
        case ResourceItself():
            return [Path((), resource_type, absolute=True)]
        case Name(name, None):
            return _start(name, position, resource_type)
        case Name(name, base) if base is not None:
            return [p for b in paths(base, position, resource_type) for p in _member(b, name)]
        case As(base, type_):
            return [p for p in paths(base, position, resource_type) if _is_a(p.position, type_)]
        case Index(base, index):
            return [_then(p, Nth(index), p.position) for p in paths(base, position, resource_type)]
        case Where(base, condition):
            return [_then(p, Keep(condition, p.position), p.position) for p in paths(base, position, resource_type)]
    raise Unsupported(f"{type(tree).__name__} is no path")


def _start(name: str, position: str, resource_type: str) -> list[Path]:
    if not name[0].isupper():
        return _member(Path((), position), name)
    if name in (resource_type, "Resource", "DomainResource"):
        return [Path((), resource_type, absolute=True)]
    if name == position:
        return [Path((), position)]
    if kind(name) is None:
        raise Unsupported(f"unknown type {name}")
    return []  # the alternative of another resource type


def _then(path: Path, step: Step, position: str) -> Path:
    return Path((*path.steps, step), position, path.absolute)


def _member(path: Path, name: str) -> list[Path]:
    found = children(path.position, name)
    if path.steps and isinstance(path.steps[-1], Key) and kind(path.position) == "primitive-type":
        # what hangs on a primitive stands beside it in JSON: _birthDate.extension
        path = Path((*path.steps[:-1], Key("_" + path.steps[-1].name)), path.position, path.absolute)
    return [_then(path, Key(key), position) for key, position in found]


@cache
def children(position: str, name: str) -> tuple[tuple[str, str], ...]:
    """Return ``(JSON key, position)`` of each form that a child element may take: one, or several for ``value[x]``."""
    if kind(position.split(".", 1)[0]) is None:
        return ()
    found: list[tuple[str, str]] = []
    for element in element_table(position.split(".", 1)[0]).children(position):
        if element.name != name:
            continue
        if element.content is not None:
            return ((name, element.content),)
        for type_ in element.types:
            key = f"{name}{type_.code[0].upper()}{type_.code[1:]}" if element.choice else name
            found.append((key, element.path if type_.code in ("BackboneElement", "Element") else type_.code))
    return tuple(found)


def element_of(path: Path, start: str) -> Element | None:
    """Return the element that a path leads to from an element of type ``start``."""
    position, found = start, None
    for step in path.steps:
        if not isinstance(step, Key):
            continue
        for element in element_table(position.split(".", 1)[0]).children(position):
            reached = [after for key, after in children(position, element.name) if key == step.name]
            if reached:
                position, found = reached[0], element
                break
    return found


def _is_a(position: str, type_: str) -> bool:
    """Case does not count: R4 writes both ``DateTime`` and ``dateTime``."""
    if position.lower() == type_.lower():
        return True
    if kind(position) != "complex-type":
        return False
    base = element_table(position).base
    return base is not None and _is_a(base, type_)


# evaluation of paths and conditions on one element: rare, so plain rather than fast


def collect(steps: tuple[Step, ...], value: Any, resource_type: str) -> list[Any]:
    """Return the values found along steps, lists flattened."""
    found = [value]
    for step in steps:
        match step:
            case Key(name):
                found = _flat(v.get(name) for v in found if isinstance(v, dict))
            case Nth(position):
                found = found[position : position + 1]
            case Keep(condition, position):
                test = predicate(condition, position, resource_type)
                found = [v for v in found if test(v)]
    return found


def _flat(values: Iterable[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat.extend(value if isinstance(value, list) else [value])
    return [v for v in flat if v is not None]


def predicate(condition: Expression, position: str, resource_type: str) -> Predicate:
    """Return the test of a ``where()``, on elements of type ``position``. Raises: Unsupported."""
    match condition:
        case Equals(Name(name, None), Literal(str() as text), False) if children(position, name):
            return lambda value: isinstance(value, dict) and value.get(name) == text
        case Is(Resolve(This()), type_):
            return lambda value: refers_to(value, type_)
    evaluate = boolean(condition, position, resource_type)
    return lambda value: evaluate(value) is True


Evaluation: TypeAlias = Callable[[Any], bool | None]
"""On one element; None where FHIRPath gives nothing (a comparison with what is absent)."""


def boolean(tree: Expression, position: str, resource_type: str) -> Evaluation:
    """Return the evaluation of a boolean expression. Raises: Unsupported."""
    match tree:
        case Logic(operator, left, right):
            return _logic(operator, boolean(left, position, resource_type), boolean(right, position, resource_type))
        case Exists(base, empty):
            values = _values(base, position, resource_type)
            return lambda value: bool(values(value)) is not empty
        case Equals(left, right, negated):
            return _equality(_values(left, position, resource_type), _values(right, position, resource_type), negated)
        case Is(Resolve(base), type_):
            values = _values(base, position, resource_type)
            return lambda value: any(refers_to(v, type_) for v in values(value))
    raise Unsupported(f"{type(tree).__name__} is no condition")


def _logic(operator: str, left: Evaluation, right: Evaluation) -> Evaluation:
    deciding = operator == "or"  # the value that decides alone

    def evaluate(value: Any) -> bool | None:
        results = left(value), right(value)
        if deciding in results:
            return deciding
        return None if None in results else not deciding

    return evaluate


def _equality(left: Callable[[Any], list[Any]], right: Callable[[Any], list[Any]], negated: bool) -> Evaluation:
    def evaluate(value: Any) -> bool | None:
        a, b = left(value), right(value)
        return None if not a or not b else (a == b) is not negated

    return evaluate


def _values(tree: Expression, position: str, resource_type: str) -> Callable[[Any], list[Any]]:
    if isinstance(tree, Literal):
        literal = [tree.value]
        return lambda value: literal
    found = paths(tree, position, resource_type)
    if all(len(path.steps) == 1 and isinstance(path.steps[0], Key) for path in found):
        keys = [path.steps[0].name for path in found if isinstance(path.steps[0], Key)]
        return lambda value: _flat(value[key] for key in keys if key in value) if isinstance(value, dict) else []
    for path in found:
        for step in path.steps:
            if isinstance(step, Keep):
                predicate(step.condition, step.position, resource_type)  # refuse now what could not be evaluated later
    return lambda value: [v for path in found for v in collect(path.steps, value, resource_type)]


def refers_to(value: Any, type_: str) -> bool:
    """Return whether a Reference is to a resource of this type, as far as it says so itself."""
    if not isinstance(value, dict):
        return False
    reference = value.get("reference")
    if isinstance(reference, str):
        parts = reference.split("/_history/", 1)[0].rsplit("/", 2)
        if len(parts) >= 2 and parts[-2] in resource_types():
            return parts[-2] == type_
    return bool(value.get("type") == type_)


@dataclass(slots=True)
class Tree:
    """One node: what to do with a value found here, and where to go on from it.

    ``emits``: functions with the parameters they serve. ``composites``: whatever the builder wants done with the element
    itself. ``filters``: the nodes for values that satisfy a condition.
    """

    children: dict[str, "Tree"] = field(default_factory=dict)
    filters: list[tuple[Predicate, "Tree"]] = field(default_factory=list)
    items: dict[int, "Tree"] = field(default_factory=dict)
    emits: list[tuple[Any, tuple[str, ...]]] = field(default_factory=list)
    composites: list[Any] = field(default_factory=list)
    keeps: dict[Keep, "Tree"] = field(default_factory=dict)

    @property
    def below(self) -> "tuple[Tree, ...]":
        """The nodes one step further."""
        return (*self.children.values(), *self.items.values(), *(tree for _, tree in self.filters))

    def reach(self, steps: tuple[Step, ...], resource_type: str) -> "Tree":
        """Return the node at the end of steps, made where it is not there yet."""
        node = self
        for step in steps:
            node = node._step(step, resource_type)
        return node

    def _step(self, step: Step, resource_type: str) -> "Tree":
        match step:
            case Key(name):
                return self.children.setdefault(name, Tree())
            case Nth(position):
                return self.items.setdefault(position, Tree())
        if step not in self.keeps:
            node = self.keeps[step] = Tree()
            self.filters.append((predicate(step.condition, step.position, resource_type), node))
        return self.keeps[step]
