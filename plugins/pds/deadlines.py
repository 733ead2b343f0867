"""Delay of the corridor PDS: PDS-04 (length of a stay in LHSS)."""

from collections.abc import Iterator
from typing import Final

from dui_fhir.api import ClockRule, Deadline, Dossier, pending

LHSS: Final = "180"


def length_of_stay(dossier: Dossier) -> Iterator[Deadline]:
    """PDS-04 (D312-176-4): the stay is planned for two months at most."""
    if dossier.category == LHSS:
        yield from pending(dossier.months_after(dossier.admission, "pds.lhss_duree_mois"))


RULES = (ClockRule(id="PDS-04", find=length_of_stay),)
