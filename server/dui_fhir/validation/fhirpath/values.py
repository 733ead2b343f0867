"""The values of FHIRPath: nodes of a resource, and the System types they convert to.

System types are Python values: bool, int, Decimal, str, :class:`Moment`, :class:`Quantity`.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, TypeAlias

import orjson

from dui_fhir.definitions.children import keys
from dui_fhir.definitions.elements import element_table, kind
from dui_fhir.search.ucum import canonical
from dui_fhir.validation.fhirpath.errors import FhirPathError
from dui_fhir.validation.fhirpath.moments import Moment, compare

_CALENDAR = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s",
             "millisecond": "ms"}  # fmt: skip
_MOMENTS = {"date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time"}
_FEW = 4
_ANY = ("Resource", "DomainResource")
QUANTITIES = frozenset({"Quantity", "Age", "Distance", "Duration", "Count", "SimpleQuantity", "MoneyQuantity"})


class Node:
    """An element of a resource: its JSON value, its FHIR type (or path of a nested element), its ``_`` companion."""

    __slots__ = ("extra", "type", "value")

    def __init__(self, value: Any, type: str, extra: Any = None) -> None:
        self.value = value
        self.type = type
        self.extra = extra


class Quantity:
    """``calendar`` for the words of time (``3 months``), which equal only some UCUM units."""

    __slots__ = ("calendar", "unit", "value")

    def __init__(self, value: Decimal, unit: str, *, calendar: bool = False) -> None:
        self.value = value
        self.unit = unit or "1"
        self.calendar = calendar

    def __str__(self) -> str:
        return f"{self.value} {self.unit}" if self.calendar else f"{self.value} '{self.unit}'"

    def code(self) -> str:
        """Return the UCUM code."""
        return _CALENDAR[self.unit] if self.calendar else self.unit


def resource_node(resource: dict[str, Any]) -> Node:
    """Return the node of a resource."""
    return Node(resource, str(resource.get("resourceType")))


_Key: TypeAlias = tuple[str, str, str]
"""A JSON key, the key of its companion, the type found there."""


@cache
def _named(type: str) -> dict[str, tuple[_Key, ...]]:
    """JSON keys and their types, by the name an expression uses."""
    found: dict[str, list[_Key]] = {}
    try:
        known = keys(type)
    except KeyError:
        return {}
    for key, (child, child_type) in known.items():
        found.setdefault(child.name, []).append((key, f"_{key}", child_type))
    return {name: tuple(pairs) for name, pairs in found.items()}


@cache
def _by_key(type: str, name: str) -> dict[str, _Key]:
    """The same of one name, by key, companions included."""
    pairs = _named(type).get(name, ())
    return {key: pair for pair in pairs for key in pair[:2]}


def known_child(type: str, name: str) -> bool:
    """Return whether a type has an element of that name."""
    return name in _named(type)


@cache
def is_text(type: str, name: str) -> bool:
    """Return whether a type has an element of that name that is always a text, and no date."""
    pairs = _named(type).get(name, ())
    return len(pairs) == 1 and kind(pairs[0][2]) == "primitive-type" and pairs[0][2] not in _MOMENTS


def child_nodes(node: Any, name: str, into: list[Any]) -> None:
    """Append the children of a node that have this name."""
    if node.__class__ is not Node:
        return
    holder = node.value
    if holder.__class__ is dict:
        pairs: Sequence[_Key] = _named(node.type).get(name, ())
        if len(pairs) > _FEW:  # a choice of many types: fewer keys are there than could be
            pairs = _present(pairs, _by_key(node.type, name), holder)
        for key, beside, type in pairs:
            value = holder.get(key)
            if value.__class__ is str and beside not in holder:
                into.append(Node(value, type))
            else:
                _add(value, type, holder.get(beside), into)
        if node.type == "ClassInfo" and name in holder:
            into.append(holder[name])
    elif name == "value" and node.value is not None:
        into.append(
            plain(node)
        )  # guides write ``value`` for the value of a primitive, and the reference engine reads it
    elif node.extra.__class__ is dict:
        for key, beside, type in _named("Element").get(name, ()):
            _add(node.extra.get(key), type, node.extra.get(beside), into)


def _present(pairs: Sequence[_Key], by_key: dict[str, _Key], holder: dict[str, Any]) -> Sequence[_Key]:
    found = [by_key[key] for key in holder if key in by_key]
    return found if len(found) < 2 else [pair for pair in pairs if pair in found]


def all_children(node: Any) -> list[Any]:
    """Return every child of a node."""
    found: list[Any] = []
    if node.__class__ is Node:
        for name in _named(node.type if node.value.__class__ is dict else "Element"):
            child_nodes(node, name, found)
    return found


def _add(value: Any, type: str, companion: Any, into: list[Any]) -> None:
    if companion is None and type not in _ANY:
        if value.__class__ is list:
            into += [Node(item, type) for item in value]
        elif value is not None:
            into.append(Node(value, type))
    elif value is None and companion is None:
        return
    elif value.__class__ is list or companion.__class__ is list:
        for item, beside in _parallel(value, companion):
            into.append(_made(item, type, beside))
    else:
        into.append(_made(value, type, companion))


def _parallel(value: Any, companion: Any) -> Iterator[tuple[Any, Any]]:
    values = value if isinstance(value, list) else []
    companions = companion if isinstance(companion, list) else []
    for index in range(max(len(values), len(companions))):
        yield (
            values[index] if index < len(values) else None,
            companions[index] if index < len(companions) else None,
        )


def _made(value: Any, type: str, companion: Any) -> Node:
    if type in _ANY and value.__class__ is dict:
        type = str(value.get("resourceType"))
    return Node(value, type, companion)


def plain(item: Any) -> Any:
    """Return the System value of a primitive node or of a quantity; other nodes as they are, None without a value."""
    if item.__class__ is not Node:
        return item
    value = item.value
    if value.__class__ is dict:
        return _quantity(value) if item.type in QUANTITIES else item
    return _primitive(value, item.type)


def _primitive(value: Any, type: str) -> Any:
    if value is None or value.__class__ is bool:
        return value
    if type in _MOMENTS and isinstance(value, str):
        return Moment.read(value, _MOMENTS[type])  # type: ignore[arg-type]
    if isinstance(value, float):
        return Decimal(getattr(value, "text", repr(value)))
    return Decimal(value) if type == "decimal" and isinstance(value, int) else value


def _quantity(value: dict[str, Any]) -> Any:
    number = value.get("value")
    if not isinstance(number, int | float) or value.get("comparator"):
        return None
    return Quantity(Decimal(getattr(number, "text", repr(number))), str(value.get("code") or value.get("unit") or "1"))


def type_name(item: Any) -> str:
    """Return ``FHIR.code`` or ``System.String``."""
    if item.__class__ is Node:
        return f"FHIR.{item.type}"
    if item.__class__ is Moment:
        return f"System.{item.kind}"
    names = {bool: "Boolean", int: "Integer", Decimal: "Decimal", str: "String", Quantity: "Quantity"}
    return f"System.{names.get(item.__class__, 'Any')}"


def is_of(item: Any, wanted: str) -> bool:
    """Return whether an item is of a type or of one derived from it; ``wanted`` may have a namespace."""
    if wanted.startswith("System.") or item.__class__ is not Node:
        return type_name(item) == (wanted if "." in wanted else f"System.{wanted}")
    return wanted.removeprefix("FHIR.") in _ancestors(item.type)


@cache
def _ancestors(type: str) -> frozenset[str]:
    found = {type}
    if "." in type:
        return frozenset({type, "BackboneElement", "Element"})
    while kind(type) is not None and (base := element_table(type).base):
        found.add(base)
        type = base
    return frozenset(found)


def known_type(wanted: str) -> bool:
    """Return whether a type exists."""
    bare = wanted.removeprefix("FHIR.").removeprefix("System.")
    system = ("Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "Any")
    return bare in system if wanted.startswith("System.") else kind(bare) is not None or bare in system


def equal(left: Any, right: Any) -> bool | None:
    """Return whether two items are equal; None where that cannot be told (precisions of dates, of units)."""
    a, b = plain(left), plain(right)
    if a is None or b is None:
        return None if left.__class__ is not Node or right.__class__ is not Node else _same_node(left, right)
    if a.__class__ is Node or b.__class__ is Node:
        return a.__class__ is b.__class__ and a.value == b.value
    if a.__class__ is Moment or b.__class__ is Moment:
        return _equal_moments(a, b)
    if a.__class__ is Quantity or b.__class__ is Quantity:
        return _equal_quantities(a, b)
    if (a.__class__ is bool) != (b.__class__ is bool):
        return False
    return bool(a == b)


def _same_node(left: Node, right: Node) -> bool:
    return bool(left.value == right.value and left.extra == right.extra)


def _equal_moments(a: Any, b: Any) -> bool | None:
    if a.__class__ is not Moment or b.__class__ is not Moment or (a.kind == "Time") != (b.kind == "Time"):
        return False
    answer = compare(a, b)
    return None if answer is None else answer == 0


def _equal_quantities(a: Any, b: Any) -> bool | None:
    try:
        answer = compare_quantities(_as_quantity(a), _as_quantity(b))
    except FhirPathError:
        return False
    return None if answer is None else answer == 0


def _as_quantity(value: Any) -> Quantity:
    if value.__class__ is Quantity:
        return value
    if isinstance(value, int | Decimal) and value.__class__ is not bool:
        return Quantity(Decimal(value), "1")
    raise FhirPathError("not a quantity")


def _canonical(quantity: Quantity) -> tuple[Fraction, str] | None:
    found = canonical(quantity.code())
    return None if found is None else (Fraction(quantity.value) * found.factor + found.offset, found.code)


def compare_quantities(a: Quantity, b: Quantity) -> int | None:
    """Return -1, 0, 1; None where the units do not measure the same thing."""
    if a.unit == b.unit:
        return (a.value > b.value) - (a.value < b.value)
    if a.calendar != b.calendar and {a.unit, b.unit} & {"year", "month"}:
        return None
    x, y = _canonical(a), _canonical(b)
    if x is None or y is None or x[1] != y[1]:
        return None
    return (x[0] > y[0]) - (x[0] < y[0])


def order(left: Any, right: Any) -> int | None:
    """Return -1, 0, 1, None where it cannot be told. Raises: FhirPathError for things that have no order."""
    a, b = plain(left), plain(right)
    if a is None or b is None:
        return None
    if isinstance(a, str) and b.__class__ is Moment:
        a = Moment.read(a, b.kind) or a
    if isinstance(b, str) and a.__class__ is Moment:
        b = Moment.read(b, a.kind) or b
    if a.__class__ is Moment and b.__class__ is Moment:
        return compare(a, b)
    if a.__class__ is Quantity or b.__class__ is Quantity:
        return compare_quantities(_as_quantity(a), _as_quantity(b))
    numbers = isinstance(a, int | Decimal) and isinstance(b, int | Decimal)
    if bool in (a.__class__, b.__class__) or not (numbers or (isinstance(a, str) and isinstance(b, str))):
        raise FhirPathError("values of different types have no order")
    return int(a > b) - int(a < b)


def same_list(left: list[Any], right: list[Any]) -> bool | None:
    """Return whether two collections are equal, in order; None where one is empty or it cannot be told."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equal(left[0], right[0])
    answers = [equal(a, b) for a, b in zip(left, right, strict=True)]
    return False if False in answers else None if None in answers else True


def equivalent(left: Any, right: Any) -> bool:
    """Return whether two items are the same for a reader: case, blanks and precision of numbers do not count."""
    a, b = plain(left), plain(right)
    if a is None or b is None:
        return a is b
    if isinstance(a, str) and isinstance(b, str):
        return " ".join(a.lower().split()) == " ".join(b.lower().split())
    if isinstance(a, int | Decimal) and isinstance(b, int | Decimal) and bool not in (a.__class__, b.__class__):
        return _round_equal(Decimal(a), Decimal(b))
    if a.__class__ is Quantity and b.__class__ is Quantity:
        return _equivalent_quantities(a, b)
    if a.__class__ is Node and b.__class__ is Node:
        return _equivalent_nodes(a, b)
    return equal(a, b) is True


def _equivalent_quantities(a: Quantity, b: Quantity) -> bool:
    if a.code() == b.code():
        return _round_equal(a.value, b.value)
    return compare_quantities(Quantity(a.value, a.code()), Quantity(b.value, b.code())) == 0


def _round_equal(a: Decimal, b: Decimal) -> bool:
    places = min(_places(a), _places(b))
    return round(a, places) == round(b, places)


def _places(value: Decimal) -> int:
    return max(0, -int(value.as_tuple().exponent))


def _equivalent_nodes(a: Node, b: Node) -> bool:
    if not isinstance(a.value, dict) or not isinstance(b.value, dict) or a.value.keys() != b.value.keys():
        return bool(a.value == b.value)
    return all(same_members(_children(a, name), _children(b, name)) for name in _named(a.type))


def _children(node: Node, name: str) -> list[Any]:
    found: list[Any] = []
    child_nodes(node, name, found)
    return found


def same_members(left: list[Any], right: list[Any]) -> bool:
    """Return whether two collections hold equivalent items, in any order."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for item in left:
        at = next((i for i, other in enumerate(rest) if equivalent(item, other)), None)
        if at is None:
            return False
        del rest[at]
    return True


def distinct(items: list[Any]) -> list[Any]:
    """Return the items without the equal ones after the first."""
    seen: set[Any] = set()
    kept: list[Any] = []
    others: list[Any] = []
    for item in items:
        key = identity(item)
        if key is None:
            if not any(equal(item, other) for other in others):
                others.append(item)
                kept.append(item)
        elif key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def identity(item: Any) -> Any:
    """Return what equal items have in common, to be compared fast; None for dates and quantities, which have their rules."""
    value = plain(item)
    if value.__class__ is Node:
        return orjson.dumps(value.value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=float)
    if isinstance(value, str | int | Decimal):
        return value.__class__ is bool, isinstance(value, str), value
    return None
