"""What may stand inside a type: the element tables seen from a JSON object, for XML and for patches.

A *type* is here a data type (``HumanName``), a resource type (``Patient``) or the path of a nested element
(``Patient.contact``), which is a type without a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from dui_fhir.definitions.elements import Element, element_table, kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """One element. ``keys`` maps each JSON key to the type found under it: several only for a choice."""

    name: str
    keys: Mapping[str, str]
    repeats: bool


@cache
def children(type: str) -> Mapping[str, Child]:
    """Return the children of a type by element name, in the order of the specification; empty for a primitive's ``value``.

    Raises: KeyError for an unknown type.
    """
    table = element_table(type.split(".", 1)[0])
    return {e.name: _child(e) for e in table.children(type)}


@cache
def keys(type: str) -> Mapping[str, tuple[Child, str]]:
    """Return, for each JSON key allowed in a type, its element and the type of its value."""
    return {key: (child, t) for child in children(type).values() for key, t in child.keys.items()}


def is_primitive(type: str) -> bool:
    """Return whether a value of this type is a plain JSON value."""
    return kind(type) == "primitive-type"


def typed_keys(element: Element) -> Mapping[str, str]:
    """Return the JSON keys of an element and the type found under each: several only for a choice."""
    if element.choice:
        return {element.name + t.code[0].upper() + t.code[1:]: t.code for t in element.types}
    return {element.name: _type(element)}


def _child(element: Element) -> Child:
    return Child(name=element.name, keys=typed_keys(element), repeats=element.max is None or element.max > 1)


def _type(element: Element) -> str:
    if element.content is not None:
        return element.content
    code = element.types[0].code
    return element.path if code in ("BackboneElement", "Element") else code


class R4Shape:
    """The facts that patches ask for, from the R4 tables."""

    def keys(self, type: str, name: str) -> tuple[tuple[str, str], ...]:
        """Return the JSON keys of an element and their types; empty where the type has no such element."""
        child = _known(type).get(name)
        return tuple(child.keys.items()) if child else ()

    def repeats(self, type: str, name: str) -> bool:
        """Return whether the element is a list."""
        child = _known(type).get(name)
        return child is not None and child.repeats


def _known(type: str) -> Mapping[str, Child]:
    try:
        return children(type)
    except KeyError:
        return {}
