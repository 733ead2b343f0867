"""The ANS codes that documents for the DMP use, as facts. Source: value sets named in ``nomenclature.json``."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from dui_fhir.domain import json

LOINC = "2.16.840.1.113883.6.1"
CLASSES = "1.2.250.1.213.1.1.4.1"
FACILITIES = "1.2.250.1.71.4.2.4"
PRACTICES = "1.2.250.1.213.1.1.4.9"
CONFIDENTIALITY = "2.16.840.1.113883.5.25"
VISIBILITY = "1.2.250.1.213.1.1.4.13"
IHE_FORMATS = "1.3.6.1.4.1.19376.1.2.3"
CONTENT_TYPES = "1.2.250.1.213.2.2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """A code, the OID of its system, its French label."""

    code: str
    system: str
    display: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentType:
    """A type of JDV_J07: ``class_code`` by the association ASS_X04, ``dmp`` where the DMP's list JDV_J66 holds it."""

    code: Code
    class_code: Code | None
    dmp: bool


def document_type(code: str) -> DocumentType | None:
    """Return the document type of this code, None where JDV_J07 does not hold it."""
    row = _tables()["type"].get(code)
    if row is None:
        return None
    klass = row["class"]
    return DocumentType(
        code=Code(code=code, system=row["system"], display=row["display"]),
        class_code=Code(code=klass, system=CLASSES, display=_tables()["class"][klass]) if klass else None,
        dmp=row["dmp"],
    )


def specialty(code: str) -> Code | None:
    """Return a profession, with its speciality where it has one (JDV_J01: ``G15_60``, ``G15_10/SM26``, ``326``)."""
    row = _tables()["specialty"].get(code)
    return Code(code=code, system=row[0], display=row[1]) if row else None


def facility(code: str) -> Code | None:
    """Return a sector of activity (JDV_J02: ``SA17``)."""
    label = _tables()["facility"].get(code)
    return Code(code=code, system=FACILITIES, display=label) if label else None


def practice(code: str) -> Code | None:
    """Return a practice setting that the DMP knows (JDV_J62: ``AMBULATOIRE``; it has no ``ESSMS``)."""
    label = _tables()["practice"].get(code)
    return Code(code=code, system=PRACTICES, display=label) if label else None


def role(code: str) -> Code | None:
    """Return a profession or speciality as the VIHF writes it (JDV_J65: ``10``, ``SM26``)."""
    row = _tables()["role"].get(code)
    return Code(code=code, system=row[0], display=row[1]) if row else None


@cache
def _tables() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("nomenclature.json").read_bytes()
    tables: dict[str, Any] = json.loads(text)
    return tables
