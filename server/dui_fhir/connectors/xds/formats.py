"""HL7 v2 data types inside XDS metadata. Source: IHE ITI TF-3 §4.2.3.1.7; CI-SIS, Liens entre en-tête CDA et métadonnées XDS."""

from datetime import UTC, datetime

from dui_fhir.connectors.cda.elements import PEOPLE, STRUCTURES
from dui_fhir.connectors.cda.values import Device, Moment, Organization, Patient, Professional
from dui_fhir.connectors.nomenclature import Code

_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": " ", "\n": " "})


def escape(text: str) -> str:
    """Return text whose separators are HL7 escape sequences (v2.5 §2.7.1)."""
    return text.translate(_ESCAPES)


def dtm(moment: Moment) -> str:
    """Return a DTM: UTC to the second, or a day."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    return moment.strftime("%Y%m%d")


def cx(id: str, oid: str, type: str) -> str:
    """Return an identifier with its authority: ``<id>^^^&<oid>&ISO^<type>``."""
    return f"{escape(id)}^^^&{oid}&ISO^{type}"


def ins(patient: Patient) -> str:
    """Return the patient's INS as ``patientId`` and ``resource-id`` write it."""
    return cx(patient.ins, patient.ins_oid, "NH")


def source_patient_id(patient: Patient) -> str:
    """Return the local identifier where its authority is an OID, else the INS."""
    if patient.local_id is None:
        return ins(patient)
    oid, value = patient.local_id
    return cx(value, oid, "PI")


def source_patient_info(patient: Patient) -> tuple[str, ...]:
    """Return the PID fields: names, birth date, sex."""
    names = [f"PID-5|{escape(patient.family)}^{escape(patient.first_given)}^^^^^L"]
    if patient.used_family or patient.used_given:
        used = (patient.used_family or patient.family, patient.used_given or patient.first_given)
        names.append(f"PID-5|{escape(used[0])}^{escape(used[1])}^^^^^D")
    return (*names, f"PID-7|{patient.birth_date:%Y%m%d}", f"PID-8|{patient.sex[:1]}")


def xcn(who: Professional | Device) -> str:
    """Return a person, or the software of a structure."""
    if isinstance(who, Device):
        return f"{escape(who.id)}^{escape(who.software)}^{escape(who.model)}^^^^^^&{PEOPLE}&ISO^U^^^RI"
    kind = "EI" if who.id.startswith("3") else "IDNPS"
    return f"{escape(who.id)}^{escape(who.name.family)}^{escape(who.name.given)}^^^^^^&{PEOPLE}&ISO^D^^^{kind}"


def xon(of: Organization) -> str:
    """Return a structure."""
    return f"{escape(of.name)}^^^^^&{STRUCTURES}&ISO^IDNST^^^{escape(of.id)}"


def specialty(code: Code) -> str:
    """Return an ``authorSpecialty``: code, label, system."""
    return f"{escape(code.code)}^{escape(code.display)}^{code.system}"
