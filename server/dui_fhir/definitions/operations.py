"""The operations defined by R4, without their prose. Source: FHIR R4 OperationDefinitions (profiles/SOURCES.md)."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from dui_fhir.definitions import source


@cache
def operation_definitions() -> Mapping[str, dict[str, Any]]:
    """Return the OperationDefinitions by id (``Patient-everything``), as FHIR JSON to be read only."""
    return {row["id"]: row for row in source.read("r4", "operations.json")}
