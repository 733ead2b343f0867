"""A Bundle as a whole: its full URLs, and what references inside it point to. Linear in the number of entries.

Source: FHIR R4, bundle.html#references (resolving references in bundles), bdl-7, documents.html, messaging.html.
"""

from typing import Any

from dui_fhir.definitions.elements import resource_types
from dui_fhir.domain.reference import Reference
from dui_fhir.validation.faults import Path, Report
from dui_fhir.validation.fhirpath import Node

_INTERACTIONS = frozenset({"transaction", "batch", "transaction-response", "batch-response"})
_LINKED = frozenset({"document", "message"})


class Entries:
    """The resources of one Bundle, by full URL and by ``Type/id``."""

    def __init__(self, bundle: dict[str, Any]) -> None:
        self.by_url: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, list[dict[str, Any]]] = {}
        self.url_of: dict[int, str] = {}
        for entry in _entries(bundle):
            resource, url = entry.get("resource"), entry.get("fullUrl")
            if not isinstance(resource, dict):
                continue
            if isinstance(url, str):
                self.by_url.setdefault(url, resource)
                self.url_of[id(resource)] = url
            self.by_key.setdefault(f"{resource.get('resourceType')}/{resource.get('id')}", []).append(resource)

    def find(self, reference: str, owner: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Return the resource that a reference of ``owner`` points to in the Bundle."""
        bare = reference.partition("/_history/")[0].partition("#")[0]
        if bare in self.by_url:
            return self.by_url[bare]
        parsed = Reference.parse(bare)
        if parsed is None or parsed.base is not None:
            return None
        url = self.url_of.get(id(owner))
        if url is not None:  # a relative reference is relative to the full URL of its resource, or to nothing
            parsed_url = Reference.parse(url)
            if parsed_url is None:
                return None
            return self.by_url.get(f"{parsed_url.base}/{parsed}" if parsed_url.base else str(parsed))
        found = self.by_key.get(str(parsed), [])
        return found[0] if found else None


def _entries(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    entries = bundle.get("entry")
    return [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []


def contained_in(root: Any, reference: str) -> dict[str, Any] | None:
    """Return the resource that ``#id`` points to."""
    if not isinstance(root, dict):
        return None
    if reference == "#":
        return root
    contained = root.get("contained")
    listed = contained if isinstance(contained, list) else []
    return next((c for c in listed if isinstance(c, dict) and c.get("id") == reference[1:]), None)


def node(resource: dict[str, Any] | None) -> Node | None:
    """Return a resource as FHIRPath sees it."""
    return None if resource is None else Node(resource, str(resource.get("resourceType")))


def check_bundle(bundle: dict[str, Any], entries: Entries, report: Report, path: Path) -> None:
    """Report full URLs that are wrong, and what does not hold together in a document or a message."""
    listed = bundle.get("entry")
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(entry, dict):
            _full_url(entry, bundle, report, ((path, "entry"), index))
    _links(bundle, report, path)
    if bundle.get("type") in _LINKED:
        _first_entry_links(bundle, entries, report, path)


def _links(bundle: dict[str, Any], report: Report, path: Path) -> None:
    links = bundle.get("link")
    listed = links if isinstance(links, list) else []
    relations = [link.get("relation") for link in listed if isinstance(link, dict)]
    if any(relations.count(name) > 1 for name in ("self", "first", "last", "next", "previous")):
        report.add(
            "validation-bundle-link",
            "structure",
            "Un lien du lot est présent deux fois.",
            "duplicate link relation",
            path,
        )


def _full_url(entry: dict[str, Any], bundle: dict[str, Any], report: Report, path: Path) -> None:
    url, resource = entry.get("fullUrl"), entry.get("resource")
    interaction = bundle.get("type") in _INTERACTIONS
    if not isinstance(url, str) or not isinstance(resource, dict):
        if not interaction and isinstance(resource, dict) and not isinstance(url, str):
            report.add(
                "validation-full-url",
                "required",
                "L'adresse « fullUrl » de cette entrée est absente.",
                "fullUrl is missing, and the bundle is no transaction or batch",
                path,
            )
        return
    if ":" not in url:
        report.add(
            "validation-full-url", "value", "L'adresse « fullUrl » doit être absolue.", "fullUrl not absolute", path
        )
        return
    parsed = Reference.parse(url)
    id = resource.get("id")
    if parsed is None or parsed.type not in resource_types() or (interaction and id is None):
        return
    if parsed.type != resource.get("resourceType") or parsed.id != id:
        report.add(
            "validation-full-url",
            "value",
            "L'adresse « fullUrl » ne correspond pas à l'identifiant de la ressource.",
            "fullUrl does not end with the id of the resource",
            path,
        )


def _first_entry_links(bundle: dict[str, Any], entries: Entries, report: Report, path: Path) -> None:
    """A document and a message hold what their first entry refers to."""
    listed = _entries(bundle)
    first = listed[0].get("resource") if listed else None
    if not isinstance(first, dict):
        return
    for place, text in _references(first, (((path, "entry"), 0), "resource")):
        if not text.startswith("#") and entries.find(text, first) is None and _should_be_inside(text):
            report.add(
                "validation-not-in-bundle",
                "not-found",
                "Cette référence ne désigne aucune ressource du lot.",
                "reference not found in the bundle",
                place,
            )


def _should_be_inside(text: str) -> bool:
    parsed = Reference.parse(text)
    return text.startswith("urn:uuid:") or (parsed is not None and parsed.base is None)


def _references(value: Any, path: Path) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []
    left: list[tuple[Path, Any]] = [(path, value)]
    while left:
        place, item = left.pop()
        if isinstance(item, dict):
            if isinstance(item.get("reference"), str):
                found.append((place, item["reference"]))
            left += [((place, key), inner) for key, inner in item.items() if isinstance(inner, dict | list)]
        elif isinstance(item, list):
            left += [((place, index), inner) for index, inner in enumerate(item)]
    return found
