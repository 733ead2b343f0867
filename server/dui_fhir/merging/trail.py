"""The trace of a merger: Provenances written in the same transactions as what they tell of; they make it go on, or back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.domain.query import Query, TokenIs
from dui_fhir.domain.version import Version
from dui_fhir.ports import Store, every

TAG_SYSTEM: Final = "urn:dui-fhir:fusion"
FORMER: Final = "urn:dui-fhir:extension:ancienne-reference"
ACTIVITY: Final = {
    "coding": [{"system": "urn:dui-fhir:activity", "code": "fusion-organismes", "display": "Fusion de deux organismes"}]
}
TENANTS: Final = "urn:dui-fhir:organisme"
PAGE: Final = 200


def provenance(
    run: str, number: int, source: str, act: str, written: Sequence[tuple[str, str, int]], now_ms: int
) -> Resource:
    """Return the trace of one transaction. ``written``: reference there, reference here, version here."""
    return {
        "resourceType": "Provenance",
        "id": f"fusion-{run}-{number}",
        "meta": {"tag": [{"system": TAG_SYSTEM, "code": run}]},
        "target": [_target(*one) for one in written],
        "recorded": instant(now_ms),
        "reason": [{"text": act}],
        "activity": ACTIVITY,
        "agent": [{"who": {"display": "Exploitant, sur l'acte cité"}}],
        "entity": [{"role": "source", "what": {"identifier": {"system": TENANTS, "value": source}}}],
    }


def _target(there: str, here: str, version: int) -> Resource:
    former = [{"url": FORMER, "valueString": there}]
    return {"extension": former, "reference": f"{here}/_history/{version}"}


def traces(store: Store, run: str) -> Iterator[Version]:
    """Return the Provenances of a merger, one after the other."""
    return every(store, Query(types=("Provenance",), where=TokenIs("_tag", TAG_SYSTEM, run), limit=PAGE))


def done_by(store: Store, run: str) -> dict[str, str]:
    """Return what a merger wrote: reference there → reference here."""
    return {there: here for trace in traces(store, run) for there, here, _ in targets(trace.resource())}


def targets(trace: Mapping[str, object]) -> Iterator[tuple[str, str, int]]:
    """Yield reference there, reference here and version here of a trace."""
    given = trace.get("target")
    for target in given if isinstance(given, list) else ():
        here, _, version = str(target["reference"]).partition("/_history/")
        there = next(str(e["valueString"]) for e in target["extension"] if e["url"] == FORMER)
        yield there, here, int(version)
