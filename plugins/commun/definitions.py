"""Definitions of the operations of the trunk, written short: one line per input."""

from collections.abc import Sequence
from typing import Any

from dui_fhir.api import Resource

Input = tuple[str, str, int, str, str]
"""Name, FHIR type, min, max, documentation in French."""


def operation_definition(
    code: str, name: str, title: str, description: str, resource: str, *, level: str, writes: bool,
    inputs: Sequence[Input], returns: str,
) -> Resource:  # fmt: skip
    """Return an OperationDefinition of ours; ``level`` is ``type`` or ``instance``, ``returns`` the type of the answer."""
    parameters: list[dict[str, Any]] = [
        {"name": n, "use": "in", "min": low, "max": high, "type": t, "documentation": text}
        for n, t, low, high, text in inputs
    ]
    parameters.append({"name": "return", "use": "out", "min": 1, "max": "1", "type": returns})
    return {
        "resourceType": "OperationDefinition",
        "id": f"dui-{code}",
        "url": f"urn:dui-fhir:operation:{code}",
        "name": name,
        "title": title,
        "status": "active",
        "kind": "operation",
        "affectsState": writes,
        "code": code,
        "description": description,
        "resource": [resource],
        "system": False,
        "type": level == "type",
        "instance": level == "instance",
        "parameter": parameters,
    }


def searchset(entries: Sequence[dict[str, Any]], total: int) -> Resource:
    """Return a Bundle of type searchset; FHIR JSON has no empty list."""
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": total}
    return {**bundle, "entry": list(entries)} if entries else bundle
