"""The active subscriptions of each tenant, as every writing process knows them, without ever missing one: see ``domain.marker``.

Criteria by lists of codes (``:in``, ``:below``…) are compiled with the codes of the moment; where there are such criteria, each
write looks whether the tenant's lists are still those.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from dui_fhir.domain import marker
from dui_fhir.domain.errors import DuiError, Unavailable
from dui_fhir.domain.plan import Refused, VersionIs
from dui_fhir.domain.query import Query, TokenIs
from dui_fhir.ports import Store, every
from dui_fhir.search import faults
from dui_fhir.search.options import SearchOptions, Terminology
from dui_fhir.subscriptions.subscription import Watched, watched

_PAGE = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The active subscriptions at one version of the marker. ``lists``: what their codes come from, None where they have none."""

    marker: int
    active: tuple[Watched, ...]
    lists: object = None

    @property
    def precondition(self) -> VersionIs:
        """What must still be so when a plan that was judged by them is applied."""
        return marker.precondition(self.marker)


class Register:
    """See the module. Safe to use from several threads: values are replaced whole."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def of(self, tenant: str, store: Store, options: SearchOptions, lists: Callable[[], object]) -> Known:
        """Return the subscriptions of a tenant as this process knows them. ``lists`` gives the tenant's terminology as of now:
        another object where it changed."""
        known = self._known.get(tenant)
        if known is None or (known.lists is not None and known.lists is not lists()):
            known = self._known[tenant] = _read(store, options, lists)
        return known

    def forget(self, tenant: str) -> None:
        """Read them again at the next question."""
        self._known.pop(tenant, None)

    def refused(self, tenant: str, refused: Refused) -> None:
        """Learn from a refusal: where it is the marker's, others wrote subscriptions."""
        if marker.is_marker(refused.type, refused.id):
            self.forget(tenant)


def _read(store: Store, options: SearchOptions, lists: Callable[[], object]) -> Known:
    # the marker first: subscriptions written meanwhile make the plan refused, never forgotten; the lists too, for the same reason
    found = store.read(marker.TYPE, marker.ID)
    if found is None:
        return Known(marker=marker.version_of(found), active=())
    present, asked = lists(), _Asked(options.terminology)
    active = tuple(_compiled(store, replace(options, terminology=asked)))
    return Known(marker=marker.version_of(found), active=active, lists=present if asked.asked else None)


def _compiled(store: Store, options: SearchOptions) -> Iterator[Watched]:
    for version in every(store, Query(types=("Subscription",), where=TokenIs("status", None, "active"), limit=_PAGE)):
        try:
            yield watched(version.resource(), options)
        except Unavailable:
            raise
        except DuiError as error:
            # accepted once, and no longer understood: a parameter went away with its plugin, or a list of codes was deleted
            _log.error("subscription %s cannot be evaluated: %s", version.id, error.issues[0].id)


class _Asked:
    """A terminology that notes whether it was asked anything."""

    def __init__(self, terminology: Terminology | None) -> None:
        self._terminology, self.asked = terminology, False

    def _of(self, name: str) -> Terminology:
        self.asked = True
        if self._terminology is None:
            raise faults.no_terminology(name)
        return self._terminology

    def expand(self, valueset: str) -> Iterable[tuple[str, str]]:
        """See :class:`dui_fhir.search.options.Terminology`."""
        return self._of("in").expand(valueset)

    def subsumed(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """See :class:`dui_fhir.search.options.Terminology`."""
        return self._of("below").subsumed(system, code)

    def subsuming(self, system: str | None, code: str) -> Iterable[tuple[str, str]]:
        """See :class:`dui_fhir.search.options.Terminology`."""
        return self._of("above").subsuming(system, code)
