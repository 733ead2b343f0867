"""May a document leave? COM-01, 05, 06, 43 to 47 (decisions D14, D15).

Channels: ``dmp``, ``mssante`` (to professionals), ``mssante-citoyen`` (to the person's Mon espace santé).
"""

from collections.abc import Iterator
from typing import Final

from dui_fhir.api import INS_HIGH_TRUST, Context, Issue, Resource, interval, read_identity, to_ms

from .identities import fault
from .kept import FINAL
from .reading import codes, target
from .signing import rpps, rpps_key_is_right

CONSENT: Final = "urn:dui-fhir:consent"
"""Categories of our consents: ``opposition-dmp``, ``opposition-mssante-citoyen``, ``accord-dmp``."""
LABEL: Final = "urn:dui-fhir:label"
PROTECTED_ADDRESS: Final = "adresse-protegee"
ACTIVITY: Final = "urn:dui-fhir:activity"
OVERRIDE: Final = "passer-outre-opposition"
_TO_THE_PERSON: Final = frozenset({"dmp", "mssante-citoyen"})


def check(document: Resource, channel: str, context: Context) -> Iterator[Issue]:
    """Yield every reason why this DocumentReference may not leave by this channel."""
    subject = target(document.get("subject"))
    patient = context.reader.read(subject) if subject else None
    yield from _state(document, context)
    if channel in _TO_THE_PERSON:
        yield from _identity(patient, context)
        yield from _opposition(document, subject, channel, context)
    if channel == "dmp":
        refused = list(_type(document, context))
        yield from refused or _stance(document, subject, context)
    elif context.document is not None and not context.document.mssante:
        yield fault("COM-47", "DocumentReference.type")
    elif channel == "mssante-citoyen":
        yield from _citizen(document, context)


def _citizen(document: Resource, context: Context) -> Iterator[Issue]:
    """Parents read the mailbox of a child: what its corridor never sends to the DMP does not get there by this door."""
    if _shows_protected_address(document):
        text = "Ce document montre une adresse protégée : il ne part pas vers Mon espace santé."
        yield fault("COM-47", "DocumentReference.securityLabel", text=text)
    elif (kind := context.document) is not None and kind.dmp == "never" and _closed(kind.key, context):
        text = f"Ce document ne va jamais dans Mon espace santé, ni au DMP ni par message : {kind.reason}"
        yield fault("COM-47", "DocumentReference.type", text=text)


def _closed(key: str, context: Context) -> bool:
    return key.split("/", 1)[0] in context.parameters["commun.citoyen_couloirs_fermes"]


def _state(document: Resource, context: Context) -> Iterator[Issue]:
    if document.get("status") != "current":
        yield fault("COM-46", "DocumentReference.status")
        return
    signed = document.get("docStatus") in FINAL
    asked = context.document is not None and context.document.signers
    if not signed and (asked or document.get("docStatus") in ("preliminary", "entered-in-error")):
        yield fault("COM-46", "DocumentReference.docStatus")


def _shows_protected_address(document: Resource) -> bool:
    return PROTECTED_ADDRESS in codes(document.get("securityLabel"), LABEL)


def _identity(patient: Resource | None, context: Context) -> Iterator[Issue]:
    high_trust = frozenset(context.parameters.get("commun.ins_pieces_haut_niveau", INS_HIGH_TRUST))
    if patient is None:
        yield fault("COM-01", "DocumentReference.subject")
        return
    found = read_identity(patient)
    if found.qualified(high_trust):
        return
    lacks = () if found.matricule else ("matricule INS",)
    missing = (*lacks, *found.traits.missing(), *found.unproven(high_trust))
    why = f" ; il manque : {', '.join(missing)}" if missing else ""
    text = f"L'identité INS de la personne n'est pas qualifiée : le document ne peut pas partir{why}."
    yield fault("COM-01", "DocumentReference.subject", text=text)


def _type(document: Resource, context: Context) -> Iterator[Issue]:
    given = codes(document.get("type"))
    if given & set(context.parameters["commun.dmp_types_exclus"]):
        yield fault("COM-06", "DocumentReference.type")
    elif not given & set(context.parameters["commun.dmp_types"]):
        yield fault("COM-05", "DocumentReference.type")


def _stance(document: Resource, subject: str, context: Context) -> Iterator[Issue]:
    """D14. A type that no active corridor declares is closed by default."""
    kind = context.document
    if _shows_protected_address(document):
        yield fault("COM-43", "DocumentReference.securityLabel", text="Ce document montre une adresse protégée.")
        return
    if kind is not None and kind.dmp == "auto":
        return
    if kind is not None and kind.dmp == "never":
        yield fault("COM-43", "DocumentReference.type", text=f"Ce document ne va jamais au DMP : {kind.reason}")
        return
    key = kind.key if kind else ""
    opened = key in context.parameters.get("commun.dmp_types_ouverts", ())
    if not opened:
        reason = f" ({kind.reason})" if kind else ""
        text = f"Ce type de document est fermé au DMP tant que la direction ne l'a pas ouvert{reason}."
        yield fault("COM-44", "DocumentReference.type", text=text)
    elif not any(_consents(subject, "accord-dmp", context)):
        text = "L'accord de la personne, ou du titulaire de l'autorité, à cet envoi au DMP n'est pas enregistré."
        yield fault("COM-44", "DocumentReference.subject", text=text)


def _opposition(document: Resource, subject: str, channel: str, context: Context) -> Iterator[Issue]:
    """D15. A health professional may override the one against the DMP, with a motive; never the other."""
    if not any(_consents(subject, f"opposition-{channel}", context)):
        return
    if channel == "dmp" and _overridden(document, context):
        return
    yield fault("COM-45", "DocumentReference.subject")


def _consents(subject: str, category: str, context: Context) -> Iterator[Resource]:
    if not subject:
        return
    now_ms = to_ms(context.now)
    for consent in context.reader.search("Consent", [("patient", subject), ("status", "active")]):
        period = consent.get("provision", {}).get("period", {})
        over = "end" in period and interval(period["end"])[1] < now_ms
        early = "start" in period and interval(period["start"])[0] > now_ms
        if category in codes(consent.get("category"), CONSENT) and not over and not early:
            yield consent


def _overridden(document: Resource, context: Context) -> bool:
    reference = f"DocumentReference/{document.get('id')}"
    for act in context.reader.search("Provenance", [("target", reference)]):
        motive = any(r.get("text") or r.get("coding") for r in act.get("reason", ()))
        if OVERRIDE in codes(act.get("activity"), ACTIVITY) and motive and _by_health_professional(act, context):
            return True
    return False


def _by_health_professional(act: Resource, context: Context) -> bool:
    for agent in act.get("agent", ()):
        who = context.reader.read(target(agent.get("who"))) if target(agent.get("who")) else None
        number = rpps(who) if who and who["resourceType"] == "Practitioner" else None
        if number is not None and rpps_key_is_right(number):
            return True
    return False
