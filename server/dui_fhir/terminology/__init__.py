"""Terminology: code systems, value sets and concept maps, and the operations on them. Pure: no disk but what ships, no network."""

from dui_fhir.terminology.builtin import builtin
from dui_fhir.terminology.engine import Terminology
from dui_fhir.terminology.operations import operations
from dui_fhir.terminology.registry import Loaded, Registry

__all__ = ["Loaded", "Registry", "Terminology", "builtin", "operations"]
