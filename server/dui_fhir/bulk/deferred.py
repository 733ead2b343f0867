"""A search answered later (``Prefer: respond-async``): its pages become files, one per type. Source: FHIR R4, async.html.

So does an operation that answers with a list; its first page is asked for as the client did, by GET or POST.
"""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dui_fhir.bulk.folder import Folder, State
from dui_fhir.bulk.writing import asked
from dui_fhir.domain import json
from dui_fhir.domain.errors import DuiError
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceRequest

INTERACTIONS = frozenset({"search-type", "search-system", "search-compartment"})
"""Interactions whose answer is a set of resources, beside the operations in :data:`OPERATIONS`."""
OPERATIONS = frozenset({"everything", "lastn", "indicators", "evaluate-measure", "identity-worklist"})


class Deferred:
    """See the module. Position: the parameters of the next page."""

    def step(self, call: Call, folder: Folder, state: State) -> bool:
        """See :class:`dui_fhir.bulk.work.Work`."""
        answer = call.dispatch(_page(call, folder, state))
        bundle = json.loads(answer.body) if isinstance(answer.body, bytes) else answer.body
        if not isinstance(bundle, dict) or "resourceType" not in bundle:
            raise DuiError.of("core-bulk-answer", "La réponse n'est pas une liste de ressources.", "not a resource")
        if bundle["resourceType"] != "Bundle":
            bundle = {"entry": [{"resource": bundle}]}
        self._keep(bundle, folder, state)
        following = [link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"]
        state.position = {
            "params": [list(pair) for pair in parse_qsl(urlsplit(following[0]).query)] if following else []
        }
        return not following

    def _keep(self, bundle: dict[str, Any], folder: Folder, state: State) -> None:
        by_type: dict[str, list[bytes]] = {}
        for entry in bundle.get("entry", ()):
            by_type.setdefault(entry["resource"]["resourceType"], []).append(json.dumps(entry["resource"]))
        for type, lines in by_type.items():
            folder.append(state, type, lines, "error" if type == "OperationOutcome" else "output")
        done = sum(output.count for output in state.outputs)
        state.counts, state.progress = {"resources": done}, f"{done} ressources"


def _page(call: Call, folder: Folder, state: State) -> ServiceRequest:
    """Return the request of the page at hand: the client's own where it calls an operation, else and afterwards a GET."""
    request = asked(call, folder)
    if state.position is None and "operation" in call.names:
        return request
    pairs = state.position["params"] if state.position else request.params
    path = request.path.removesuffix("_search").rstrip("/")
    params = tuple((name, value) for name, value in pairs)
    return replace(request, method="GET", path=path, params=params, body=b"", media="")
