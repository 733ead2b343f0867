"""The French volet Notification d'évènements (NdE): who wants to know what of whom, and the order to notify.

Source: ANS, ans.fhir.fr.nde 3.0.0, profiles nde-subscription, nde-eventdeclaration, nde-notificationrequest. The volet lets an
emitter post what happened (CommunicationRequest), the manager of subscriptions find who asked for it, and post an order to the
manager of notifications, which writes to people. Persons and organisations are contained resources.

Two contained persons are the same where they share an identifier (system and value): likeness of name and birth date is no
identity, and a notification says something of somebody's health.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.domain.change import Resource
from dui_fhir.domain.json import objects

CANONICAL: Final = "https://interop.esante.gouv.fr/ig/fhir/nde/StructureDefinition"
_CHANNELS: Final = "https://mos.esante.gouv.fr/NOS/TRE_R200-CanalCommunication/FHIR/TRE-R200-CanalCommunication"
_MEDIA: Final[Mapping[str, tuple[str, str]]] = {"email": ("3", "Courrier électronique")}

Identity = tuple[str, str]
"""System and value of an identifier; ``("", "Type/id")`` for a resource of this server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interest:
    """What an nde-subscription adds to its criteria: kinds of event, the person, and who tells.

    ``emitters`` empty = whoever tells. ``subjects`` empty = nobody: the person cannot be recognised.
    """

    events: frozenset[Identity]
    subjects: frozenset[Identity]
    emitters: frozenset[Identity]

    def concerns(self, declaration: Resource) -> bool:
        """Return whether a resource declares such an event of that person; an order to notify declares none."""
        if declaration.get("resourceType") != "CommunicationRequest" or is_order(declaration):
            return False
        events = codes(extension(declaration, "event-type"))
        if not self.events & events or not self.subjects & identities(declaration, declaration.get("subject")):
            return False
        return not self.emitters or bool(self.emitters & identities(declaration, declaration.get("requester")))


def interest(subscription: Resource) -> Interest | None:
    """Return what an nde-subscription is about; None for a subscription that is none."""
    event, subject = extension(subscription, "event-type"), extension(subscription, "subject")
    if event is None and subject is None:
        return None
    return Interest(
        events=codes(event),
        subjects=identities(subscription, subject),
        emitters=identities(subscription, extension(subscription, "declarant")),
    )


def start(subscription: Resource) -> str | None:
    """Return the dateTime from which the subscriber wants to be told."""
    value = extension(subscription, "start")
    return value if isinstance(value, str) else None


def is_order(request: Resource) -> bool:
    """Tell whether a CommunicationRequest orders a notification: it is based on a subscription."""
    return any("Subscription/" in str(item.get("reference", "")) for item in objects(request.get("basedOn")))


def extension(resource: Mapping[str, Any], name: str) -> Any:
    """Return the value of an extension of the volet, None where it is absent."""
    for item in objects(resource.get("extension")):
        if item.get("url") == f"{CANONICAL}/{name}":
            return next((value for key, value in item.items() if key.startswith("value")), None)
    return None


def codes(concept: Any) -> frozenset[Identity]:
    """Return system and code of each coding of a CodeableConcept."""
    codings = objects(concept.get("coding")) if isinstance(concept, dict) else []
    return frozenset((str(c.get("system", "")), str(c["code"])) for c in codings if c.get("code"))


def identities(resource: Resource, reference: Any) -> frozenset[Identity]:
    """Return by what the target of a reference can be recognised."""
    return frozenset(_identities(resource, reference))


def _identities(resource: Resource, reference: Any) -> Iterator[Identity]:
    if not isinstance(reference, dict):
        return
    yield from _identifiers([reference.get("identifier")])
    literal = str(reference.get("reference", ""))
    target = contained(resource, reference)
    if target is not None:
        yield from _identifiers(target.get("identifier"))
    elif literal and not literal.startswith("#"):
        yield "", literal


def _identifiers(value: Any) -> Iterator[Identity]:
    for item in objects(value):
        if item.get("value") and item.get("use") != "old":
            yield str(item.get("system", "")), str(item["value"])


def contained(resource: Resource, reference: Any) -> Resource | None:
    """Return the contained resource that a reference points to."""
    literal = str(reference.get("reference", "")) if isinstance(reference, dict) else ""
    if not literal.startswith("#"):
        return None
    return next((c for c in objects(resource.get("contained")) if c.get("id") == literal[1:]), None)


# the order to notify


def order(subscription: Resource, declaration: Resource, *, url: str, emitted: str, key: str) -> Resource:
    """Return the nde-notificationrequest for one declared event.

    ``url``: absolute URL of the subscription; ``emitted``: instant at which the declaration was received; ``key``: a text of
    its own, which makes the identifier by which the recipient recognises a repeated order.
    """
    parts = _Contained()
    subject = parts.take(declaration, declaration.get("subject"), "sujet")
    requester = parts.take(declaration, declaration.get("requester"), "declarant")
    recipient = parts.take(subscription, extension(subscription, "subscriber"), "destinataire")
    channel = subscription.get("channel", {})
    return {
        "resourceType": "CommunicationRequest",
        "meta": {"profile": [f"{CANONICAL}/nde-notificationrequest"]},
        "contained": parts.resources,
        "extension": _extensions(declaration, emitted),
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid5(NAMESPACE_URL, key)}"}],
        "basedOn": [{"reference": url}],
        "status": "active",
        "medium": [_medium(str(channel.get("type", "")))],
        "subject": subject,
        "payload": declaration.get("payload", [])[:1],
        "requester": requester,
        "recipient": [{"extension": [_extension("recipient-endpoint", "Url", channel.get("endpoint"))], **recipient}],
    }


class _Contained:
    """The contained resources of an order, named by what they are there."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []

    def take(self, source: Resource, reference: Any, id: str) -> dict[str, Any]:
        target = contained(source, reference)
        if target is None:
            return dict(reference) if isinstance(reference, dict) else {}
        self.resources.append({**target, "id": id})
        return {**reference, "reference": f"#{id}"}


def _extensions(declaration: Resource, emitted: str) -> list[dict[str, Any]]:
    made = [_extension("event-type", "CodeableConcept", extension(declaration, "event-type"))]
    time = extension(declaration, "event-time")
    if time is not None:
        made.append(_extension("event-time", "DateTime", time))
    return [*made, _extension("event-emission-time", "DateTime", emitted)]


def _extension(name: str, type: str, value: Any) -> dict[str, Any]:
    return {"url": f"{CANONICAL}/{name}", f"value{type}": value}


def _medium(channel: str) -> dict[str, Any]:
    known = _MEDIA.get(channel)
    if known is None:
        return {"text": channel}
    return {"coding": [{"system": _CHANNELS, "code": known[0], "display": known[1]}]}
