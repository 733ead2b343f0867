"""The active subscriptions of each tenant, as every writing process knows them, without ever missing one: see ``domain.marker``."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from dui_fhir.domain import marker
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.plan import Refused, VersionIs
from dui_fhir.domain.query import Query, TokenIs
from dui_fhir.ports import Store, every
from dui_fhir.search.options import SearchOptions
from dui_fhir.subscriptions.subscription import Watched, watched

_PAGE = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The active subscriptions at one version of the marker."""

    marker: int
    active: tuple[Watched, ...]

    @property
    def precondition(self) -> VersionIs:
        """What must still be so when a plan that was judged by them is applied."""
        return marker.precondition(self.marker)


class Register:
    """See the module. Safe to use from several threads: values are replaced whole."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def of(self, tenant: str, store: Store, options: SearchOptions) -> Known:
        """Return the subscriptions of a tenant as this process knows them."""
        known = self._known.get(tenant)
        if known is None:
            known = self._known[tenant] = _read(store, options)
        return known

    def forget(self, tenant: str) -> None:
        """Read them again at the next question."""
        self._known.pop(tenant, None)

    def refused(self, tenant: str, refused: Refused) -> None:
        """Learn from a refusal: where it is the marker's, others wrote subscriptions."""
        if marker.is_marker(refused.type, refused.id):
            self.forget(tenant)


def _read(store: Store, options: SearchOptions) -> Known:
    # the marker first: subscriptions written meanwhile make the plan refused, never forgotten
    found = store.read(marker.TYPE, marker.ID)
    active = () if found is None else tuple(_compiled(store, options))
    return Known(marker=marker.version_of(found), active=active)


def _compiled(store: Store, options: SearchOptions) -> Iterator[Watched]:
    for version in every(store, Query(types=("Subscription",), where=TokenIs("status", None, "active"), limit=_PAGE)):
        try:
            yield watched(version.resource(), options)
        except BadRequest as error:
            # accepted once, and no longer understood: a parameter went away with its plugin
            _log.error("subscription %s cannot be evaluated: %s", version.id, error.issues[0].id)
