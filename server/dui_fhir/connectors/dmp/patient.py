"""From a FHIR Patient (FR Core, any version) to the patient of a document.

Only a qualified INS leaves (INS référentiel; decision D15): the status says so, and the five traits are there. A matricule
alone identifies nobody.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from dui_fhir.connectors.cda.values import Patient
from dui_fhir.connectors.dmp.coding import codes, oid_of
from dui_fhir.connectors.dmp.faults import Faults
from dui_fhir.domain.change import Resource
from dui_fhir.domain.ins import INS_OIDS
from dui_fhir.domain.ins_fr_core import ins_identifiers, read

_CORE = "https://hl7.fr/ig/fhir/core"
_GIVEN_LIST = f"{_CORE}/StructureDefinition/fr-core-patient-birth-list-given-name"
_INSEE = f"{_CORE}/StructureDefinition/fr-core-address-insee-code"
_BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
_MATRICULE = re.compile(r"\d{6}[0-9AB]\d{8}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_COG = re.compile(r"[0-9AB]{5}")
_SEX = {"male": "M", "female": "F"}
_TELECOM = {"phone": "tel:", "email": "mailto:", "fax": "fax:"}


def patient_of(resource: Resource, faults: Faults) -> Patient | None:
    """Return the patient; None, with all faults noted, where something is missing or the identity is not qualified."""
    ins = _ins(resource)
    if ins is None:
        faults.add("dmp-no-ins", "La personne n'a pas de matricule INS en vigueur.", "Patient.identifier")
    qualified = read(resource).claimed
    if not qualified:
        faults.add(
            "dmp-ins-not-qualified",
            "L'identité de la personne n'est pas qualifiée : son INS ne peut pas être transmise.",
            "Patient.extension",
        )
    name: dict[str, Any] = next((n for n in resource.get("name", []) if n.get("use") == "official"), {})
    traits = _traits(resource, name)
    missing = [label for label, value in traits.items() if not value]
    if missing:
        faults.add("dmp-traits", f"Traits d'identité manquants ou incomplets : {', '.join(missing)}.", "Patient")
    if ins is None or missing or not qualified:
        return None
    return _patient(resource, ins, name, traits)


def _patient(resource: Resource, ins: tuple[str, str], name: dict[str, Any], traits: dict[str, str]) -> Patient:
    used: dict[str, Any] = next((n for n in resource.get("name", []) if n.get("use") == "usual"), {})
    return Patient(
        ins_oid=ins[0],
        ins=ins[1],
        family=traits["nom de naissance"],
        given=_given_list(name) or traits["premier prénom"],
        first_given=traits["premier prénom"],
        birth_date=date.fromisoformat(traits["date de naissance"]),
        sex=traits["sexe"],
        birthplace=traits["code du lieu de naissance"],
        used_family=used.get("family"),
        used_given=" ".join(used.get("given", [])) or None,
        local_id=_local_id(resource),
        address=_address(resource),
        telecom=tuple(_telecoms(resource)),
    )


def _ins(resource: Resource) -> tuple[str, str] | None:
    found = ((oid, value) for oid, value in ins_identifiers(resource) if _MATRICULE.fullmatch(value))
    return next(found, None)


def _traits(resource: Resource, name: dict[str, Any]) -> dict[str, str]:
    birth = str(resource.get("birthDate", ""))
    place = _extension(resource, _BIRTH_PLACE).get("valueAddress", {})
    insee = _extension(place, _INSEE)
    cog = next(iter(codes(insee.get("valueCoding") or insee.get("valueCodeableConcept"))), "")
    return {
        "nom de naissance": str(name.get("family", "")).strip(),
        "premier prénom": " ".join(name.get("given", [])[:1]).strip(),
        "date de naissance": birth if _is_day(birth) else "",
        "sexe": _SEX.get(str(resource.get("gender", "")), ""),
        "code du lieu de naissance": cog if _COG.fullmatch(cog) else "",
    }


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _given_list(name: dict[str, Any]) -> str:
    return str(_extension(name, _GIVEN_LIST).get("valueString", "")).strip()


def _extension(element: dict[str, Any], url: str) -> dict[str, Any]:
    found: dict[str, Any] = next((e for e in element.get("extension", []) if e.get("url") == url), {})
    return found


def _local_id(resource: Resource) -> tuple[str, str] | None:
    for identifier in resource.get("identifier", []):
        oid = oid_of(str(identifier.get("system", "")))
        if oid and oid not in INS_OIDS and "PI" in codes(identifier.get("type")) and identifier.get("value"):
            return oid, str(identifier["value"])
    return None


def _address(resource: Resource) -> tuple[str, ...]:
    address: dict[str, Any] = next((a for a in resource.get("address", []) if a.get("use") != "old"), {})
    city = " ".join(str(address[k]) for k in ("postalCode", "city") if address.get(k))
    return tuple(line for line in [*address.get("line", [])[:6], city] if line)


def _telecoms(resource: Resource) -> Iterator[str]:
    for telecom in resource.get("telecom", []):
        prefix = _TELECOM.get(str(telecom.get("system", "")))
        if prefix and telecom.get("value") and telecom.get("use") != "old":
            yield prefix + "".join(str(telecom["value"]).split())
