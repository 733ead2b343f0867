"""How a tenant searches and indexes: R4's parameters, those of the plugins, and those it adds by ``POST SearchParameter``.

A SearchParameter of the tenant is in force while it is ``active``, unless it is a copy of one that is there already (same
canonical). Source: FHIR R4, search.html#adding and searchparameter.html.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from dui_fhir.definitions import SearchParameter, SearchRegistry
from dui_fhir.definitions.search_parameters import from_resource
from dui_fhir.domain import marker
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.plan import Refused, VersionIs
from dui_fhir.domain.query import Query, TokenIs
from dui_fhir.ports import Store, every
from dui_fhir.search.extract import Extractor
from dui_fhir.search.indexing import ABSTRACT, Indexed, IndexState, state_of, wanted
from dui_fhir.search.options import SearchOptions

TYPE: Final = "SearchParameter"
_PAGE: Final = 500
LATE: Final = frozenset({"http://hl7.org/fhir/SearchParameter/Location-near"})
"""Parameters of R4 that resources written by former versions of this server have no values for."""
TUNED_MAX: Final = 64
"""Tenants with parameters of their own that a process keeps compiled."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a process knows of a tenant at one version of its marker.

    ``own``: the tenant's parameters in force, by the id of their resource. ``added``: those, the plugins'
    and those of :data:`LATE`. ``settled``: parameters of these two of which the marker says nothing, and which need nothing:
    there was no resource to index.
    """

    version: int
    state: IndexState
    own: Mapping[str, SearchParameter]
    added: tuple[SearchParameter, ...]
    settled: frozenset[Indexed]
    extractor: Extractor
    options: SearchOptions

    @property
    def registry(self) -> SearchRegistry:
        """All parameters in force."""
        return self.options.registry

    @property
    def precondition(self) -> VersionIs:
        """What must still be so when a plan that was indexed by this is applied."""
        return marker.precondition(self.version)

    @cached_property
    def pending(self) -> frozenset[Indexed]:
        """What is in force and not in all resources yet."""
        return self.state.pending(self.added) - self.settled

    @cached_property
    def outdated(self) -> bool:
        """True where the marker promises what the writes of this process do not index: a plugin went away."""
        return self.state.outdated(self.added)


class Tunings:
    """Those of all tenants. Safe to use from several threads: values are replaced whole."""

    def __init__(self, plugins: Iterable[Resource], options: SearchOptions, extractor: Extractor) -> None:
        # indexed since a later version of this server only: as if a plugin had added them
        late = (parameter for parameter in options.registry if parameter.url in LATE)
        self._shared = (*late, *(from_resource(resource) for resource in plugins))
        self._options, self._extractor = options, extractor
        self._known: dict[str, Tuned] = {}

    def of(self, tenant: str, store: Store) -> Tuned:
        """Return what this process knows of a tenant."""
        known = self._known.get(tenant)
        return self._read(tenant, store) if known is None else known

    def fresh(self, tenant: str, store: Store) -> Tuned:
        """Return what is so now."""
        self.changed(tenant, store)
        return self.of(tenant, store)

    def changed(self, tenant: str, store: Store) -> bool:
        """Look whether others changed the tenant's parameters since they were read, and read them again if so."""
        known = self._known.get(tenant)
        if known is not None and marker.version_of(store.read(marker.TYPE, marker.ID)) == known.version:
            return False
        self._read(tenant, store)
        return True

    def forget(self, tenant: str) -> None:
        """Read them again at the next question."""
        self._known.pop(tenant, None)

    def refused(self, tenant: str, refused: Refused) -> None:
        """Learn from a refusal: where it is the marker's, others changed something."""
        if marker.is_marker(refused.type, refused.id):
            self.forget(tenant)

    def in_force(self, resource: Resource) -> SearchParameter | None:
        """Return the parameter that a SearchParameter of a tenant adds; None for a draft, a retired one or a copy.

        Raises: ConfigurationError (``search-parameter-invalid``).
        """
        if resource.get("status") != "active" or self._options.registry.by_url(str(resource.get("url"))) is not None:
            return None
        return from_resource(resource)

    def with_own(self, own: Iterable[SearchParameter]) -> tuple[SearchParameter, ...]:
        """Return the parameters added in all, once a tenant has these."""
        return (*self._shared, *own)

    def _read(self, tenant: str, store: Store) -> Tuned:
        # the marker first: parameters written meanwhile make the plans refused, never forgotten
        found = store.read(marker.TYPE, marker.ID)
        state = state_of(found.resource() if found is not None and not found.deleted else None)
        own = dict(self._own(store))
        options, extractor = self._options, self._extractor
        if own:
            registry = SearchRegistry([*options.registry, *own.values()])
            options = replace(options, registry=registry)
            extractor = Extractor(registry, zone=options.zone, full_text=options.full_text)
        tuned = self._known[tenant] = Tuned(
            version=marker.version_of(found),
            state=state,
            own=own,
            added=self.with_own(own.values()),
            settled=frozenset(_settled(wanted(self._shared) - state.complete, store)),
            extractor=extractor,
            options=options,
        )
        self._let_go()
        return tuned

    def _own(self, store: Store) -> Iterator[tuple[str, SearchParameter]]:
        for version in every(store, Query(types=(TYPE,), where=TokenIs("status", None, "active"), limit=_PAGE)):
            try:
                parameter = self.in_force(version.resource())
            except ConfigurationError as error:
                # accepted once, and no longer understood
                log.error("search parameter %s cannot be used: %s", version.id, error.issues[0].diagnostics)
                continue
            if parameter is None:
                continue
            if any(self._options.registry.get(base, parameter.code) is not None for base in parameter.base):
                log.error("search parameter %s: its code is now that of a plugin", version.id)
                continue
            yield version.id, parameter

    def _let_go(self) -> None:
        tuned = [tenant for tenant, known in list(self._known.items()) if known.own]
        for tenant in tuned[:-TUNED_MAX]:
            self.forget(tenant)


def _settled(unknown: Iterable[Indexed], store: Store) -> Iterator[Indexed]:
    """Yield what needs no work: the processes of a server have the same plugins, so later resources come indexed."""
    empty: dict[str, bool] = {}
    for one in unknown:
        if one.base not in empty:
            empty[one.base] = is_empty(one.base, store)
        if empty[one.base]:
            yield one


def is_empty(base: str, store: Store) -> bool:
    """Tell whether there is no current resource that a parameter for ``base`` concerns."""
    types = () if base in ABSTRACT else (base,)
    return not store.search(Query(types=types, limit=1)).matches
