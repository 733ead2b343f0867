"""Rules on the identity of a person: COM-02, 03, 04, 39 to 42, 73."""

from collections.abc import Iterator

from dui_fhir.api import (
    INS_HIGH_TRUST,
    Change,
    Context,
    InsIdentity,
    Issue,
    Resource,
    first_name_starts_list,
    read_identity,
)


def fault(rule: str, *expression: str, text: str = "", warn: bool = False) -> Issue:
    """Return the issue of a rule; its title where no text is given; the rule's severity unless ``warn``."""
    return Issue(
        severity="warning" if warn else "error", code="business-rule", id=rule, text=text, expression=tuple(expression)
    )


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a Patient being written."""
    patient: Resource = change.after or {}
    found = read_identity(patient)
    high_trust = frozenset(context.parameters.get("commun.ins_pieces_haut_niveau", INS_HIGH_TRUST))
    if found.status == "QUAL":
        yield from _qualified(found, high_trust)
        yield from _changed(change.before, found)
    if found.explicit and found.status in ("PROV", "VALI") and found.matricule:
        yield fault("COM-40", "Patient.identifier")
    if found.matricule_to_check():
        yield fault("COM-39", "Patient.identifier.value")
    if not first_name_starts_list(found):
        yield fault("COM-42", "Patient.name.given")
    if found.doubtful and (found.status != "PROV" or found.matricule):
        yield fault("COM-41", "Patient.extension")
    if not found.compatible_attributes:
        yield fault("COM-73", "Patient.extension")


def _qualified(found: InsIdentity, high_trust: frozenset[str]) -> Iterator[Issue]:
    unproven = found.unproven(high_trust)
    if unproven:
        text = f"Identité annoncée comme qualifiée sans ses preuves ; il manque : {', '.join(unproven)}."
        # FR Core 2.1.0 has no code for « qualifiée »: it is our reading, which the missing evidence denies
        yield fault("COM-02", "Patient.extension", text=text, warn=not found.explicit)
    missing = found.traits.missing()
    if missing:
        text = f"Identité annoncée comme qualifiée sans ses cinq traits ; il manque : {', '.join(missing)}."
        yield fault("COM-03", "Patient", text=text)


def _changed(before: Resource | None, found: InsIdentity) -> Iterator[Issue]:
    """A strict trait that changed on a qualified identity asks for a new answer of INSi (RNIV)."""
    former = read_identity(before) if before else None
    if former is None or former.status != "QUAL" or former.traits == found.traits:
        return
    if found.insi_date <= former.insi_date:
        yield fault("COM-04", "Patient")
