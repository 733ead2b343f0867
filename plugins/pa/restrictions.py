"""PA-09 (L311-4-1 I): a restriction of freedom rests on a collegial opinion, and has an end or a day of review."""

from collections.abc import Iterator
from typing import Any, Final

from dui_fhir.api import Issue, Resource, value

OPINION: Final = "urn:dui-fhir:extension:avis-collegial"
REVIEW: Final = "urn:dui-fhir:extension:reexamen"
_KINDS: Final = frozenset({"aller-et-venir", "contention"})
_ENDED: Final = frozenset({"terminated", "entered-in-error"})


def check(resource: Resource) -> Iterator[Issue]:
    """Yield PA-09 for a restriction that a Consent or the annex of a Contract puts in force."""
    parts = list(_consent(resource) if resource["resourceType"] == "Consent" else _contract(resource))
    if not parts:
        return
    missing = []
    if all(value(part, OPINION) is None for part in parts):
        missing.append("l'avis collégial")
    if not any(_ends(part) for part in parts):
        missing.append("une date de fin ou de réexamen")
    if missing:
        text = f"La restriction d'aller et venir ou la contention est incomplète ; il manque : {', '.join(missing)}."
        paths = (f"{resource['resourceType']}.extension",)
        yield Issue(severity="error", code="business-rule", id="PA-09", text=text, expression=paths)


def _consent(consent: Resource) -> Iterator[Resource]:
    if consent.get("status") == "active" and _codes(consent.get("category")) & _KINDS:
        yield consent


def _contract(contract: Resource) -> Iterator[Resource]:
    """Yield the contract and its terms of that kind, where it is the annex or has such a clause."""
    if contract.get("status") in _ENDED:
        return
    terms = [t for t in contract.get("term", ()) if _codes(t.get("type")) & _KINDS]
    kinds = _codes(contract.get("type")) | _codes(contract.get("subType"))
    if terms or kinds & _KINDS:
        yield from (contract, *terms)


def _ends(part: Resource) -> bool:
    periods = (part.get("provision", {}).get("period", {}), part.get("applies", {}))
    return any("end" in p for p in periods) or value(part, REVIEW) is not None


def _codes(concepts: Any) -> set[str]:
    flat = concepts if isinstance(concepts, list) else [concepts]
    return {str(c.get("code")) for concept in flat if isinstance(concept, dict) for c in concept.get("coding", ())}
