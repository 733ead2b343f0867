"""Delays of the corridor DOM: DOM-06 (convention of care), DOM-07 (end of SSIAD), DOM-08 (DLU-Dom)."""

from collections.abc import Iterator
from typing import Final

from dui_fhir.api import ClockRule, Deadline, Dossier, day_of, pending, value

CONVENTION: Final = "urn:dui-fhir:extension:convention-soins"
NO_NEED: Final = "urn:dui-fhir:extension:sans-besoin-de-soins"
HELP_SERVICE: Final = "460"
SSIAD: Final = "354"
DLU: Final = "74207-2"


def convention_of_care(dossier: Dossier) -> Iterator[Deadline]:
    """DOM-06: a service that gives help only has an agreement with a partner for nursing care, or says there is no need."""
    if dossier.category != HELP_SERVICE or dossier.structure is None:
        return
    organization = dossier.reader.read(f"Organization/finess-{dossier.structure.finess}") or {}
    done = value(organization, CONVENTION) is not None or value(organization, NO_NEED) is True
    yield from pending(day_of(dossier.parameters["dom.convention_soins"]), done=done)


def end_of_ssiad(dossier: Dossier) -> Iterator[Deadline]:
    """DOM-07: no stay runs in a SSIAD after the transformation. Said once of the structure, whoever stays there."""
    due = day_of(dossier.parameters["dom.ssiad_transformation"])
    stayed = dossier.today if dossier.current is not None else dossier.exit
    if dossier.category == SSIAD and due is not None and stayed is not None and stayed > due:
        yield from pending(due)


def emergency_sheet(dossier: Dossier) -> Iterator[Deadline]:
    """DOM-08: the DLU-Dom exists, and is updated every year at least."""
    if dossier.current is None:
        return
    written = dossier.last_paper(DLU)
    if written is None:
        yield from pending(dossier.days_after(dossier.admission, "dom.dlu_redaction_jours"))
    else:
        yield from pending(dossier.months_after(written, "dom.dlu_actualisation_mois"))


RULES = (
    ClockRule(id="DOM-06", find=convention_of_care, scope="structure"),
    ClockRule(id="DOM-07", find=end_of_ssiad, scope="structure"),
    ClockRule(id="DOM-08", find=emergency_sheet),
)
