"""A search as data: what ``search`` parses, what every store compiles to its own language.

Nothing here knows URLs; nothing in a store knows FHIR. Bounds are inclusive. With ``[l, h]`` the bounds of the query and
``[rl, rh]`` those of a value of the resource, the comparators mean (FHIR R4, search.html#prefix):

======  =====================================  ======  =============================
``eq``  rl ≥ l and rh ≤ h                      ``ne``  rl < l or rh > h
``gt``  rh > h                                 ``lt``  rl < l
``ge``  rh > h or eq                           ``le``  rl < l or eq
``sa``  rl > h                                 ``eb``  rh < l
``ap``  rl ≤ h and rh ≥ l (bounds already widened by the parser)
======  =====================================  ======  =============================
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind = Literal["token", "string", "date", "number", "quantity", "reference", "uri"]
Comparator = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


@dataclass(frozen=True, slots=True)
class TokenIs:
    """A token value. ``system`` None = any; ``""`` = none at all. ``code`` None = any."""

    param: str
    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class StringIs:
    """A string value: ``starts``, ``contains`` and ``ends`` compare folded text, ``exact`` the text as written."""

    param: str
    value: str
    how: Literal["starts", "contains", "ends", "exact"] = "starts"


@dataclass(frozen=True, slots=True)
class DateIs:
    """A date value, in epoch milliseconds."""

    param: str
    comparator: Comparator
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class NumberIs:
    """A number value."""

    param: str
    comparator: Comparator
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityIs:
    """A quantity value.

    ``system`` and ``code`` None = any unit; with ``system`` None and a ``code``, the code or the display unit may match.
    The value matches as written, or through its canonical bounds where these are given.
    """

    param: str
    comparator: Comparator
    low: float
    high: float
    system: str | None = None
    code: str | None = None
    canonical_low: float | None = None
    canonical_high: float | None = None
    canonical_code: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceIs:
    """A reference to ``type``/``id`` (``type`` None = any type), or to ``url`` (``version`` None = any)."""

    param: str
    type: str | None = None
    id: str | None = None
    url: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class UriIs:
    """``below``: value starts with ours; ``above``: ours starts with the value (at a ``/`` or the end)."""

    param: str
    value: str
    how: Literal["exact", "below", "above"] = "exact"


@dataclass(frozen=True, slots=True)
class TextIs:
    """Full text: every word of ``words`` (folded) is in the narrative, or in the whole content."""

    words: tuple[str, ...]
    where: Literal["text", "content"] = "text"


@dataclass(frozen=True, slots=True)
class IdIn:
    """The logical id is one of these."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeIn:
    """The resource type is one of these (system-level search)."""

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LastUpdatedIs:
    """``meta.lastUpdated`` (an instant, so rl = rh)."""

    comparator: Comparator
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Missing:
    """The resource has no value (``missing``) or some value for ``param``."""

    param: str
    kind: Kind
    missing: bool


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conjunction; empty = everything."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Disjunction; empty = nothing."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """Set complement among the resources searched."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class SameGroup:
    """Composite: each node matches a value, and those values share one group number."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Chain:
    """``param`` points to a current resource of one of ``types`` that satisfies ``node``."""

    param: str
    types: tuple[str, ...]
    node: "Node"


@dataclass(frozen=True, slots=True)
class Has:
    """A current resource of ``type`` that satisfies ``node`` points here with its ``param``."""

    type: str
    param: str
    node: "Node"


Node: TypeAlias = (
    TokenIs
    | StringIs
    | DateIs
    | NumberIs
    | QuantityIs
    | ReferenceIs
    | UriIs
    | TextIs
    | IdIn
    | TypeIn
    | LastUpdatedIs
    | Missing
    | AllOf
    | AnyOf
    | Not
    | SameGroup
    | Chain
    | Has
)

EVERYTHING = AllOf(())


@dataclass(frozen=True, slots=True)
class SortKey:
    """Sort on an indexed parameter, or on ``_id`` / ``_lastUpdated``.

    Ascending takes the smallest value of a resource (low bound), descending the greatest (high bound); resources without
    a value come last in both. Kinds that sort: token (code), string (folded), date, number, quantity (canonical where
    there, else as written), reference (``Type/id`` or url), uri.
    """

    param: str
    kind: Kind
    descending: bool = False


Cursor: TypeAlias = tuple[int | float | str | None, ...]
"""Where a page ended: one value per sort key, then type and id (always the last keys). None = had no value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One page of a search over current, non-deleted resources.

    ``types`` empty = all types. Order: the sort keys, then type, then id. ``limit`` is a number of resources.
    ``total``: ``accurate`` counts all matches, ``none`` does not (a store may still give what costs nothing), ``estimate`` may tell
    about how many there are where counting them costs too much, and says so.
    ``bytes_max``: the page ends before the resource whose body would take it over that size, but holds at least one.
    """

    types: tuple[str, ...]
    where: Node = EVERYTHING
    sort: tuple[SortKey, ...] = ()
    limit: int = 50
    after: Cursor | None = None
    total: Literal["none", "estimate", "accurate"] = "none"
    bytes_max: int | None = None
