"""The readings of ``reading.py`` for data that no validation saw: what has another shape than its element is absent."""

from collections.abc import Mapping
from typing import Any

from .document_text import items, part, text
from .reading import TAG, value_of


def extensions(element: Any, url: str) -> list[dict[str, Any]]:
    """Return the extensions of an element that have this URL."""
    return [e for e in items(part(element, "extension")) if e.get("url") == url]


def extension_value(element: Any, url: str) -> Any:
    """Return the value of the first extension with this URL; None where absent."""
    return next((value_of(e) for e in extensions(element, url)), None)


def codes(concepts: Any, system: str | None = None) -> set[str]:
    """Return the codes of a CodeableConcept, a Coding, or a list of them, of one system where given."""
    found = concepts if isinstance(concepts, list) else [concepts]
    codings = [c for concept in found for c in (items(part(concept, "coding")) or items([concept]))]
    return {text(c.get("code")) for c in codings if text(c.get("code")) and system in (None, c.get("system"))}


def tags(resource: Mapping[str, Any]) -> set[str]:
    """Return the codes of our own tags on a resource."""
    return codes(part(resource, "meta", "tag"), TAG)


def target(element: Any) -> str:
    """Return the literal reference of a Reference element; empty where it has none."""
    return text(part(element, "reference"))
