"""The life of a file, gathered for ``plugin.py``: its steps, what is said, what is given, what is proved."""

from collections.abc import Callable, Iterator, Mapping

from dui_fhir.api import Change, Context, Issue, Operation

from . import medication, medication_round, steps, transitions

Check = Callable[[Change, Context], Iterator[Issue]]

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "Encounter": (steps.check_encounter,),
    "EpisodeOfCare": (steps.check_episode,),
    "ServiceRequest": (steps.check_request,),
    "MedicationAdministration": (medication.check,),
}
DELETIONS: tuple[Check, ...] = (medication.check_delete,)


def operations() -> list[Operation]:
    """Return the operations of the life of a file."""
    return [*transitions.operations(), *medication_round.operations()]
