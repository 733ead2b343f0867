"""Index values as rows of the tables of :mod:`dui_fhir.store.sqlite.schema`."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol, TypeAlias

from dui_fhir.domain.index import IndexValues
from dui_fhir.search.fold import fold

CellKind = Literal[
    "token", "string", "exact", "date", "number", "quantity", "unit", "canonical", "order", "reference", "uri"
]
"""Kinds of ``name.kind``. ``exact``: a string whose folded text is not that of its exact text. A quantity is a row as
written, perhaps one under its display unit, perhaps a canonical one, and ``order``: the bounds it sorts by."""

RANGED: frozenset[str] = frozenset({"date", "number", "quantity", "unit", "canonical"})
ORDERED: frozenset[str] = frozenset({"date"})

DATE_WIDTHS_MS = (999, 90_000_000, 32 * 86_400_000, 367 * 86_400_000)
"""Largest ``high - low`` of the classes 0 to 3 of a date (second, day, month, year); class 4 has no bound."""
UNBOUNDED = len(DATE_WIDTHS_MS)


class Cell(NamedTuple):
    """One index value of one resource.

    ``a, b, c, d``: token = code, system number, -, -; string = folded, exact; ranges = low, high, unit code, system number;
    reference = id, type number, version (a URL: url, 0, version); uri = value.
    """

    p: int
    g: int
    a: str | int | float
    b: str | int | float
    c: str | None
    d: int | None


TextRow: TypeAlias = tuple[int, str, str | int, int]
"""``f_text`` without id and rid: p, a, b, g."""
RangeRow: TypeAlias = tuple[int, int, float, float, str, int, int]
"""``f_range`` without id and rid: p, w, a, b, c, d, g."""
OrderRow: TypeAlias = tuple[int, int, float]
"""``f_order`` without id and rid: p, d, k."""


class Forward(NamedTuple):
    """The rows that lead to a resource."""

    text: frozenset[TextRow]
    range: frozenset[RangeRow]
    order: frozenset[OrderRow]


class Numbers(Protocol):
    """The dictionaries of a tenant; a name not met before gets a number."""

    def type(self, name: str) -> int:
        """Return the number of a resource type."""

    def param(self, type: int, param: str, kind: CellKind) -> int:
        """Return the number of a parameter of a type."""

    def system(self, text: str) -> int:
        """Return the number of a code system (never 0)."""


def cells(type: int, index: IndexValues, numbers: Numbers) -> list[Cell]:
    """Return the cells of a resource, without duplicates."""
    found = [
        *_tokens(type, index, numbers),
        *_strings(type, index, numbers),
        *_ranges(type, index, numbers),
        *_quantities(type, index, numbers),
        *_references(type, index, numbers),
        *(Cell(numbers.param(type, param, "uri"), g, value, 0, None, None) for param, value, g in index.uris),
    ]
    return list(dict.fromkeys(found))


def _tokens(type: int, index: IndexValues, numbers: Numbers) -> Iterator[Cell]:
    for param, system, code, g in index.tokens:
        yield Cell(numbers.param(type, param, "token"), g, code, numbers.system(system) if system else 0, None, None)


def _strings(type: int, index: IndexValues, numbers: Numbers) -> Iterator[Cell]:
    for param, folded, exact, g in index.strings:
        yield Cell(numbers.param(type, param, "string"), g, folded, exact, None, None)
        if fold(exact) != folded:
            yield Cell(numbers.param(type, param, "exact"), g, exact, 0, None, None)


def _ranges(type: int, index: IndexValues, numbers: Numbers) -> Iterator[Cell]:
    for param, low, high, g in index.dates:
        yield Cell(numbers.param(type, param, "date"), g, low, high, "", 0)
    for param, lowest, highest, g in index.numbers:
        yield Cell(numbers.param(type, param, "number"), g, float(lowest), float(highest), "", 0)


def _quantities(type: int, index: IndexValues, numbers: Numbers) -> Iterator[Cell]:
    for param, low, high, system, code, unit, canonical_low, canonical_high, canonical_code, g in index.quantities:
        s = 0 if system is None else numbers.system(system)
        low, high = float(low), float(high)
        yield Cell(numbers.param(type, param, "quantity"), g, low, high, _optional(code), s)
        if unit is not None and unit != code:
            yield Cell(numbers.param(type, param, "unit"), g, low, high, _optional(unit), 0)
        if canonical_low is not None and canonical_high is not None:
            low, high = float(canonical_low), float(canonical_high)
            if canonical_code is not None:
                yield Cell(numbers.param(type, param, "canonical"), g, low, high, _optional(canonical_code), 0)
        if g == 0:
            yield Cell(numbers.param(type, param, "order"), g, low, high, "", 0)


def _optional(code: str | None) -> str:
    # a code "" is not the absence of a code
    return "" if code is None else f"={code}"


def unit_code(code: str) -> str:
    """Return how the code or unit of a quantity is written in column ``c``."""
    return _optional(code)


def _references(type: int, index: IndexValues, numbers: Numbers) -> Iterator[Cell]:
    for param, target, id, url, version, g in index.references:
        p = numbers.param(type, param, "reference")
        if url is not None:
            yield Cell(p, g, url, 0, version, None)
        elif target is not None and id is not None:
            yield Cell(p, g, id, numbers.type(target), version, None)


def width(kind: str, low: float, high: float) -> int:
    """Return the width class of an interval."""
    if kind == "date":
        return next((w for w, longest in enumerate(DATE_WIDTHS_MS) if high - low <= longest), UNBOUNDED)
    return 0 if low == high else UNBOUNDED


def forward(found: Iterable[Cell], kinds: "Kinds") -> Forward:
    """Return the rows that lead to a resource with these cells."""
    text: set[TextRow] = set()
    ranged: set[RangeRow] = set()
    bounds: dict[int, tuple[float, float]] = {}
    for p, g, a, b, c, d in found:
        kind = kinds(p)
        if kind in RANGED:
            ranged.add((p, width(kind, a, b), a, b, c, d, g))  # type: ignore[arg-type]
        elif kind != "order":
            text.add((p, a, b, g))  # type: ignore[arg-type]
        if kind in ORDERED and g == 0:
            low, high = bounds.get(p, (a, b))
            bounds[p] = (min(low, a), max(high, b))  # type: ignore[assignment]
    order = {row for p, (low, high) in bounds.items() for row in ((p, 0, low), (p, 1, -high))}
    return Forward(frozenset(text), frozenset(ranged), frozenset(order))


class Kinds(Protocol):
    """Parameter number → kind."""

    def __call__(self, p: int, /) -> str: ...
