"""FHIR codings and dates, read as the national OIDs and times that CDA uses."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from typing import Any

from dui_fhir.connectors.cda.values import Moment
from dui_fhir.domain.dates import interval

_TRE = re.compile(r".*/NOS/TRE_([A-Z]\d+)-.*")
_SYSTEMS: Mapping[str, str] = {
    "http://loinc.org": "2.16.840.1.113883.6.1",
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality": "2.16.840.1.113883.5.25",
    "http://hl7.org/fhir/sid/icd-10": "2.16.840.1.113883.6.3",
}
_TABLES: Mapping[str, str] = {
    "A00": "1.2.250.1.213.1.1.4.6",
    "A01": "1.2.250.1.213.1.1.4.9",
    "A02": "1.2.250.1.213.1.1.4.5",
    "A03": "1.2.250.1.213.1.1.4.1",
    "A04": "2.16.840.1.113883.6.1",
    "A05": "1.2.250.1.213.1.1.4.12",
    "A06": "1.2.250.1.213.1.1.4.2.282",
    "A07": "1.2.250.1.213.1.1.4.13",
    "A11": "1.3.6.1.4.1.19376.1.2.3",
    "R02": "1.2.250.1.71.4.2.4",
    "R209": "1.2.250.1.213.2.2",
}


def oid_of(system: str) -> str:
    """Return the OID of a FHIR system, "" where it has none that is known here."""
    if system.startswith("urn:oid:"):
        return system.removeprefix("urn:oid:")
    match = _TRE.fullmatch(system)
    return _TABLES.get(match[1], "") if match else _SYSTEMS.get(system, "")


def table_of(system: str) -> str:
    """Return the short name of a NOS terminology (``R38``), "" for another system."""
    match = _TRE.fullmatch(system)
    return match[1] if match else ""


def codings(element: Any) -> Iterator[dict[str, Any]]:
    """Yield the codings of a Coding, a CodeableConcept, or a list of them."""
    if isinstance(element, list):
        for one in element:
            yield from codings(one)
    elif isinstance(element, dict):
        if "code" in element and isinstance(element["code"], str):
            yield element
        yield from (c for c in element.get("coding", []) if isinstance(c, dict) and c.get("code"))


def codes(element: Any) -> tuple[str, ...]:
    """Return the codes alone."""
    return tuple(str(coding["code"]) for coding in codings(element))


def moment(text: Any, zone: tzinfo) -> Moment | None:
    """Return the start of a FHIR date or dateTime: aware, or a day; None where there is none or it is malformed."""
    if not isinstance(text, str):
        return None
    try:
        low, _ = interval(text, zone)
    except ValueError:
        return None
    start = datetime.fromtimestamp(low / 1000, zone)
    return start.replace(microsecond=0) if "T" in text else start.date()


def hour(value: Moment | None, zone: tzinfo) -> datetime | None:
    """Return a datetime: midnight in ``zone`` where only the day is known."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=zone)
    return value
