"""An export, slice by slice: memory is bounded by the bytes of a slice, whatever there is to export.

What is exported is what was current at the instant of the request: a resource changed since then is read from its history.
"""

from typing import Any

from dui_fhir.bulk import selection
from dui_fhir.bulk.folder import Folder, State
from dui_fhir.domain.query import AllOf, Node, Query
from dui_fhir.domain.version import Version
from dui_fhir.service import read
from dui_fhir.service.engine import Call

SLICE_RESOURCES = 1000
SLICE_BYTES = 8_000_000


class Export:
    """See the module. Positions: the types that are left, and where the first of them stands."""

    def step(self, call: Call, folder: Folder, state: State) -> bool:
        """See :class:`dui_fhir.bulk.work.Work`. A slice may span several types: what is saved to disk is counted in slices."""
        kept = folder.request()
        nodes = self._nodes(call, kept)
        position = state.position or {"types": sorted(set(nodes) & set(call.store.types())), "after": None}
        left, after = position["types"], position["after"]
        resources = size = 0
        while left and resources < SLICE_RESOURCES and size < SLICE_BYTES:
            query = Query(
                types=(left[0],),
                where=AllOf((nodes[left[0]], *selection.updated(kept["since_ms"]))),
                limit=SLICE_RESOURCES - resources,
                after=tuple(after) if after else None,
                bytes_max=SLICE_BYTES - size,
            )
            page = call.store.search(query)
            found = [v for current in page.matches if (v := _at_request(call, current, kept)) is not None]
            folder.append(state, left[0], (v.body or b"" for v in found))
            resources += len(page.matches)
            size += sum(len(v.body or b"") for v in page.matches)
            left, after = (left, list(page.next)) if page.next else (left[1:], None)
        state.position = {"types": left, "after": after}
        self._tell(state, len(left))
        return not left

    def _nodes(self, call: Call, kept: dict[str, Any]) -> dict[str, Node]:
        group = None
        if kept["level"] == "Group":
            group = read.present(call.store.read("Group", call.id), "Group").resource()
        return selection.nodes(call, kept["level"], kept["inputs"], group)

    def _tell(self, state: State, left: int) -> None:
        done = sum(output.count for output in state.outputs)
        state.counts = {"resources": done}
        state.progress = f"{done} ressources, encore {left} types"


def _at_request(call: Call, current: Version, kept: dict[str, Any]) -> Version | None:
    """Return the version that was current when the export was asked for, None where there was none."""
    asked_ms: int = kept["asked_ms"]
    if current.instant_ms <= asked_ms:
        return current
    versions = call.store.history(type=current.type, id=current.id, at=(asked_ms, asked_ms), limit=1).versions
    found = versions[0] if versions else None
    if found is None or found.deleted or found.instant_ms < (kept["since_ms"] or 0):
        return None
    return found
