"""What every interaction needs, wired once by ``app``; and one request in the hands of an interaction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from dui_fhir.definitions import SearchRegistry
from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Renderer
from dui_fhir.domain.operation import Operation
from dui_fhir.domain.plan import Refused
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_host import PluginHost
from dui_fhir.ports import Clock, Store, Stores
from dui_fhir.search.extract import Extractor
from dui_fhir.search.options import SearchOptions
from dui_fhir.service.message import ServiceRequest, ServiceResponse
from dui_fhir.service.standards import SearchTerminology, Standards
from dui_fhir.service.structures import Structures
from dui_fhir.service.tuning import Tuned, Tunings
from dui_fhir.settings import Settings
from dui_fhir.subscriptions.register import Register


@dataclass(frozen=True, kw_only=True)
class Served:
    """An operation that answers by itself, because it pages, streams or only reads; ``definition`` as in
    :class:`dui_fhir.domain.operation.Operation`. What it writes goes through ``service.write`` like any write."""

    definition: Resource
    serve: "Callable[[Call], ServiceResponse]"
    methods: tuple[str, ...] = ("GET", "POST")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One deployment. ``operations`` are those of the plugins and of the server; ``page_key`` signs the links of pages."""

    settings: Settings
    stores: Stores
    host: PluginHost
    clock: Clock
    renderer: Renderer
    registry: SearchRegistry
    extractor: Extractor
    options: SearchOptions
    page_key: bytes
    standards: Standards
    operations: tuple[Operation | Served, ...] = ()
    defer: "Callable[[Call, str], ServiceResponse | None] | None" = None
    """Puts a request off (``Prefer: respond-async``); None where it is not one that can be. The text is the interaction."""
    structures: Structures = field(default_factory=Structures)
    subscriptions: Register = field(default_factory=Register)

    @cached_property
    def tunings(self) -> Tunings:
        """The search parameters of each tenant."""
        return Tunings(self.host.search_parameters(), self.options, self.extractor, self.standards.guides)

    def parameters(self, tenant: str, structure: Structure | None) -> Mapping[str, Any]:
        """Return the parameters of the corridors as a structure of a tenant has them (decision D7)."""
        return self.standards.of(tenant).parameters.over(self.host.parameters(structure), structure)

    def learn(self, tenant: str, refused: Refused) -> None:
        """Learn from a refused plan, before it is made again: others may have changed the tenant's configuration."""
        self.subscriptions.refused(tenant, refused)
        self.tunings.refused(tenant, refused)


@dataclass
class Call:
    """One request being served. ``names`` are the parts of the path that the route names (``type``, ``id``, ``vid``…).

    ``dispatch`` serves another request of the same client: an entry of a Bundle.
    """

    engine: Engine
    request: ServiceRequest
    dispatch: Callable[[ServiceRequest], ServiceResponse]
    names: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def store(self) -> Store:
        """The tenant's store. Raises: NotFound (``tenant-unknown``)."""
        return self.engine.stores.open(self.request.tenant)

    @property
    def tuned(self) -> Tuned:
        """The search parameters of the tenant."""
        return self.engine.tunings.of(self.request.tenant, self.store)

    def renewed(self) -> bool:
        """Look whether the tenant's search parameters changed, and take the new ones; True where they did."""
        if not self.engine.tunings.changed(self.request.tenant, self.store):
            return False
        self.__dict__.pop("options", None)
        return True

    @cached_property
    def options(self) -> SearchOptions:
        """How searches of this request are parsed."""
        return replace(
            self.tuned.options,
            bases=(self.request.base_url,),
            lenient=self.request.prefer.handling == "lenient",
            now_ms=self.engine.clock.now_ms(),
            terminology=SearchTerminology(self),
        )

    @property
    def type(self) -> str:
        """The resource type of the path."""
        return self.names["type"]

    @property
    def id(self) -> str:
        """The logical id of the path."""
        return self.names["id"]
