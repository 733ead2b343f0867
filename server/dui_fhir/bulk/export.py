"""An export, slice by slice: memory is bounded by the bytes of a slice, whatever there is to export.

What is exported is what was current at the instant of the request: a resource changed since then is read from its history. With
``_since``, what was deleted since comes last.
"""

from typing import Any

from dui_fhir.bulk import deletions, selection
from dui_fhir.bulk.folder import Folder, State
from dui_fhir.domain import json
from dui_fhir.domain.query import AllOf, Node, Query
from dui_fhir.domain.version import Version
from dui_fhir.service import projection, read
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
        if not position["types"]:
            return self._deleted(call, folder, state, nodes, kept)
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
            part = selection.part_of(kept["inputs"], left[0])
            folder.append(state, left[0], (_line(v, part) for v in found))
            resources += len(page.matches)
            size += sum(len(v.body or b"") for v in page.matches)
            left, after = (left, list(page.next)) if page.next else (left[1:], None)
        state.position = {"types": left, "after": after}
        self._tell(state, len(left))
        return not left and kept["since_ms"] is None

    def _deleted(self, call: Call, folder: Folder, state: State, nodes: dict[str, Node], kept: dict[str, Any]) -> bool:
        if kept["since_ms"] is None:
            return True
        before = (state.position or {}).get("before")
        found, following = deletions.deletions(call, nodes, kept, before)
        folder.append(state, "Bundle", deletions.bundles(found), "deleted")
        state.position = {"types": [], "after": None, "before": following}
        return following is None

    def _nodes(self, call: Call, kept: dict[str, Any]) -> dict[str, Node]:
        group = None
        if kept["level"] == "Group":
            group = read.present(call.store.read("Group", call.id), "Group").resource()
        return selection.nodes(call, kept["level"], kept["inputs"], group)

    def _tell(self, state: State, left: int) -> None:
        done = sum(output.count for output in state.outputs if output.role == "output")
        state.counts = {"resources": done}
        state.progress = f"{done} ressources, encore {left} types"


def _line(version: Version, part: projection.Wanted) -> bytes:
    if part.whole:
        return version.body or b""
    return json.dumps(projection.of_resource(version.resource(), part))


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
