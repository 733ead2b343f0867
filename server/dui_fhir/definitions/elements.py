"""The elements of each R4 resource and data type. Source: FHIR R4 4.0.1 StructureDefinitions (profiles/SOURCES.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from dui_fhir.definitions import source

Kind = Literal["resource", "complex-type", "primitive-type"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ElementType:
    """One type an element may have.

    ``targets`` and ``profiles`` are names of R4 definitions (``Patient``, ``SimpleQuantity``) or full URLs elsewhere;
    ``regex`` only on the ``value`` of a primitive.
    """

    code: str
    targets: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    regex: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Constraint:
    """One invariant; ``expression`` is FHIRPath on the element."""

    key: str
    severity: Literal["error", "warning"]
    expression: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One row of a table: ``path`` as published (``Patient.deceased[x]``); ``max`` None = ``*``.

    ``content`` is the path of the element whose content this one repeats (contentReference).
    """

    path: str
    min: int
    max: int | None
    types: tuple[ElementType, ...] = ()
    content: str | None = None
    binding_strength: str | None = None
    value_set: str | None = None
    summary: bool = False
    modifier: bool = False
    constraints: tuple[Constraint, ...] = ()
    max_length: int | None = None
    min_value: int | None = None
    max_value: int | None = None

    @property
    def name(self) -> str:
        """Last part of the path, without ``[x]``."""
        return self.path.rsplit(".", 1)[-1].removesuffix("[x]")

    @property
    def choice(self) -> bool:
        """True for ``value[x]`` and the like."""
        return self.path.endswith("[x]")


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeTable:
    """One resource or data type. ``elements`` in order, the type itself first, keyed by path."""

    name: str
    kind: Kind
    abstract: bool
    base: str | None
    elements: Mapping[str, Element]
    by_parent: Mapping[str, tuple[Element, ...]]

    def children(self, path: str) -> tuple[Element, ...]:
        """Return the direct children of an element of this table, in order."""
        return self.by_parent.get(path, ())


@cache
def _headers() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in source.read("r4", "types.json")}


@cache
def resource_types() -> frozenset[str]:
    """Return the names of the R4 resource types that can be stored (no abstract one)."""
    return frozenset(n for n, row in _headers().items() if row["kind"] == "resource" and not row.get("abstract"))


@cache
def data_types() -> frozenset[str]:
    """Return the names of the R4 data types, primitive ones and profiles of data types included."""
    return frozenset(n for n, row in _headers().items() if row["kind"] != "resource")


def kind(name: str) -> Kind | None:
    """Return what a type is; None where R4 has no such type."""
    row = _headers().get(name)
    return None if row is None else row["kind"]


@cache
def element_table(name: str) -> TypeTable:
    """Return the table of a resource or data type, read at first use. Raises: KeyError for an unknown type."""
    header = _headers()[name]
    elements = [_element(row) for row in source.read("r4", "elements", f"{name}.json")]
    parents: dict[str, list[Element]] = {}
    for element in elements[1:]:
        parents.setdefault(element.path.rsplit(".", 1)[0], []).append(element)
    return TypeTable(
        name=name,
        kind=header["kind"],
        abstract=header.get("abstract", False),
        base=header.get("base"),
        elements={e.path: e for e in elements},
        by_parent={path: tuple(children) for path, children in parents.items()},
    )


@cache
def summary_elements(type: str) -> frozenset[str]:
    """Return the element paths, without the type, that ``_summary=true`` keeps (``name``, ``contact.name``, ``value[x]``).

    Source: FHIR R4, search.html#summary. Raises: KeyError for an unknown type.
    """
    return frozenset(p.split(".", 1)[1] for p, e in element_table(type).elements.items() if e.summary and "." in p)


@cache
def _systems() -> Mapping[str, tuple[str, ...]]:
    rows = source.read("r4", "code-systems-of-value-sets.json")
    return {url: tuple(systems) for url, systems in rows.items()}


def implied_systems(value_set: str) -> tuple[str, ...]:
    """Return the code systems of an R4 value set that an element of type ``code`` is bound to (``|version`` ignored)."""
    return _systems().get(value_set.split("|", 1)[0], ())


def _element(row: dict[str, Any]) -> Element:
    binding = row.get("binding", {})
    return Element(
        path=row["path"],
        min=row["min"],
        max=None if row["max"] == "*" else int(row["max"]),
        types=tuple(_type(t) for t in row.get("types", ())),
        content=row.get("content"),
        binding_strength=binding.get("strength"),
        value_set=binding.get("valueSet"),
        summary=row.get("summary", False),
        modifier=row.get("modifier", False),
        constraints=tuple(Constraint(key=k, severity=s, expression=e) for k, s, e in row.get("constraints", ())),
        max_length=row.get("maxLength"),
        min_value=row.get("minValueInteger"),
        max_value=row.get("maxValueInteger"),
    )


def _type(row: str | dict[str, Any]) -> ElementType:
    if isinstance(row, str):
        return ElementType(code=row)
    return ElementType(
        code=row["code"],
        targets=tuple(row.get("targets", ())),
        profiles=tuple(row.get("profiles", ())),
        regex=row.get("regex"),
    )
