"""Rules on stays: COM-09, COM-10."""

from collections.abc import Iterator

from dui_fhir.api import Change, Context, Issue, Resource, interval, is_stay

from .identities import fault
from .reading import codes, related, target

FINESS_SYSTEMS = ("urn:oid:1.2.250.1.71.4.2.2", "https://finess.esante.gouv.fr")
OPEN = frozenset({"arrived", "triaged", "in-progress", "onleave"})
ACTIVITIES = "urn:dui-fhir:activite"
"""System of what a mixed service does for the person: ``aide``, ``soins``. Help and care may be two stays."""
SHELTERS = frozenset({"ahi"})
"""Corridors with structures outside FINESS (accueil de jour, maraude, 115)."""


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check an Encounter being written."""
    encounter: Resource = change.after or {}
    if _ends_before_start(encounter):
        yield fault("COM-10", "Encounter.period", text="La fin est avant le début.")
    if not is_stay(encounter):
        return
    if not SHELTERS & context.corridors:
        yield from _structure(encounter, change, context)
    if _opens(change) and any(_same_place(encounter, other) for other in _others(change, context)):
        text = "La personne a déjà un séjour ouvert de ce mode dans cette structure."
        yield fault("COM-10", "Encounter.period", text=text, warn=context.reprise)


def _ends_before_start(encounter: Resource) -> bool:
    period = encounter.get("period", {})
    try:
        return interval(period["end"])[1] < interval(period["start"])[0]
    except (KeyError, ValueError, TypeError):
        return False  # absent or not a date: the concern of the profile


def _structure(encounter: Resource, change: Change, context: Context) -> Iterator[Issue]:
    provider = encounter.get("serviceProvider") or {}
    if provider.get("identifier", {}).get("value"):
        return
    reference = target(provider)
    if not reference:
        yield fault("COM-09", "Encounter.serviceProvider")
        return
    organization = related(reference, change, context)
    if organization is not None and not has_finess(organization):
        yield fault("COM-09", "Encounter.serviceProvider", text="La structure du séjour n'a pas de numéro FINESS.")


def has_finess(organization: Resource) -> bool:
    """True where an Organization carries a FINESS number: idNat_Struct of type 1, or the FINESS system itself."""
    for identifier in organization.get("identifier", ()):
        value = str(identifier.get("value", ""))
        if identifier.get("system") == FINESS_SYSTEMS[0] and value.startswith("1") and len(value) == 10:
            return True
        if identifier.get("system") == FINESS_SYSTEMS[1] and len(value) == 9:
            return True
    return False


def _opens(change: Change) -> bool:
    """True where the change opens a stay that was not open there before."""
    after = change.after or {}
    return _is_open(after) and not (change.before and _is_open(change.before) and _same_place(after, change.before))


def _is_open(encounter: Resource) -> bool:
    return encounter.get("status") in OPEN and "end" not in encounter.get("period", {})


def _same_place(one: Resource, other: Resource) -> bool:
    return (
        target(one.get("subject")) == target(other.get("subject"))
        and target(one.get("serviceProvider")) == target(other.get("serviceProvider"))
        and codes(one.get("serviceType")) == codes(other.get("serviceType"))
        and codes(one.get("type"), ACTIVITIES) == codes(other.get("type"), ACTIVITIES)
    )


def _others(change: Change, context: Context) -> Iterator[Resource]:
    """Yield the other open stays of the person, in this transaction and stored."""
    subject = target((change.after or {}).get("subject"))
    if not subject:
        return
    mine = f"Encounter/{change.id}"
    siblings = {r: s for r, s in change.siblings.items() if r.startswith("Encounter/") and r != mine}
    stored = context.reader.search("Encounter", [("subject", subject), ("status", ",".join(sorted(OPEN)))])
    kept = [e for e in stored if f"Encounter/{e.get('id')}" not in {mine, *siblings}]
    for encounter in [*siblings.values(), *kept]:
        if is_stay(encounter) and _is_open(encounter):
            yield encounter
