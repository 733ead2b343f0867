"""Who may sign: COM-37 and decision D10. An RPPS is asked of RPPS professions; a wrong key blocks a signature only."""

from collections.abc import Iterator
from typing import Final

from dui_fhir.api import Change, Context, Issue, Resource

from .identities import fault
from .kept import FINAL
from .reading import codings, related, target

RPPS_SYSTEM: Final = "https://rpps.esante.gouv.fr"
IDNAT_SYSTEM: Final = "urn:oid:1.2.250.1.71.4.2.1"
PROFESSIONS: Final = "TRE_G15-ProfessionSante"
SIGNED_ATTESTATIONS: Final = frozenset({"professional", "legal", "official"})


def rpps(practitioner: Resource) -> str | None:
    """Return the 11 digits given as RPPS, right or wrong; None where the professional has none.

    As idNat_PS, ``8`` comes before the RPPS; published data also give the 11 digits alone.
    """
    for identifier in practitioner.get("identifier", ()):
        value = str(identifier.get("value", ""))
        if identifier.get("system") == RPPS_SYSTEM:
            return value
        if identifier.get("system") == IDNAT_SYSTEM and value.isdigit():
            if len(value) == 12 and value.startswith("8"):
                return value[1:]
            if len(value) == 11:
                return value
    return None


def rpps_key_is_right(number: str) -> bool:
    """True for 11 digits whose last is the Luhn key of the others."""
    if len(number) != 11 or not number.isdigit():
        return False
    doubled = (int(d) * (2 if index % 2 else 1) for index, d in enumerate(reversed(number)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def may_sign(practitioner: Resource) -> bool:
    """True where the identifiers of a professional allow a signature (D10)."""
    number = rpps(practitioner)
    if number is not None:
        return rpps_key_is_right(number)
    return not _has_rpps_profession(practitioner)


def _has_rpps_profession(practitioner: Resource) -> bool:
    codes = [c for q in practitioner.get("qualification", ()) for c in codings(q.get("code"))]
    return any(PROFESSIONS in str(c.get("system", "")) for c in codes)


def check_practitioner(change: Change, context: Context) -> Iterator[Issue]:
    """Tell of a wrong RPPS key when a professional is written: stored, but will not sign."""
    number = rpps(change.after or {})
    if number is not None and not rpps_key_is_right(number):
        text = "La clé du numéro RPPS est fausse : ce professionnel ne pourra pas signer."
        yield fault("COM-37", "Practitioner.identifier", text=text, warn=True)


def check_signature(change: Change, context: Context) -> Iterator[Issue]:
    """Check the signers of a document, a composition or a provenance being written; known signers are not looked at again."""
    known = set(_signers(change.before)) if change.before else set()
    for path, reference in _signers(change.after or {}):
        signer = None if (path, reference) in known else _practitioner(reference, change, context)
        if signer is not None and not may_sign(signer):
            yield fault("COM-37", path)


def _signers(resource: Resource) -> Iterator[tuple[str, str]]:
    if resource["resourceType"] == "DocumentReference" and resource.get("docStatus") in FINAL:
        yield "DocumentReference.authenticator", target(resource.get("authenticator"))
    if resource["resourceType"] == "Composition" and resource.get("status") in FINAL:
        for attester in resource.get("attester", ()):
            if attester.get("mode") in SIGNED_ATTESTATIONS:
                yield "Composition.attester", target(attester.get("party"))
    if resource["resourceType"] == "Provenance":
        for signature in resource.get("signature", ()):
            yield "Provenance.signature", target(signature.get("who"))


def _practitioner(reference: str, change: Change, context: Context) -> Resource | None:
    signer = related(reference, change, context)
    if signer is not None and signer["resourceType"] == "PractitionerRole":
        signer = related(target(signer.get("practitioner")), change, context)
    return signer if signer is not None and signer["resourceType"] == "Practitioner" else None
