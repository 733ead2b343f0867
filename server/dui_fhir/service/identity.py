"""Unique keys of a person: the qualified INS, one per tenant (decision D1; rule COM-38).

Sources: fr-core-patient-ins 2.1.0 (status VALI of fr-core-cs-v2-0445 with an INS identifier) and 2.2.0 (status QUAL of
fr-core-cs-identity-status); the same OID with the type NH is a social security number and no INS.
"""

from collections.abc import Iterator
from typing import Any

from dui_fhir.domain.change import Resource

_TYPES = frozenset({"INS-NIR", "INS-NIA", "INS-NIR-TEST", "INS-NIR-DEMO"})
_TYPE_SYSTEMS = (
    "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203",
    "http://interopsante.org/CodeSystem/fr-v2-0203",
)
_OIDS = frozenset(f"urn:oid:1.2.250.1.213.1.4.{n}" for n in (8, 9, 10, 11))
_RELIABILITY = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"
_QUALIFIED = frozenset({"VALI", "QUAL"})
_NEVER = frozenset({"FICT", "DOUT", "PROV", "VIDE"})


def unique_keys(resource: Resource) -> tuple[str, ...]:
    """Return ``ins|<oid>|<matricule>`` for each INS of a Patient whose identity is qualified; nothing for the rest."""
    if resource["resourceType"] != "Patient" or not _qualified(resource):
        return ()
    return tuple(sorted({f"ins|{system.removeprefix('urn:oid:')}|{value}" for system, value in _ins(resource)}))


def _qualified(patient: Resource) -> bool:
    statuses = set(_statuses(patient))
    return bool(statuses & _QUALIFIED) and not statuses & _NEVER


def _statuses(patient: Resource) -> Iterator[str]:
    for reliability in _objects(patient.get("extension")):
        if reliability.get("url") != _RELIABILITY:
            continue
        for part in _objects(reliability.get("extension")):
            coding = part.get("valueCoding")
            if part.get("url") in ("identityStatus", "comment") and isinstance(coding, dict):
                yield str(coding.get("code", ""))


def _ins(patient: Resource) -> Iterator[tuple[str, str]]:
    for identifier in _objects(patient.get("identifier")):
        kind = identifier.get("type")
        codings = _objects(kind.get("coding")) if isinstance(kind, dict) else ()
        typed = any(c.get("system") in _TYPE_SYSTEMS and c.get("code") in _TYPES for c in codings)
        system, value = identifier.get("system"), identifier.get("value")
        if typed and system in _OIDS and isinstance(value, str) and identifier.get("use") != "old":
            yield str(system), value.strip().upper()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item
