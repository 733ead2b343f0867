"""Which lots of an import may be under way together: those that would not notice one another.

Lots read one after the other in the order given leave a store in one state. Two lots of which neither writes what the other
writes, cites or judges leave it in that state whichever comes first; all others wait for their turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.reference import Reference, elements

EVERYWHERE = frozenset({
    "CodeSystem", "ConceptMap", "Organization", "Questionnaire", "SearchParameter", "StructureDefinition", "Subscription",
    "ValueSet",
})  # fmt: skip
"""Types by which the server judges, finds or announces other resources, whether these cite them or not."""


@dataclass(frozen=True, slots=True)
class Touch:
    """``changes``: ``Type/id`` written under ids of their own, persons spoken of, identifiers of persons; ``reads``: ``Type/id``
    cited. ``alone``: what it depends on is not told by its text (criteria, definitions)."""

    changes: frozenset[str]
    reads: frozenset[str]
    alone: bool

    def meets(self, other: "Touch") -> bool:
        """Tell whether the order of the two may be noticed."""
        if self.alone or other.alone:
            return True
        return not (
            self.changes.isdisjoint(other.changes)
            and self.changes.isdisjoint(other.reads)
            and self.reads.isdisjoint(other.changes)
        )


def touch(bundle: Resource) -> Touch:
    """Return what a transaction or batch touches. Never raises: one that is no Bundle is left alone."""
    entries = bundle.get("entry")
    if not isinstance(entries, list) or not all(map(_plain, entries)):
        return Touch(frozenset(), frozenset(), alone=True)
    inside = {_own(entry) for entry in entries if entry["request"]["method"] == "POST"}
    cited = {name for entry in entries for name in _cited(entry.get("resource"))} - inside
    changes = {_own(entry) for entry in entries if entry["request"]["method"] != "POST"}
    changes |= {name for name in cited if name.startswith("Patient/")}
    changes |= {text for entry in entries for text in _identifiers(entry.get("resource"))}
    return Touch(frozenset(changes), frozenset(cited), alone=False)


def _plain(entry: Any) -> bool:
    """Tell whether an entry says by itself what it writes and what it depends on."""
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or request.get("method") not in ("POST", "PUT", "DELETE"):
        return False
    url, resource = str(request.get("url")), entry.get("resource")
    type = resource.get("resourceType") if isinstance(resource, dict) else url.partition("/")[0]
    if "?" in url or "ifNoneExist" in request or type in EVERYWHERE:
        return False
    return not any("?" in element["reference"] for element in elements(resource))


def _own(entry: Any) -> str:
    resource, request = entry.get("resource"), entry["request"]
    if request["method"] == "POST" and isinstance(resource, dict):
        return f"{resource.get('resourceType')}/{resource.get('id')}"
    return str(request.get("url"))


def _cited(resource: Any) -> Iterator[str]:
    for element in elements(resource):
        target = Reference.parse(element["reference"])
        if target is not None and target.base is None:
            yield str(target)


def _identifiers(resource: Any) -> Iterator[str]:
    """A person's identifiers: two files of one person are told apart, or refused, in the order they come."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
        return
    identifiers = resource.get("identifier")
    for identifier in identifiers if isinstance(identifiers, list) else ():
        if isinstance(identifier, dict) and identifier.get("value"):
            yield f"{identifier.get('system')}|{identifier['value']}"
