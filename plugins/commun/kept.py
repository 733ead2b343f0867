"""Rules on what must stay as it is: COM-27 (received), COM-28 (signed), COM-30 (archived)."""

from collections.abc import Iterator
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource

from .identities import fault
from .reading import related, tags, target

FINAL: Final = frozenset({"final", "amended"})
_CONTENT: Final = ("contentType", "data", "url", "hash", "size")


def check_content(change: Change, context: Context) -> Iterator[Issue]:
    """Check a DocumentReference or Binary being changed: received content never changes, signed content loses its signature."""
    before, after = change.before, change.after
    if before is None or after is None or _content(before) == _content(after):
        return
    if any(tag.startswith("recu-") for tag in tags(before)):
        yield fault("COM-27", f"{change.type}.content" if change.type == "DocumentReference" else "Binary.data")
    signed_still = after.get("docStatus") in FINAL or "authenticator" in after
    if before.get("docStatus") in FINAL and signed_still:
        yield fault("COM-28", "DocumentReference.docStatus")


def _content(resource: Resource) -> Any:
    if resource["resourceType"] == "Binary":
        return resource.get("data"), resource.get("contentType")
    attachments = [c.get("attachment", {}) for c in resource.get("content", ())]
    return [tuple(a.get(key) for key in _CONTENT) for a in attachments]


def check_archived(change: Change, context: Context) -> Iterator[Issue]:
    """Check that neither the resource nor its stay is archived; archivists of the structure may write."""
    if context.actor.professional and context.actor.professional in context.parameters.get("commun.archivistes", ()):
        return
    if any("archive" in tags(r) for r in _archives(change, context)):
        yield fault("COM-30", change.type)


def _archives(change: Change, context: Context) -> Iterator[Resource | None]:
    yield change.before
    resource = change.after or change.before or {}
    for reference in _stays(resource):
        stay = related(reference, change, context)
        yield stay
        for episode in (stay or {}).get("episodeOfCare", ()):
            yield related(target(episode), change, context)


def _stays(resource: Resource) -> Iterator[str]:
    links = [resource.get("encounter"), resource.get("partOf")]
    if isinstance(resource.get("context"), dict):
        links += resource["context"].get("encounter", ())
    if isinstance(resource.get("episodeOfCare"), list):
        links += resource["episodeOfCare"]
    for link in links:
        reference = target(link)
        if reference.startswith(("Encounter/", "EpisodeOfCare/")):
            yield reference
