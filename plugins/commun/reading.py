"""Reading FHIR JSON: extensions, codings, tags, and the resources that a change or a document refers to."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dui_fhir.api import Change, Context, Resource

TAG: Final = "urn:dui-fhir:tag"
"""System of our tags in ``meta.tag``: ``work-list``, ``archive``, ``recu-dmp``, ``recu-mssante``, ``simule``."""
EXTENSION: Final = "urn:dui-fhir:extension:"
"""Start of the URLs of our extensions; README.md lists them."""


def extensions(element: Mapping[str, Any] | None, url: str) -> list[dict[str, Any]]:
    """Return the extensions of an element that have this URL."""
    return [e for e in (element or {}).get("extension", ()) if e.get("url") == url]


def value_of(extension: Mapping[str, Any] | None) -> Any:
    """Return ``value[x]`` of an extension, whatever x; None where it has none."""
    return next((v for k, v in (extension or {}).items() if k.startswith("value")), None)


def extension_value(element: Mapping[str, Any] | None, url: str) -> Any:
    """Return the value of the first extension with this URL; None where absent."""
    return next((value_of(e) for e in extensions(element, url)), None)


def codings(concepts: Any) -> Iterator[dict[str, Any]]:
    """Yield the codings of a CodeableConcept or of a list of them."""
    for concept in concepts if isinstance(concepts, list) else [concepts]:
        if isinstance(concept, dict):
            yield from concept.get("coding", ())


def codes(concepts: Any, system: str | None = None) -> set[str]:
    """Return the codes of a CodeableConcept or of a list of them, of one system where given."""
    return {str(c["code"]) for c in codings(concepts) if "code" in c and system in (None, c.get("system"))}


def tags(resource: Mapping[str, Any] | None) -> set[str]:
    """Return the codes of our own tags on a resource."""
    return {str(t.get("code")) for t in (resource or {}).get("meta", {}).get("tag", ()) if t.get("system") == TAG}


def profiles(resource: Mapping[str, Any]) -> set[str]:
    """Return the last part of each claimed profile, without its version (``tddui-patient``)."""
    claimed = resource.get("meta", {}).get("profile", ())
    return {str(p).partition("|")[0].rpartition("/")[2] for p in claimed}


def target(element: Any) -> str:
    """Return the literal reference of a Reference element; empty where it has none."""
    return str(element.get("reference", "")) if isinstance(element, dict) else ""


def related(reference: str, change: Change, context: Context) -> Resource | None:
    """Return a resource referred to: written by the same transaction, or stored; None where it is neither."""
    if not reference:
        return None
    return change.siblings.get(reference) or context.reader.read(reference)
