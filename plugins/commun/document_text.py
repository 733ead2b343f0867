"""Words of the personalised project for people: French dates, statuses, names, roles. Odd data give an empty text."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

_MONTHS: Final = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
_PARIS: Final = ZoneInfo("Europe/Paris")

STATUSES: Final[Mapping[str, Mapping[str, str]]] = {
    "CarePlan": {
        "draft": "En préparation", "active": "En cours", "on-hold": "En pause", "completed": "Terminé",
        "revoked": "Abandonné", "entered-in-error": "Saisi par erreur",
    },
    "Goal": {
        "proposed": "Proposé", "planned": "En préparation", "accepted": "Accepté", "active": "Actif", "on-hold": "En pause",
        "completed": "Terminé", "cancelled": "Annulé", "rejected": "Refusé", "entered-in-error": "Saisi par erreur",
    },
    "Task": {
        "draft": "En préparation", "requested": "Demandée", "accepted": "Acceptée", "ready": "Prête", "in-progress": "Active",
        "on-hold": "En pause", "completed": "Terminée", "cancelled": "Annulée", "rejected": "Refusée", "failed": "En échec",
        "entered-in-error": "Saisie par erreur",
    },
    "QuestionnaireResponse": {
        "in-progress": "Terminée", "completed": "Approuvée", "amended": "Validée", "stopped": "Interrompue",
        "entered-in-error": "Saisie par erreur",
    },
    "ServiceRequest": {
        "draft": "En préparation", "active": "Actif", "on-hold": "En pause", "completed": "Terminé", "revoked": "Annulé",
        "entered-in-error": "Saisi par erreur",
    },
}  # fmt: skip
"""Business words of the FHIR codes; TDDUI, status mapping (Objectif ACTIF → active, Évaluation TERMINE → in-progress…). Codes
that TDDUI does not use have our own words."""

ORIGINS: Final = {"usager": "la personne accompagnée", "famille": "la famille", "professionnel": "le professionnel"}
SEXES: Final = {"male": "Masculin", "female": "Féminin", "unknown": "Inconnu", "other": "Autre"}


def text(value: Any) -> str:
    """Return a string as it is (ends trimmed), a number as written; empty for anything else."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def items(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; empty where it is no list."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def orderly(value: Any) -> Any:
    """Return FHIR JSON without what has another shape than its element: for readings that trust the shape."""
    if isinstance(value, list):
        return [orderly(v) for v in value if v is not None]
    if not isinstance(value, dict):
        return value
    return {k: orderly(v) for k, v in value.items() if v is not None and _has_shape(k, v)}


def _has_shape(name: str, value: Any) -> bool:
    if name in ("extension", "identifier", "name", "coding", "item", "answer"):
        return isinstance(value, list) and all(isinstance(v, dict) for v in value)
    if name in ("linkId", "valueBoolean"):
        return isinstance(value, str if name == "linkId" else bool)
    if name == "given":
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    return isinstance(value, dict) if name in ("period", "valueCoding") else True


def part(value: Any, *path: str) -> Any:
    """Return the value at a path of objects; None where the path stops."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def date(value: Any, *, long: bool = False) -> str:
    """Return a FHIR date, dateTime or instant as ``03/04/1947`` or ``3 avril 1947``; partial: ``04/1947``, ``1947``.

    A time is first brought to Paris; a text that is no date is returned as it is.
    """
    given = text(value)
    if "T" in given:
        given = _local_day(given)
    pieces = given.split("-")
    if not all(p.isdigit() for p in pieces) or len(pieces) > 3 or len(pieces[0]) != 4:
        return given
    if len(pieces) > 1 and not 1 <= int(pieces[1]) <= 12:
        return given
    return _long(pieces) if long else "/".join(reversed(pieces))


def _local_day(given: str) -> str:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        return given.partition("T")[0]
    return (moment.astimezone(_PARIS) if moment.tzinfo else moment).date().isoformat()


def _long(pieces: list[str]) -> str:
    year, month, day = (pieces + ["", ""])[:3]
    if not month:
        return year
    words = f"{_MONTHS[int(month) - 1]} {year}"
    return f"{'1er' if int(day) == 1 else int(day)} {words}" if day else words


def period(value: Any) -> str:
    """Return ``du … au …``, ``depuis le …``, ``jusqu'au …``; empty where neither end is known."""
    start, end = date(part(value, "start")), date(part(value, "end"))
    if start and end:
        return f"du {start} au {end}" if start != end else f"le {start}"
    if start:
        return f"à partir du {start}"
    return f"jusqu’au {end}" if end else ""


def status(resource: Mapping[str, Any]) -> str:
    """Return the French word of the status of a resource; an unknown code as it is."""
    kind = text(resource.get("resourceType"))
    code = text(resource.get("lifecycleStatus" if kind == "Goal" else "status"))
    return STATUSES.get(kind, {}).get(code, code)


_RELATIONS: Final = {
    "CHILD": "enfant", "SON": "fils", "DAU": "fille", "SONC": "fils", "DAUC": "fille", "SIB": "frère ou sœur",
    "SIS": "sœur", "BRO": "frère", "NSIS": "sœur", "NBRO": "frère", "PRN": "parent", "MTH": "mère", "FTH": "père",
    "NMTH": "mère", "NFTH": "père", "SPS": "conjoint", "HUSB": "mari", "WIFE": "épouse", "DOMPART": "partenaire",
    "GRPRN": "grand-parent", "GRMTH": "grand-mère", "GRFTH": "grand-père", "GRNDCHILD": "petit-enfant",
    "GRNDSON": "petit-fils", "GRNDDAU": "petite-fille", "AUNT": "tante", "UNCLE": "oncle", "COUSN": "cousin",
    "NIECE": "nièce", "NEPHEW": "neveu", "CHLDINLAW": "gendre ou belle-fille", "FRND": "ami", "NBOR": "voisin",
    "GUARD": "tuteur", "ECON": "personne à prévenir", "NOK": "proche", "FAMMEMB": "famille", "EXT": "famille éloignée",
}  # fmt: skip
"""Relations of v3-RoleCode, for a coding that gives no words. A code that only looks like one has its own words or system."""


def concept(value: Any) -> str:
    """Return the words of a CodeableConcept or Coding: text, else displays, else codes (absence codes excluded)."""
    if isinstance(value, list):
        return ", ".join(w for w in (concept(v) for v in value) if w)
    if text(part(value, "text")):
        return text(part(value, "text"))
    found = items(part(value, "coding")) or ([value] if isinstance(value, dict) else [])
    words = [
        text(c.get("display")) or _RELATIONS.get(text(c.get("code")), text(c.get("code")))
        for c in found
        if "data-absent-reason" not in text(c.get("system"))
    ]
    return ", ".join(dict.fromkeys(w for w in words if w))


def human_name(name: Any) -> str:
    """Return ``Mme Élodie BERNARD``: prefix, given names, family name in capitals; ``text`` where there is nothing else."""
    given = part(name, "given")
    given_words = " ".join(text(g) for g in given) if isinstance(given, list) else ""
    words = [_prefix(name), given_words, text(part(name, "family")).upper()]
    joined = " ".join(w for w in words if w)
    return joined or text(part(name, "text"))


def _prefix(name: Any) -> str:
    prefixes = part(name, "prefix")
    first = text(prefixes[0]) if isinstance(prefixes, list) and prefixes else ""
    return {"MME": "Mme", "MADAME": "Mme", "M": "M.", "M.": "M.", "MONSIEUR": "M."}.get(first.upper(), first)


def address_lines(address: Any) -> list[str]:
    """Return an Address as the lines of an envelope."""
    if text(part(address, "text")):
        return [w.strip() for w in text(part(address, "text")).split("\n") if w.strip()]
    lines = part(address, "line")
    kept = [text(w) for w in lines] if isinstance(lines, list) else []
    town = " ".join(w for w in (text(part(address, "postalCode")), text(part(address, "city"))) if w)
    return [w for w in (*kept, town) if w]
