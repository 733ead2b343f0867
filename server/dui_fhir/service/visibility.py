"""What an actor may see: one answer for searches and for every operation that lists resources."""

from dui_fhir.domain.query import Node
from dui_fhir.service.contexts import Contexts
from dui_fhir.service.engine import Call
from dui_fhir.service.reader import TrackingReader


class Visibility:
    """The limits of one request's actor."""

    def __init__(self, call: Call) -> None:
        contexts = Contexts(call, TrackingReader(call.store, call.options))
        structure = next((s for s in contexts.structures if s.finess == call.request.actor.structure), None)
        self._host, self._context = call.engine.host, contexts.of(structure)

    def of(self, type: str | None) -> tuple[Node, ...]:
        """Return the criteria that everything shown must also satisfy; ``type`` None = a search over several types.

        Raises: PluginFailed: nothing may be shown.
        """
        return self._host.limit_search(type or "*", self._context)
