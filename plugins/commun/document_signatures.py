"""Places to sign at the end of a document: the person's side, and the structure's, by the roles of ``documents.json``."""

from typing import Any, Final

from .document_head import NAMELESS, person_of
from .document_record import Record, name_of
from .document_text import date, items, part

PERSONS: Final = {
    "usager": "Personne accompagnée", "representant-legal": "Représentant légal, le cas échéant",
    "personne-confiance": "Personne de confiance, le cas échéant",
}  # fmt: skip
ROLES: Final = {
    "directeur": "Direction", "chef-service": "Chef de service", "medecin": "Médecin", "idec": "Infirmier coordinateur",
    "ide": "Infirmier", "paramedical": "Professionnel paramédical", "psychologue": "Psychologue", "educateur": "Éducateur",
    "responsable-secteur": "Responsable de secteur", "referent-ase": "Référent ASE", "delegue-mjpm": "Mandataire judiciaire",
    "comptable": "Gestionnaire comptable", "assistant-social": "Assistant de service social", "cesf": "CESF",
}  # fmt: skip

Group = dict[str, Any]


def signatures_of(record: Record) -> list[Group]:
    """Return the groups of places to sign: ``title``, ``list`` (``name``, ``role``, ``date``, ``state``, ``signed``)."""
    asked = record.kind.signers
    given = _given(record)
    persons = [_blank(_person(record) if r == "usager" else "", PERSONS[r]) for r in asked if r in PERSONS]
    professionals = [ROLES.get(r, r.replace("-", " ").capitalize()) for r in asked if r not in PERSONS]
    groups = []
    if persons:
        groups.append({"title": "Personne accompagnée ou son représentant", "list": persons})
    if professionals:
        groups.append({"title": "Pour la structure", "list": [_blank("", _either(professionals))]})
    return [{"title": "Signatures données", "list": given}, *groups] if given else groups


def _person(record: Record) -> str:
    short = person_of(record.patient)["short"]
    return "" if short == NAMELESS else short


def _either(roles: list[str]) -> str:
    return roles[0] if len(roles) == 1 else f"{', '.join(roles[:-1])} ou {roles[-1]}"


def _blank(name: str, role: str) -> dict[str, Any]:
    return {"name": name, "role": role, "state": "", "date": "", "signed": False}


def _given(record: Record) -> list[dict[str, Any]]:
    """Return the signatures that a contract already holds."""
    found = []
    for signer in items(record.target.get("signer")):
        days = [day for s in items(signer.get("signature")) if (day := date(s.get("when")))]
        party = record.gather.get(signer.get("party")) or {}
        anonymous = record.anonymous and party.get("resourceType") == "Patient"
        if days:
            name = NAMELESS if anonymous else name_of(party, signer.get("party"))
            role = part(signer, "type", "display") or ""
            found.append({"name": name, "role": role, "state": "Signé", "date": days[-1], "signed": True})
    return found
