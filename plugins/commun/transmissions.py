"""Rules on transmissions and messages: COM-67, 68, 69 (COM-66 is written in JSON). Decision D27: docs/fr/transmissions.md."""

from collections.abc import Iterator

from dui_fhir.api import Change, Context, Issue, Resource

from .identities import fault
from .reading import EXTENSION, extensions, related, target, value_of

CATEGORY = "urn:dui-fhir:communication"
ROLE = f"{EXTENSION}role-cible"
"""Extension of Communication, repeated: a role of ``access.json`` that the transmission is meant for; none: the whole team."""


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check a Communication being written."""
    said: Resource = change.after or {}
    if change.before is not None and _moved(change.before, said):
        yield fault("COM-67", "Communication")
    if said.get("status") != "entered-in-error" and any(_of_another(r, said, change, context) for r in _people(said)):
        yield fault("COM-68", "Communication.recipient")
    unknown = sorted(roles(said) - set(context.parameters["commun.roles_cibles"]))
    if unknown:
        text = f"Rôle inconnu : {', '.join(unknown)} ; la transmission risque de n’être lue par personne."
        yield fault("COM-69", "Communication.extension", text=text)


def check_delete(change: Change, context: Context) -> Iterator[Issue]:
    """COM-67: what was said is not erased."""
    if change.type == "Communication" and (change.before or {}).get("status") in ("completed", "in-progress"):
        text = "Une transmission ne s’efface pas : corrigez-la, ou dites-la saisie par erreur."
        yield fault("COM-67", "Communication.status", text=text)


def roles(said: Resource) -> set[str]:
    """Return the roles that a transmission is meant for; empty: everyone."""
    found = (value_of(e) for e in extensions(said, ROLE))
    return {str(v.get("code", "")) if isinstance(v, dict) else str(v) for v in found} - {""}


def _moved(before: Resource, after: Resource) -> bool:
    """True where a transmission changes of person or of author; what was missing may be said."""
    if before.get("status") == "preparation":
        return False
    links = [(target(before.get(name)), target(after.get(name))) for name in ("subject", "sender")]
    return any(old and old != new for old, new in links)


def _people(said: Resource) -> Iterator[str]:
    for recipient in said.get("recipient", ()):
        if target(recipient).startswith(("Patient/", "RelatedPerson/")):
            yield target(recipient)


def _of_another(recipient: str, said: Resource, change: Change, context: Context) -> bool:
    """True where a message about a person goes to another one, or to someone around another one."""
    subject = target(said.get("subject"))
    if not subject.startswith("Patient/"):
        return False
    if recipient.startswith("Patient/"):
        return recipient != subject
    around = related(recipient, change, context)
    return around is not None and target(around.get("patient")) != subject
