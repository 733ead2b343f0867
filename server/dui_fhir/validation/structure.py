"""The structure of R4 resources, compiled once per type to Python closures.

Each R4 type (data type, resource, nested element) becomes one function ``(value, path, report)``, made at first use from
the tables of ``profiles/r4``. Checked: known elements, JSON kinds, cardinalities, choices, primitive syntax, companions of
primitives, empty elements, contained resources, targets of references. Source: FHIR R4, json.html, datatypes.html,
references.html.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

from dui_fhir.definitions.children import typed_keys
from dui_fhir.definitions.elements import Constraint, Element, element_table, kind, resource_types
from dui_fhir.domain.change import Resource
from dui_fhir.domain.reference import Reference
from dui_fhir.validation.bindings import binding, enumerated
from dui_fhir.validation.faults import Path, Report
from dui_fhir.validation.invariants import ELSEWHERE, rule
from dui_fhir.validation.narrative import narrative_fault
from dui_fhir.validation.primitives import json_kind, quick_test, value_check

Check: TypeAlias = Callable[[Any, Path, Report], None]
Handler: TypeAlias = Callable[[Any, dict[str, Any], Path, Report], None]
Quick: TypeAlias = Callable[[str], Any]


_LINK = re.compile(r'(?:src|href)="(#[^"]+)"')


def check_resource(resource: Resource, report: Report, path: Path | None = None) -> None:
    """Report the faults of structure of one resource, contained ones included. ``path`` defaults to its type."""
    _resource(resource, path if path is not None else str(resource.get("resourceType", "Resource")), report)


def _resource(value: Any, path: Path, report: Report) -> None:
    if value.__class__ is not dict:
        report.wrong_type("a resource", path)
        return
    type = value.get("resourceType")
    if not isinstance(type, str) or type not in resource_types():
        report.add(
            "validation-resource-type",
            "structure",
            "Le type de ressource est absent ou inconnu.",
            f"unknown resourceType {str(type)[:60]!r}",
            path,
        )
        return
    outer = report.resource, report.root
    report.resource = value
    if not _is_contained(path):
        report.root = value
    type_check(type)(value, path, report)
    if "contained" in value:
        _contained(value, path, report)
    if report.profiles is not None:
        report.profiles(value, path, report)
    report.resource, report.root = outer


def _is_contained(path: Path) -> bool:
    return not isinstance(path, str) and not isinstance(path[0], str) and path[0][1] == "contained"


def _contained(resource: Resource, path: Path, report: Report) -> None:
    """dom-2 and dom-4: a contained resource holds none itself, and has no version of its own."""
    contained = resource["contained"]
    for index, inner in enumerate(contained if isinstance(contained, list) else ()):
        if not isinstance(inner, dict):
            continue
        place: Path = ((path, "contained"), index)
        if "contained" in inner:
            report.add("validation-dom-2", "invariant", "Une ressource incluse ne peut pas en inclure.", "dom-2", place)
        meta = inner.get("meta")
        if isinstance(meta, dict) and ("versionId" in meta or "lastUpdated" in meta):
            report.add("validation-dom-4", "invariant", "Une ressource incluse n'a pas de version.", "dom-4", place)
        if isinstance(meta, dict) and "security" in meta:
            report.add("validation-dom-5", "invariant", "Une ressource incluse n'a pas d'étiquette.", "dom-5", place)


@cache
def type_check(type: str) -> Check:
    """Return the check of a type: a data type, a resource type, or the path of a nested element."""
    if type in ("Resource", "DomainResource"):
        return _resource
    compiled: list[tuple[dict[str, Handler], tuple[_Presence, ...]]] = []
    is_resource = type in resource_types()

    def check(value: Any, path: Path, report: Report) -> None:
        if value.__class__ is not dict:
            report.wrong_type("an object", path)
            return
        if not value or (len(value) == 1 and "id" in value and not is_resource and type != "Element"):
            report.empty(path)
            return
        if (
            not compiled
        ):  # types refer to one another: the handlers are made at the first value, not at the first mention
            compiled.append(_compile(type))
        handlers, presences = compiled[0]
        for key, item in value.items():
            handler = handlers.get(key)
            if handler is not None:
                handler(item, value, path, report)
            elif key != "resourceType" or not is_resource:
                report.unknown(key, type, path)
        for presence in presences:
            presence(value, path, report)

    return check


_Presence: TypeAlias = Callable[[dict[str, Any], Path, Report], None]


def _compile(type: str) -> tuple[dict[str, Handler], tuple[_Presence, ...]]:
    table = element_table(type.split(".", 1)[0])
    handlers: dict[str, Handler] = {}
    presences: list[_Presence] = []
    for element in table.children(type):
        for key, declared in _keys(element).items():
            handlers |= _handlers(key, declared, element)
        if element.choice or element.min:
            presences.append(_presence(element))
    if type == "Extension":
        presences += [_extension_has_value_or_children, _extension_is_defined]
    if type == "Reference":
        presences.append(_fragment_is_contained)
    if type == "Attachment":
        presences.append(_size_is_right)
    if "contained" in handlers:
        presences += [_contained_is_referenced, _has_narrative]
    presences += [_invariant(c, type) for c in table.elements[type].constraints if c.key not in ELSEWHERE]
    return handlers, tuple(presences)


def _invariant(constraint: Constraint, type: str) -> _Presence:
    check = rule(constraint.key, constraint.expression, constraint.severity)
    return lambda value, path, report: check(value, type, None, path, report)


def _keys(element: Element) -> Mapping[str, str]:
    if element.name == "id" and element.path.split(".", 1)[0] in resource_types() and element.path.count(".") == 1:
        return {"id": "id"}  # the published tables say string, resource.html#id says id
    return typed_keys(element)


def _handlers(key: str, type: str, element: Element) -> dict[str, Handler]:
    repeats = element.max is None or element.max > 1
    if type == "xhtml":
        return {key: _narrative(key)}
    if kind(type) == "primitive-type":
        one = _with_own_rules(_primitive(key, type, element), type, element)
        companion = _companion(key, repeats)
        quick = quickly(type, element)
        return {key: _listed_primitive(key, one, quick) if repeats else _single(key, one, quick), f"_{key}": companion}
    one = type_check(type)
    if "." not in type:
        one = _with_own_rules(one, type, element)
    if type == "Reference":
        one = _reference(one, frozenset(t for r in element.types for t in r.targets))
    return {key: _listed(key, one, element.max) if repeats else _single(key, one)}


def _with_own_rules(check: Check, type: str, element: Element) -> Check:
    """Add the binding and the invariants that an element has beside those of its type."""
    rules = [rule(c.key, c.expression, c.severity) for c in element.constraints if c.key not in ELSEWHERE]
    bound = binding(type, element.value_set, element.binding_strength or "") if element.value_set else None
    if not rules and bound is None:
        return check

    def checked(value: Any, path: Path, report: Report) -> None:
        before = len(report.issues)
        check(value, path, report)
        if len(report.issues) > before:
            return
        if bound is not None:
            bound(value, path, report)
        for own in rules:
            own(value, type, None, path, report)

    return checked


def _single(key: str, check: Check, quick: Quick | None = None) -> Handler:
    """``quick`` tells a value in which ``check`` would find nothing."""

    def handle(item: Any, owner: dict[str, Any], path: Path, report: Report) -> None:
        if quick is not None and item.__class__ is str and item and quick(item):
            return
        if item.__class__ is list:
            report.wrong_type("a single value, not an array", (path, key))
        elif item is None:
            report.wrong_type("a value, not null", (path, key))
        else:
            check(item, (path, key), report)

    return handle


def _listed(key: str, check: Check, maximum: int | None) -> Handler:
    def handle(item: Any, owner: dict[str, Any], path: Path, report: Report) -> None:
        if item.__class__ is not list:
            report.wrong_type("an array", (path, key))
            return
        if not item:
            report.empty((path, key))
        if maximum is not None and len(item) > maximum:
            report.too_many(key, maximum, (path, key))
        place: Path = (path, key)
        for index, value in enumerate(item):
            check(value, (place, index), report)

    return handle


def _listed_primitive(key: str, check: Check, quick: Quick | None) -> Handler:
    """A null stands for a value whose companion, at the same place, holds an extension."""

    def handle(item: Any, owner: dict[str, Any], path: Path, report: Report) -> None:
        if item.__class__ is not list:
            report.wrong_type("an array", (path, key))
            return
        if not item:
            report.empty((path, key))
        place: Path = (path, key)
        companions = owner.get(f"_{key}")
        for index, value in enumerate(item):
            if quick is not None and value.__class__ is str and value and quick(value):
                continue
            if value is not None:
                check(value, (place, index), report)
            elif not isinstance(companions, list) or index >= len(companions) or not companions[index]:
                report.empty((place, index))

    return handle


def _primitive(key: str, type: str, element: Element) -> Check:
    expected, fault = json_kind(type), value_check(type)
    length, low, high = element.max_length, element.min_value, element.max_value

    def check(value: Any, path: Path, report: Report) -> None:
        given = value.__class__
        if given is not expected and not (expected is float and given is not bool and isinstance(value, int | float)):
            report.wrong_type(f"JSON for {type}", path)
            return
        reason = fault(value)
        if reason is not None:
            report.bad_value(type, path, reason)
        elif length is not None and len(value) > length:
            report.bad_value(type, path, f"longer than {length}")
        elif (low is not None and value < low) or (high is not None and value > high):
            report.bad_value(type, path, "out of range")

    return check


def quickly(type: str, element: Element) -> Quick | None:
    """Return a test that only texts pass in which the check of the element finds nothing; None where there is no such test.

    A text that fails it is not wrong: it goes through the whole check.
    """
    if element.max_length is not None or element.min_value is not None or element.max_value is not None:
        return None
    if any(c.key not in ELSEWHERE for c in element.constraints):
        return None
    if element.value_set and binding(type, element.value_set, element.binding_strength or "") is not None:
        known = enumerated(element.value_set) if type == "code" and element.binding_strength == "required" else None
        return None if known is None else known.__contains__
    return quick_test(type)


def _companion(key: str, repeats: bool) -> Handler:
    """``_key``: id and extensions of a primitive; an array parallel to the values where these repeat."""
    name, check = f"_{key}", type_check("Element")

    def single(item: Any, owner: dict[str, Any], path: Path, report: Report) -> None:
        if item.__class__ is not dict:
            report.wrong_type("an object", (path, name))
        elif len(item) == 1 and "id" in item and key not in owner:  # ele-1: a value or children beside an id
            report.empty((path, name))
        else:
            check(item, (path, name), report)

    def listed(item: Any, owner: dict[str, Any], path: Path, report: Report) -> None:
        if item.__class__ is not list:
            report.wrong_type("an array", (path, name))
            return
        place: Path = (path, name)
        for index, value in enumerate(item):
            if value is not None:
                check(value, (place, index), report)

    return listed if repeats else single


def _presence(element: Element) -> _Presence:
    return _choice_presence(element) if element.choice else _single_presence(element)


def _single_presence(element: Element) -> _Presence:
    (key,) = _keys(element)
    companion, name, minimum = f"_{key}", element.name, element.min

    def check(value: dict[str, Any], path: Path, report: Report) -> None:
        items = value.get(key)
        absent = key not in value and companion not in value
        if absent or (isinstance(items, list) and len(items) < minimum):
            report.missing(name, path)

    return check


def _choice_presence(element: Element) -> _Presence:
    keys = {name: key for key in _keys(element) for name in (key, f"_{key}")}
    names, name, minimum = frozenset(keys), f"{element.name}[x]", element.min

    def check(value: dict[str, Any], path: Path, report: Report) -> None:
        if names.isdisjoint(value):
            if minimum:
                report.missing(name, path)
        elif len({keys[key] for key in value if key in keys}) > 1:
            report.too_many(name, 1, path)

    return check


def _extension_has_value_or_children(value: dict[str, Any], path: Path, report: Report) -> None:
    """ext-1: a value or nested extensions, never both, never neither."""
    has_value = False
    for key in value:
        if key[:5] == "value" or key[:6] == "_value":
            has_value = True
    if has_value == ("extension" in value):
        report.add(
            "validation-ext-1",
            "invariant",
            "Une extension porte une valeur ou d'autres extensions, jamais les deux.",
            "ext-1: must have either extensions or value[x], not both",
            path,
        )


def _fragment_is_contained(value: dict[str, Any], path: Path, report: Report) -> None:
    """ref-1: ``#id`` names a contained resource, ``#`` the container itself."""
    text = value.get("reference")
    if not isinstance(text, str) or not text.startswith("#") or text == "#" or report.root is None:
        return
    contained = report.root.get("contained")
    listed = contained if isinstance(contained, list) else ()
    if not any(isinstance(c, dict) and c.get("id") == text[1:] for c in listed):
        report.add(
            "validation-ref-1", "invariant", "Cette référence ne désigne aucune ressource incluse.", "ref-1", path
        )


def _size_is_right(value: dict[str, Any], path: Path, report: Report) -> None:
    """Attachment.size is the size of the data before their encoding."""
    data, size = value.get("data"), value.get("size")
    if not isinstance(data, str) or not isinstance(size, int):
        return
    bare = "".join(data.split())
    if len(bare) // 4 * 3 - bare[-2:].count("=") != size:
        report.add(
            "validation-attachment-size",
            "value",
            "La taille annoncée n'est pas celle du contenu joint.",
            "size is not the size of data",
            (path, "size"),
        )


def _contained_is_referenced(value: dict[str, Any], path: Path, report: Report) -> None:
    """dom-3: each contained resource is referred to from its container, or refers to it."""
    contained = value.get("contained")
    if not isinstance(contained, list) or _is_contained(path):
        return
    named = fragments(value)
    for index, inner in enumerate(contained):
        if not isinstance(inner, dict) or f"#{inner.get('id')}" in named or "#" in fragments(inner):
            continue
        place: Path = ((path, "contained"), index)
        report.add("validation-dom-3", "invariant", "Cette ressource incluse n'est citée nulle part.", "dom-3", place)


def fragments(value: Any) -> set[str]:
    """Return the texts that start with ``#`` anywhere under a value, links of narratives included."""
    found: set[str] = set()
    left = [value]
    while left:
        item = left.pop()
        if item.__class__ is dict:
            left += item.values()
        elif item.__class__ is list:
            left += item
        elif item.__class__ is str:
            if item[:1] == "#":
                found.add(item)
            elif '"#' in item:
                found.update(_LINK.findall(item))
    return found


def _has_narrative(value: dict[str, Any], path: Path, report: Report) -> None:
    """dom-6, a best practice."""
    if "text" not in value:
        report.add("validation-dom-6", "invariant", "La ressource n'a pas de texte.", "dom-6", path, "warning")


def _extension_is_defined(value: dict[str, Any], path: Path, report: Report) -> None:
    if report.extension is not None:
        report.extension(value, path, report)


def _reference(check: Check, targets: frozenset[str]) -> Check:
    any_target = not targets or "Resource" in targets

    def checked(value: Any, path: Path, report: Report) -> None:
        check(value, path, report)
        if any_target or value.__class__ is not dict:
            return
        named = _target_type(value)
        if named is not None and named in resource_types() and named not in targets:
            report.target(named, sorted(targets), path)

    return checked


def _target_type(reference: dict[str, Any]) -> str | None:
    literal = reference.get("reference")
    if isinstance(literal, str):
        parsed = Reference.parse(literal)
        if parsed is not None:
            return parsed.type
    named = reference.get("type")
    return named if isinstance(named, str) else None


def _narrative(key: str) -> Handler:
    def handle(item: Any, owner: dict[str, Any], path: Path, report: Report) -> None:
        if item.__class__ is not str:
            report.wrong_type("JSON for xhtml", (path, key))
            return
        reason = narrative_fault(item)
        if reason is not None:
            report.add(
                "validation-narrative",
                "invalid",
                "Le texte de présentation contient du XHTML non permis.",
                f"narrative: {reason}",
                (path, key),
            )

    return handle
