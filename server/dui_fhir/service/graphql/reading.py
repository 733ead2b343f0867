"""How a GraphQL query reaches resources: the interactions of the same client, and nothing else."""

from typing import Any

from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import Gone, NotFound, TooLarge
from dui_fhir.domain.reference import Reference
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Params, ServiceRequest


class Reading:
    """Reads for one query, counted against ``graphql_resources_max``; what was read once is not read again."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._left = int(call.engine.settings.graphql_resources_max)
        self._known: dict[str, Resource | None] = {}

    def resource(self, reference: str) -> Resource | None:
        """Return a local resource; None where there is none, or none for this client."""
        target = Reference.parse(reference)
        if target is None or target.base not in (None, self._call.request.base_url):
            return None
        path = f"{target.type}/{target.id}"
        if path not in self._known:
            self._known[path] = self._got(path)
        return self._known[path]

    def _got(self, path: str) -> Resource | None:
        try:
            found = self._asked(path, ())
        except (NotFound, Gone):
            return None
        self._spend(1)
        return found

    def bundle(self, type: str, params: Params) -> Resource:
        """Return one page of a search."""
        found = self._asked(type, params)
        self._spend(len(found.get("entry", ())))
        return found

    def _asked(self, path: str, params: Params) -> Resource:
        """Ask as the client would: whatever may hide a resource from it does so here too."""
        request = self._call.request
        answer = self._call.dispatch(
            ServiceRequest(
                tenant=request.tenant,
                method="GET",
                path=path,
                base_url=request.base_url,
                params=params,
                actor=request.actor,
            )
        )
        body: Any = json.loads(answer.body) if isinstance(answer.body, bytes) else answer.body
        return dict(body or {})

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise TooLarge.of(
                "core-graphql-resources",
                f"La requête GraphQL lit plus de {self._call.engine.settings.graphql_resources_max} ressources.",
                "setting graphql_resources_max",
                code="too-costly",
            )
