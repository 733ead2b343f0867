"""Who signed a document, from its authenticator and from the signatures of Provenance resources that target it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from dui_fhir.connectors.cda.values import Organization, Professional, Signatory
from dui_fhir.connectors.dmp.coding import codes, hour, moment
from dui_fhir.connectors.dmp.faults import Faults
from dui_fhir.connectors.dmp.people import Directory
from dui_fhir.domain.change import Resource
from dui_fhir.ports import Reader

_PATH = "DocumentReference.authenticator"
_PROFESSIONALS = ("Practitioner", "PractitionerRole")


def signatories(
    document: Resource, directory: Directory, reader: Reader, custodian: Organization, zone: tzinfo, faults: Faults
) -> list[Signatory]:
    """Return the responsible signatory first (legalAuthenticator), then the other professionals who signed, oldest first.

    The person and the relatives sign the document, not its CDA. Without ``authenticator``, the first professional who
    signed is responsible. Empty, with a fault noted, where nobody is.
    """
    created = hour(moment(document.get("date"), zone), zone)
    signed = []
    for who, when in _signatures(document, reader, zone):
        if (directory.resolve(who) or {}).get("resourceType") in _PROFESSIONALS:
            signed += _signatory(who, when or created, directory, custodian)
    principal = document.get("authenticator")
    if principal is not None:
        found = _signatory(principal, created, directory, custodian)
        times = {s.who.id: s.time for s in reversed(signed)}
        signed = [replace(s, time=times.get(s.who.id, s.time)) for s in found] + signed if found else []
    if not signed:
        faults.add("dmp-no-authenticator", "Le document n'a pas de professionnel signataire responsable.", _PATH)
    first: dict[str, Signatory] = {}
    for signatory in signed:
        first.setdefault(signatory.who.id, signatory)
    return list(first.values())


def _signatory(who: Any, when: datetime | None, directory: Directory, custodian: Organization) -> list[Signatory]:
    found = directory.author(who, custodian, _PATH)
    if found is None or not isinstance(found[0], Professional) or when is None:
        return []
    return [Signatory(who=found[0], organization=found[1], time=when)]


def _signatures(document: Resource, reader: Reader, zone: tzinfo) -> Iterator[tuple[dict[str, Any], datetime | None]]:
    provenances = reader.search("Provenance", [("target", f"DocumentReference/{document['id']}")])
    made = [
        (who, hour(moment(when, zone), zone))
        for provenance in provenances
        for who, when in (*_electronic(provenance), *_on_paper(provenance))
        if isinstance(who, dict)
    ]
    yield from sorted(made, key=lambda signed: signed[1].timestamp() if signed[1] else 0.0)


def _electronic(provenance: Resource) -> Iterator[tuple[Any, Any]]:
    yield from ((s.get("who"), s.get("when")) for s in provenance.get("signature", []))


def _on_paper(provenance: Resource) -> Iterator[tuple[Any, Any]]:
    if "signed-on-paper" in codes(provenance.get("activity")):
        yield from ((a.get("who"), provenance.get("occurredDateTime")) for a in provenance.get("agent", [])[:1])
