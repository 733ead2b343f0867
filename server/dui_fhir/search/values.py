"""One FHIR value → index values, for each kind of search parameter and each data type.

What is not a value of its type is skipped, never an error: files of real life hold such things, and storing is not judging.
Source: FHIR R4, search.html#ptypes.
"""

import re
from collections.abc import Callable, Iterator
from datetime import tzinfo
from fractions import Fraction
from functools import lru_cache
from math import inf, isfinite
from typing import Any, TypeAlias

from dui_fhir.domain.dates import MS_MAX, MS_MIN, interval
from dui_fhir.domain.index import (
    DateValue,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from dui_fhir.domain.reference import Reference
from dui_fhir.search import near, ucum
from dui_fhir.search.fold import fold, fold_token

_new = tuple.__new__
"""Makes a value without the function that named tuples are called through: an index has dozens of values a resource."""


class Sink:
    """The index values of one resource, while they are collected."""

    __slots__ = (
        "bases", "dates", "groups", "numbers", "quantities", "references", "resource", "strings", "tokens", "uris", "zone",
    )  # fmt: skip

    def __init__(self, resource: dict[str, Any], zone: tzinfo, bases: tuple[str, ...]) -> None:
        self.resource = resource
        self.zone = zone
        self.bases = bases
        self.groups = 0
        self.tokens: list[TokenValue] = []
        self.strings: list[StringValue] = []
        self.dates: list[DateValue] = []
        self.numbers: list[NumberValue] = []
        self.quantities: list[QuantityValue] = []
        self.references: list[ReferenceValue] = []
        self.uris: list[UriValue] = []


Params: TypeAlias = tuple[str, ...]
Converter: TypeAlias = Callable[[Sink, Params, Any, int], None]
"""``(sink, params, value, group)``: add what one element gives to each of these parameters."""


# tokens


def _code(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, str) and value:
        folded = fold_token(value)
        sink.tokens += [_new(TokenValue, (p, None, folded, group)) for p in params]


def _integer_code(sink: Sink, params: Params, value: Any, group: int) -> None:
    """R4 has no token on integers; published French parameters do (the priority of an Appointment)."""
    if isinstance(value, int) and not isinstance(value, bool):
        sink.tokens += [_new(TokenValue, (p, None, str(value), group)) for p in params]


def _boolean(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, bool):
        sink.tokens += [_new(TokenValue, (p, None, "true" if value else "false", group)) for p in params]


def _coding(sink: Sink, params: Params, value: Any, group: int) -> None:
    if not isinstance(value, dict):
        return
    system, code = value.get("system"), value.get("code")
    code = fold_token(code) if isinstance(code, str) else ""
    system = system if isinstance(system, str) and system else None
    if code or system:
        sink.tokens += [_new(TokenValue, (p, system, code, group)) for p in params]
    _text(sink, params, value.get("display"), group)


def _text(sink: Sink, params: Params, text: Any, group: int) -> None:
    if isinstance(text, str) and text:
        folded = fold(text)
        sink.strings += [_new(StringValue, (p + ":text", folded, text, group)) for p in params]


def _codeable_concept(sink: Sink, params: Params, value: Any, group: int) -> None:
    if not isinstance(value, dict):
        return
    for coding in _list(value.get("coding")):
        _coding(sink, params, coding, group)
    _text(sink, params, value.get("text"), group)


def _identifier(sink: Sink, params: Params, value: Any, group: int) -> None:
    if not isinstance(value, dict):
        return
    system, text = value.get("system"), value.get("value")
    system = system if isinstance(system, str) and system else None
    code = fold_token(text) if isinstance(text, str) else ""
    if code or system:
        sink.tokens += [_new(TokenValue, (p, system, code, group)) for p in params]
    type_ = value.get("type")
    if isinstance(type_, dict):
        _text(sink, params, type_.get("text"), group)
        for coding in _list(type_.get("coding")):
            _type_of_identifier(sink, params, coding, code, group)


def _type_of_identifier(sink: Sink, params: Params, coding: Any, code: str, group: int) -> None:
    if isinstance(coding, dict) and code and isinstance(coding.get("code"), str):
        system = coding.get("system")
        system = system if isinstance(system, str) and system else None
        typed = f"{fold_token(coding['code'])}|{code}"
        sink.tokens += [_new(TokenValue, (p + ":of-type", system, typed, group)) for p in params]


_PUNCTUATION = re.compile(r"[\s().\-/]+")


def bare_number(text: str) -> str:
    """Return a phone number without its spaces and punctuation; other texts unchanged."""
    bare = _PUNCTUATION.sub("", text)
    return bare if bare.lstrip("+").isdigit() else text


def _contact_point(sink: Sink, params: Params, value: Any, group: int) -> None:
    text = value.get("value") if isinstance(value, dict) else None
    if isinstance(text, str) and text:
        for form in {fold_token(text), bare_number(fold_token(text))}:
            sink.tokens += [_new(TokenValue, (p, None, form, group)) for p in params]


# strings


def _string(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, str) and value:
        folded = fold(value)
        sink.strings += [_new(StringValue, (p, folded, value, group)) for p in params]


def _parts(*names: str) -> Converter:
    """Return the converter of a data type whose listed elements are all searched."""

    def convert(sink: Sink, params: Params, value: Any, group: int) -> None:
        if isinstance(value, dict):
            for name in names:
                part = value.get(name)
                if isinstance(part, str):
                    _string(sink, params, part, group)
                elif part:
                    for one in _list(part):
                        _string(sink, params, one, group)

    return convert


# dates


def _date(sink: Sink, params: Params, value: Any, group: int) -> None:
    bounds = _bounds(value, sink.zone)
    if bounds is not None:
        sink.dates += [DateValue(p, bounds[0], bounds[1], group) for p in params]


def _period(sink: Sink, params: Params, value: Any, group: int) -> None:
    bounds = _period_bounds(value, sink.zone)
    if bounds is not None:
        sink.dates += [DateValue(p, bounds[0], bounds[1], group) for p in params]


def _timing(sink: Sink, params: Params, value: Any, group: int) -> None:
    """Only the outer limits matter (search.html#date)."""
    if not isinstance(value, dict):
        return
    found = [_bounds(event, sink.zone) for event in _list(value.get("event"))]
    repeat = value.get("repeat")
    if isinstance(repeat, dict):
        found.append(_period_bounds(repeat.get("boundsPeriod"), sink.zone))
    bounds = [b for b in found if b is not None]
    if bounds:
        low, high = min(b[0] for b in bounds), max(b[1] for b in bounds)
        sink.dates += [_new(DateValue, (p, low, high, group)) for p in params]


def _bounds(value: Any, zone: tzinfo) -> tuple[int, int] | None:
    return _interval(value, zone) if isinstance(value, str) else None


@lru_cache(maxsize=8192)
def _interval(text: str, zone: tzinfo) -> tuple[int, int] | None:
    try:
        return interval(text, zone)
    except (ValueError, OverflowError):
        return None


def _period_bounds(value: Any, zone: tzinfo) -> tuple[int, int] | None:
    if not isinstance(value, dict):
        return None
    start, end = _bounds(value.get("start"), zone), _bounds(value.get("end"), zone)
    if start is None and end is None:
        return None
    return start[0] if start else MS_MIN, end[1] if end else MS_MAX


# numbers and quantities


def _number(sink: Sink, params: Params, value: Any, group: int) -> None:
    if _is_number(value):
        sink.numbers += [NumberValue(p, float(value), float(value), group) for p in params]


def _number_range(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, dict):
        low, high = (_exact(q.get("value")) if isinstance(q := value.get(k), dict) else None for k in ("low", "high"))
        if low is not None or high is not None:
            bounds = float(low or -inf), float(high or inf)
            sink.numbers += [NumberValue(p, *bounds, group) for p in params]


def _is_number(value: Any) -> bool:
    """True for what a float can hold."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        return False


def _exact(value: Any) -> str | None:
    """Return a JSON number as it was written, not as its float; None where it is none, or beyond floats."""
    if not _is_number(value):
        return None
    text: str = getattr(value, "text", None) or repr(value)
    # 1e-999999999 is a few characters and a fraction of a billion digits
    return text if value and len(text) <= 64 else repr(float(value))


@lru_cache(maxsize=4096)
def _measure(text: str, code: str | None) -> tuple[float, float | None, str | None]:
    """Return a number as a float, then converted to the canonical form of a UCUM unit, with that form's code."""
    number = Fraction(text)
    canonical = ucum.canonical(code) if code else None
    return (float(number), None, None) if canonical is None else (float(number), canonical.of(number), canonical.code)


def _quantity(sink: Sink, params: Params, value: Any, group: int) -> None:
    number = _exact(value.get("value")) if isinstance(value, dict) else None
    if number is None:
        return
    comparator = value.get("comparator")
    low = None if comparator in ("<", "<=") else number
    high = None if comparator in (">", ">=") else number
    _add_quantity(sink, params, low, high, value, group)


def _money(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, dict):
        money = {"system": "urn:iso:std:iso:4217", "code": value.get("currency"), "unit": value.get("currency")}
        number = _exact(value.get("value"))
        _add_quantity(sink, params, number, number, money, group)


def _range(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, dict):
        ends = [end if isinstance(end := value.get(k), dict) else {} for k in ("low", "high")]
        low, high = (_exact(end.get("value")) for end in ends)
        _add_quantity(sink, params, low, high, ends[0] or ends[1], group)


def _sampled_data(sink: Sink, params: Params, value: Any, group: int) -> None:
    """The values taken, lowest to highest, in the unit of the origin."""
    origin = value.get("origin") if isinstance(value, dict) else None
    if not isinstance(origin, dict) or not isinstance(value.get("data"), str):
        return
    zero, factor = Fraction(_exact(origin.get("value")) or 0), Fraction(_exact(value.get("factor", 1)) or 1)
    points = [zero + Fraction(p) * factor for p in value["data"].split() if _POINT.fullmatch(p)]
    if points:
        _add_quantity(sink, params, str(min(points)), str(max(points)), origin, group)


_POINT = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?", re.ASCII)


def _add_quantity(
    sink: Sink, params: Params, low: str | None, high: str | None, unit: dict[str, Any], group: int
) -> None:
    if low is None and high is None:
        return
    system, code, display = unit.get("system"), unit.get("code"), unit.get("unit")
    system = system if isinstance(system, str) else None
    code = code if isinstance(code, str) else None
    display = display if isinstance(display, str) else None
    measured = code if system == ucum.SYSTEM else None
    low_f, low_c, canonical = (-inf, -inf, None) if low is None else _measure(low, measured)
    high_f, high_c, high_canonical = (inf, inf, None) if high is None else _measure(high, measured)
    canonical = canonical or high_canonical
    if canonical is None:
        low_c = high_c = None
    sink.quantities += [
        _new(QuantityValue, (p, low_f, high_f, system, code, display, low_c, high_c, canonical, group)) for p in params
    ]


# references and uris


def _reference(sink: Sink, params: Params, value: Any, group: int) -> None:
    if not isinstance(value, dict):
        return
    target = value.get("reference")
    if isinstance(target, str) and target and target[0] != "#":
        found = local_or_foreign(target, sink.bases)
        sink.references += [_new(ReferenceValue, (p, *found, group)) for p in params]
    identifier = value.get("identifier")
    if identifier:
        _logical(sink, params, identifier, group)


def _logical(sink: Sink, params: Params, value: Any, group: int) -> None:
    """Add the identifier of a reference, for ``:identifier``."""
    _identifier(sink, tuple(p + ":identifier" for p in params), value, group)


_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_Target: TypeAlias = tuple[str | None, str | None, str | None, str | None]


def local_or_foreign(target: str, bases: tuple[str, ...]) -> _Target:
    """Return ``(type, id, url, version)`` of a literal reference; ``url`` is None where it names a resource of this server.

    ``bases``: the URLs this server goes by, without a final slash.
    """
    match = _LOCAL.fullmatch(target)
    if match is not None:
        return match[1], match[2], None, None
    parsed = Reference.parse(target)
    if parsed is None:
        return None, None, *_canonical_parts(target)
    if parsed.base is None or parsed.base in bases:
        return parsed.type, parsed.id, None, parsed.version
    return parsed.type, parsed.id, f"{parsed.base}/{parsed.type}/{parsed.id}", parsed.version


def _canonical_parts(target: str) -> tuple[str, str | None]:
    url, _, version = target.split("#", 1)[0].partition("|")
    return url, version or None


def _canonical(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, str) and value and value[0] != "#":
        local = _LOCAL.fullmatch(value)
        found: _Target = (local[1], local[2], None, None) if local else (None, None, *_canonical_parts(value))
        sink.references += [_new(ReferenceValue, (p, *found, group)) for p in params]


def _inline_resource(sink: Sink, params: Params, value: Any, group: int) -> None:
    """``Bundle.composition``: the resource is there itself, not a reference to it."""
    if isinstance(value, dict):
        type_, id_ = value.get("resourceType"), value.get("id")
        if isinstance(type_, str) and isinstance(id_, str):
            sink.references += [_new(ReferenceValue, (p, type_, id_, None, None, group)) for p in params]


def _uri(sink: Sink, params: Params, value: Any, group: int) -> None:
    if isinstance(value, str) and value:
        sink.uris += [_new(UriValue, (p, value, group)) for p in params]


def _canonical_uri(sink: Sink, params: Params, value: Any, group: int) -> None:
    """A profile given with its version is found with and without it."""
    if isinstance(value, str) and value:
        _uri(sink, params, value, group)
        url, bar, _ = value.partition("|")
        if bar:
            _uri(sink, params, url, group)


def _position(sink: Sink, params: Params, value: Any, group: int) -> None:
    """``Location.position``, for ``near``: a pair, since a place has one position at most."""
    if isinstance(value, dict):
        latitude, longitude = (_exact(value.get(name)) for name in ("latitude", "longitude"))
        if latitude is not None and longitude is not None and abs(float(latitude)) <= 90:
            north, east = float(latitude), near.longitude_of(float(longitude))
            for p in params:
                sink.numbers += [NumberValue(p + ":lat", north, north), NumberValue(p + ":lon", east, east)]


def _list(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


_HUMAN_NAME = _parts("text", "family", "given", "prefix", "suffix")
_ADDRESS = _parts("text", "line", "city", "district", "state", "postalCode", "country")
_TEXTS = ("string", "markdown", "code", "id", "uri", "url", "canonical", "oid", "uuid")
_INTEGERS = ("integer", "positiveInt", "unsignedInt")
_QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity")

_CONVERTERS: dict[str, dict[str, Converter]] = {
    "token": {
        **dict.fromkeys((*_TEXTS, "instant", "date", "dateTime"), _code),
        **dict.fromkeys(_INTEGERS, _integer_code),
        "boolean": _boolean, "Coding": _coding, "CodeableConcept": _codeable_concept,
        "Identifier": _identifier, "ContactPoint": _contact_point,
    },
    "string": {
        **dict.fromkeys(_TEXTS, _string),
        "HumanName": _HUMAN_NAME, "Address": _ADDRESS,
        "CodeableConcept": _parts("text"), "Annotation": _parts("text"), "ContactPoint": _parts("value"),
        "Identifier": _parts("value"),
    },
    "date": {"date": _date, "dateTime": _date, "instant": _date, "Period": _period, "Timing": _timing},
    "number": {**dict.fromkeys(("decimal", *_INTEGERS), _number), "Range": _number_range},
    "quantity": {
        **dict.fromkeys(_QUANTITIES, _quantity),
        "Money": _money, "Range": _range, "SampledData": _sampled_data,
    },
    "reference": {
        "Reference": _reference, "Identifier": _logical, "Resource": _inline_resource,
        **dict.fromkeys(("canonical", "uri", "url"), _canonical),
    },
    "uri": {**dict.fromkeys(("uri", "url", "oid", "uuid"), _uri), "canonical": _canonical_uri},
    "special": {"Location.position": _position},
}  # fmt: skip


def converter(kind: str, data_type: str) -> Converter | None:
    """Return how values of a data type are indexed for a kind of parameter; None where they are not."""
    return _CONVERTERS.get(kind, {}).get(data_type)
