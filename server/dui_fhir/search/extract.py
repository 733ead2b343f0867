"""A resource → the values under which searches find it.

Source: FHIR R4, search.html; derived parameters are those of :mod:`dui_fhir.domain.index`.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cache
from typing import Any, Literal, TypeVar

from dui_fhir.definitions import SearchParameter, SearchRegistry, search_parameters
from dui_fhir.domain.index import IndexValues, ReferenceValue
from dui_fhir.domain.reference import walk
from dui_fhir.search.accessors import Evaluation, Path, Tree, boolean, paths
from dui_fhir.search.expression import Equals, Exists, Is, Logic, Unsupported, parse
from dui_fhir.search.fold import words
from dui_fhir.search.values import Converter, Sink, converter, local_or_foreign

FullText = Literal["none", "text", "content"]
TEXT_CHARACTERS_MAX = 200_000
"""What is kept of a resource for ``_content``: enough for any record of care, not for a document inside it."""

# found by id, instant or full text, not by values
_NOT_INDEXED = frozenset({"_id", "_lastUpdated", "_text", "_content", "_query"})
_BOOLEANS = (Equals, Exists, Is, Logic)


@dataclass(frozen=True, slots=True)
class _Composite:
    """Give each component of a composite, under one group number; ``roots`` says which start from the resource.

    ``keys``: for each component that reads nothing but these keys of its starting point, whether it starts from the resource,
    and the keys: an element without any of them is not worth a walk.
    """

    trees: tuple[Tree, ...]
    roots: tuple[bool, ...]
    keys: tuple[tuple[bool, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    tree: Tree
    computed: tuple[tuple[str, Evaluation], ...]


class Extractor:
    """Extracts index values for one registry of parameters; to be shared by all threads.

    ``zone``: of dates written without one. ``bases``: the URLs this server goes by; references to them are local.
    ``full_text``: what ``_text`` and ``_content`` may search.
    """

    def __init__(
        self,
        registry: SearchRegistry | None = None,
        *,
        zone: tzinfo = UTC,
        bases: Sequence[str] = (),
        full_text: FullText = "content",
    ) -> None:
        self._registry = registry or search_parameters()
        self._zone = zone
        self._bases = tuple(base.rstrip("/") for base in bases)
        self._full_text = full_text
        self._compiled: dict[str, _Compiled] = {}

    def extract(
        self, resource: dict[str, Any], *, bases: Sequence[str] | None = None, links: Iterable[ReferenceValue] = ()
    ) -> IndexValues:
        """Return the index values of a resource, without duplicates, and those of ``links``.

        ``bases`` replaces those given at the start. What the element tables do not know, or is of a wrong type, is left out.
        """
        type_ = resource.get("resourceType")
        if not isinstance(type_, str):
            return IndexValues()
        compiled = self._compiled.get(type_) or self._compile(type_)
        sink = Sink(resource, self._zone, self._bases if bases is None else tuple(b.rstrip("/") for b in bases))
        _visit(compiled.tree, resource, sink, 0)
        for param, evaluate in compiled.computed:
            _add_boolean(sink, param, evaluate(resource))
        return IndexValues(
            tokens=_distinct(sink.tokens),
            strings=_distinct(sink.strings),
            dates=_distinct(sink.dates),
            numbers=_distinct(sink.numbers),
            quantities=_distinct(sink.quantities),
            references=_distinct([*sink.references, *links]),
            uris=_distinct(sink.uris),
            text="" if self._full_text == "none" else narrative(resource),
            content=content(resource) if self._full_text == "content" else "",
        )

    def _compile(self, type_: str) -> _Compiled:
        compiled = self._compiled[type_] = compile_type(type_, self._registry)
        return compiled


_Value = TypeVar("_Value")


def _distinct(values: list[_Value]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(values)) if values else ()


@cache
def _default() -> Extractor:
    return Extractor()


def extract(resource: dict[str, Any], *, bases: Sequence[str] = ()) -> IndexValues:
    """Return the index values of a resource for the parameters of R4 alone, with UTC for dates without a zone."""
    return _default().extract(resource, bases=bases)


def references(resource: dict[str, Any], bases: Sequence[str] = ()) -> Iterator[tuple[str, ReferenceValue]]:
    """Yield ``(element path, target)`` of each literal reference, those to contained resources left out.

    ``ReferenceValue.param`` is empty; ``url`` None = a resource of this server.
    """
    roots = tuple(base.rstrip("/") for base in bases)
    for path, element in walk(resource):
        target = element["reference"]
        if target and not target.startswith("#"):
            yield path, ReferenceValue("", *local_or_foreign(target, roots))


# compiling


def compile_type(type_: str, registry: SearchRegistry) -> _Compiled:
    """Compile all parameters of a resource type; those that cannot be are left out: see :func:`faults`."""
    tree = Tree()
    computed: list[tuple[str, Evaluation]] = []
    for parameter in registry.for_type(type_).values():
        if parameter.code in _NOT_INDEXED or not parameter.expression:
            continue
        try:
            _add(tree, computed, parameter, type_, registry)
        except Unsupported:
            continue
    _group_params(tree)
    return _Compiled(tree, tuple(computed))


def faults(registry: SearchRegistry, types: Iterable[str]) -> list[tuple[SearchParameter, str]]:
    """Return the parameters that cannot be indexed, each with the reason (English, technical)."""
    found = []
    for type_ in types:
        for parameter in registry.for_type(type_).values():
            reason = fault(parameter, type_, registry)
            if reason is not None:
                found.append((parameter, reason))
    return found


def fault(parameter: SearchParameter, type_: str, registry: SearchRegistry) -> str | None:
    """Return why a parameter finds nothing in resources of a type, None where it is indexed."""
    if parameter.code in _NOT_INDEXED:
        return None
    tree = Tree()
    computed: list[tuple[str, Evaluation]] = []
    try:
        _add(tree, computed, parameter, type_, registry)
    except Unsupported as error:
        return str(error)
    return None if computed or _emits(tree) else f"no element of {type_} has a type that {parameter.type} indexes"


def _emits(tree: Tree) -> bool:
    if tree.emits or any(all(_emits(part) for part in composite.trees) for composite in tree.composites):
        return True
    return any(_emits(child) for child in tree.below)


def leaf_types(parameter: SearchParameter, type_: str) -> frozenset[str]:
    """Return the data types a parameter reads in a resource type. Raises: Unsupported."""
    expression = parse(parameter.expression) if parameter.expression else None
    if expression is None or isinstance(expression, _BOOLEANS):
        return frozenset({"boolean"} if expression else ())
    return frozenset(path.position for path in paths(expression, type_, type_))


def _add(
    tree: Tree,
    computed: list[tuple[str, Evaluation]],
    parameter: SearchParameter,
    type_: str,
    registry: SearchRegistry,
) -> None:
    expression = parse(parameter.expression)
    if isinstance(expression, _BOOLEANS):
        computed.append((parameter.code, boolean(expression, type_, type_)))
    elif parameter.type == "composite":
        for path in paths(expression, type_, type_):
            tree.reach(path.steps, type_).composites.append(_composite(parameter, path.position, type_, registry))
    else:
        _add_paths(tree, parameter.code, parameter.type, paths(expression, type_, type_), type_)


def _add_paths(tree: Tree, code: str, kind: str, found: Iterable[Path], type_: str) -> None:
    for path in found:
        convert = converter(kind, path.position)
        if convert is not None:
            tree.reach(path.steps, type_).emits.append((convert, (code,)))


def _composite(parameter: SearchParameter, position: str, type_: str, registry: SearchRegistry) -> _Composite:
    trees, roots = [], []
    for number, component in enumerate(parameter.components):
        definition = registry.by_url(component.definition)
        if definition is None:
            raise Unsupported(f"unknown component {component.definition}")
        found = paths(parse(component.expression), position, type_)
        tree = Tree()
        _add_paths(tree, f"{parameter.code}${number}", definition.type, found, type_)
        trees.append(tree)
        roots.append(any(path.absolute for path in found))
    keys = [(root, frozenset(t.children)) for t, root in zip(trees, roots, strict=True) if not (t.emits or t.filters)]
    return _Composite(tuple(trees), tuple(roots), tuple(keys))


def _group_params(tree: Tree) -> None:
    """Merge the parameters that read one element in one way, so that its values are made ready once."""
    merged: dict[Converter, tuple[str, ...]] = {}
    for convert, params in tree.emits:
        merged[convert] = tuple(dict.fromkeys((*merged.get(convert, ()), *params)))
    tree.emits = list(merged.items())
    for child in tree.below:
        _group_params(child)


# walking


def _walk(tree: Tree, value: Any, sink: Sink, group: int) -> None:
    if type(value) is not list:
        _visit(tree, value, sink, group)
        if 0 in tree.items:
            _visit(tree.items[0], value, sink, group)
        return
    for item in value:
        if item is not None:
            _visit(tree, item, sink, group)
    for index, child in tree.items.items():
        if index < len(value):
            _visit(child, value[index], sink, group)


def _visit(tree: Tree, value: Any, sink: Sink, group: int) -> None:
    for convert, params in tree.emits:
        convert(sink, params, value, group)
    for composite in tree.composites:
        _emit_composite(composite, value, sink)
    for test, child in tree.filters:
        if test(value):
            _visit(child, value, sink, group)
    children = tree.children
    if not children or not isinstance(value, dict):
        return
    if len(children) > len(value):
        for key, found in value.items():
            if key in children:
                _walk(children[key], found, sink, group)
    else:
        for key, child in children.items():
            if key in value:
                _walk(child, value[key], sink, group)


def _emit_composite(composite: _Composite, value: Any, sink: Sink) -> None:
    """Index an element under a composite where it has all components; the last ones, mostly absent, are tried first."""
    for root, keys in composite.keys:
        start = sink.resource if root else value
        if start.__class__ is not dict or keys.isdisjoint(start):
            return
    before = _lengths(sink)
    sink.groups += 1
    total = sum(before)
    for tree, root in zip(reversed(composite.trees), reversed(composite.roots), strict=True):
        _visit(tree, sink.resource if root else value, sink, sink.groups)
        after = sum(_lengths(sink))
        if after == total:
            for values, kept in zip(_lists(sink), before, strict=True):
                del values[kept:]
            return
        total = after


def _lists(sink: Sink) -> tuple[list[Any], ...]:
    return sink.tokens, sink.strings, sink.dates, sink.numbers, sink.quantities, sink.references, sink.uris


def _lengths(sink: Sink) -> list[int]:
    return [len(values) for values in _lists(sink)]


def _add_boolean(sink: Sink, param: str, value: bool | None) -> None:
    if value is not None:
        _BOOLEAN(sink, (param,), value, 0)


_BOOLEAN: Converter = converter("token", "boolean")  # type: ignore[assignment]


# full text

_TAGS = re.compile(r"<[^>]*>")
# values that no one searches by word: references, identifiers of systems, bytes
_SILENT = frozenset(
    {
        "resourceType",
        "id",
        "reference",
        "system",
        "url",
        "profile",
        "data",
        "contentType",
        "hash",
        "lastUpdated",
        "div",
        "versionId",
    }
)


def narrative(resource: dict[str, Any]) -> str:
    """Return the folded words of the narrative, for ``_text``."""
    text = resource.get("text")
    div = text.get("div") if isinstance(text, dict) else None
    if not isinstance(div, str):
        return ""
    return " ".join(words(html.unescape(_TAGS.sub(" ", div))))[:TEXT_CHARACTERS_MAX]


def content(resource: dict[str, Any]) -> str:
    """Return the folded words of the whole resource, narrative included, for ``_content``."""
    found: list[str] = []
    _gather(resource, found)
    text = " ".join(found)[:TEXT_CHARACTERS_MAX]
    return " ".join((*words(text), *narrative(resource).split()))[:TEXT_CHARACTERS_MAX]


def _gather(value: dict[str, Any], found: list[str]) -> None:
    for key, child in value.items():
        kind = type(child)
        if kind is str:
            if key not in _SILENT:
                found.append(child)
        elif kind is dict:
            _gather(child, found)
        elif kind is list:
            for item in child:
                if type(item) is dict:
                    _gather(item, found)
                elif type(item) is str and key not in _SILENT:
                    found.append(item)
