"""The INS of a Patient: status, traits, matricule, evidence. Pure functions over FR Core 2.1.0 and 2.2.0.

The model is that of the RNIV (v2.0, December 2024): a status out of four, attributes, five strict traits. Two encodings
are read. FR Core 2.1.0 has no code for RECUP and QUAL: with an INS identifier, its PROV is read as RECUP and its VALI as
QUAL. The later encoding has the four statuses. Sources: FR Core, fr-core-patient-ins, fr-core-identity-reliability; RNIV.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from .reading import codes, extension_value, extensions

Status = Literal["PROV", "VALI", "RECUP", "QUAL"]

CORE: Final = "https://hl7.fr/ig/fhir/core"
RELIABILITY: Final = f"{CORE}/StructureDefinition/fr-core-identity-reliability"
GIVEN_LIST: Final = f"{CORE}/StructureDefinition/fr-core-patient-birth-list-given-name"
INSEE_CODE: Final = f"{CORE}/StructureDefinition/fr-core-address-insee-code"
BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
STATUS_2_2: Final = f"{CORE}/CodeSystem/fr-core-cs-identity-status"

INS_OIDS: Final[Mapping[str, str]] = {
    "1.2.250.1.213.1.4.8": "NIR",
    "1.2.250.1.213.1.4.9": "NIA",
    "1.2.250.1.213.1.4.10": "NIR de test",
    "1.2.250.1.213.1.4.11": "NIR de démonstration",
}
"""OIDs of a matricule INS. The old computed INS-C is not one."""
INS_TYPES: Final = frozenset({"INS-NIR", "INS-NIR-TEST", "INS-NIR-DEMO", "INS-NIA"})
"""Codes of ``identifier.type`` (fr-core-cs-v2-0203) that make an identifier an INS."""
HIGH_TRUST: Final = frozenset({"AC", "AN", "CE", "CN", "CS", "IE", "LE", "PA"})
"""Documents that make an identity trusted (codes of fr-core-cs-mode-validation-identity): default of the parameter
``commun.ins_pieces_haut_niveau``. A driving licence (PC) is not one."""

_MATRICULE = re.compile(r"\d{6}[0-9AB]\d{8}")
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DOUBTFUL = ("DOUT", "FICT")


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

    ``status`` is the one claimed; ``explicit`` False where it is our reading of FR Core 2.1.0. ``oid`` and ``matricule``
    (15 characters) are those in force; ``document`` the kind of document seen, ``document_date`` and ``insi_date`` ISO dates,
    empty where unknown.
    """

    status: Status
    explicit: bool
    traits: Traits
    oid: str = ""
    matricule: str = ""
    first_name: str = ""
    document: str = ""
    document_date: str = ""
    insi: bool = False
    insi_date: str = ""
    doubtful: bool = False

    def unproven(self, high_trust: Collection[str] = HIGH_TRUST) -> tuple[str, ...]:
        """Return the French names of the evidence of qualification that is missing."""
        present = {
            "pièce d'identité à haut niveau de confiance": self.document in high_trust,
            "date du contrôle de la pièce": bool(self.document_date),
            "trace de l'appel au téléservice INSi": self.insi and bool(self.insi_date),
        }
        return tuple(name for name, there in present.items() if not there)

    def qualified(self, high_trust: Collection[str] = HIGH_TRUST) -> bool:
        """True where the identity is qualified *and shows it*: status, matricule, five traits, both pieces of evidence."""
        return (
            self.status == "QUAL"
            and bool(self.matricule)
            and not self.doubtful
            and not self.traits.missing()
            and not self.unproven(high_trust)
        )


def is_qualified(patient: Mapping[str, Any], high_trust: Collection[str] = HIGH_TRUST) -> bool:
    """True where the patient's INS may be used outside: DMP, citizen mailbox."""
    return identity(patient).qualified(high_trust)


def identity(patient: Mapping[str, Any]) -> Identity:
    """Read the identity of a Patient, in either encoding."""
    parts = list(_parts(patient))
    oid, matricule = _matricule(patient)
    status, explicit = _status(parts, has_matricule=bool(matricule))
    insi_date = _first(parts, "dateInterrogationINSi")
    collected = _first(parts, "dateCollection")
    by_insi = any(_code(v) == "INSI" for url, v in parts if url == "methodCollection")
    name = _official_name(patient)
    return Identity(
        status=status,
        explicit=explicit,
        traits=_traits(patient, name),
        oid=oid,
        matricule=matricule,
        first_name=" ".join(name.get("given", ())[:1]),
        document=next((_code(v) for url, v in parts if url == "validationMode"), ""),
        document_date=_first(parts, "validationDate"),
        insi=by_insi or bool(insi_date),
        insi_date=insi_date or (collected if by_insi else ""),
        doubtful=any(_code(v).startswith(_DOUBTFUL) for url, v in parts if url in ("identityStatus", "comment")),
    )


def _parts(patient: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the sub-extensions of every reliability extension: status and attribute may be two occurrences."""
    for extension in extensions(patient, RELIABILITY):
        for part in extension.get("extension", ()):
            value = next((v for k, v in part.items() if k.startswith("value")), None)
            if value is not None:
                yield str(part.get("url", "")), value


def _first(parts: list[tuple[str, Any]], url: str) -> str:
    return next((str(v) for u, v in parts if u == url and isinstance(v, str)), "")


def _code(value: Any) -> str:
    if isinstance(value, dict):
        inner = value.get("coding", [value])
        return str(inner[0].get("code", "")) if inner else ""
    return str(value)


def _status(parts: list[tuple[str, Any]], *, has_matricule: bool) -> tuple[Status, bool]:
    stated = [v for url, v in parts if url == "identityStatus" and isinstance(v, dict)]
    for value in stated:
        code = _code(value)
        if value.get("system") == STATUS_2_2 and code in ("PROV", "VALI", "RECUP", "QUAL"):
            return code, True  # type: ignore[return-value]
        if code in ("RECUP", "QUAL"):
            return code, True  # type: ignore[return-value]
    if any(_code(v) == "VALI" for v in stated):
        return ("QUAL" if has_matricule else "VALI"), False
    return ("RECUP" if has_matricule else "PROV"), False


def _matricule(patient: Mapping[str, Any]) -> tuple[str, str]:
    for identifier in patient.get("identifier", ()):
        oid = str(identifier.get("system", "")).removeprefix("urn:oid:")
        ended = identifier.get("use") == "old" or "end" in identifier.get("period", {})
        # the same OID with the type NH is a social security number (slice NSS), whatever its value
        is_ins = bool(codes(identifier.get("type")) & INS_TYPES)
        if oid in INS_OIDS and is_ins and identifier.get("value") and not ended:
            return oid, str(identifier["value"]).strip().upper()
    return "", ""


def _official_name(patient: Mapping[str, Any]) -> dict[str, Any]:
    return next((n for n in patient.get("name", ()) if n.get("use") == "official"), {})


def _traits(patient: Mapping[str, Any], name: Mapping[str, Any]) -> Traits:
    place = extension_value(patient, BIRTH_PLACE)
    commune = extension_value(place, INSEE_CODE) if isinstance(place, dict) else None
    return Traits(
        family=str(name.get("family", "")),
        given=str(extension_value(name, GIVEN_LIST) or ""),
        birth_date=str(patient.get("birthDate", "")),
        sex=str(patient.get("gender", "")),
        cog=_code(commune) if commune else "",
    )


def key_is_right(matricule: str) -> bool:
    """True where the two last characters of a matricule are the key of the thirteen first.

    For what a user typed only: some answers of INSi have another key and are right (no refusal on this ground).
    """
    if not _MATRICULE.fullmatch(matricule):
        return False
    number = matricule[:13]
    for letter, digits in (("2A", "19"), ("2B", "18")):
        if number[5:7] == letter:
            number = number[:5] + digits + number[7:]
    return number.isdigit() and matricule[13:] == f"{97 - int(number) % 97:02d}"


def first_name_starts_list(identity: Identity) -> bool:
    """True unless the first given name is not the beginning of the list of given names (hyphen and apostrophe as space)."""
    if not identity.first_name or not identity.traits.given:
        return True
    first, listed = _words(identity.first_name), _words(identity.traits.given)
    return listed[: len(first)] == first


def _words(names: str) -> list[str]:
    return re.sub(r"[-'’]", " ", names).upper().split()
