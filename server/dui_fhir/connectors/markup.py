"""XML in and out: elements from Python calls, and a parser for what strangers send."""

import re
from functools import partial
from typing import Any, TypeAlias

from lxml import etree

Element: TypeAlias = Any
"""An lxml element (the library has no types)."""

RESPONSE_BYTES_MAX = 5_000_000

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NotXml(ValueError):
    """The bytes are not XML that is read here; the message holds nothing of their content."""


def clean(text: str) -> str:
    """Replace what XML 1.0 cannot hold (control characters, lone surrogates) by a space."""
    return _FORBIDDEN.sub(" ", text)


def element(namespace: str, tag: str, *children: "Element | str | None", **attributes: str | None) -> Element:
    """Return one element; None children and attributes are left out; ``class_`` writes ``class``, ``xml_lang`` ``xml:lang``."""
    node = etree.Element(f"{{{namespace}}}{tag}")
    for name, value in attributes.items():
        if value is not None:
            node.set(_attribute(name), clean(value))
    return extend(node, *children)


def extend(node: Element, *children: "Element | str | None") -> Element:
    """Add text and children to an element, and return it."""
    for child in children:
        if isinstance(child, str):
            node.text = (node.text or "") + clean(child)
        elif child is not None:
            node.append(child)
    return node


def _attribute(name: str) -> str:
    if name == "xml_lang":
        return "{http://www.w3.org/XML/1998/namespace}lang"
    return name.rstrip("_")


def maker(namespace: str) -> "partial[Element]":
    """Return :func:`element` for one namespace."""
    return partial(element, namespace)


def under(namespaces: dict[str | None, str], node: Element) -> Element:
    """Return a copy of an element whose prefixes are declared once, at its top."""
    root = etree.Element(node.tag, node.attrib, nsmap=namespaces)
    root.text = node.text
    root.extend(list(node))
    etree.cleanup_namespaces(root, top_nsmap=namespaces, keep_ns_prefixes=[p for p in namespaces if p])
    return root


def document(root: Element) -> bytes:
    """Serialise with an XML declaration, UTF-8, nothing added for looks."""
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return data


def fragment(root: Element) -> bytes:
    """Serialise without a declaration, UTF-8."""
    data: bytes = etree.tostring(root, encoding="UTF-8")
    return data.removeprefix(b"<?xml version='1.0' encoding='UTF-8'?>\n")


def parse(data: bytes, *, trusted: bool = False) -> Element:
    """Parse XML: no entities, no DTD, no network, bounded size unless ``trusted`` (written by this server).

    Raises: NotXml.
    """
    if len(data) > RESPONSE_BYTES_MAX and not trusted:
        raise NotXml("answer over the size limit")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=trusted)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotXml("not well-formed XML") from error
    if root.getroottree().docinfo.doctype:
        raise NotXml("document type declarations are refused")
    return root
