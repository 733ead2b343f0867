"""What was deleted since an export's ``_since``, as far as the export would have shown it. Source: Bulk Data Access 2.0.0, export.

A resource that has gone is judged by its last content: an export of some persons must not tell that others had a file.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from dui_fhir.domain import json
from dui_fhir.domain.query import AllOf, Node, Query, ReferenceIs
from dui_fhir.domain.version import Version
from dui_fhir.search.match import Entry, matches
from dui_fhir.service.engine import Call

SLICE_VERSIONS = 1000
BUNDLE_ENTRIES = 100


def deletions(
    call: Call, nodes: Mapping[str, Node], kept: Mapping[str, Any], before: int | None
) -> tuple[list[str], int | None]:
    """Return the ``Type/id`` deleted among one slice of the history, and where the next slice begins (None = the end)."""
    page = call.store.history(since_ms=kept["since_ms"], before=before, limit=SLICE_VERSIONS)
    gone = [v for v in page.versions if v.deleted and v.type in nodes and v.instant_ms <= kept["asked_ms"]]
    found = [f"{v.type}/{v.id}" for v in gone if _lasting(call, v, kept["asked_ms"]) and _shown(call, nodes[v.type], v)]
    return found, page.next


def bundles(references: Iterable[str]) -> Iterator[bytes]:
    """Return transaction Bundles that delete these resources, as JSON lines."""
    left = iter(references)
    while some := list(islice(left, BUNDLE_ENTRIES)):
        entries = [{"request": {"method": "DELETE", "url": reference}} for reference in some]
        yield json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _lasting(call: Call, deleted: Version, asked_ms: int) -> bool:
    """Tell whether the resource was still deleted at the instant of the request."""
    versions = call.store.history(type=deleted.type, id=deleted.id, at=(asked_ms, asked_ms), limit=1).versions
    return bool(versions) and versions[0].version == deleted.version


def _shown(call: Call, node: Node, deleted: Version) -> bool:
    if node == AllOf(()):
        return True
    entry = _entry(call, call.store.read_version(deleted.type, deleted.id, deleted.version - 1))
    return entry is not None and matches(node, entry, lambda t, i: _last(call, t, i), lambda *to: _referrers(call, *to))


def _last(call: Call, type: str, id: str) -> Entry | None:
    """Return a resource as it was last: the person whose file went as a whole is gone too."""
    found = call.store.read(type, id)
    if found is not None and found.deleted:
        found = call.store.read_version(type, id, found.version - 1)
    return _entry(call, found)


def _referrers(call: Call, type: str, id: str, source_type: str, param: str) -> Iterator[Entry]:
    query = Query(types=(source_type,), where=ReferenceIs(param, type, id), limit=SLICE_VERSIONS)
    for version in call.store.search(query).matches:
        entry = _entry(call, version)
        if entry is not None:
            yield entry


def _entry(call: Call, version: Version | None) -> Entry | None:
    if version is None or version.deleted:
        return None
    index = call.tuned.extractor.extract(version.resource(), bases=(call.request.base_url,))
    return Entry(type=version.type, id=version.id, instant_ms=version.instant_ms, index=index)
