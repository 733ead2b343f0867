"""From FHIR actors to authors, signatories and structures with their national identifiers."""

import re
from collections.abc import Iterator
from typing import Any

from dui_fhir.connectors import nomenclature
from dui_fhir.connectors.cda.elements import PEOPLE, STRUCTURES
from dui_fhir.connectors.cda.values import Device, Organization, PersonName, Professional
from dui_fhir.connectors.dmp.coding import codes, codings, oid_of, table_of
from dui_fhir.connectors.dmp.faults import Faults
from dui_fhir.connectors.nomenclature import Code
from dui_fhir.domain.change import Resource
from dui_fhir.ports import Reader

_FINESS = re.compile(r"[0-9][0-9AB][0-9]{7}")
_STRUCT = re.compile(r"1[0-9][0-9AB][0-9]{7}|3[0-9]{14}")
_RPPS = re.compile(r"[0-9]{11}")
_PS_IDNAT = re.compile(r"8[0-9]{11}|0[0-9A-Z]{9}|[13456][^/\s]+/\S+")
_DIPLOMAS = {"DE05": "G15_10", "DE09": "G15_60"}
_OTHER_PROFESSIONAL = "312"
_SOFTWARE = "LOGICIEL_DUI"


class Directory:
    """Resolves the actors of one document: contained resources, stored ones, or the bare identifier of a reference."""

    def __init__(self, document: Resource, reader: Reader, faults: Faults) -> None:
        self._contained = {f"#{c.get('id')}": c for c in document.get("contained", [])}
        self._reader = reader
        self._faults = faults

    def resolve(self, reference: Any) -> Resource | None:
        """Return the resource of a Reference element; a resource with only identifier and name for a logical reference."""
        if not isinstance(reference, dict):
            return None
        text = str(reference.get("reference", ""))
        found = self._contained.get(text) or (self._reader.read(text) if "/" in text else None)
        if found is None and isinstance(reference.get("identifier"), dict):
            return self._logical(reference)
        return found

    def _logical(self, reference: dict[str, Any]) -> Resource:
        """Return who a logical reference names: the stored resource with this identifier, else what the reference itself says."""
        identifier = reference["identifier"]
        system, value = str(identifier.get("system", "")), str(identifier.get("value", ""))
        by_system = {PEOPLE: "Practitioner", STRUCTURES: "Organization"}
        type = str(reference.get("type") or by_system.get(oid_of(system), ""))
        if type and value:
            for token in _tokens(system, value):
                found = self._reader.search(type, [("identifier", token)])
                if len(found) == 1:
                    return found[0]
        return {"resourceType": type, "identifier": [identifier], "_display": reference.get("display", "")}

    def organization(self, resource: Resource | None) -> Organization | None:
        """Return a structure with its FINESS; None where it has none."""
        id = next(_structure_ids(resource or {}), None)
        name = (resource or {}).get("name") or (resource or {}).get("_display")
        return Organization(id=id, name=str(name)) if id and name else None

    def author(
        self, reference: Any, default: Organization, path: str
    ) -> tuple[Professional | Device, Organization] | None:
        """Return who a Reference names and for which structure; None, with a fault noted, where that cannot be told."""
        resource = self.resolve(reference)
        kind = (resource or {}).get("resourceType")
        if resource is not None and kind in ("Organization", "Device"):
            own = self.organization(resource) if kind == "Organization" else None
            return _device(resource, own or default), own or default
        if resource is not None and kind in ("Practitioner", "PractitionerRole"):
            return self._professional(resource, default, path)
        self._faults.add("dmp-author", "Un auteur ou signataire du document est introuvable.", path)
        return None

    def _professional(
        self, resource: Resource, default: Organization, path: str
    ) -> tuple[Professional, Organization] | None:
        role = resource if resource["resourceType"] == "PractitionerRole" else {}
        person = self.resolve(role.get("practitioner")) if role.get("practitioner") else resource
        organization = self.organization(self.resolve(role.get("organization"))) or default
        name = _name(person or {}) or _name(resource)
        id = _person_id(person or {}, organization) or _person_id(role, organization)
        if name is None or id is None:
            self._faults.add("dmp-author-identity", "Un professionnel n'a ni nom ni identifiant utilisables.", path)
            return None
        code = _profession(
            [*codings(role.get("code")), *codings(role.get("specialty")), *_qualifications(person or {})]
        )
        if code is None and id.startswith("3"):
            code = nomenclature.specialty(_OTHER_PROFESSIONAL)
        if code is None:
            self._faults.add("dmp-profession", "La profession d'un auteur ou signataire n'est pas connue.", path)
            return None
        return Professional(id=id, name=name, code=code), organization


def _tokens(system: str, value: str) -> Iterator[str]:
    """Yield the ways in which published data write the same identifier: idNat, or the RPPS alone."""
    yield f"{system}|{value}"
    if oid_of(system) == PEOPLE and value.startswith("8") and _RPPS.fullmatch(value[1:]):
        yield f"https://rpps.esante.gouv.fr|{value[1:]}"
        yield f"{system}|{value[1:]}"


def _structure_ids(resource: Resource) -> Iterator[str]:
    for identifier in resource.get("identifier", []):
        system, value = str(identifier.get("system", "")), str(identifier.get("value", ""))
        national = oid_of(system) == STRUCTURES
        if national and _STRUCT.fullmatch(value):
            yield value
        elif (national or "finess" in system.lower()) and _FINESS.fullmatch(value):
            yield f"1{value}"


def _device(resource: Resource, organization: Organization) -> Device:
    """Take the software of the structure: an organisation writes through it."""
    id = next((str(i["value"]) for i in resource.get("identifier", []) if resource["resourceType"] == "Device"), "dui")
    code = nomenclature.specialty(_SOFTWARE)
    if code is None:
        raise LookupError(_SOFTWARE)
    own = id if _PS_IDNAT.fullmatch(id) else f"3{organization.id[1:]}/{_compact(id)}"
    return Device(id=own, model="dui-fhir", software="dui-fhir", code=code)


def _person_id(resource: Resource, organization: Organization) -> str | None:
    local = str(resource.get("id", ""))
    for identifier in resource.get("identifier", []):
        system, value = str(identifier.get("system", "")), str(identifier.get("value", ""))
        if (oid_of(system) == PEOPLE or "rpps" in system.lower()) and _RPPS.fullmatch(value):
            return f"8{value}"
        if _PS_IDNAT.fullmatch(value):
            return value
        local = value or local
    return f"3{organization.id[1:]}/{_compact(local)}" if local and organization.id.startswith("1") else None


def _compact(text: str) -> str:
    return re.sub(r"[\s/]+", "-", text)


def _name(resource: Resource) -> PersonName | None:
    names = resource.get("name", []) if isinstance(resource.get("name"), list) else []
    name = next((n for n in names if n.get("family") and n.get("use") != "old"), None)
    if name is None:
        display = str(resource.get("_display", "")).strip()
        return PersonName(family=display) if display else None
    return PersonName(
        family=str(name["family"]),
        given=" ".join(name.get("given", [])),
        prefix=_civility(name.get("prefix", [])),
        suffix=next((s for s in name.get("suffix", []) if s in ("DR", "PR")), None),
    )


def _civility(prefixes: list[str]) -> str | None:
    return next((p.upper().rstrip(".") for p in prefixes if p.upper().rstrip(".") in ("M", "MME")), None)


def _qualifications(person: Resource) -> Iterator[dict[str, Any]]:
    for qualification in person.get("qualification", []):
        yield from codings(qualification.get("code"))


def _profession(found: list[dict[str, Any]]) -> Code | None:
    """Return the code of JDV_J01: profession, with the speciality where both make a known code."""
    specialities = [str(c["code"]) for c in found if table_of(str(c.get("system", ""))) == "R38"]
    for coding in found:
        profession = _profession_code(coding)
        if profession is None:
            continue
        for speciality in specialities:
            precise = nomenclature.specialty(f"{profession}/{speciality}")
            if precise is not None:
                return precise
        return nomenclature.specialty(profession)
    return None


def _profession_code(coding: dict[str, Any]) -> str | None:
    code, table = str(coding["code"]), table_of(str(coding.get("system", "")))
    candidates = {"G15": f"G15_{code}", "G16": f"G16_{code}", "R48": _DIPLOMAS.get(code, "")}
    candidate = candidates.get(table, code)
    known = nomenclature.specialty(candidate)
    if known is None:
        return None
    trusted = (
        table in ("G15", "G16", "R48", "R94", "R95", "R85", "R96", "A02")
        or oid_of(coding.get("system", "")) == known.system
    )
    return candidate if trusted else None


def sector(resource: Resource | None) -> str | None:
    """Return the sector of activity of a structure (``SA17``), None where its types do not say."""
    return next((c for c in codes((resource or {}).get("type")) if nomenclature.facility(c)), None)
