"""XML Patch on element trees. Source: RFC 5261; FHIR R4, http.html#patch.

Selectors are the steps that RFC 5261 (section 4.1) allows, so that none costs much; beyond it a criterion may compare the value of
an element below (``f:identifier[f:system/@value='urn:x']``), because FHIR keeps values in attributes.
Namespace declarations are not patched: a FHIR resource has two namespaces, and changing them makes it none.
"""

import copy
import re
from collections.abc import Callable
from typing import Any

from lxml import etree

from dui_fhir.definitions.xml import FHIR, XHTML
from dui_fhir.domain.errors import BadRequest, Unprocessable

OPERATIONS_MAX = 1000
STEPS_MAX = 64
_PREFIXES = {"f": FHIR, "h": XHTML}

_NAME = r"(?:[A-Za-z_][\w.\-]*:)?[A-Za-z_][\w.\-]*"
_VALUE = r"(?:'[^']*'|\"[^\"]*\")"
_OPERAND = rf"(?:\.|@{_NAME}|{_NAME}(?:/{_NAME}){{0,3}}(?:/@{_NAME})?)"
_PREDICATE = rf"\[\s*(?:[0-9]{{1,6}}|{_OPERAND}\s*=\s*{_VALUE})\s*\]"
_STEP = re.compile(rf"(?:\*|{_NAME})(?:{_PREDICATE})*")
_LAST = re.compile(
    rf"@{_NAME}|(?:text|comment)\(\)(?:\[[0-9]{{1,6}}\])?|processing-instruction\((?:{_VALUE})?\)(?:\[[0-9]{{1,6}}\])?"
)
_TOKEN = re.compile(rf"{_VALUE}|text\(\)|comment\(\)|processing-instruction\(|@|{_NAME}")


def patched(root: Any, diff: Any) -> Any:
    """Return a new tree: the operations of ``diff`` applied one after the other, all or none.

    Raises: BadRequest (``core-patch-invalid``: no patch, ``core-patch-path``: no such selector), Unprocessable
    (``core-patch-failed``: a selector that finds nothing or several nodes, an operation that does not fit there).
    """
    operations = list(diff)
    if not 0 < len(operations) <= OPERATIONS_MAX:
        raise _invalid(f"{len(operations)} operations, 1 to {OPERATIONS_MAX} are taken")
    # under a document of its own: the root may then be replaced like any other element
    tree = etree.ElementTree(copy.deepcopy(root))
    for operation in operations:
        handler = _HANDLERS.get(etree.QName(operation).localname)
        if handler is None:
            raise _invalid("an operation is add, replace or remove")
        handler(_target(tree, operation), operation)
    return tree.getroot()


def _target(tree: Any, operation: Any) -> Any:
    """Return the one node of the selector: an element, or a string that knows its parent (attribute, text)."""
    selector = operation.get("sel", "").strip()
    path, prefixes = _xpath(selector, operation)
    try:
        found = tree.xpath(path, namespaces=prefixes)
    except etree.XPathError as error:
        raise _bad_path(selector) from error
    if not isinstance(found, list) or len(found) != 1:
        count = len(found) if isinstance(found, list) else 0
        raise _failed(
            "Le chemin d'une opération désigne plusieurs nœuds."
            if count
            else "Le chemin d'une opération ne désigne rien.",
            f"{count} nodes at {selector[:200]}",
        )
    return found[0]


def _xpath(selector: str, operation: Any) -> tuple[str, dict[str, str]]:
    """Return the selector as XPath 1.0, absolute, unprefixed names in the default namespace of the patch (RFC 5261, 4.2.2)."""
    steps = _steps(selector)
    given = {prefix: uri for prefix, uri in operation.nsmap.items() if prefix}
    prefixes = {**_PREFIXES, **given, "_default": operation.nsmap.get(None, FHIR)}
    return "".join(f"/{_TOKEN.sub(_qualified(step), step)}" for step in steps), prefixes


def _steps(selector: str) -> list[str]:
    steps: list[str] = []
    at = 1 if selector.startswith("/") else 0
    while at < len(selector):
        match = _STEP.match(selector, at)
        last = _LAST.match(selector, at)
        if last is not None and last.end() == len(selector) and steps:
            return [*steps, last[0]]
        if match is None or len(steps) >= STEPS_MAX:
            raise _bad_path(selector)
        steps.append(match[0])
        at = match.end()
        if at < len(selector):
            if selector[at] != "/" or at + 1 == len(selector):
                raise _bad_path(selector)
            at += 1
    if not steps:
        raise _bad_path(selector)
    return steps


def _qualified(step: str) -> Callable[[re.Match[str]], str]:
    def of(match: re.Match[str]) -> str:
        text = match[0]
        plain = text[0] in "'\"@" or text.endswith(("(", ")")) or ":" in text
        # an attribute without prefix has no namespace
        return text if plain or step[: match.start()].endswith("@") else f"_default:{text}"

    return of


# operations


def _add(target: Any, operation: Any) -> None:
    type, position = operation.get("type", ""), operation.get("pos", "")
    if not etree.iselement(target):
        raise _failed("On n'ajoute rien à un attribut ni à un texte.", "add to a value")
    if type.startswith("@"):
        _add_attribute(target, type[1:], operation)
    elif type:
        raise _failed("Les déclarations d'espaces de noms ne se modifient pas.", "namespace of a resource")
    elif position in ("before", "after"):
        _add_beside(target, operation, after=position == "after")
    elif position in ("", "prepend"):
        _add_inside(target, operation, first=position == "prepend")
    else:
        raise _invalid("pos is before, after or prepend")


def _add_attribute(target: Any, name: str, operation: Any) -> None:
    if not re.fullmatch(r"[A-Za-z_][\w.\-]*", name):
        raise _invalid("not the name of an attribute")
    if name in target.attrib:
        raise _failed("L'attribut à ajouter existe déjà.", f"attribute {name[:60]} is there")
    target.set(name, operation.text or "")


def _add_inside(target: Any, operation: Any, *, first: bool) -> None:
    nodes, text = _content(operation)
    if first:
        rest, target.text = target.text or "", text
        for index, node in enumerate(nodes):
            target.insert(index, node)
        _append_text(target, nodes[-1] if nodes else None, rest)
        return
    _append_text(target, target[-1] if len(target) else None, text)
    target.extend(nodes)


def _add_beside(target: Any, operation: Any, *, after: bool) -> None:
    parent = target.getparent()
    if parent is None:
        raise _failed("Rien ne se place à côté de la ressource.", "sibling of the root")
    nodes, text = _content(operation)
    index = parent.index(target) + int(after)
    rest = ""
    if after:
        rest, target.tail = target.tail or "", None
    previous = parent[index - 1] if index else None
    _append_text(parent, previous, text)
    for offset, node in enumerate(nodes):
        parent.insert(index + offset, node)
    _append_text(parent, nodes[-1] if nodes else previous, rest)


def _replace(target: Any, operation: Any) -> None:
    if not etree.iselement(target):
        _set_value(target, operation.text or "")
        return
    nodes, _ = _content(operation)
    if len(nodes) != 1 or (isinstance(target.tag, str) != isinstance(nodes[0].tag, str)):
        raise _failed("Un nœud se remplace par un seul nœud de même sorte.", f"{len(nodes)} nodes")
    nodes[0].tail = target.tail
    parent = target.getparent()
    if parent is None:
        raise _failed("Un patch ne peut pas remplacer la ressource.", "replace of the root")
    parent.replace(target, nodes[0])


def _remove(target: Any, operation: Any) -> None:
    if not etree.iselement(target):
        _unset(target)
        return
    parent, spaces = target.getparent(), operation.get("ws", "")
    if parent is None:
        raise _failed("Un patch ne peut pas supprimer la ressource.", "remove of the root")
    previous, tail = target.getprevious(), target.tail or ""
    if spaces in ("after", "both"):
        tail = tail.lstrip()
    parent.remove(target)
    if spaces in ("before", "both"):
        _strip_end(parent, previous)
    _append_text(parent, previous, tail)


_HANDLERS: dict[str, Callable[[Any, Any], None]] = {"add": _add, "replace": _replace, "remove": _remove}


# text, which lxml keeps before the first child and after each one


def _content(operation: Any) -> tuple[list[Any], str]:
    return [copy.deepcopy(node) for node in operation], operation.text or ""


def _append_text(parent: Any, previous: Any, text: str) -> None:
    if not text:
        return
    if previous is None:
        parent.text = (parent.text or "") + text
    else:
        previous.tail = (previous.tail or "") + text


def _strip_end(parent: Any, previous: Any) -> None:
    if previous is None:
        parent.text = (parent.text or "").rstrip() or None
    else:
        previous.tail = (previous.tail or "").rstrip() or None


def _set_value(target: Any, text: str | None) -> None:
    owner = target.getparent()
    if target.is_attribute:
        owner.set(target.attrname, text)
    elif target.is_tail:
        owner.tail = text
    else:
        owner.text = text


def _unset(target: Any) -> None:
    if target.is_attribute:
        del target.getparent().attrib[target.attrname]
    else:
        _set_value(target, None)


def _invalid(diagnostics: str) -> BadRequest:
    return BadRequest.of("core-patch-invalid", "Ce XML Patch n'est pas valable (RFC 5261).", diagnostics)


def _bad_path(selector: str) -> BadRequest:
    return BadRequest.of(
        "core-patch-path",
        "Le chemin d'une opération n'est pas valable.",
        f"not a selector of RFC 5261: {selector[:200]}",
    )


def _failed(text: str, diagnostics: str) -> Unprocessable:
    return Unprocessable.of("core-patch-failed", text, diagnostics)
