"""FHIR XML ↔ FHIR JSON, by the R4 tables. The only place where XML from outside becomes data.

Source: FHIR R4, xml.html and json.html. The parser takes no entity, no DTD, no network, no huge tree.
"""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from dui_fhir.definitions.children import Child, children, is_primitive, keys
from dui_fhir.definitions.elements import resource_types
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"

_INTEGERS = frozenset({"integer", "unsignedInt", "positiveInt"})


def from_xml(data: bytes, *, depth_max: int = 64) -> Resource:
    """Parse one resource.

    Returns: FHIR JSON; decimals keep their text. Raises: BadRequest (``core-xml-invalid``: not well formed, DTD, unknown
    namespace, element or attribute, each with its line).
    """
    return from_tree(tree(data), depth_max=depth_max)


def tree(data: bytes) -> Any:
    """Parse any XML from outside into its root element. Raises: BadRequest (``core-xml-invalid``)."""
    try:
        root = _parse(data)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _invalid(f"not well formed: {error.__class__.__name__}", getattr(error, "lineno", None)) from error
    if root.getroottree().docinfo.doctype:
        raise _invalid("a DTD is not accepted", 1)
    return root


def from_tree(root: Any, *, depth_max: int = 64) -> Resource:
    """Return the resource of a root element. Raises: BadRequest (``core-xml-invalid``)."""
    return _Reader(depth_max).resource(root)


def to_xml(resource: Resource, *, pretty: bool = False) -> bytes:
    """Serialise one resource, elements in the order of the specification.

    Raises: ValueError where the resource holds something that R4 has no element for, or a narrative that is no XML.
    """
    root = to_tree(resource)
    if pretty:
        etree.indent(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def to_tree(resource: Resource) -> Any:
    """Return the root element of a resource. Raises: ValueError, as :func:`to_xml`."""
    root = etree.Element(f"{{{FHIR}}}{resource['resourceType']}", nsmap={None: FHIR})
    _write_object(root, resource, resource["resourceType"])
    return root


def _parse(data: bytes | str) -> Any:
    """Parse text from outside: no entity, no DTD, no network, no huge tree."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(data, parser)


class _Reader:
    """From elements to JSON, with the place of each fault."""

    def __init__(self, depth_max: int) -> None:
        self.depth_max = depth_max

    def resource(self, element: Any, depth: int = 0) -> Resource:
        type = self._name(element)
        if type not in resource_types():
            raise _invalid(f"unknown resource type {type[:60]}", element.sourceline)
        if element.attrib:
            raise _invalid("a resource has no XML attribute", element.sourceline)
        return {"resourceType": type, **self._object(element, type, depth)}

    def _object(self, element: Any, type: str, depth: int) -> dict[str, Any]:
        if depth > self.depth_max:
            raise _invalid("too deeply nested", element.sourceline)
        built: dict[str, Any] = {}
        allowed = keys(type)
        self._refuse_text(element)
        for item in element:
            name = self._name(item)
            if name not in allowed:
                raise _invalid(f"unknown element {name[:60]} in {type}", item.sourceline)
            child, child_type = allowed[name]
            self._add(built, name, child, *self._value(item, child_type, depth + 1))
        # json.html: a repeating primitive without any value is written by its companion array alone
        return {k: v for k, v in built.items() if not isinstance(v, list) or any(i is not None for i in v)}

    def _value(self, element: Any, type: str, depth: int) -> tuple[Any, dict[str, Any] | None]:
        """Return the JSON value and, for a primitive, its ``_`` companion."""
        if type == "xhtml":
            return _xhtml(element), None
        if type in ("Resource", "DomainResource"):
            if len(element) != 1:
                raise _invalid("exactly one resource is expected", element.sourceline)
            return self.resource(element[0], depth), None
        if is_primitive(type):
            return self._primitive(element, type, depth)
        attributes = self._attributes(element, {"id", "url"} if type == "Extension" else {"id"})
        value = {**attributes, **self._object(element, type, depth)}
        if not value:
            raise _invalid("empty element", element.sourceline)
        return value, None

    def _primitive(self, element: Any, type: str, depth: int) -> tuple[Any, dict[str, Any] | None]:
        attributes = self._attributes(element, {"id", "value"})
        text = attributes.pop("value", None)
        companion: dict[str, Any] = {**attributes, **self._object(element, "Element", depth)}
        if text is None and not companion:
            raise _invalid("a primitive has neither value nor extension", element.sourceline)
        return _typed(text, type, element.sourceline), companion or None

    def _add(
        self, built: dict[str, Any], name: str, child: Child, value: Any, companion: dict[str, Any] | None
    ) -> None:
        if not child.repeats:
            if name in built or f"_{name}" in built:
                raise _invalid(f"{name} is there twice", None)
            if value is not None:
                built[name] = value
            if companion is not None:
                built[f"_{name}"] = companion
            return
        values = built.setdefault(name, [])
        values.append(value)
        if companion is not None or f"_{name}" in built:
            companions = built.setdefault(f"_{name}", [])
            companions += [None] * (len(values) - 1 - len(companions)) + [companion]

    def _attributes(self, element: Any, allowed: set[str]) -> dict[str, Any]:
        unknown = [str(a) for a in element.attrib if a not in allowed]
        if unknown:
            raise _invalid(f"unknown attribute {unknown[0][:60]}", element.sourceline)
        return {str(name): str(value) for name, value in element.attrib.items()}

    def _refuse_text(self, element: Any) -> None:
        texts = [element.text, *(child.tail for child in element)]
        if any(text and text.strip() for text in texts):
            raise _invalid("text between elements", element.sourceline)

    def _name(self, element: Any) -> str:
        name = etree.QName(element)
        if name.namespace != FHIR and not (name.namespace == XHTML and name.localname == "div"):
            raise _invalid("element outside the FHIR namespace", element.sourceline)
        return str(name.localname)


def _typed(text: str | None, type: str, line: int | None) -> Any:
    if text is None:
        return None
    if type == "boolean":
        if text not in ("true", "false"):
            raise _invalid("not a boolean", line)
        return text == "true"
    if type in _INTEGERS or type == "decimal":
        try:
            value = json.loads(f'{{"v":{text.strip()}}}')["v"]
        except ValueError:
            value = None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _invalid(f"not a {type}", line)
        return value
    return text


def _xhtml(element: Any) -> str:
    element.tail = None
    return str(etree.tostring(element, encoding="unicode"))


def _write_object(parent: Any, value: dict[str, Any], type: str) -> None:
    left = {key for key in value if key != "resourceType"}
    for child in children(type).values():
        for key, child_type in child.keys.items():
            present = {key, f"_{key}"} & left
            if present:
                left -= present
                _write_child(parent, key, child_type, value.get(key), value.get(f"_{key}"), _attribute(type, key))
    if left:
        raise ValueError(f"{type} has no element {min(left)!r}")


def _attribute(type: str, key: str) -> bool:
    """``id`` is an attribute everywhere but in a resource, ``url`` in an extension."""
    return (key == "id" and type not in resource_types()) or (key == "url" and type == "Extension")


def _write_child(parent: Any, key: str, type: str, value: Any, companion: Any, attribute: bool) -> None:
    if attribute:
        parent.set(key, value)
        return
    for item, beside in _pairs(value, companion):
        if type == "xhtml":
            parent.append(_narrative(item))
        elif type in ("Resource", "DomainResource"):
            inner = etree.SubElement(etree.SubElement(parent, f"{{{FHIR}}}{key}"), f"{{{FHIR}}}{item['resourceType']}")
            _write_object(inner, item, item["resourceType"])
        elif is_primitive(type):
            _write_primitive(parent, key, item, beside)
        else:
            _write_object(etree.SubElement(parent, f"{{{FHIR}}}{key}"), item, type)


def _narrative(text: str) -> Any:
    try:
        return _parse(text)
    except etree.XMLSyntaxError as error:
        raise ValueError("a narrative is not well-formed XHTML") from error


def _pairs(value: Any, companion: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, list) and not isinstance(companion, list):
        yield value, companion
        return
    values, companions = value or [], companion or []
    for index in range(max(len(values), len(companions))):
        yield (
            values[index] if index < len(values) else None,
            companions[index] if index < len(companions) else None,
        )


def _write_primitive(parent: Any, key: str, value: Any, companion: dict[str, Any] | None) -> None:
    element = etree.SubElement(parent, f"{{{FHIR}}}{key}")
    if value is not None:
        element.set("value", _text(value))
    if companion:
        _write_object(element, companion, "Element")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, json.Decimal) else str(value)


def _invalid(what: str, line: int | None) -> BadRequest:
    place = f" (ligne {line})" if line else ""
    return BadRequest.of(
        "core-xml-invalid", f"Le corps n'est pas du XML FHIR valable{place}.", what + (f", line {line}" if line else "")
    )
