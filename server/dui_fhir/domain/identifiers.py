"""The grammar of French identifiers: of a person's file (TDDUI), of structures, of professionals. Pure; nothing is looked up.

Sources: TDDUI 2.4, identifiers; CI-SIS, volet Structuration minimale (PS_IdNat, Struct_IdNat); FR Core 2.1.0 (slices of
Practitioner and Organization); SIREN and SIRET: key of Luhn. A FINESS number of Corsica starts with 2A or 2B, which the
published invariants of TDDUI forget: they are accepted here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FINESS: Final = r"(?:[0-9]{2}|2[AB])[0-9]{7}"
_FILE: Final = "https://identifiant-medicosocial-"
_HOST: Final = ".esante.gouv.fr"
MARKS: Final[Mapping[str, str]] = {
    "localusager": "",
    "sejour": "SEJOUR",
    "evenement": "EVN",
    "evaluation": "EVAL",
    "projetpersonnalise": "PPER",
    "besoin": "BESO",
    "objectif": "OBJE",
    "attente": "ATTE",
    "projetvie": "PDV",
    "action": "ACTI",
    "moyenressource": "MORE",
    "prestation": "PRES",
    "bilan": "BILA",
    "presenceabsence": "PA",
    "repas": "REPAS",
    "periodescolaire": "PSCO",
    "transportusager": "TPPat",
    "transportprofessionnel": "TPPro",
}
"""Object of an identifier of TDDUI, as its system names it → its mark; the usager's own number has none."""
STRUCTURE_SYSTEM: Final = "urn:oid:1.2.250.1.71.4.2.2"
FINESS_SYSTEM: Final = "https://finess.esante.gouv.fr"
SIRENE_SYSTEM: Final = "https://sirene.fr"
PROFESSIONAL_SYSTEM: Final = "urn:oid:1.2.250.1.71.4.2.1"
RPPS_SYSTEM: Final = "https://rpps.esante.gouv.fr"

_FILE_ID = re.compile(rf"3({FINESS})/([A-Za-z0-9]+)(?:-([A-Za-z]+)-([A-Za-z0-9]+))?")
_INTERNAL = r"/[^\s/][^\s]{0,63}"
_PROFESSIONAL: Final[Mapping[str, str]] = {
    "0": r"[0-9AB]{9}",
    "1": rf"[0-9AB]{{9}}{_INTERNAL}",
    "3": FINESS + _INTERNAL,
    "4": rf"[0-9]{{9}}{_INTERNAL}",
    "5": rf"[0-9]{{14}}{_INTERNAL}",
    "6": rf"[0-9]{{11,14}}{_INTERNAL}",
    "8": r"[0-9]{11}",
}
"""First digit of a PS_IdNat → what follows: ADELI, ADELI cabinet, FINESS, SIREN, SIRET, RPPS rang, RPPS."""
_STRUCTURE: Final[Mapping[str, str]] = {
    "0": r"[0-9AB]{9}[0-9]{0,3}",
    "1": FINESS,
    "2": r"[0-9]{9}",
    "3": r"[0-9]{14}",
    "4": r"[0-9]{11,14}",
}
"""First digit of a Struct_IdNat → what follows: ADELI rang, FINESS, SIREN, SIRET, RPPS rang."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileIdentifier:
    """``3`` + FINESS / local number of the usager, then ``-MARK-number`` but for the usager's own."""

    finess: str
    usager: str
    mark: str = ""
    number: str = ""

    def __str__(self) -> str:
        head = f"3{self.finess}/{self.usager}"
        return f"{head}-{self.mark}-{self.number}" if self.mark else head


def parse_file_identifier(value: str) -> FileIdentifier | None:
    """Return the parts of an identifier of TDDUI; None where it has not its form."""
    match = _FILE_ID.fullmatch(value)
    if match is None:
        return None
    finess, usager, mark, number = match.groups("")
    return FileIdentifier(finess=finess, usager=usager, mark=mark, number=number)


def mark_of(system: str) -> str | None:
    """Return the mark that identifiers of a TDDUI system bear, ``""`` for the usager's; None for another system."""
    if not (system.startswith(_FILE) and system.endswith(_HOST)):
        return None
    return MARKS.get(system[len(_FILE) : -len(_HOST)])


def file_identifier_is_right(system: str, value: str) -> bool:
    """True for the form of its system, and for a system without grammar. A stay's administrative number is free."""
    mark = mark_of(system)
    if mark is None:
        return True
    found = parse_file_identifier(value)
    return found is not None and found.mark == mark


def structure_identifier_is_right(system: str, value: str) -> bool:
    """True for a FINESS, SIREN, SIRET or IDNST of the right form and key, and for any other system."""
    if system == FINESS_SYSTEM:
        return re.fullmatch(FINESS, value) is not None
    if system == SIRENE_SYSTEM:
        return _sirene(value)
    if system != STRUCTURE_SYSTEM:
        return True
    form = _STRUCTURE.get(value[:1])
    if form is None or re.fullmatch(form, value[1:]) is None:
        return False
    return value[0] not in "23" or _sirene(value[1:])


def professional_identifier_is_right(system: str, value: str) -> bool:
    """True for an RPPS or an IDNPS of the right form, and for any other system; the key of an RPPS is judged elsewhere.

    Published data also give the 11 digits of an RPPS alone under the OID of the IDNPS: accepted.
    """
    if system == RPPS_SYSTEM:
        return re.fullmatch(r"[0-9]{11}", value) is not None
    if system != PROFESSIONAL_SYSTEM or re.fullmatch(r"[0-9]{11}", value):
        return True
    form = _PROFESSIONAL.get(value[:1])
    return form is not None and re.fullmatch(form, value[1:]) is not None


_LA_POSTE: Final = "356000000"


def _sirene(value: str) -> bool:
    """A SIREN or a SIRET with its key; the SIRETs of La Poste are divisible by five instead."""
    if re.fullmatch(r"[0-9]{9}|[0-9]{14}", value) is None:
        return False
    if value.startswith(_LA_POSTE) and len(value) == 14:
        return luhn(value) or sum(int(d) for d in value) % 5 == 0
    return luhn(value)


def luhn(digits: str) -> bool:
    """True where the last digit is the key of Luhn of the others."""
    doubled = (int(d) * (2 if index % 2 else 1) for index, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
