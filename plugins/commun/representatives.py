"""COM-35 (art. 459, L311-4): a legal representative decides for the person only by an act, and a measure that covers the person."""

from collections.abc import Iterator
from typing import Final

from dui_fhir.api import Change, Context, Issue, Resource

from .identities import fault
from .reading import EXTENSION, codes, extension_value, related, target

_PROTECTION: Final = "https://mos.esante.gouv.fr/NOS/TRE_R217-ProtectionJuridique/FHIR/TRE-R217-ProtectionJuridique"
_LEGAL: Final = frozenset({"TUTEUR", "CURATEUR", "MSVG"})
_OF_THE_PERSON: Final = frozenset({"personne", "biens-et-personne"})


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a RelatedPerson being written."""
    relative: Resource = change.after or {}
    lacking = _lacking(relative)
    if lacking:
        text = f"Représentant légal qui ne peut pas décider pour la personne : {lacking}."
        yield fault("COM-35", "RelatedPerson.extension", text=text)


def check_consent(change: Change, context: Context) -> Iterator[Issue]:
    """Check who decides in a Consent in force; one that is nowhere (D11) is not known to be without the right."""
    consent: Resource = change.after or {}
    if consent.get("status") != "active":
        return
    deciders = {target(p) for p in consent.get("performer", ()) if target(p).startswith("RelatedPerson/")}
    for reference in sorted(deciders):
        lacking = _lacking(related(reference, change, context) or {})
        if lacking:
            text = f"Consentement donné par un représentant légal qui ne peut pas décider pour la personne : {lacking}."
            yield fault("COM-35", "Consent.performer", text=text)


def _lacking(relative: Resource) -> str:
    """Return in French what keeps a legal representative from deciding; empty where nothing does, or he is none."""
    if not codes(relative.get("relationship"), _PROTECTION) & _LEGAL:
        return ""
    if extension_value(relative, f"{EXTENSION}acte") is None:
        return "son acte (jugement, mandat) n'est pas enregistré"
    if extension_value(relative, f"{EXTENSION}portee-mesure") not in _OF_THE_PERSON:
        return "la portée de la mesure ne couvre pas la personne, ou n'est pas dite"
    return ""
