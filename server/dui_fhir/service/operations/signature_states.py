"""What ``$sign`` is: its inputs, the states of a signature, the codes of its evidence (decision D28)."""

from collections.abc import Mapping
from typing import Any, Final

from dui_fhir.domain.change import Resource

STATE: Final = "urn:dui-fhir:signature-state"
CAPACITY: Final = "urn:dui-fhir:signature-capacity"
CONTENT_SHA1: Final = "urn:dui-fhir:extension:content-sha1"
"""Extension of a Provenance of ours: SHA-1 of the attachment, 40 hexadecimal digits."""
TAG: Final = {"system": "urn:dui-fhir:tag", "code": "signature"}
ASTM: Final = "urn:iso-astm:E1762-95:2013"

STATES: Final[Mapping[str, str]] = {
    "prepared": "Préparée",
    "requested": "Demandée",
    "signed": "Signée",
    "refused": "Refusée",
    "signed-on-paper": "Signée sur papier",
    "voided": "Annulée : le document a changé",
}
GIVEN: Final = frozenset({"signed", "signed-on-paper"})
PENDING: Final = frozenset({"prepared", "requested"})
NEXT: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset({"prepared", "requested", "signed", "refused", "signed-on-paper"}),
    "prepared": frozenset({"requested", "signed", "refused", "signed-on-paper"}),
    "requested": frozenset({"signed", "refused", "signed-on-paper"}),
    "refused": frozenset({"requested", "signed", "signed-on-paper"}),
    "signed": frozenset(),
    "signed-on-paper": frozenset(),
    "voided": frozenset({"prepared", "requested", "signed", "refused", "signed-on-paper"}),
}
"""What may follow each state; a state asked for again changes nothing."""


def _input(name: str, type: str, minimum: int, documentation: str) -> dict[str, Any]:
    return {"name": name, "use": "in", "min": minimum, "max": "1", "type": type, "documentation": documentation}


DEFINITION: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-sign",
    "url": "urn:dui-fhir:operation:sign",
    "name": "Sign",
    "title": "Signature d'un document",
    "status": "active",
    "kind": "operation",
    "affectsState": True,
    "code": "sign",
    "description": "Fait avancer la signature d'un document par un signataire, en une qualité ; rend sa preuve (Provenance).",
    "resource": ["DocumentReference"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [
        _input("signer", "Reference", 1, "Signataire enregistré, ou professionnel par identifiant (8<RPPS>, 3<FINESS>/<id>)."),
        _input("capacity", "code", 1, "Qualité du signataire : rôle des documents.json (directeur, usager, representant-legal…)."),
        _input("state", "code", 0, "prepared, requested, signed (par défaut), refused, signed-on-paper."),
        _input("hash", "base64Binary", 0, "SHA-1 du contenu que le signataire a lu ; refusé si le contenu a changé."),
        _input("motive", "string", 0, "Motif d'un refus."),
        _input("scan", "Reference", 0, "Exemplaire papier numérisé ; attendu avec signed-on-paper."),
        _input("signature", "base64Binary", 0, "Signature électronique produite par le poste."),
        _input("signature-format", "code", 0, "Type MIME de cette signature."),
        _input("final", "boolean", 0, "Faux : cette signature ne rend pas le document définitif."),
        {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Provenance"},
    ],
}  # fmt: skip
