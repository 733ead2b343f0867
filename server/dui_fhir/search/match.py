"""What a query means, evaluated in memory over index values: the memory store, and the oracle of the others.

Source: FHIR R4, search.html; the comparators are those of :mod:`dui_fhir.domain.query`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, TypeAlias

from dui_fhir.domain.index import (
    DateValue,
    IndexValues,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)
from dui_fhir.domain.query import (
    AllOf,
    AnyOf,
    Chain,
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One current resource, as far as searches are concerned."""

    type: str
    id: str
    instant_ms: int
    index: IndexValues


Lookup: TypeAlias = Callable[[str, str], Entry | None]
"""``(type, id)`` → the current resource, None where absent or deleted."""

Referrers: TypeAlias = Callable[[str, str, str, str], Iterable[Entry]]
"""``(type, id, source_type, param)`` → the current resources of ``source_type`` that point there with ``param``."""


def matches(node: Node, entry: Entry, lookup: Lookup, referrers: Referrers) -> bool:
    """Return whether the resource satisfies the node."""
    return _Evaluation(lookup, referrers).holds(node, entry)


def parts(node: Node) -> Iterator[Node]:
    """Yield a node and all those inside it that speak of the same resource."""
    yield node
    match node:
        case AllOf(nodes) | AnyOf(nodes) | SameGroup(nodes):
            for child in nodes:
                yield from parts(child)
        case Not(child):
            yield from parts(child)


def alone(node: Node) -> bool:
    """Tell whether one resource suffices to judge a node: no chain, no ``_has``."""
    return not any(isinstance(part, Chain | Has) for part in parts(node))


def page(entries: Iterable[Entry], query: Query) -> tuple[list[Entry], Cursor | None, int | None]:
    """Return one page over ``entries`` (all current resources), the cursor of the next one, and the total if asked for."""
    universe = Universe(entries)
    found = [
        entry
        for entry in universe.entries
        if (not query.types or entry.type in query.types)
        and matches(query.where, entry, universe.lookup, universe.referrers)
    ]
    total = None if query.total == "none" else len(found)
    ordered = sorted(((cursor(entry, query.sort), entry) for entry in found), key=cmp_to_key(_by_cursor(query.sort)))
    if query.after is not None:
        after = query.after
        ordered = [pair for pair in ordered if compare(pair[0], after, query.sort) > 0]
    shown = ordered[: query.limit]
    following = shown[-1][0] if shown and len(ordered) > len(shown) else None
    return [entry for _, entry in shown], following, total


class Universe:
    """All current resources of a tenant, with what chains need."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_key = {(entry.type, entry.id): entry for entry in entries}
        self._pointing: dict[tuple[str, str], list[tuple[str, Entry]]] | None = None

    @property
    def entries(self) -> Iterable[Entry]:
        """Every entry, in the order given."""
        return self._by_key.values()

    def lookup(self, type: str, id: str) -> Entry | None:
        """See :data:`Lookup`."""
        return self._by_key.get((type, id))

    def referrers(self, type: str, id: str, source_type: str, param: str) -> list[Entry]:
        """See :data:`Referrers`."""
        if self._pointing is None:
            self._pointing = self._invert()
        found = self._pointing.get((type, id), ())
        return [entry for name, entry in found if name == param and entry.type == source_type]

    def _invert(self) -> dict[tuple[str, str], list[tuple[str, Entry]]]:
        pointing: dict[tuple[str, str], list[tuple[str, Entry]]] = {}
        for entry in self.entries:
            for value in entry.index.references:
                if value.url is None and value.type is not None and value.id is not None:
                    pointing.setdefault((value.type, value.id), []).append((value.param, entry))
        return pointing


# order


def cursor(entry: Entry, sort: Sequence[SortKey]) -> Cursor:
    """Return the position of a resource in an order: one value per key (None = has none), then type and id."""
    return (*(sort_value(entry, key) for key in sort), entry.type, entry.id)


def sort_value(entry: Entry, key: SortKey) -> int | float | str | None:
    """Return the value that a resource sorts by: its smallest ascending, its greatest descending."""
    if key.param == "_id":
        return entry.id
    if key.param == "_lastUpdated":
        return entry.instant_ms
    values = [
        _sortable(value, key.descending) for value in values_of(entry.index, key.kind) if value.param == key.param
    ]
    present = [value for value in values if value is not None]
    if not present:
        return None
    return max(present) if key.descending else min(present)


def compare(left: Cursor, right: Cursor, sort: Sequence[SortKey]) -> int:
    """Return −1, 0 or 1 as ``left`` comes before, at or after ``right``; what has no value comes last."""
    descending = (*(key.descending for key in sort), False, False)
    for a, b, down in zip(left, right, descending, strict=True):
        if a == b:
            continue
        if a is None or b is None:
            return 1 if a is None else -1
        smaller: bool = a < b  # type: ignore[operator]
        return 1 if smaller == down else -1
    return 0


def _by_cursor(sort: Sequence[SortKey]) -> Callable[[tuple[Cursor, Entry], tuple[Cursor, Entry]], int]:
    return lambda left, right: compare(left[0], right[0], sort)


def values_of(index: IndexValues, kind: str) -> tuple[Any, ...]:
    """Return the values of one kind (``token``, ``string``…)."""
    values: tuple[Any, ...] = getattr(index, _FIELDS[kind])
    return values


_FIELDS = {
    "token": "tokens",
    "string": "strings",
    "date": "dates",
    "number": "numbers",
    "quantity": "quantities",
    "reference": "references",
    "uri": "uris",
}


def _sortable(value: Any, descending: bool) -> int | float | str | None:
    match value:
        case TokenValue():
            return value.code
        case StringValue():
            return value.folded
        case ReferenceValue():
            return value.url if value.url is not None else f"{value.type}/{value.id}"
        case UriValue():
            return value.value
        case QuantityValue() if value.canonical_low is not None:
            return value.canonical_high if descending else value.canonical_low
    bound: int | float = value.high if descending else value.low
    return bound


# nodes


class _Evaluation:
    """One evaluation: the nodes that need other resources are methods, the others functions below."""

    def __init__(self, lookup: Lookup, referrers: Referrers) -> None:
        self._lookup = lookup
        self._referrers = referrers

    def holds(self, node: Node, entry: Entry) -> bool:
        match node:
            case AllOf(nodes):
                return all(self.holds(child, entry) for child in nodes)
            case AnyOf(nodes):
                return any(self.holds(child, entry) for child in nodes)
            case Not(child):
                return not self.holds(child, entry)
            case Chain():
                return self._chain(node, entry)
            case Has(source, param, child):
                return any(self.holds(child, e) for e in self._referrers(entry.type, entry.id, source, param))
            case SameGroup(nodes):
                return bool(set.intersection(*(_groups(child, entry) for child in nodes))) if nodes else True
        return _about_resource(node, entry) if type(node) in _RESOURCE_NODES else bool(_found(node, entry.index))

    def _chain(self, node: Chain, entry: Entry) -> bool:
        for value in entry.index.references:
            if value.param != node.param or value.url is not None or value.type not in node.types:
                continue
            target = self._lookup(value.type, value.id) if value.id is not None else None
            if target is not None and self.holds(node.node, target):
                return True
        return False


_RESOURCE_NODES = {IdIn, TypeIn, LastUpdatedIs, TextIs, Missing}


def _about_resource(node: Node, entry: Entry) -> bool:
    match node:
        case IdIn(ids):
            return entry.id in ids
        case TypeIn(types):
            return entry.type in types
        case LastUpdatedIs(comparator, low, high):
            return holds(comparator, entry.instant_ms, entry.instant_ms, low, high)
        case TextIs(words, where):
            present = set((entry.index.text if where == "text" else entry.index.content).split())
            return all(word in present for word in words)
        case Missing(param, kind, missing):
            return missing != any(value.param == param for value in values_of(entry.index, kind))
    raise TypeError(f"not a node about a resource: {type(node).__name__}")


def _groups(node: Node, entry: Entry) -> set[int]:
    """Return the group numbers of the values that satisfy one component of a composite."""
    if isinstance(node, AnyOf):
        return set().union(*(_groups(child, entry) for child in node.nodes))
    if isinstance(node, AllOf):
        return set.intersection(*(_groups(child, entry) for child in node.nodes)) if node.nodes else set()
    return {value.group for value in _found(node, entry.index)}


def _found(node: Node, index: IndexValues) -> list[Any]:
    """Return the values that satisfy a node about one value."""
    kind, test = _TESTS[type(node)]
    param = node.param  # type: ignore[union-attr]
    return [value for value in values_of(index, kind) if value.param == param and test(node, value)]


def _token(node: TokenIs, value: TokenValue) -> bool:
    if node.system is not None and node.system != (value.system or ""):
        return False
    return node.code is None or node.code == value.code


def _string(node: StringIs, value: StringValue) -> bool:
    if node.how == "exact":
        return value.exact == node.value
    if node.how == "ends":
        return value.folded.endswith(node.value)
    return node.value in value.folded if node.how == "contains" else value.folded.startswith(node.value)


def _date(node: DateIs, value: DateValue) -> bool:
    return holds(node.comparator, value.low, value.high, node.low, node.high)


def _number(node: NumberIs, value: NumberValue) -> bool:
    return holds(node.comparator, value.low, value.high, node.low, node.high)


def _quantity(node: QuantityIs, value: QuantityValue) -> bool:
    if _same_unit(node, value) and holds(node.comparator, value.low, value.high, node.low, node.high):
        return True
    if node.canonical_code is None or node.canonical_code != value.canonical_code:
        return False
    bounds = (value.canonical_low, value.canonical_high, node.canonical_low, node.canonical_high)
    return None not in bounds and holds(node.comparator, *bounds)  # type: ignore[arg-type]


def _same_unit(node: QuantityIs, value: QuantityValue) -> bool:
    if node.code is None:
        return node.system is None or node.system == value.system
    if node.system is None:
        return node.code in (value.code, value.unit)
    return (node.system, node.code) == (value.system, value.code)


def _reference(node: ReferenceIs, value: ReferenceValue) -> bool:
    if node.version is not None and node.version != value.version:
        return False
    if node.url is not None:
        return value.url == node.url
    return value.url is None and node.type in (None, value.type) and node.id in (None, value.id)


def _uri(node: UriIs, value: UriValue) -> bool:
    if node.how == "below":
        return value.value.startswith(node.value)
    if node.how == "exact" or node.value == value.value:
        return node.value == value.value
    # http://example.org/ab is not under http://example.org/a
    return node.value.startswith(value.value if value.value.endswith("/") else value.value + "/")


_TESTS: dict[type, tuple[str, Callable[[Any, Any], bool]]] = {
    TokenIs: ("token", _token),
    StringIs: ("string", _string),
    DateIs: ("date", _date),
    NumberIs: ("number", _number),
    QuantityIs: ("quantity", _quantity),
    ReferenceIs: ("reference", _reference),
    UriIs: ("uri", _uri),
}


_COMPARISONS: dict[str, Callable[[float, float, float, float], bool]] = {
    "eq": lambda rl, rh, low, high: rl >= low and rh <= high,
    "ne": lambda rl, rh, low, high: rl < low or rh > high,
    "gt": lambda rl, rh, low, high: rh > high,
    "lt": lambda rl, rh, low, high: rl < low,
    "ge": lambda rl, rh, low, high: rh > high or (rl >= low and rh <= high),
    "le": lambda rl, rh, low, high: rl < low or (rl >= low and rh <= high),
    "sa": lambda rl, rh, low, high: rl > high,
    "eb": lambda rl, rh, low, high: rh < low,
    "ap": lambda rl, rh, low, high: rl <= high and rh >= low,
}


def holds(comparator: str, value_low: float, value_high: float, low: float, high: float) -> bool:
    """Return whether a value's bounds stand in that relation to the query's bounds (both inclusive)."""
    return _COMPARISONS[comparator](value_low, value_high, low, high)
