"""The identity of a person as identity vigilance sees it, whatever the version of FR Core that writes it.

A status out of four, attributes, five strict traits, a matricule, the evidence. ``ins_fr_core`` reads and writes it. Source:
RNIV 1, v2.0 (December 2024): EXI SI 07 (status), EXI SI 09 (attributes), EXI ID 10 and 29; référentiel INS (matricule).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Status = Literal["PROV", "VALI", "RECUP", "QUAL"]
Attribute = Literal["homonyme", "douteux", "fictif"]

INS_OIDS: Final[Mapping[str, str]] = {
    "1.2.250.1.213.1.4.8": "NIR",
    "1.2.250.1.213.1.4.9": "NIA",
    "1.2.250.1.213.1.4.10": "NIR de test",
    "1.2.250.1.213.1.4.11": "NIR de démonstration",
}
"""OIDs of a matricule INS. The old computed INS-C is not one."""
HIGH_TRUST: Final = frozenset({"AC", "AN", "CE", "CN", "CS", "IE", "LE", "PA"})
"""Documents that make an identity trusted (codes of fr-core-cs-mode-validation-identity): default of the parameter
``commun.ins_pieces_haut_niveau``. A driving licence (PC) is not one."""
CARRYING: Final = frozenset({"RECUP", "QUAL"})
"""Statuses that have a matricule; the two others must have none."""

_MATRICULE = re.compile(r"\d{6}[0-9AB]\d{8}")
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
DOUBTFUL: Final = frozenset({"douteux", "fictif"})
"""Attributes with which an identity cannot be better than provisional."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """The five strict traits; empty where absent. ``given`` is the whole list of birth given names, ``cog`` the INSEE code."""

    family: str = ""
    given: str = ""
    birth_date: str = ""
    sex: str = ""
    cog: str = ""

    def missing(self) -> tuple[str, ...]:
        """Return the French names of the traits that are absent or not precise enough to be an INS trait."""
        present = {
            "nom de naissance": bool(self.family),
            "liste des prénoms de naissance": bool(self.given),
            "date de naissance complète": bool(_FULL_DATE.fullmatch(self.birth_date)),
            "sexe": self.sex in ("male", "female"),
            "code du lieu de naissance": bool(self.cog),
        }
        return tuple(name for name, there in present.items() if not there)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What a Patient says of its own identity.

    ``status`` is the one claimed; ``explicit`` False where it is our reading of a version without the four statuses.
    ``oid`` and ``matricule`` (15 characters) are those in force; ``document`` the kind of document seen, ``document_date`` and
    ``insi_date`` ISO dates, empty where unknown; ``insi`` tells that the INSi service answered.
    """

    status: Status
    explicit: bool = True
    traits: Traits = Traits()
    oid: str = ""
    matricule: str = ""
    first_name: str = ""
    document: str = ""
    document_date: str = ""
    insi: bool = False
    insi_date: str = ""
    attributes: frozenset[Attribute] = frozenset()

    @property
    def doubtful(self) -> bool:
        """True for an identity said to be doubtful or fictitious: it cannot be better than provisional."""
        return bool(self.attributes & DOUBTFUL)

    @property
    def claimed(self) -> bool:
        """True where the file says that the INS is qualified, shown or not: one such person per tenant (decision D1)."""
        return self.status == "QUAL" and bool(self.matricule) and not self.doubtful

    @property
    def compatible_attributes(self) -> bool:
        """True unless attributes are combined otherwise than *douteux* with *homonyme* (EXI SI 09)."""
        return "fictif" not in self.attributes or len(self.attributes) == 1

    def unproven(self, high_trust: Collection[str] = HIGH_TRUST) -> tuple[str, ...]:
        """Return the French names of the evidence of qualification that is missing."""
        present = {
            "pièce d'identité à haut niveau de confiance": self.document in high_trust,
            "date du contrôle de la pièce": bool(self.document_date),
            "trace de l'appel au téléservice INSi": self.insi and bool(self.insi_date),
        }
        return tuple(name for name, there in present.items() if not there)

    def qualified(self, high_trust: Collection[str] = HIGH_TRUST) -> bool:
        """True where the identity is qualified *and shows it*: status, matricule, five traits, both pieces of evidence.

        Only then may the INS be used outside (EXI ID 29): DMP, citizen mailbox.
        """
        return self.claimed and not self.traits.missing() and not self.unproven(high_trust)

    def matricule_to_check(self) -> bool:
        """True for a matricule that somebody typed and whose key is wrong; an answer of INSi is never judged by its key."""
        return bool(self.matricule) and not self.insi and not key_is_right(self.matricule)


def key_of(number: str) -> str:
    """Return the key of the thirteen first characters of a matricule: 97 less the remainder, 2A read 19 and 2B read 18.

    Raises: ValueError where they are not thirteen digits, but for the department of Corsica.
    """
    for letter, digits in (("2A", "19"), ("2B", "18")):
        if number[5:7] == letter:
            number = number[:5] + digits + number[7:]
    if len(number) != 13 or not (number.isascii() and number.isdigit()):
        raise ValueError("not the thirteen characters of a matricule")
    return f"{97 - int(number) % 97:02d}"


def key_is_right(matricule: str) -> bool:
    """True where the two last characters of a matricule are the key of the thirteen first.

    For what a user typed only: some answers of INSi have another key and are right (no refusal on this ground).
    """
    if not _MATRICULE.fullmatch(matricule):
        return False
    try:
        return matricule[13:] == key_of(matricule[:13])
    except ValueError:
        return False


def first_name_starts_list(identity: Identity) -> bool:
    """True unless the first given name is not the beginning of the list of given names (hyphen and apostrophe as space)."""
    if not identity.first_name or not identity.traits.given:
        return True
    first, listed = _words(identity.first_name), _words(identity.traits.given)
    return listed[: len(first)] == first


def _words(names: str) -> list[str]:
    return re.sub(r"[-'’]", " ", names).upper().split()
