"""What a search is parsed with."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

from dui_fhir.definitions import SearchRegistry, search_parameters
from dui_fhir.search.extract import FullText
from dui_fhir.settings import Settings


class Terminology(Protocol):
    """What ``:in``, ``:not-in``, ``:above`` and ``:below`` need. A set that is not known: raise a DuiError."""

    def expand(self, valueset: str) -> Iterable[tuple[str, str]]:
        """Return ``(system, code)`` of a value set, by its canonical URL."""

    def subsumed(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """Return a code and those below it."""

    def subsuming(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """Return a code and those above it."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Circumstances of a search.

    ``zone``: of dates written without one. ``bases``: URLs this server goes by. ``lenient``: unknown parameters become
    warnings. ``now_ms`` for ``ap`` on dates. The limits are settings of the same names.
    """

    registry: SearchRegistry = field(default_factory=search_parameters)
    zone: tzinfo = UTC
    bases: tuple[str, ...] = ()
    lenient: bool = False
    terminology: Terminology | None = None
    full_text: FullText = "content"
    now_ms: int = 0
    page_size: int = 50
    page_size_max: int = 1000
    or_values_max: int = 500
    chain_depth_max: int = 5
    chain_width_max: int = 500
    expansion_max: int = 5000
    filter_terms_max: int = 100
    near_km: float = 20.0

    @classmethod
    def of(cls, settings: Settings, **others: object) -> "SearchOptions":
        """Return the options that the settings give, completed by ``others``."""
        given: dict[str, object] = {
            "zone": ZoneInfo(settings.time_zone),
            "page_size": settings.page_size,
            "page_size_max": settings.page_size_max,
            "or_values_max": settings.search_or_values_max,
            "chain_depth_max": settings.search_chain_depth_max,
            "chain_width_max": settings.search_chain_width_max,
            "expansion_max": settings.search_expansion_max,
            "filter_terms_max": settings.search_filter_terms_max,
            "near_km": settings.search_near_km,
            "full_text": settings.search_full_text,
        }
        return cls(**(given | others))  # type: ignore[arg-type]
