"""PDE-16 (D311 II c): under a judicial measure the document is a DIPC, never a contract of stay."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, LegalMeasure, Resource, day_of, value

FRAME: Final = "urn:dui-fhir:extension:cadre"
JUDICIAL: Final = "judiciaire"
DIPC: Final = "DIPC"


def check(contract: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """Yield PDE-16 for a contract of another type than the DIPC about a child under a judicial measure."""
    types = {c.get("code") for c in (contract.get("type") or {}).get("coding", ())}
    if DIPC in types or not _is_judicial(contract, change, context):
        return
    yield Issue(severity="error", code="business-rule", id="PDE-16", text="", expression=("Contract.type",))


def _is_judicial(contract: Resource, change: Change, context: Context) -> bool:
    said = value(contract, FRAME)
    if said is not None:
        return bool(said == JUDICIAL)
    at = _day(contract) or context.now.date()
    frames = {m.frame for m in _measures(contract, change, context) if m.in_force(at)}
    return frames == {JUDICIAL}


def _day(contract: Resource) -> date | None:
    return day_of(contract.get("applies", {}).get("start")) or day_of(contract.get("issued"))


def _measures(contract: Resource, change: Change, context: Context) -> Iterator[LegalMeasure]:
    """Yield the measures of whom the contract is about: those of the transaction, then those stored."""
    people = {_target(s) for s in contract.get("subject", ())} - {""}
    written = [s for s in change.siblings.values() if s["resourceType"] == "Basic"]
    known = {s["id"] for s in written}
    for person in sorted(people):
        stored = [b for b in context.reader.search("Basic", [("subject", person)]) if b["id"] not in known]
        for basic in [*(s for s in written if _target(s.get("subject")) == person), *stored]:
            measure = LegalMeasure.of(basic)
            if measure is not None:
                yield measure


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""
