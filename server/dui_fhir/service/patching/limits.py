"""What a PATCH may change, where a profile that the resource declares says it.

Source: ANS, volet « Partage de documents de santé en mobilité » (PDSm) 3.1.1, flux 3 and 4: of a document's metadata, only
``status``, ``securityLabel`` and the extension *isArchived* are updated by PATCH; anything else is refused with 405. The volet
says nothing of PUT, which stays what it is in R4.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import MethodNotAllowed

_PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limit:
    """``elements`` and ``extensions`` (by url) that a PATCH may change; ``named`` says them in French."""

    elements: frozenset[str]
    extensions: frozenset[str]
    named: str


_DOCUMENT = _Limit(
    elements=frozenset({"status", "securityLabel"}),
    extensions=frozenset({_PDSM + "pdsm-ext-is-archived"}),
    named="status, securityLabel et l'extension isArchived",
)
_LIMITS: Mapping[str, _Limit] = {
    _PDSM + "pdsm-comprehensive-document-reference": _DOCUMENT,
    _PDSM + "pdsm-simplified-publish": _DOCUMENT,
}


def check(before: Resource, after: Resource, path: str = "") -> None:
    """Check what a patch changed; ``path`` is the place of the entry in a Bundle. What counts is the effect: a ``test``
    operation, or a replacement by the same value, changes nothing.

    Raises: MethodNotAllowed (``core-patch-profile``), naming each element.
    """
    limit = next((_LIMITS[p] for p in _declared(before) if p in _LIMITS), None)
    changed = sorted(_changed(before, after, limit)) if limit else []
    if limit and changed:
        start = path or str(before["resourceType"])
        raise MethodNotAllowed.of(
            "core-patch-profile",
            f"Le profil PDSm de cette fiche ne laisse modifier par PATCH que {limit.named}.",
            f"not patchable under the declared profile: {', '.join(changed)}",
            [f"{start}.{name}" for name in changed],
        )


def _declared(resource: Resource) -> Iterator[str]:
    for canonical in resource.get("meta", {}).get("profile", ()):
        yield str(canonical).partition("|")[0]


def _changed(before: Resource, after: Resource, limit: _Limit) -> Iterator[str]:
    for name in before.keys() | after.keys():
        if name.lstrip("_") in limit.elements:
            continue
        old, new = before.get(name), after.get(name)
        if name == "extension":
            old, new = (_others(value, limit.extensions) for value in (old, new))
        if old != new:
            yield name


def _others(extensions: Any, allowed: frozenset[str]) -> list[Any]:
    return [e for e in extensions or () if not (isinstance(e, dict) and e.get("url") in allowed)]
