"""The written forms of identifiers and dates in ebXML metadata and CDA (CI-SIS; HL7 v2 XCN, XON, CX; HL7 v3 TS)."""

import re
from datetime import UTC, datetime, timedelta, timezone

_OID = r"[0-2](?:\.(?:0|[1-9]\d*))+"
PS_ROOT = "1.2.250.1.71.4.2.1"
STRUCTURE_ROOT = "1.2.250.1.71.4.2.2"

OID = re.compile(_OID)
UNIQUE_ID = re.compile(rf"(?=[^^]{{1,64}}(?:\^|$)){_OID}(?:\^[^\s^]{{1,16}})?")
UUID_URN = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# 13 characters (Corsica keeps its letter) and a two-digit key; some INSi answers carry a wrong key, so the key is not
# computed here.
INS = re.compile(r"\d{5}(?:\d{2}|2A|2B)\d{8}")
# Some messages append the date of the INSi answer: it is read and ignored.
INS_CX = re.compile(rf"(?P<value>{INS.pattern})\^\^\^&(?P<root>{_OID})&ISO\^NH(?:\^\^\d{{8}}(?:\d{{6}})?)?")
CX = re.compile(rf"(?P<value>[^\^]+)\^\^\^&(?P<root>{_OID})&ISO\^(?P<kind>[A-Z]{{2,4}})(?:\^\^\d{{8}}(?:\d{{6}})?)?")
# ITI TF-3 table 4.2.3.1.7-2: year to seconds, always UTC, never an offset.
UTC_TIME = re.compile(r"\d{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])(?:[0-5]\d){0,2})?)?)?")

PS_ID = re.compile(r"0[0-9A-Z]{9}|1\d{9}/\S+|3[0-9A-Z]{9}/\S+|4\d{9}/\S+|5\d{14}/\S+|6\d{9,14}/\S+|8\d{11}")
STRUCTURE_ID = re.compile(r"0\d{9}|1[0-9A-Z]{9}|2\d{9}|3\d{14}|4\d{11,14}")

_XCN = re.compile(
    rf"(?P<id>[^\^]+)\^(?P<family>[^\^]*)\^(?P<given>[^\^]*)\^{{6}}&(?P<root>{_OID})&ISO\^(?P<name_type>[DULM])\^{{3}}"
    r"(?P<kind>IDNPS|EI|RI|NH)"
)
_XON = re.compile(rf"(?P<name>[^\^]+)\^{{5}}&(?P<root>{_OID})&ISO\^(?P<kind>IDNST|SIREN|SIRET)\^{{3}}(?P<id>[^\^]+)")
_TS = re.compile(r"(?P<digits>\d{4}(?:\d\d){0,5})(?:\.\d+)?(?P<offset>[+-]\d{4})?")


def person_fault(value: str) -> str:
    """Say in French what is wrong with an XCN (author, legal authenticator); empty when right."""
    match = _XCN.fullmatch(value)
    if match is None:
        return "forme XCN attendue : id^nom^prénom^^^^^^&oid&ISO^D^^^IDNPS"
    if match["kind"] == "NH":
        return "" if INS.fullmatch(match["id"]) else "INS malformée"
    if match["root"] != PS_ROOT:
        return f"autorité d'affectation attendue : {PS_ROOT}"
    if match["kind"] == "IDNPS":
        return _national_person_fault(match["id"])
    return (
        ""
        if "/" in match["id"] or PS_ID.fullmatch(match["id"])
        else "un identifiant interne s'écrit <structure>/<identifiant>"
    )


def _national_person_fault(identifier: str) -> str:
    return "" if PS_ID.fullmatch(identifier) else "PS_IdNat malformé (8 et RPPS, 0 et ADELI, 3 et FINESS/…)"


def structure_fault(value: str) -> str:
    """Say in French what is wrong with an XON (institution); empty when right."""
    match = _XON.fullmatch(value)
    if match is None:
        return "forme XON attendue : nom^^^^^&oid&ISO^IDNST^^^id"
    if match["kind"] != "IDNST":
        return ""
    if match["root"] != STRUCTURE_ROOT:
        return f"autorité d'affectation attendue : {STRUCTURE_ROOT}"
    return "" if STRUCTURE_ID.fullmatch(match["id"]) else "Struct_IdNat malformé (1 et FINESS, 3 et SIRET…)"


def person_id(value: str) -> str:
    """Return the identifier of an XCN."""
    return value.partition("^")[0]


def structure_id(value: str) -> str:
    """Return the identifier of an XON; empty when there is none."""
    match = _XON.fullmatch(value)
    return match["id"] if match else ""


def to_utc(ts: str) -> str:
    """Return a CDA timestamp as metadata digits in UTC; a date without time stays as it is, garbage becomes empty.

    A time without offset cannot be converted: it is taken for UTC.
    """
    match = _TS.fullmatch(ts)
    if match is None:
        return ""
    digits, offset = match["digits"], match["offset"]
    if len(digits) <= 8 or not offset:
        return digits
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5])) * (-1 if offset[0] == "-" else 1)
    try:
        moment = datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=timezone(shift))
    except ValueError:
        return ""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S")[: len(digits)]
