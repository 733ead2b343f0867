"""Extensions against their definitions: what they hold, and where they may stand. Source: FHIR R4, extensibility.html.

An extension without known definition is told as an information; a modifier without one is a fault, since nobody can say
what it changes.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from dui_fhir.definitions.children import keys
from dui_fhir.definitions.elements import element_table, kind
from dui_fhir.domain.issues import Severity
from dui_fhir.validation.faults import Path, Report
from dui_fhir.validation.fhirpath import Environment, FhirPathError, Node, compile_expression
from dui_fhir.validation.items import Item
from dui_fhir.validation.library import Structure, keep
from dui_fhir.validation.overlay import Overlay

_OPEN = ("http://example.org/", "http://hl7.org/fhir/StructureDefinition/")
"""Domains whose extensions may be unknown without fault: that of examples, and HL7's, which grows with each version."""
_PATH = re.compile(r"[A-Z]\w*(\.[a-z]\w*)*")
_PLACES_KEPT = 1000
_WIDE = frozenset({"*", "Element", "CanonicalResource", "MetadataResource"})


def labels(path: Path) -> list[str | int]:
    """Return the labels of a path, outermost first, without its root."""
    found: list[str | int] = []
    while not isinstance(path, str):
        path, label = path
        found.append(label)
    return found[::-1]


class Extensions:
    """The check of one extension, called by the base check at each of them."""

    def __init__(self, overlay: Overlay, unknown: Severity = "information") -> None:
        self._overlay = overlay
        self._unknown_severity = unknown
        self._known: dict[str, _Known | None] = {}

    def check(self, value: dict[str, Any], path: Path, report: Report) -> None:
        """Report what breaks the definition of an extension; inner ones (relative urls) belong to their outer one's."""
        url = value.get("url")
        if not isinstance(url, str) or ":" not in url:
            return
        known = self._known[url] if url in self._known else keep(self._known, url, self._definition(url))
        modifier = _name(path) == "modifierExtension"
        if known is None:
            severity = "error" if modifier else self._unknown_severity
            _unknown(url, modifier, "information" if url.startswith(_OPEN) else severity, path, report)
            return
        self._overlay.check_any_version(url, Item(value, "Extension", None, path), report)
        if known.modifier is not None and known.modifier is not modifier:
            _misplaced(path, report)
        if "context" in known.structure:
            _place(known, path, report)
        if known.invariants:
            _invariants(known.invariants, value, path, report)

    def _definition(self, url: str) -> "_Known | None":
        structure = self._overlay.library.structure(url)
        if structure is None or structure.get("type") != "Extension":
            return None
        root = (structure.get("differential") or structure.get("snapshot") or {}).get("element", [{}])[0]
        said = root.get("isModifier")
        return _Known(structure, None if said is None else bool(said), structure.get("contextInvariant"), set())


@dataclass(frozen=True, slots=True)
class _Known:
    """The definition of an extension. ``modifier``: what it says of being one; ``places``: those found to be allowed."""

    structure: Structure
    modifier: bool | None
    invariants: Any
    places: set[tuple[Any, ...]]


def _place(known: _Known, path: Path, report: Report) -> None:
    """Judge the place; what an element's own name allows is remembered, for each list of names that leads to it."""
    names: list[Any] = [report.resource.get("resourceType") if report.resource else None]
    above = path
    while not isinstance(above, str):
        above, label = above
        if label.__class__ is str:
            names.append(label)
    place = tuple(names)
    if place not in known.places and _context(known.structure, path, report) and len(known.places) < _PLACES_KEPT:
        known.places.add(place)


def _name(path: Path) -> str:
    while not isinstance(path, str):
        path, label = path
        if isinstance(label, str):
            return label
    return ""


def _unknown(url: str, modifier: bool, severity: Severity, path: Path, report: Report) -> None:
    report.add(
        "validation-modifier-unknown" if modifier else "validation-extension-unknown",
        "extension",
        "Cette extension modifie le sens et n'est pas connue ici."
        if modifier
        else "Cette extension n'est pas connue ici ; son contenu n'a pas été vérifié.",
        f"no definition of extension {url[:200]}",
        path,
        severity,
    )


def _misplaced(path: Path, report: Report) -> None:
    report.add(
        "validation-extension-modifier",
        "extension",
        "Cette extension n'est pas à la place prévue (modifierExtension ou extension).",
        "modifier extension in the wrong element",
        path,
    )


def _context(structure: Structure, path: Path, report: Report) -> bool:
    """Return whether the name of the element alone allows the extension; report one that nothing allows."""
    contexts = [c for c in structure.get("context", ()) if isinstance(c, dict)]
    owner, urls = owner_of(path, report)
    allowed = {str(c.get("expression")) for c in contexts if c.get("type") == "element" or _plain_path(c)}
    if not contexts or _fits(allowed, owner):
        return True
    outer = {str(c.get("expression")) for c in contexts if c.get("type") == "extension"}
    if outer & urls or not owner or any(_selects(c, path, report) for c in contexts if c.get("type") == "fhirpath"):
        return False
    report.add(
        "validation-extension-context",
        "extension",
        "Cette extension n'est pas permise à cet endroit.",
        f"allowed on {', '.join(sorted(allowed | outer))[:200]}",
        path,
    )
    return False


def _invariants(expressions: Any, extension: dict[str, Any], path: Path, report: Report) -> None:
    """Judge what must be true where the extension stands; the focus is what carries it, ``%extension`` itself.

    Source: FHIR R4, structuredefinition-definitions.html#StructureDefinition.contextInvariant.
    """
    carrier = _carrier_node(path, report)
    for expression in expressions if isinstance(expressions, list) else ():
        if carrier is None:
            _not_evaluated(str(expression), FhirPathError("its element was not found"), path, report)
            continue
        variables = {"extension": Node(extension, "Extension")}
        resource = Node(report.resource, str((report.resource or {}).get("resourceType")))
        environment = Environment(resource=resource, variables=variables, resolve=report.resolve, steps=report.steps)
        try:
            kept = compile_expression(str(expression)).holds(carrier, environment)
        except FhirPathError as error:
            _not_evaluated(str(expression), error, path, report)
            continue
        report.steps = environment.left
        if not kept:
            report.add(
                "validation-extension-context",
                "extension",
                "Cette extension n'est pas permise ici : sa condition d'emploi n'est pas remplie.",
                f"context invariant: {str(expression)[:300]}",
                path,
            )


def _not_evaluated(expression: str, error: FhirPathError, path: Path, report: Report) -> None:
    report.add(
        "validation-invariant-not-evaluated",
        "not-supported",
        "La condition d'emploi de cette extension n'a pas pu être vérifiée.",
        f"context invariant: {expression[:300]}: {error}",
        path,
        "information",
    )


def _carrier_node(path: Path, report: Report) -> Node | None:
    """Return the element that carries the extension, a primitive with its companion; None where it cannot be found."""
    node: Node | None = Node(report.resource, str((report.resource or {}).get("resourceType")))
    for label in _inside(path)[:-2]:
        if node is not None:
            node = _item(node, label) if isinstance(label, int) else _member(node, label.removeprefix("_"))
    return node


def _item(node: Node, index: int) -> Node | None:
    lists = [x[index] if isinstance(x, list) and index < len(x) else None for x in (node.value, node.extra)]
    return None if lists == [None, None] else Node(lists[0], node.type, lists[1])


def _member(node: Node, name: str) -> Node | None:
    holder, known = node.value, _keys(node.type).get(name)
    if not isinstance(holder, dict) or known is None or not {name, f"_{name}"} & holder.keys():
        return None
    return Node(holder.get(name), known[1], holder.get(f"_{name}"))


def _plain_path(context: dict[str, Any]) -> bool:
    """Return whether a FHIRPath context is but the path of an element."""
    return context.get("type") == "fhirpath" and _PATH.fullmatch(str(context.get("expression"))) is not None


def _selects(context: dict[str, Any], path: Path, report: Report) -> bool:
    """Return whether a FHIRPath context yields the element that carries the extension, or cannot be evaluated."""
    owner = _carrier(path, report)
    if owner is None:
        return False
    resource = Node(report.resource, str((report.resource or {}).get("resourceType")))
    try:
        environment = Environment(resource=resource, resolve=report.resolve, steps=report.steps)
        found = compile_expression(str(context.get("expression"))).evaluate(resource, environment)
    except FhirPathError:
        return True
    return any(n.__class__ is Node and (n.value is owner or n.extra is owner) for n in found)


def _carrier(path: Path, report: Report) -> Any:
    value: Any = report.resource
    for label in _inside(path)[:-2]:
        try:
            value = value[label]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _inside(path: Path) -> list[str | int]:
    """Return the labels below the resource that holds the place."""
    found = labels(path)
    starts = [i for i, x in enumerate(found) if x in ("resource", "contained")]
    start = starts[-1] + 1 if starts else 0
    return found[start + 1 :] if starts and start < len(found) and isinstance(found[start], int) else found[start:]


def _fits(allowed: set[str], owner: set[str]) -> bool:
    return bool({a.partition("#")[2] or a for a in allowed} & owner) or bool(_WIDE & allowed)


def owner_of(path: Path, report: Report) -> tuple[set[str], set[str]]:
    """Return the names that a context may give to the element that carries the extension, and the urls of outer extensions."""
    steps = [x for x in labels(path) if isinstance(x, str)]
    start = max((i for i, x in enumerate(steps) if x in ("resource", "contained")), default=-1) + 1
    inside = steps[start:-1]
    type = str((report.resource or {}).get("resourceType"))
    if start and not _is_resource_step(steps[:start]):
        return set(), set()
    names, current = {type, *_bases(type)}, type
    for step in inside:
        bare = step.removeprefix("_")
        known = _keys(current).get(bare)
        if known is None:
            return set(), set()
        child, current = known
        names = {f"{n}.{child}" for n in names} | {f"{n}.{child}[x]" for n in names if child != bare}
        names |= {current, *_bases(current)}
    return names, _urls(path, report)


def _is_resource_step(steps: list[str]) -> bool:
    return steps[-1] in ("contained", "resource")


@cache
def _keys(type: str) -> dict[str, tuple[str, str]]:
    try:
        return {key: (child.name, t) for key, (child, t) in keys(type).items()}
    except KeyError:
        return {}


@cache
def _bases(type: str) -> tuple[str, ...]:
    found: list[str] = []
    if "." in type:
        return ("BackboneElement", "Element")
    while kind(type) is not None and (base := element_table(type).base):
        found.append(base)
        type = base
    return tuple(found)


def _urls(path: Path, report: Report) -> set[str]:
    """The urls of the extensions around, read from the resource itself."""
    found: set[str] = set()
    value: Any = report.resource
    for label in _inside(path)[:-2]:
        try:
            value = value[label]
        except (KeyError, IndexError, TypeError):
            return found
        if isinstance(value, dict) and isinstance(value.get("url"), str):
            found.add(value["url"])
    return found
