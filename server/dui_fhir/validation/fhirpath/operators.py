"""The operators of FHIRPath on collections."""

from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from typing import Any

from dui_fhir.search.ucum import canonical
from dui_fhir.validation.fhirpath.errors import FhirPathError
from dui_fhir.validation.fhirpath.moments import UNITS, Moment, add
from dui_fhir.validation.fhirpath.values import (
    Node,
    Quantity,
    distinct,
    equal,
    is_of,
    order,
    plain,
    same_list,
    same_members,
)

_UCUM_UNITS = {"s": "second", "ms": "millisecond"}
_PLACES = Decimal("0.00000001")


def single(items: list[Any]) -> Any:
    """Return the System value of the only item, None for none. Raises: FhirPathError for several."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathError("a single item is expected")
    return plain(items[0])


def boolean(items: list[Any]) -> bool | None:
    """Return a collection as a condition: a single item that is no boolean counts as true."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathError("a single item is expected")
    value = plain(items[0])
    return value if value.__class__ is bool else True


def typed(items: list[Any], name: str, wanted: str) -> list[Any]:
    """``is``, ``as`` and ``ofType``. ``as`` keeps what fits of several items, as the invariants of R4 want it."""
    if name == "is":
        if len(items) > 1:
            raise FhirPathError("a single item is expected")
        return [is_of(items[0], wanted)] if items else []
    return [item for item in items if is_of(item, wanted)]


def negated(items: list[Any]) -> list[Any]:
    """Unary minus."""
    value = single(items)
    if value is None:
        return []
    if value.__class__ is Quantity:
        return [Quantity(-value.value, value.unit, calendar=value.calendar)]
    if value.__class__ is bool or not isinstance(value, int | Decimal):
        raise FhirPathError("no number to negate")
    return [-value]


def _answer(value: bool | None) -> list[Any]:
    return [] if value is None else [value]


def _equals(left: list[Any], right: list[Any]) -> list[Any]:
    return _answer(same_list(left, right))


def _differs(left: list[Any], right: list[Any]) -> list[Any]:
    answer = same_list(left, right)
    return [] if answer is None else [not answer]


def _like(left: list[Any], right: list[Any]) -> list[Any]:
    return [same_members(left, right)]


def _unlike(left: list[Any], right: list[Any]) -> list[Any]:
    return [not same_members(left, right)]


def _ordered(test: Callable[[int], bool]) -> Callable[[list[Any], list[Any]], list[Any]]:
    def operator(left: list[Any], right: list[Any]) -> list[Any]:
        if not left or not right:
            return []
        single(left), single(right)
        answer = order(left[0], right[0])
        return [] if answer is None else [test(answer)]

    return operator


def _union(left: list[Any], right: list[Any]) -> list[Any]:
    return distinct(left + right)


def _in(left: list[Any], right: list[Any]) -> list[Any]:
    if not left:
        return []
    single(left)
    return [any(equal(left[0], item) is True for item in right)]


def _contains(left: list[Any], right: list[Any]) -> list[Any]:
    return _in(right, left)


def _concatenate(left: list[Any], right: list[Any]) -> list[Any]:
    return ["".join(_text(single(side)) for side in (left, right))]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FhirPathError("a string is expected")
    return value


def _arithmetic(
    function: Callable[[Any, Any], Any], accepts: Callable[[Any, Any], bool]
) -> Callable[[list[Any], list[Any]], list[Any]]:
    def operator(left: list[Any], right: list[Any]) -> list[Any]:
        a, b = single(left), single(right)
        if a is None or b is None:
            return []
        if not accepts(a, b):
            raise FhirPathError("operands do not fit this operator")
        answer = function(a, b)
        return [] if answer is None else [answer]

    return operator


def number(value: Any) -> bool:
    """Return whether a System value is a number."""
    return isinstance(value, int | Decimal) and value.__class__ is not bool


def _numbers(a: Any, b: Any) -> bool:
    return number(a) and number(b)


def _addable(a: Any, b: Any) -> bool:
    return (
        _numbers(a, b)
        or (isinstance(a, str) and isinstance(b, str))
        or (a.__class__ in (Moment, Quantity) and b.__class__ is Quantity)
    )


def _subtractable(a: Any, b: Any) -> bool:
    return _addable(a, b) and not isinstance(a, str)


def _multipliable(a: Any, b: Any) -> bool:
    return all(number(x) or x.__class__ is Quantity for x in (a, b))


def _plus(a: Any, b: Any) -> Any:
    if a.__class__ is Moment:
        return _later(a, b, 1)
    if a.__class__ is Quantity:
        return _sum(a, b, 1)
    return a + b


def _minus(a: Any, b: Any) -> Any:
    if a.__class__ is Moment:
        return _later(a, b, -1)
    if a.__class__ is Quantity:
        return _sum(a, b, -1)
    return a - b


def _later(moment: Moment, quantity: Quantity, sign: int) -> Moment:
    unit = quantity.unit if quantity.calendar else _UCUM_UNITS.get(quantity.unit)
    if unit is None or unit not in (*UNITS, "week", "millisecond"):
        raise FhirPathError("a calendar unit is expected")
    return add(moment, quantity.value * sign, unit)


def _sum(a: Quantity, b: Quantity, sign: int) -> Quantity | None:
    x, y = canonical(a.code()), canonical(b.code())
    if a.code() == b.code():
        return Quantity(a.value + sign * b.value, a.unit, calendar=a.calendar)
    if x is None or y is None or x.code != y.code:
        return None
    factor = y.factor / x.factor
    return Quantity(a.value + sign * b.value * factor.numerator / factor.denominator, a.unit, calendar=a.calendar)


def _times(a: Any, b: Any) -> Any:
    if a.__class__ is Quantity or b.__class__ is Quantity:
        x, y = _quantity(a), _quantity(b)
        return Quantity(x.value * y.value, _unit(x.code(), y.code(), "."))
    return a * b


def _divided(a: Any, b: Any) -> Any:
    if a.__class__ is Quantity or b.__class__ is Quantity:
        x, y = _quantity(a), _quantity(b)
        return None if y.value == 0 else Quantity(x.value / y.value, _unit(x.code(), y.code(), "/"))
    if b == 0:
        return None
    found = Decimal(a) / Decimal(b)
    return found.quantize(_PLACES).normalize() + 0 if abs(found) < 10**18 else found


def _quantity(value: Any) -> Quantity:
    return value if value.__class__ is Quantity else Quantity(Decimal(value), "1")


def _unit(a: str, b: str, sign: str) -> str:
    if b == "1":
        return a
    if sign == "/":
        return "1" if a == b else f"{a}/{b}"
    return b if a == "1" else f"{a}{b if a != b else '2'}" if a == b else f"{a}.{b}"


def _whole(a: Any, b: Any) -> Any:
    return None if b == 0 else int((Decimal(a) / Decimal(b)).to_integral_value(ROUND_DOWN))


def _rest(a: Any, b: Any) -> Any:
    if b == 0:
        return None
    found = Decimal(a) - Decimal(b) * _whole(a, b)
    return int(found) if isinstance(a, int) and isinstance(b, int) else found


OPERATORS: dict[str, Callable[[list[Any], list[Any]], list[Any]]] = {
    "=": _equals,
    "!=": _differs,
    "~": _like,
    "!~": _unlike,
    "<": _ordered(lambda c: c < 0),
    ">": _ordered(lambda c: c > 0),
    "<=": _ordered(lambda c: c <= 0),
    ">=": _ordered(lambda c: c >= 0),
    "|": _union,
    "in": _in,
    "contains": _contains,
    "&": _concatenate,
    "+": _arithmetic(_plus, _addable),
    "-": _arithmetic(_minus, _subtractable),
    "*": _arithmetic(_times, _multipliable),
    "/": _arithmetic(_divided, _multipliable),
    "div": _arithmetic(_whole, _numbers),
    "mod": _arithmetic(_rest, _numbers),
}

__all__ = ["OPERATORS", "Node", "boolean", "negated", "number", "single", "typed"]
