"""FHIR R4, search.html: every search parameter of every type finds a resource that holds a value for it.

The resources are built from the tables of R4 (each element once, each choice in turn): no one thought of their values for a test.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from dui_fhir.definitions import Element, element_table, resource_types, search_parameters
from dui_fhir.definitions.elements import ElementType, kind
from dui_fhir.domain.body import Body
from dui_fhir.domain.dates import instant
from dui_fhir.domain.index import (
    DateValue,
    IndexValues,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from dui_fhir.domain.plan import Plan, Put

Resource = dict[str, Any]
TYPES = sorted(resource_types() - {"Parameters", "OperationOutcome"})
CHOICES_MAX = 11
"""As many as ``Observation.value[x]`` has."""
DEPTH_MAX = 6

_LEFT_OUT = frozenset({"id", "extension", "modifierExtension", "contained", "implicitRules", "meta"})
_PRIMITIVES: Resource = {
    "boolean": True, "integer": 7, "positiveInt": 7, "unsignedInt": 7, "decimal": 1.5, "base64Binary": "AAAA",
    "instant": "2026-03-01T10:00:00Z", "date": "2026-03-01", "dateTime": "2026-03-01", "time": "12:00:00", "xhtml": "",
    "uri": "urn:x:a,b", "url": "http://exemple.test/x", "canonical": "http://exemple.test/c|1", "oid": "urn:oid:1.2.3",
    "uuid": "urn:uuid:00000000-0000-4000-8000-000000000000", "code": "x", "string": "Élo, $ à|b", "markdown": "Élo", "id": "x",
}  # fmt: skip
_CODING = {"system": "urn:x", "code": "C,1", "display": "Montré"}
_QUANTITY = {"value": 5.4, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
_DATA: Resource = {
    "Coding": _CODING,
    "CodeableConcept": {"coding": [_CODING], "text": "Texte"},
    "Identifier": {"system": "urn:i", "value": "Id, 1", "type": {"coding": [_CODING]}},
    "Quantity": _QUANTITY, "SimpleQuantity": _QUANTITY, "Age": _QUANTITY, "Count": _QUANTITY, "Distance": _QUANTITY,
    "Duration": _QUANTITY, "MoneyQuantity": _QUANTITY,
    "Range": {"low": {"value": 1, "unit": "mg"}, "high": {"value": 3, "unit": "mg"}},
    "Period": {"start": "2026-01-01", "end": "2026-02-01"},
    "Timing": {"event": ["2026-01-01"]},
    "Money": {"value": 1, "currency": "EUR"},
}  # fmt: skip
_UNBUILT = frozenset({"Resource", "Extension", "Meta"})

# parameters that look at what these resources do not hold: other values of an element, extensions, the type of a target
_CONDITIONAL = frozenset({
    "composed-of", "depends-on", "derived-from", "predecessor", "successor", "email", "phone", "patient", "composition",
    "message",
})  # fmt: skip
_NO_VALUES = frozenset({
    "_id", "_lastUpdated", "_content", "_text", "_query", "_list", "_filter", "_profile", "_security", "_source", "_tag",
    "near",
})  # fmt: skip


def _full(table: str, path: str, choice: int, depth: int = 0) -> Resource:
    made: Resource = {}
    for element in element_table(table).children(path) if depth <= DEPTH_MAX else ():
        if (
            element.name in _LEFT_OUT
            or element.path.endswith(f"{table}.text")
            and "Narrative" in {t.code for t in element.types}
        ):
            continue
        type = element.types[choice % len(element.types)] if element.types else None
        value = _value(table, element, type, choice, depth)
        if value not in ({}, None):
            code = type.code if type else ""
            key = element.name + (code[:1].upper() + code[1:] if element.choice else "")
            made[key] = value if element.max == 1 else [value]
    return made


def _value(table: str, element: Element, type: ElementType | None, choice: int, depth: int) -> Any:
    if element.content is not None:
        return _full(table, element.content, choice, depth + 2)
    code = type.code if type else "Element"
    if code in ("BackboneElement", "Element"):
        return _full(table, element.path, choice, depth + 1)
    if code == "Reference":
        targets = [t for t in (type.targets if type else ()) if t in resource_types()] or ["Basic"]
        return {"reference": f"{targets[choice % len(targets)]}/cible"}
    if code in _UNBUILT:
        return None
    if kind(code) == "primitive-type":
        return _PRIMITIVES[code]
    return _DATA.get(code) or _full(code, code, choice, depth + 1)


def _escaped(text: str) -> str:
    for special in "\\,|$":
        text = text.replace(special, f"\\{special}")
    return text


def _asked(value: Any) -> str:
    """Return a search value that an index value answers."""
    match value:
        case TokenValue(_, system, code):
            return f"{_escaped(system or '')}|{_escaped(code)}"
        case StringValue(_, _, exact):
            return _escaped(exact)
        case DateValue(_, low, _):
            return f"ge{instant(low)}"
        case NumberValue(_, low, _):
            return f"ge{low}"
        case QuantityValue(_, low, _, system, code):
            return f"ge{low}|{_escaped(system or '')}|{_escaped(code or '')}"
        case ReferenceValue(_, type, id, None):
            return f"{type}/{id}"
        case ReferenceValue(_, _, _, url, version):
            return _escaped(str(url)) + (f"|{version}" if version else "")
        case UriValue(_, uri):
            return _escaped(uri)
    raise TypeError(type(value))


def _questions(index: IndexValues) -> Iterator[tuple[str, str]]:
    """Yield ``(parameter, value)`` for what is indexed, the composites too."""
    composites: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    every = (index.tokens, index.strings, index.dates, index.numbers, index.quantities, index.references, index.uris)
    for value in (value for values in every for value in values):
        if ":" in value.param or value.param.startswith("_dui"):
            continue
        name, _, position = value.param.partition("$")
        if position:
            composites[name, value.group].setdefault(int(position), _asked(value))
        else:
            yield name, _asked(value)
    for (name, _), parts in composites.items():
        if len(parts) > 1:
            yield name, "$".join(parts[n] for n in sorted(parts))


@pytest.mark.parametrize("type", TYPES)
def test_search_parameters__each_one_with_a_value__finds_the_resource_that_has_it(fhir: Any, type: str) -> None:
    claimed = set(fhir.engine.registry.for_type(type))
    store, missed, tried = fhir.engine.stores.open(fhir.tenant), {}, set[str]()
    for choice in range(CHOICES_MAX):
        resource = {"resourceType": type, "id": f"n{choice}", **_full(type, type, choice)}
        index = fhir.engine.extractor.extract(resource)
        store.submit(Plan(operations=(Put(type=type, id=resource["id"], body=Body.of(resource), index=index),)))
        for name, value in dict(_questions(index)).items():
            if name in tried or name not in claimed:
                continue
            tried.add(name)
            found = fhir.get(type, query_string={name: value, "_id": resource["id"]})
            if found.status_code != 200 or found.json["total"] != 1:
                missed[name] = (value, found.text[:300])

    assert missed == {}
    of_r4 = set(search_parameters().for_type(type))
    assert of_r4 - tried - _CONDITIONAL - _NO_VALUES == set()
