"""The patient of a document: an INS with its five traits. Source: CI-SIS, Structuration minimale, §recordTarget."""

from dui_fhir.connectors.cda.elements import coded, el, identifier
from dui_fhir.connectors.cda.values import Patient
from dui_fhir.connectors.markup import Element
from dui_fhir.connectors.nomenclature import Code

_GENDERS = "2.16.840.1.113883.5.1"
_SEX = {"F": "Féminin", "M": "Masculin", "UN": "Inconnu"}


def record_target(patient: Patient) -> Element:
    """Return ``recordTarget``."""
    role = el(
        "patientRole",
        identifier(patient.ins_oid, patient.ins),
        identifier(*patient.local_id) if patient.local_id else None,
        _address(patient.address),
        *_telecoms(patient.telecom),
        _person(patient),
    )
    return el("recordTarget", role)


def _person(patient: Patient) -> Element:
    gender = Code(code=patient.sex, system=_GENDERS, display=_SEX[patient.sex])
    return el(
        "patient",
        _name(patient),
        coded("administrativeGenderCode", gender),
        el("birthTime", value=patient.birth_date.strftime("%Y%m%d")),
        el("birthplace", el("place", el("addr", el("county", patient.birthplace)))),
    )


def _name(patient: Patient) -> Element:
    return el(
        "name",
        el("family", patient.family, qualifier="BR"),
        el("family", patient.used_family, qualifier="CL") if patient.used_family else None,
        el("given", patient.given),
        el("given", patient.first_given, qualifier="BR"),
        el("given", patient.used_given, qualifier="CL") if patient.used_given else None,
    )


def _address(lines: tuple[str, ...]) -> Element:
    if not lines:
        return el("addr", nullFlavor="NASK")
    return el("addr", *(el("streetAddressLine", line) for line in lines[:7]), use="H")


def _telecoms(values: tuple[str, ...]) -> list[Element]:
    return [el("telecom", value=value, use="H") for value in values] or [el("telecom", nullFlavor="NASK")]
