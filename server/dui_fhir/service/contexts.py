"""The circumstances that rules and operations are given."""

from datetime import UTC, datetime

from dui_fhir.domain.context import Context, Reader
from dui_fhir.domain.structure import Structure
from dui_fhir.service.engine import Call

TRUNK = "commun"


class Contexts:
    """The contexts of one request, one for each structure it touches."""

    def __init__(self, call: Call, reader: Reader) -> None:
        self._call, self._reader = call, reader
        self._now = datetime.fromtimestamp(call.engine.clock.now_ms() / 1000, UTC)
        self._known: dict[str | None, Context] = {}

    @property
    def structures(self) -> tuple[Structure, ...]:
        """The structures of the tenant."""
        return self._call.engine.structures.of(self._call.request.tenant, self._call.store)

    def of(self, structure: Structure | None) -> Context:
        """Return the context whose rules are those of a structure, or of the common trunk alone."""
        key = structure.finess if structure else None
        if key not in self._known:
            self._known[key] = self._make(structure)
        return self._known[key]

    def _make(self, structure: Structure | None) -> Context:
        request = self._call.request
        return Context(
            tenant=request.tenant,
            actor=request.actor,
            now=self._now,
            reader=self._reader,
            structure=structure,
            structures=self.structures,
            corridors=frozenset({TRUNK, *(structure.corridors if structure else ())}),
            parameters=self._call.engine.parameters(request.tenant, structure),
            reprise=request.reprise,
        )
