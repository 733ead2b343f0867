"""PDS-06: a substitution treatment is prescribed with a rule of delivery or the day of the next visit."""

from collections.abc import Iterator
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource

CODES: Final = "pds.substitution_atc"
NAMES: Final = "pds.substitution_noms"
_DELIVERY: Final = ("dispenseInterval", "validityPeriod", "initialFill")


def check(request: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """Yield PDS-06 for an active prescription of such a treatment that says neither."""
    if request.get("status") != "active" or any(request.get("dispenseRequest", {}).get(n) for n in _DELIVERY):
        return
    concepts = [request.get("medicationCodeableConcept"), _medication(request, change, context).get("code")]
    if any(_is_substitution(concept, context) for concept in concepts if isinstance(concept, dict)):
        path = ("MedicationRequest.dispenseRequest",)
        yield Issue(severity="error", code="business-rule", id="PDS-06", text="", expression=path)


def _is_substitution(concept: dict[str, Any], context: Context) -> bool:
    codings = concept.get("coding", ())
    if any(c.get("code") in context.parameters[CODES] for c in codings):
        return True
    words = " ".join([str(concept.get("text", "")), *(str(c.get("display", "")) for c in codings)]).casefold()
    return any(name in words for name in context.parameters[NAMES])


def _medication(request: Resource, change: Change, context: Context) -> Resource:
    """Return the Medication a prescription refers to: its own, of the transaction, or stored; empty where there is none."""
    reference = str(request.get("medicationReference", {}).get("reference", ""))
    if reference.startswith("#"):
        return next((r for r in request.get("contained", ()) if r.get("id") == reference[1:]), {})
    found = (change.siblings.get(reference) or context.reader.read(reference)) if reference else None
    return found or {}
