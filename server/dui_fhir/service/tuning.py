"""How a tenant searches and indexes: R4's parameters, those of the plugins, those of the packages that it sees, and those
it adds by ``POST SearchParameter``.

A SearchParameter of the tenant is in force while it is ``active``, unless it is a copy of one that is there already (same
canonical). Source: FHIR R4, search.html#adding and searchparameter.html.

A package added or removed is noticed by the process that indexes again (``jobs.reindexing``), which then writes the marker: from
there on the plans of processes that have not read the packages anew are refused, as for any other parameter. The packages
are read after the marker, so that what a version of the marker promises is what a process that knows it indexes.
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
from dui_fhir.service.guided import guided
from dui_fhir.validation.guides import Guides, Known, Stamp

TYPE: Final = "SearchParameter"
_PAGE: Final = 500
LATE: Final = frozenset({"http://hl7.org/fhir/SearchParameter/Location-near"})
"""Parameters of R4 that resources written by former versions of this server have no values for."""
COMPILED_MAX: Final = 8
"""Sets of packages with search parameters that a process keeps compiled."""
TUNED_MAX: Final = 64
"""Tenants with parameters of their own that a process keeps compiled."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a process knows of a tenant at one version of its marker.

    ``own``: the tenant's parameters in force, by the id of their resource. ``guided``: those of the packages it sees, as of
    ``stamp``. ``added``: both, the plugins' and those of :data:`LATE`. ``settled``: parameters of these last two of which the
    marker says nothing, and which need nothing: there was no resource to index.
    """

    version: int
    state: IndexState
    own: Mapping[str, SearchParameter]
    guided: tuple[SearchParameter, ...]
    stamp: Stamp
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

    def __init__(
        self, plugins: Iterable[Resource], options: SearchOptions, extractor: Extractor, guides: Guides | None = None
    ) -> None:
        # indexed since a later version of this server only: as if a plugin had added them
        late = (parameter for parameter in options.registry if parameter.url in LATE)
        self._shared = (*late, *(from_resource(resource) for resource in plugins))
        self._options, self._extractor = options, extractor
        self._guides = guides or Guides()
        self._known: dict[str, Tuned] = {}
        self._last: tuple[Known, tuple[SearchParameter, ...]] | None = None
        self._compiled: dict[tuple[SearchParameter, ...], tuple[SearchOptions, Extractor]] = {}

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
        if (
            known is not None
            and marker.version_of(store.read(marker.TYPE, marker.ID)) == known.version
            and self.stamp(tenant) == known.stamp
        ):
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

    def stamp(self, tenant: str) -> Stamp:
        """Return what changes when a package that a tenant sees is added or removed."""
        return self._guides.stamp(tenant)

    def in_force(self, resource: Resource, guided: Iterable[SearchParameter] = ()) -> SearchParameter | None:
        """Return the parameter that a SearchParameter of a tenant adds; None for a draft, a retired one or a copy.

        ``guided``: those of the packages that the tenant sees. Raises: ConfigurationError (``search-parameter-invalid``).
        """
        url = str(resource.get("url"))
        known = self._options.registry.by_url(url) is not None or any(parameter.url == url for parameter in guided)
        if resource.get("status") != "active" or known:
            return None
        return from_resource(resource)

    def with_own(self, own: Iterable[SearchParameter]) -> tuple[SearchParameter, ...]:
        """Return the parameters added in all, once a tenant has these, packages included."""
        return (*self._shared, *own)

    def _read(self, tenant: str, store: Store) -> Tuned:
        # the marker first: parameters written meanwhile make the plans refused, never forgotten
        found = store.read(marker.TYPE, marker.ID)
        state = state_of(found.resource() if found is not None and not found.deleted else None)
        seen, guided = self._of_packages(tenant)
        options, extractor = self._with(guided)
        own = dict(self._own(store, options.registry))
        if own:
            options, extractor = self._compile((*guided, *own.values()))
        tuned = self._known[tenant] = Tuned(
            version=marker.version_of(found),
            state=state,
            own=own,
            guided=guided,
            stamp=seen,
            added=self.with_own((*guided, *own.values())),
            settled=frozenset(_settled(wanted(self._shared) - state.complete, store)),
            extractor=extractor,
            options=options,
        )
        self._let_go()
        return tuned

    def _of_packages(self, tenant: str) -> tuple[Stamp, tuple[SearchParameter, ...]]:
        known = self._guides.of(tenant)
        last = self._last
        if last is None or last[0] is not known:  # most tenants see the packages of all, and no other
            found = guided(known.search_parameters(), self._options.registry)
            for url, reason in found.left_out.items():
                log.warning("search parameter %s of a package is not in force: %s", url, reason)
            last = self._last = known, found.parameters
        return known.stamp, last[1]

    def _with(self, guided: tuple[SearchParameter, ...]) -> tuple[SearchOptions, Extractor]:
        """Return how those searches and indexes that have these parameters; tenants that see the same packages share it."""
        if not guided:
            return self._options, self._extractor
        if guided not in self._compiled:
            if len(self._compiled) >= COMPILED_MAX:
                self._compiled.clear()
            self._compiled[guided] = self._compile(guided)
        return self._compiled[guided]

    def _compile(self, added: Iterable[SearchParameter]) -> tuple[SearchOptions, Extractor]:
        options = self._options
        registry = SearchRegistry([*options.registry, *added])
        extractor = Extractor(registry, zone=options.zone, full_text=options.full_text)
        return replace(options, registry=registry), extractor

    def _own(self, store: Store, registry: SearchRegistry) -> Iterator[tuple[str, SearchParameter]]:
        for version in every(store, Query(types=(TYPE,), where=TokenIs("status", None, "active"), limit=_PAGE)):
            try:
                parameter = self.in_force(version.resource(), registry)
            except ConfigurationError as error:
                # accepted once, and no longer understood
                log.error("search parameter %s cannot be used: %s", version.id, error.issues[0].diagnostics)
                continue
            if parameter is None:
                continue
            if any(registry.get(base, parameter.code) is not None for base in parameter.base):
                log.error("search parameter %s: its code is now that of a plugin or of a package", version.id)
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
