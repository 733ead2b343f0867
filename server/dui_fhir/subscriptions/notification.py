"""What a subscriber receives. Pure.

Source: FHIR R4, subscription.html#rest-hook (an empty POST, or an update of the resource under the endpoint as FHIR base);
Subscriptions R5 Backport 1.1.0, backport-subscription-notification-r4 and backport-subscription-status-r4 for the Bundles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.definitions.xml import to_xml
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.subscriptions.subscription import JSON_MEDIA, XML_MEDIA, Channel, Content

_PROFILES: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
HEADER_SUBSCRIPTION: Final = "X-Dui-Subscription"
HEADER_TYPE: Final = "X-Dui-Notification"
HEADER_NUMBER: Final = "X-Dui-Event-Number"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One HTTP request to make."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event of a subscription: ``number`` counts from 1; ``focus`` is ``Type/id``; ``instant_ms`` when the version was
    made. ``resource`` None = not to be shown. ``state`` of its delivery, where the subscriber asks for it."""

    number: int
    focus: str
    instant_ms: int
    method: str
    resource: Resource | None = None
    state: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """The subscription that a notification speaks for. ``base_url``: FHIR base that the subscriber knows, "" = not known."""

    id: str
    status: str
    base_url: str
    last_number: int

    @property
    def url(self) -> str:
        """URL of the subscription."""
        return self.of(f"Subscription/{self.id}")

    def of(self, reference: str) -> str:
        """Return the URL of ``Type/id``; itself where no base is known."""
        return f"{self.base_url}/{reference}" if self.base_url else reference


def handshake(subject: Subject, channel: Channel, *, now_ms: int, key: str) -> Message:
    """Return the first message to an endpoint: whoever accepts it will be told of events."""
    body = b""
    if channel.content not in ("none", "resource"):
        bundle = notification(subject, "handshake", (), channel.content, now_ms=now_ms, key=key)
        body = written(bundle, channel)
    return Message(method="POST", url=channel.endpoint, headers=_headers(subject, channel, "handshake", 0), body=body)


def event_message(subject: Subject, channel: Channel, event: Event, *, now_ms: int, key: str) -> Message:
    """Return the message about one event.

    A resource deleted since (``event.resource`` None) is announced without being shown.
    """
    headers = _headers(subject, channel, "event-notification", event.number)
    if channel.content == "resource" and event.resource is not None:
        url = f"{channel.endpoint.rstrip('/')}/{event.focus}"
        return Message(method="PUT", url=url, headers=headers, body=written(event.resource, channel))
    if channel.content in ("none", "resource"):
        return Message(method="POST", url=channel.endpoint, headers=headers)
    bundle = notification(subject, "event-notification", (event,), channel.content, now_ms=now_ms, key=key)
    return Message(method="POST", url=channel.endpoint, headers=headers, body=written(bundle, channel))


def written(resource: Resource, channel: Channel) -> bytes:
    """Return the resource in the subscriber's format."""
    return to_xml(resource) if channel.xml else json.dumps(resource)


def _headers(subject: Subject, channel: Channel, type: str, number: int) -> tuple[tuple[str, str], ...]:
    media = XML_MEDIA[0] if channel.xml else JSON_MEDIA[0]
    ours = [("Content-Type", media), (HEADER_SUBSCRIPTION, subject.id), (HEADER_TYPE, type)]
    if number:
        ours.append((HEADER_NUMBER, str(number)))
    return (*channel.headers, *ours)


def notification(
    subject: Subject, type: str, events: Sequence[Event], content: Content, *, now_ms: int, key: str
) -> Resource:
    """Return a Bundle of type history: the status of the subscription, then what the events are about.

    ``content``: ``empty`` names nothing, ``id-only`` names the resources, ``full-resource`` shows them. ``key`` makes the id of
    the status, the same for a message sent again.
    """
    status = status_parameters(subject, type, events if content != "empty" else [_bare(e) for e in events])
    request = {"method": "GET", "url": f"{subject.url}/$status"}
    first = {
        "fullUrl": f"urn:uuid:{uuid5(NAMESPACE_URL, key)}",
        "resource": status,
        "request": request,
        "response": {"status": "200"},
    }
    entries = [_entry(subject, event, full=content == "full-resource") for event in events if content != "empty"]
    return {"resourceType": "Bundle", "type": "history", "timestamp": instant(now_ms), "entry": [first, *entries]}


def _bare(event: Event) -> Event:
    return Event(number=event.number, focus="", instant_ms=event.instant_ms, method=event.method, state=event.state)


def _entry(subject: Subject, event: Event, *, full: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"fullUrl": subject.of(event.focus)}
    if full and event.resource is not None:
        entry["resource"] = event.resource
    created = event.method == "POST"
    entry["request"] = {
        "method": "POST" if created else "PUT",
        "url": event.focus.split("/")[0] if created else event.focus,
    }
    return {**entry, "response": {"status": "201" if created else "200"}}


def status_parameters(
    subject: Subject, type: str, events: Sequence[Event] = (), errors: Sequence[str] = ()
) -> Resource:
    """Return the state of a subscription; ``errors``: French sentences."""
    parameters: list[dict[str, Any]] = [
        {"name": "subscription", "valueReference": {"reference": subject.url}},
        {"name": "status", "valueCode": subject.status},
        {"name": "type", "valueCode": type},
        {"name": "events-since-subscription-start", "valueString": str(subject.last_number)},
        *({"name": "notification-event", "part": _event_parts(subject, event)} for event in events),
        *({"name": "error", "valueCodeableConcept": {"text": text}} for text in errors),
    ]
    return {
        "resourceType": "Parameters",
        "meta": {"profile": [f"{_PROFILES}/backport-subscription-status-r4"]},
        "parameter": parameters,
    }


def _event_parts(subject: Subject, event: Event) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": instant(event.instant_ms)},
    ]
    if event.focus:
        parts.append({"name": "focus", "valueReference": {"reference": subject.of(event.focus)}})
    if event.state:
        parts.append({"name": "delivery", "valueCode": event.state})
    return parts
