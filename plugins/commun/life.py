"""The life of a file, gathered for ``plugin.py``: its steps, what is said, what is given, what is proved."""

from collections.abc import Callable, Iterator, Mapping

from dui_fhir.api import Change, Context, Issue, Operation

from . import (
    exchanges,
    feed,
    liaison,
    medication,
    medication_round,
    proofs,
    receipts,
    sharing,
    steps,
    transitions,
    transmissions,
)

Check = Callable[[Change, Context], Iterator[Issue]]

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "Encounter": (steps.check_encounter, proofs.check_encounter),
    "Observation": (proofs.check,),
    "EpisodeOfCare": (steps.check_episode,),
    "ServiceRequest": (steps.check_request,),
    "MedicationAdministration": (medication.check,),
    "Communication": (transmissions.check, sharing.check),
}
DELETIONS: tuple[Check, ...] = (medication.check_delete, transmissions.check_delete, proofs.check_delete)


def operations() -> list[Operation]:
    """Return the operations of the life of a file."""
    modules = (transitions, medication_round, receipts, feed, exchanges, liaison)
    return [operation for module in modules for operation in module.operations()]
