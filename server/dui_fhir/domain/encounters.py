"""What an Encounter is, by its profile or by its business identifier (TDDUI: séjour, évènement)."""

from typing import Final

from dui_fhir.domain.change import Resource

STAY_IDENTIFIER: Final = "https://identifiant-medicosocial-sejour.esante.gouv.fr"
STAY_PROFILE: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-encounter-sejour"
EVENT_IDENTIFIER: Final = "https://identifiant-medicosocial-evenement.esante.gouv.fr"
EVENT_PROFILE: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-encounter-evenement"


def is_stay(encounter: Resource) -> bool:
    """True for a stay (séjour): an admission, of which a person has one at a time and mode in a structure."""
    return _is(encounter, STAY_PROFILE, STAY_IDENTIFIER)


def is_event(encounter: Resource) -> bool:
    """True for an event (évènement): an intervention, an activity, an absence."""
    return _is(encounter, EVENT_PROFILE, EVENT_IDENTIFIER)


def _is(encounter: Resource, profile: str, system: str) -> bool:
    claimed = encounter.get("meta", {}).get("profile", ())
    if any(str(url).partition("|")[0] == profile for url in claimed):
        return True
    return any(i.get("system") == system for i in encounter.get("identifier", ()))
