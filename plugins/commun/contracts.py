"""Rules on contracts: COM-15, COM-16. Types: CS and DIPC (TRE_R393-TypeContratSejour)."""

from collections.abc import Iterator
from datetime import date

from dui_fhir.api import Change, Context, Issue, Resource, add_months
from dui_fhir.api import day_of as day

from .identities import fault
from .reading import EXTENSION, codes, extension_value, related, target

PLANNED_END = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
REFUSAL_MOTIVE = f"{EXTENSION}motif-refus"


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a Contract being written."""
    contract: Resource = change.after or {}
    if "CS" not in codes(contract.get("type")):
        return
    if contract.get("status") == "rejected":
        yield from _refused(contract, change, context)
        return
    months = int(context.parameters["commun.contrat_sejour_duree_mois"])
    start, end = _planned(contract, change, context)
    if start and end and end <= add_months(start, months):
        yield fault("COM-15", "Contract.type")


def _planned(contract: Resource, change: Change, context: Context) -> tuple[date | None, date | None]:
    """Return the first and last days planned: those of the contract, else those of its stay."""
    applies = contract.get("applies", {})
    start, end = day(applies.get("start")), day(applies.get("end"))
    if end:
        return start, end
    for reference in _stays(contract):
        stay = related(reference, change, context) or {}
        period = stay.get("period", {})
        last = day(extension_value(stay, PLANNED_END)) or day(period.get("end"))
        if last:
            return day(period.get("start")), last
    return start, None


def _stays(contract: Resource) -> Iterator[str]:
    for element in [contract.get("topicReference"), *contract.get("supportingInfo", ())]:
        if target(element).startswith("Encounter/"):
            yield target(element)


def _refused(contract: Resource, change: Change, context: Context) -> Iterator[Issue]:
    if not extension_value(contract, REFUSAL_MOTIVE):
        yield fault("COM-16", "Contract.status", text="Le motif du refus du contrat doit être conservé.")
    if not any("DIPC" in codes(other.get("type")) for other in _contracts(contract, change, context)):
        yield fault("COM-16", "Contract.status")


def _contracts(contract: Resource, change: Change, context: Context) -> Iterator[Resource]:
    subjects = {target(s) for s in contract.get("subject", ())} - {""}
    for reference, sibling in change.siblings.items():
        if reference.startswith("Contract/") and subjects & {target(s) for s in sibling.get("subject", ())}:
            yield sibling
    for subject in sorted(subjects):
        yield from context.reader.search("Contract", [("subject", subject)])
