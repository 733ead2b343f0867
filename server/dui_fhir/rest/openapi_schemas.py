"""JSON Schemas of R4 resources and data types, from the element tables. Source: FHIR R4, json.html and the StructureDefinitions.

What a table cannot say in JSON Schema (invariants, value sets, slices of profiles) stays the affair of the server's own checks.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from dui_fhir.definitions import Element, TypeTable, element_table, resource_types
from dui_fhir.definitions.elements import kind

Schema = dict[str, Any]

_JSON_TYPES = {
    "boolean": "boolean",
    "integer": "integer",
    "positiveInt": "integer",
    "unsignedInt": "integer",
    "decimal": "number",
}
_MINIMUM = {"positiveInt": 1, "unsignedInt": 0}
_FORMATS = {"uuid": "uuid", "base64Binary": "byte"}
_ANY_RESOURCE = frozenset({"Resource", "DomainResource"})
ANY = "Resource"
"""The schema of a resource of any type."""


def schemas(types: Iterable[str]) -> dict[str, Schema]:
    """Return the schemas of some resource types and of all that they use, by name (``Patient``, ``Patient.contact``)."""
    found: dict[str, Schema] = {ANY: _any_resource()}
    waiting = sorted(set(types))
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        made = dict(_schemas_of(name))
        found |= made
        waiting += sorted({target for schema in made.values() for target in _targets(schema)} - found.keys())
    return dict(sorted(found.items()))


def reference(name: str) -> Schema:
    """Return the ``$ref`` to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _any_resource() -> Schema:
    return {
        "type": "object",
        "description": "Une ressource FHIR R4 de n'importe quel type.",
        "required": ["resourceType"],
        "properties": {"resourceType": {"type": "string"}, "id": {"type": "string"}},
    }


def _targets(schema: Schema) -> Iterator[str]:
    for property_ in schema.get("properties", {}).values():
        ref = property_.get("$ref") or property_.get("items", {}).get("$ref", "")
        name = ref.rpartition("/")[2]
        if name and "." not in name and name != ANY:
            yield name


def _schemas_of(name: str) -> Iterator[tuple[str, Schema]]:
    # not kept: the tables of all types together would stay in each process for one page seldom asked for
    table = element_table.__wrapped__(name)
    if kind(name) == "primitive-type":
        yield name, _primitive(name, table)
        return
    for path in table.by_parent:
        yield path, _object(table, path)


def _primitive(name: str, table: TypeTable) -> Schema:
    schema: Schema = {"type": _JSON_TYPES.get(name, "string")}
    if name in _MINIMUM:
        schema["minimum"] = _MINIMUM[name]
    if name in _FORMATS:
        schema["format"] = _FORMATS[name]
    value = table.elements.get(f"{name}.value")
    regex = value.types[0].regex if value and value.types else None
    if regex and schema["type"] == "string" and name not in _FORMATS:
        schema["pattern"] = f"^(?:{regex})$"
    return schema


def _object(table: TypeTable, path: str) -> Schema:
    properties: Schema = {}
    required: list[str] = []
    if path in resource_types():
        properties["resourceType"] = {"const": path}
        required.append("resourceType")
    for element in table.children(path):
        for key, type in _keys(element):
            properties[key] = _property(element, type)
        # a primitive may be there by its extensions alone (json.html#primitive): only what is no primitive is always there
        if element.min and not element.choice and kind(_keys_of_one(element)) != "primitive-type":
            required.append(element.name)
    schema: Schema = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _keys(element: Element) -> list[tuple[str, str]]:
    if element.choice:
        return [(element.name + t.code[:1].upper() + t.code[1:], t.code) for t in element.types]
    return [(element.name, _keys_of_one(element))]


def _keys_of_one(element: Element) -> str:
    if element.content is not None:
        return element.content
    code = element.types[0].code
    return element.path if code in ("BackboneElement", "Element") else code


def _property(element: Element, type: str) -> Schema:
    if type == "xhtml":
        value: Schema = {"type": "string", "contentMediaType": "application/xhtml+xml"}
    else:
        value = reference(ANY if type in _ANY_RESOURCE else type)
    return {"type": "array", "items": value} if element.max is None or element.max > 1 else value
