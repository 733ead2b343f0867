"""Nodes compiled to filters of ``resources``.

Chains and ``_has`` are answered in two steps, the inner search first: a server-side join is slower and stops at shards.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from dui_fhir.domain.errors import Unavailable
from dui_fhir.domain.query import (
    AllOf,
    AnyOf,
    Chain,
    Comparator,
    Cursor,
    DateIs,
    Has,
    IdIn,
    LastUpdatedIs,
    Missing,
    Node,
    Not,
    NumberIs,
    QuantityIs,
    Query,
    ReferenceIs,
    SameGroup,
    SortKey,
    StringIs,
    TextIs,
    TokenIs,
    TypeIn,
    UriIs,
)
from dui_fhir.store.mongo.documents import ARRAYS, Document, field_name
from dui_fhir.store.prefix import prefix_end

Find: TypeAlias = Callable[[Document, Document, int], list[Document]]
"""Filter, projection and limit → documents of ``resources``."""

ValueNode: TypeAlias = TokenIs | StringIs | DateIs | NumberIs | QuantityIs | ReferenceIs | UriIs
VALUE_NODES = (TokenIs, StringIs, DateIs, NumberIs, QuantityIs, ReferenceIs, UriIs)

NOTHING: Document = {"_id": {"$in": []}}
EVERYTHING: Document = {}
INNER_MAX = 20_000
"""Resources that the inner search of a chain may find."""


class Compiler:
    """Compilation of one search; ``find`` runs the inner searches."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def filter(self, query: Query) -> Document:
        """Return the filter of a query, its cursor left out."""
        parts = [{"live": True}, self.node(query.where)]
        if query.types:
            parts.insert(0, _one_of("t", sorted(set(query.types))))
        return _all(parts)

    def node(self, node: Node) -> Document:
        """Return the filter of one node."""
        match node:
            case AllOf(nodes):
                return _all([self.node(child) for child in nodes])
            case AnyOf(nodes):
                return _any([self.node(child) for child in nodes])
            case Not(child):
                return {"$nor": [self.node(child)]}
            case Chain():
                return self._chain(node)
            case Has():
                return self._has(node)
            case SameGroup(nodes):
                return _same_group(nodes)
            case IdIn(ids):
                return _one_of("id", list(ids))
            case TypeIn(types):
                return _one_of("t", list(types))
            case LastUpdatedIs(comparator, low, high):
                return _any(_compare(comparator, low, high, "i", "i"))
            case TextIs(words, where):
                return {"w" if where == "text" else "cw": {"$all": list(words)}} if words else EVERYTHING
            case Missing(param, kind, missing):
                there = _missing(param, kind)
                return {"$nor": [there]} if missing else there
        return _any([{array: {"$elemMatch": element}} for array, element in elements(node)])

    def _chain(self, node: Chain) -> Document:
        inner = _all([_one_of("t", list(node.types)), {"live": True}, self.node(node.node)])
        by_type: dict[str, list[str]] = {}
        for found in self._inner(inner, {"t": 1, "id": 1}):
            by_type.setdefault(found["t"], []).append(found["id"])
        return _any(
            [
                {"rf": {"$elemMatch": {"p": node.param, "t": type, "i": {"$in": ids}, "u": None}}}
                for type, ids in sorted(by_type.items())
            ]
        )

    def _has(self, node: Has) -> Document:
        pointing = {"rf": {"$elemMatch": {"p": node.param, "u": None}}}
        inner = _all([{"t": node.type, "live": True}, pointing, self.node(node.node)])
        keys = {
            f"{r['t']}/{r['i']}"
            for found in self._inner(inner, {"rf": 1})
            for r in found["rf"]
            if r["p"] == node.param and r["u"] is None
        }
        return _one_of("_id", sorted(keys))

    def _inner(self, filter: Document, projection: Document) -> list[Document]:
        found = self._find(filter, projection, INNER_MAX + 1)
        if len(found) > INNER_MAX:
            raise Unavailable.of(
                "store-too-costly",
                "La recherche demande trop de travail : précisez-la.",
                f"the inner search of a chain finds more than {INNER_MAX} resources",
                code="too-costly",
            )
        return found


def elements(node: ValueNode) -> list[tuple[str, Document]]:
    """Return array and element filter of the values that satisfy a node; one of them is enough."""
    match node:
        case TokenIs(param, system, code):
            return [("tk", {"p": param} | _given(s=system, c=code))]
        case StringIs():
            return [("st", {"p": node.param} | _string(node))]
        case DateIs(param, comparator, low, high):
            return [("dt", {"p": param} | bounds) for bounds in _compare(comparator, low, high, "l", "h")]
        case NumberIs(param, comparator, low, high):
            return [("nb", {"p": param} | bounds) for bounds in _compare(comparator, low, high, "l", "h")]
        case QuantityIs():
            return [("qt", {"p": node.param} | condition) for condition in _quantity(node)]
        case ReferenceIs(param, type, id, url, version):
            named = {"u": url} if url is not None else {"u": None} | _given(t=type, i=id)
            return [("rf", {"p": param} | named | _given(v=version))]
        case UriIs():
            return [("ur", {"p": node.param} | _uri(node))]


def _given(**values: str | None) -> Document:
    return {name: value for name, value in values.items() if value is not None}


def _string(node: StringIs) -> Document:
    if node.how == "exact":
        return {"e": node.value}
    if not node.value:
        return {}
    if node.how == "ends":
        return {"f": {"$regex": f"{re.escape(node.value)}$"}}
    return {"f": {"$regex": re.escape(node.value)}} if node.how == "contains" else {"f": _starts(node.value)}


def _starts(prefix: str) -> Document:
    end = prefix_end(prefix)
    return {"$gte": prefix} if end is None else {"$gte": prefix, "$lt": end}


def _uri(node: UriIs) -> Document:
    if node.how == "exact":
        return {"v": node.value}
    if node.how == "below":
        return {"v": _starts(node.value)} if node.value else {}
    cuts = [i for i, character in enumerate(node.value) if character == "/"]
    above = {node.value, *(node.value[:i] for i in cuts), *(node.value[: i + 1] for i in cuts)}
    return {"v": {"$in": sorted(above)}}


def _quantity(node: QuantityIs) -> list[Document]:
    units: list[Document] = [_given(s=node.system, c=node.code)]
    if node.code is not None and node.system is None:
        units.append({"u": node.code})
    found = [b | unit for b in _compare(node.comparator, node.low, node.high, "l", "h") for unit in units]
    if node.canonical_code is not None and node.canonical_low is not None and node.canonical_high is not None:
        canonical = _compare(node.comparator, node.canonical_low, node.canonical_high, "cl", "ch")
        found += [b | {"cc": node.canonical_code} for b in canonical]
    return found


def _compare(comparator: Comparator, low: float, high: float, a: str, b: str) -> list[Document]:
    """Return alternatives (each of them bounds an index); see the table of :mod:`dui_fhir.domain.query`."""
    inside: Document = {a: {"$gte": low, "$lte": high}} if a == b else {a: {"$gte": low}, b: {"$lte": high}}
    across: Document = inside if a == b else {a: {"$lte": high}, b: {"$gte": low}}
    before, beyond = {a: {"$lt": low}}, {b: {"$gt": high}}
    alternatives: dict[Comparator, list[Document]] = {
        "eq": [inside],
        "ne": [before, beyond],
        "gt": [beyond],
        "lt": [before],
        "ge": [beyond, inside],
        "le": [before, inside],
        "sa": [{a: {"$gt": high}}],
        "eb": [{b: {"$lt": low}}],
        "ap": [across],
    }
    return alternatives[comparator]


def _missing(param: str, kind: Any) -> Document:
    name = ARRAYS[kind]
    if "$" in param:
        return {"cp": {"$elemMatch": {name: {"$elemMatch": {"p": param}}}}}
    return {name: {"$elemMatch": {"p": param}}}


def _same_group(nodes: Sequence[Node]) -> Document:
    """A group is one element of ``cp``."""
    return {"cp": {"$elemMatch": _all([_component(node) for node in nodes])}} if nodes else EVERYTHING


def _component(node: Node) -> Document:
    if isinstance(node, AnyOf):
        return _any([_component(child) for child in node.nodes])
    if isinstance(node, AllOf):
        return _all([_component(child) for child in node.nodes]) if node.nodes else NOTHING
    if not isinstance(node, VALUE_NODES):
        raise TypeError(f"not a component of a composite: {type(node).__name__}")
    return _any([{array: {"$elemMatch": element}} for array, element in elements(node)])


def _one_of(field: str, values: list[str]) -> Document:
    return {field: values[0]} if len(values) == 1 else {field: {"$in": values}}


def _all(parts: Sequence[Document]) -> Document:
    kept = [part for part in parts if part]
    return kept[0] if len(kept) == 1 else ({"$and": kept} if kept else EVERYTHING)


def _any(parts: Sequence[Document]) -> Document:
    return parts[0] if len(parts) == 1 else ({"$or": list(parts)} if parts else NOTHING)


# order


def sort_path(key: SortKey) -> str:
    """Return the field that a sort key compares."""
    if key.param == "_id":
        return "id"
    if key.param == "_lastUpdated":
        return "i"
    return f"o.{key.kind}.{field_name(key.param)}.{'d' if key.descending else 'a'}"


def _mark(key: SortKey) -> str | None:
    """Return the field that says that there is a value, None where there always is."""
    return None if key.param in ("_id", "_lastUpdated") else f"o.{key.kind}.{field_name(key.param)}.m"


def order(sort: Sequence[SortKey]) -> list[tuple[str, int]]:
    """Return the order: for each key first those that have a value, for MongoDB would put the others before."""
    found: list[tuple[str, int]] = []
    for key in sort:
        mark = _mark(key)
        found += [(mark, -1)] if mark else []
        found.append((sort_path(key), -1 if key.descending else 1))
    kept: dict[str, int] = {}
    for name, direction in [*found, ("t", 1), ("id", 1)]:
        kept.setdefault(name, direction)  # a field named twice would be refused
    return list(kept.items())


def after(sort: Sequence[SortKey], cursor: Cursor | None) -> Document:
    """Return the filter of what comes after a cursor."""
    if cursor is None:
        return EVERYTHING
    type, id = cursor[-2:]
    condition: Document = {"$or": [{"t": {"$gt": type}}, {"t": type, "id": {"$gt": id}}]}
    for key, position in reversed(list(zip(sort, cursor[:-2], strict=True))):
        path, mark = sort_path(key), _mark(key)
        if position is None and mark is not None:
            condition = {"$and": [{mark: None}, condition]}
            continue
        beyond: list[Document] = [{path: {"$lt" if key.descending else "$gt": position}}]
        beyond += [{mark: None}] if mark is not None else []
        condition = {"$or": [*beyond, {"$and": [{path: position}, condition]}]}
    return condition


def position(document: Document, sort: Sequence[SortKey]) -> Cursor:
    """Return the cursor of a document."""
    return (*(_dig(document, sort_path(key)) for key in sort), document["t"], document["id"])


def _dig(document: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    return document
