"""The values under which a resource is found: what ``search`` extracts and every store keeps.

One tuple type per kind of search parameter (FHIR R4, search.html#ptypes). ``param`` is the parameter's code. ``group`` is
0, except for the components of composite parameters, where values of one element share a number ≥ 1 and ``param`` is
``<composite>$0``, ``<composite>$1``.

Derived parameters, written by the extractor beside the official ones:

- ``<param>:text`` (strings): display and text of a token, for ``:text``;
- ``<param>:identifier`` (tokens): identifier of a logical reference;
- ``<param>:of-type`` (tokens): system and code of the identifier's type, code = ``<type code>|<value>``;
- ``_dui_patient``, ``_dui_structure`` (references): owner computed at write (decisions D1, D2).
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, NamedTuple

from dui_fhir.domain.value import dataclass


class TokenValue(NamedTuple):
    """``system`` is None where the coding has none; ``code`` may be empty (a system alone) and is in lower case, here as in
    queries: tokens are not case sensitive (``search.fold.fold_token``)."""

    param: str
    system: str | None
    code: str
    group: int = 0


class StringValue(NamedTuple):
    """``folded``: lower case, no accents, single spaces; ``exact``: as written."""

    param: str
    folded: str
    exact: str
    group: int = 0


class DateValue(NamedTuple):
    """Inclusive UTC epoch milliseconds; an open period has the bounds of ``domain.dates``."""

    param: str
    low: int
    high: int
    group: int = 0


class NumberValue(NamedTuple):
    """A number (low = high) or a range; infinite bounds where open."""

    param: str
    low: float
    high: float
    group: int = 0


class QuantityValue(NamedTuple):
    """A quantity as written, and its UCUM canonical form where the unit has one (else None)."""

    param: str
    low: float
    high: float
    system: str | None
    code: str | None
    unit: str | None
    canonical_low: float | None = None
    canonical_high: float | None = None
    canonical_code: str | None = None
    group: int = 0


class ReferenceValue(NamedTuple):
    """A local target (``type`` + ``id``, ``url`` None), or an absolute URL or canonical (``url``, maybe with type and id)."""

    param: str
    type: str | None
    id: str | None
    url: str | None = None
    version: str | None = None
    group: int = 0


class UriValue(NamedTuple):
    """A uri, compared literally."""

    param: str
    value: str
    group: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexValues:
    """All index values of one version of one resource, without duplicates."""

    tokens: tuple[TokenValue, ...] = ()
    strings: tuple[StringValue, ...] = ()
    dates: tuple[DateValue, ...] = ()
    numbers: tuple[NumberValue, ...] = ()
    quantities: tuple[QuantityValue, ...] = ()
    references: tuple[ReferenceValue, ...] = ()
    uris: tuple[UriValue, ...] = ()
    text: str = ""
    """Folded narrative text for ``_text``."""
    content: str = ""
    """Folded text of the whole resource for ``_content``."""

    def of(self, params: Collection[str]) -> "IndexValues":
        """Return the values of these parameters only, derived ones included, without full text."""
        return self._where(lambda param: stem(param) in params, text="", content="")

    def replaced(self, params: Collection[str], other: "IndexValues") -> "IndexValues":
        """Return these values with those of some parameters taken from ``other``; the full text stays."""
        kept = self._where(lambda param: stem(param) not in params)
        added = other.of(params)
        both: dict[str, Any] = {name: (*getattr(kept, name), *getattr(added, name)) for name in _ARRAYS}
        return replace(kept, **both)

    def _where(self, wanted: Callable[[str], bool], **others: Any) -> "IndexValues":
        kept: dict[str, Any] = {name: tuple(v for v in getattr(self, name) if wanted(v[0])) for name in _ARRAYS}
        return replace(self, **kept, **others)


_ARRAYS = ("tokens", "strings", "dates", "numbers", "quantities", "references", "uris")


def stem(param: str) -> str:
    """Return the parameter's code from which an indexed name derives: ``code:text`` and ``code$0`` are of ``code``."""
    return param.partition(":")[0].partition("$")[0]


NOTHING = IndexValues()
