"""A Subscription resource read: what it watches and where it wants to be told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final, Literal, cast

from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import MS_MAX, MS_MIN, interval
from dui_fhir.domain.json import objects
from dui_fhir.search.match import Entry
from dui_fhir.search.options import SearchOptions
from dui_fhir.subscriptions import nde
from dui_fhir.subscriptions.criteria import Criteria, compile_criteria
from dui_fhir.subscriptions.endpoint import read_header

PAYLOAD_CONTENT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
JSON_MEDIA: Final = ("application/fhir+json", "application/json")
XML_MEDIA: Final = ("application/fhir+xml", "application/xml")

Content = Literal["none", "resource", "empty", "id-only", "full-resource"]
"""``none``: an empty POST; ``resource``: the resource, by PUT, as a FHIR server would receive it (FHIR R4, both). The others:
a Bundle that says how much it holds (Subscriptions R5 Backport)."""
CONTENTS: Final = ("empty", "id-only", "full-resource")


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """Where and how to tell. ``media``: type of what is sent. ``headers``: those of the subscriber, in order."""

    type: str
    endpoint: str
    content: Content
    media: str
    headers: tuple[tuple[str, str], ...]

    @property
    def xml(self) -> bool:
        """True where the subscriber reads XML."""
        return self.media in XML_MEDIA


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """An active subscription, ready to judge changes. Bounds in epoch milliseconds, inclusive."""

    id: str
    criteria: Criteria
    start_ms: int = MS_MIN
    end_ms: int = MS_MAX
    interest: nde.Interest | None = None

    def wants(self, resource: Resource, entry: Entry, now_ms: int) -> bool:
        """Return whether a version just made of a resource, also given as an ``entry``, is to be told."""
        if not self.criteria.hold(entry) or not self.start_ms <= now_ms <= self.end_ms:
            return False
        return self.interest is None or self.interest.concerns(resource)


def watched(subscription: Resource, options: SearchOptions) -> Watched:
    """Return what a subscription watches. Raises: BadRequest (``subscription-criteria``, ``search-…``)."""
    start_ms, end_ms = period(subscription, options.zone)
    return Watched(
        id=subscription["id"],
        criteria=compile_criteria(str(subscription.get("criteria", "")), options),
        start_ms=start_ms,
        end_ms=end_ms,
        interest=nde.interest(subscription),
    )


def period(subscription: Resource, zone: tzinfo) -> tuple[int, int]:
    """Return from when to when a subscription is in force; a bound that is no date is none."""
    start, end = nde.start(subscription), subscription.get("end")
    return _bound(start, zone, 0, MS_MIN), _bound(end, zone, 1, MS_MAX)


def _bound(text: Any, zone: tzinfo, side: int, absent: int) -> int:
    try:
        return interval(text, zone)[side] if isinstance(text, str) else absent
    except ValueError:
        return absent


def channel(subscription: Resource) -> Channel:
    """Return the channel; headers that may not be set are left out (see :func:`header_lines`)."""
    element = _object(subscription.get("channel"))
    media = element.get("payload")
    read = [read_header(line) for line in header_lines(subscription)]
    return Channel(
        type=str(element.get("type", "")),
        endpoint=str(element.get("endpoint", "")),
        content=_content(element, media),
        media=str(media or JSON_MEDIA[0]).partition(";")[0].strip().lower(),
        headers=tuple(header for header in read if header is not None),
    )


def _content(element: Mapping[str, Any], media: Any) -> Content:
    for code in _payload_codes(element):
        return cast(Content, code) if code in CONTENTS else "empty"
    return "resource" if media else "none"


def payload_codes(subscription: Resource) -> tuple[str, ...]:
    """Return the values of the backport's ``payload-content`` extension: one, or none."""
    return tuple(_payload_codes(_object(subscription.get("channel"))))


def _payload_codes(element: Mapping[str, Any]) -> Iterator[str]:
    for extension in objects(_object(element.get("_payload")).get("extension")):
        if extension.get("url") == PAYLOAD_CONTENT:
            yield str(extension.get("valueCode", ""))


def header_lines(subscription: Resource) -> tuple[str, ...]:
    """Return ``channel.header`` as given."""
    lines = _object(subscription.get("channel")).get("header")
    return tuple(line for line in lines if isinstance(line, str)) if isinstance(lines, list) else ()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
