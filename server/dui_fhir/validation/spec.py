"""What a profile says of elements, as a tree: the differentials of a profile and of its parents, merged.

Only constrained elements have a node. A check that visits them after the base check of R4 sees everything that the
snapshot would say, at the price of the differences alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dui_fhir.definitions.elements import Constraint, Element, element_table, kind

BASE = "http://hl7.org/fhir/StructureDefinition/"
_SEGMENT = re.compile(r"([^:]+)(?::(.+))?")
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."
_SYSTEM = "http://hl7.org/fhirpath/System."


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One type that a profile allows; ``profiles`` on the value itself, ``targets`` of a reference or canonical."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    aggregation: tuple[str, ...] = ()


@dataclass(slots=True)
class Slicing:
    """How the items of an element are told apart: pairs ``(type, path)``."""

    discriminators: tuple[tuple[str, str], ...] = ()
    rules: str = "open"
    ordered: bool = False


@dataclass(slots=True)
class Spec:
    """The constraints of one element. None: nothing said. ``max`` -1 stands for ``*``.

    ``valued``: a primitive has its value; ``instead``: or one of these extensions.
    """

    name: str
    slice: str | None = None
    min: int | None = None
    max: int | None = None
    types: tuple[TypeRule, ...] = ()
    fixed: Any = None
    pattern: Any = None
    binding: tuple[str, str] | None = None
    constraints: dict[str, Constraint] = field(default_factory=dict)
    max_length: int | None = None
    min_length: int | None = None
    languages: tuple[str, ...] = ()
    valued: bool = False
    instead: tuple[str, ...] = ()
    low: Any = None
    high: Any = None
    slicing: Slicing | None = None
    children: dict[str, "Spec"] = field(default_factory=dict)
    slices: dict[str, "Spec"] = field(default_factory=dict)

    @property
    def says_nothing(self) -> bool:
        """Return whether no value can break this node."""
        facts = (self.min, self.max, self.fixed, self.pattern, self.binding, self.max_length, self.low, self.high)
        if any(f is not None for f in facts) or self.min_length is not None or self.valued or self.instead:
            return False
        return not (self.types or self.constraints or self.slicing or self.languages or self.children or self.slices)


def build(structures: Iterable[Mapping[str, Any]], type: str) -> Spec:
    """Merge structures, the most general first, into one tree rooted at the type."""
    root = Spec(name=type)
    for structure in structures:
        current: dict[str, str] = {}
        for element in elements_of(structure):
            _merge(_place(root, element, current), element, type)
    return root


def elements_of(structure: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the elements that say something: the differential, or the snapshot where there is no other."""
    chosen = structure.get("differential") or structure.get("snapshot") or {}
    if structure.get("_whole"):
        chosen = structure.get("snapshot") or chosen
    return [e for e in chosen.get("element", ()) if isinstance(e.get("path"), str)]


def _place(root: Spec, element: Mapping[str, Any], current: dict[str, str]) -> Spec:
    """Return the node of an element, made where missing. Ids say more than paths: they name the slices on the way.

    Without ids, the order tells: an element belongs to the last slice named of each element above it (``current``).
    """
    spec = root
    for segment in _segments(element, current):
        match = _SEGMENT.fullmatch(segment)
        name, slices = (match[1], match[2]) if match else (segment, None)
        name = name.removesuffix("[x]")
        spec = spec.children.setdefault(name, Spec(name=name))
        for part in _slice_names(slices):
            spec = spec.slices.setdefault(part, Spec(name=name, slice=part))
    return spec


def _segments(element: Mapping[str, Any], current: dict[str, str]) -> list[str]:
    path = str(element["path"])
    id = element.get("id")
    if isinstance(id, str) and _bare(id) == _bare(path):
        return _split(id)[1:]
    for known in [k for k in current if k == path or k.startswith(path + ".")]:
        del current[known]
    if element.get("sliceName"):
        current[path] = str(element["sliceName"])
    parts = path.split(".")
    found = []
    for depth in range(1, len(parts)):
        named = current.get(".".join(parts[: depth + 1]))
        found.append(f"{parts[depth]}:{named}" if named else parts[depth])
    return found


def _bare(id: str) -> str:
    return ".".join(segment.split(":", 1)[0] for segment in _split(id))


def _split(id: str) -> list[str]:
    """Split at the points between elements; a slice may hold one (``:v2.1``) only where what follows is no element."""
    return re.split(r"\.(?=[a-z])|(?<=\])\.", id) if ":" in id else id.split(".")


def _slice_names(slices: str | None) -> list[str]:
    if not slices:
        return []
    return slices.split("/")


def _merge(spec: Spec, element: Mapping[str, Any], type: str) -> None:
    base = _base_row(str(element["path"])) if spec.slice is None else None
    _merge_cardinality(spec, element, base)
    if types := _types(element):
        spec.types = types
    for key, value in element.items():
        if key.startswith("fixed"):
            spec.fixed = value
        elif key.startswith("pattern"):
            spec.pattern = value
        elif key.startswith("minValue"):
            spec.low = value
        elif key.startswith("maxValue"):
            spec.high = value
    if "maxLength" in element:
        spec.max_length = element["maxLength"]
    _merge_binding(spec, element, base)
    _merge_extensions(spec, element)
    known = {c.key for c in base.constraints} if base is not None else set()
    for constraint in element.get("constraint", ()):
        if constraint.get("expression") and constraint["key"] not in known and not _inherited(constraint):
            spec.constraints[constraint["key"]] = Constraint(
                key=constraint["key"],
                severity="warning" if constraint.get("severity") == "warning" else "error",
                expression=constraint["expression"],
            )
    if "slicing" in element:
        spec.slicing = _slicing(element["slicing"])


def _inherited(constraint: Mapping[str, Any]) -> bool:
    """Return whether the base types already have this constraint: snapshots repeat them at each element."""
    source = str(constraint.get("source", ""))
    name = source.removeprefix(BASE)
    return source.startswith(BASE) and kind(name) is not None


def _base_row(path: str) -> Element | None:
    head = path.split(".", 1)[0]
    return element_table(head).elements.get(path) if kind(head) is not None else None


def _merge_cardinality(spec: Spec, element: Mapping[str, Any], base: Element | None) -> None:
    if "min" in element and not (base is not None and element["min"] <= base.min and spec.min is None):
        spec.min = int(element["min"])
    if "max" in element:
        limit = -1 if element["max"] == "*" else int(element["max"])
        base_limit = None if base is None else -1 if base.max is None else base.max
        if limit != base_limit or spec.max is not None:
            spec.max = limit


def _merge_binding(spec: Spec, element: Mapping[str, Any], base: Element | None) -> None:
    binding = element.get("binding")
    if not binding or "valueSet" not in binding or binding.get("strength") not in ("required", "extensible"):
        return
    pair = (str(binding["valueSet"]), str(binding["strength"]))
    if base is None or (base.value_set, base.binding_strength) != pair:
        spec.binding = pair


def _merge_extensions(spec: Spec, element: Mapping[str, Any]) -> None:
    """Constraints that R4 has no element for: minLength, narrative-language-control, and two of R5."""
    for extension in element.get("extension", ()):
        if extension.get("url") == BASE + "minLength":
            spec.min_length = extension.get("valueInteger")
        if extension.get("url") == BASE + "narrative-language-control":
            spec.languages = (*spec.languages, str(extension.get("valueCode")))
        if extension.get("url") == _R5 + "mustHaveValue":
            spec.valued = bool(extension.get("valueBoolean"))
        if extension.get("url") == _R5 + "valueAlternatives":
            spec.instead = (*spec.instead, str(extension.get("valueCanonical")))


def _types(element: Mapping[str, Any]) -> tuple[TypeRule, ...]:
    return tuple(
        TypeRule(
            code=_code(t),
            profiles=tuple(t.get("profile", ())),
            targets=tuple(t.get("targetProfile", ())),
            aggregation=tuple(t.get("aggregation", ())),
        )
        for t in element.get("type", ())
        if not str(t.get("code", "")).startswith(_SYSTEM)  # ids and urls, whose FHIR type is in an extension
    )


def _code(type: Mapping[str, Any]) -> str:
    return str(type.get("code", "")).removeprefix(BASE)


def _slicing(slicing: Mapping[str, Any]) -> Slicing:
    return Slicing(
        discriminators=tuple((d["type"], d["path"]) for d in slicing.get("discriminator", ())),
        rules=slicing.get("rules", "open"),
        ordered=bool(slicing.get("ordered")),
    )
