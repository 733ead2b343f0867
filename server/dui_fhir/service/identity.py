"""Unique keys of a person: the qualified INS, one per tenant (decision D1; rule COM-38). Source: ``domain.ins``."""

from dui_fhir.domain.change import Resource
from dui_fhir.domain.ins_fr_core import claimed_ins


def unique_keys(resource: Resource) -> tuple[str, ...]:
    """Return ``ins|<oid>|<matricule>`` for each INS of a Patient whose identity claims to be qualified; nothing for the rest."""
    if resource["resourceType"] != "Patient":
        return ()
    return tuple(sorted({f"ins|{oid}|{matricule}" for oid, matricule in claimed_ins(resource)}))
