"""A person without identity: anonymous, or of whom it is not known (decision D12). A status, not a missing INS."""

from typing import Final

from dui_fhir.domain.change import Resource

TAG_SYSTEM: Final = "urn:dui-fhir:tag"
UNIDENTIFIED: Final = frozenset({"anonyme", "identite-inconnue"})
"""Codes of ``Patient.meta.tag`` under ``urn:dui-fhir:tag`` that say this status."""
UNIDENTIFIED_PROFILE: Final = "urn:dui-fhir:profile:personne-sans-identite"
"""The minimal profile of such a person; a corridor that receives them chooses it (hook ``choose_profiles``)."""


def is_unidentified(resource: Resource) -> bool:
    """True for a Patient with the status."""
    tags = resource.get("meta", {}).get("tag", ()) if resource.get("resourceType") == "Patient" else ()
    return any(tag.get("system") == TAG_SYSTEM and tag.get("code") in UNIDENTIFIED for tag in tags)
