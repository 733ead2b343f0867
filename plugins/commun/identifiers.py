"""Rules on the form of identifiers: COM-70 to 72. Warnings all: what was received is stored (decision D7)."""

from collections.abc import Iterator
from typing import Any

from dui_fhir.api import (
    Change,
    Context,
    Issue,
    Resource,
    file_identifier_is_right,
    professional_identifier_is_right,
    structure_identifier_is_right,
)

from .identities import fault
from .reading import codes

_ADMINISTRATIVE = "NUMDOSS"
"""Type of a stay's number in the administrative file: under the same system, without grammar (TDDUI)."""


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check the identifiers of a resource being written, those that were there before left aside."""
    known = {_key(i) for i in _identifiers(change.before)}
    for index, identifier in _numbered(change.after):
        system, value = _key(identifier)
        if not system or not value or (system, value) in known or _ADMINISTRATIVE in codes(identifier.get("type")):
            continue
        path = f"{change.type}.identifier{index}.value"
        if not file_identifier_is_right(system, value):
            yield fault("COM-70", path, warn=True)
        if not structure_identifier_is_right(system, value):
            yield fault("COM-71", path, warn=True)
        if not professional_identifier_is_right(system, value):
            yield fault("COM-72", path, warn=True)


def _numbered(resource: Resource | None) -> Iterator[tuple[str, dict[str, Any]]]:
    several = isinstance((resource or {}).get("identifier"), list)
    for index, identifier in enumerate(_identifiers(resource)):
        yield (f"[{index}]" if several else ""), identifier


def _identifiers(resource: Resource | None) -> list[dict[str, Any]]:
    found = (resource or {}).get("identifier", ())
    return [i for i in (found if isinstance(found, list) else [found]) if isinstance(i, dict)]


def _key(identifier: dict[str, Any]) -> tuple[str, str]:
    return str(identifier.get("system", "")), str(identifier.get("value", ""))
