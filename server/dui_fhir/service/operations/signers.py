"""Who signs, and whether the identifiers allow it (decision D10)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Reader
from dui_fhir.domain.errors import Unprocessable
from dui_fhir.domain.reference import Reference

IDNAT_PS: Final = "urn:oid:1.2.250.1.71.4.2.1"
RPPS_SYSTEM: Final = "https://rpps.esante.gouv.fr"
PROFESSIONS: Final = "TRE_G15-ProfessionSante"
_PROFESSIONALS: Final = frozenset({"Practitioner", "PractitionerRole"})
_PERSONS: Final = frozenset({"Patient", "RelatedPerson"})
_STRUCTURE_NUMBER: Final = re.compile(r"3[0-9][0-9AB][0-9]{7}/\S+")


@dataclass(frozen=True, kw_only=True)
class Signer:
    """``reference`` as written in the evidence; ``key`` names the signer; ``numbers`` are idNat_PS of a professional."""

    reference: Mapping[str, Any]
    key: str
    professional: bool
    numbers: frozenset[str] = frozenset()


def signer_of(reference: Mapping[str, Any], reader: Reader) -> Signer:
    """Return the signer that a Reference element names: a stored person, or a professional by identifier.

    Raises: Unprocessable (``sign-signer-unknown``; ``COM-37``: an RPPS with a wrong key, an RPPS profession without RPPS,
    or an identifier that is neither an RPPS nor ``3<FINESS>/<id>``).
    """
    literal = Reference.parse(str(reference.get("reference", "")))
    if literal is None:
        return _by_identifier(reference, reader)
    resource = reader.read(str(literal))
    if resource is None or literal.type not in _PROFESSIONALS | _PERSONS:
        raise _unknown()
    if literal.type in _PERSONS:
        return Signer(reference=reference, key=str(literal), professional=False)
    return _professional(reference, literal, resource, reader)


def _by_identifier(reference: Mapping[str, Any], reader: Reader) -> Signer:
    identifier = reference.get("identifier")
    number = str(identifier.get("value", "")) if isinstance(identifier, dict) else ""
    if not number or not isinstance(identifier, dict) or identifier.get("system") not in (IDNAT_PS, RPPS_SYSTEM):
        raise _unknown()
    known = _stored(number, reader)
    if known is not None:
        found = {"reference": f"Practitioner/{known['id']}"}
        return _professional(found, Reference(type="Practitioner", id=str(known["id"])), known, reader)
    number = _national(number)
    if not _acceptable(number):
        raise _refused("identifier")
    if not reference.get("display"):
        # a signature without a name proves nothing to a reader
        raise _unknown()
    return Signer(reference=reference, key=number, professional=True, numbers=frozenset({number}))


def _stored(number: str, reader: Reader) -> Resource | None:
    """Return the only Practitioner with this number, in either way of writing an RPPS."""
    bare = number[1:] if len(number) == 12 and number.startswith("8") else number
    written = dict.fromkeys((number, _national(number), bare))
    tokens = [f"{system}|{value}" for system in (IDNAT_PS, RPPS_SYSTEM) for value in written]
    found = reader.search("Practitioner", [("identifier", ",".join(tokens))])
    return found[0] if len(found) == 1 else None


def _professional(reference: Mapping[str, Any], literal: Reference, resource: Resource, reader: Reader) -> Signer:
    person: Resource | None = resource
    if literal.type == "PractitionerRole":
        person = reader.read(str(resource.get("practitioner", {}).get("reference", "")))
    if person is None:
        raise _unknown()
    numbers = frozenset(_numbers(person))
    rpps = {n for n in numbers if n.startswith("8")}
    if any(not _acceptable(n) for n in rpps) or (not rpps and _has_rpps_profession(person)):
        raise _refused("reference")
    return Signer(reference=reference, key=str(literal), professional=True, numbers=numbers)


def _numbers(practitioner: Resource) -> Iterator[str]:
    for identifier in practitioner.get("identifier", ()):
        if identifier.get("system") in (IDNAT_PS, RPPS_SYSTEM) and identifier.get("value"):
            yield _national(str(identifier["value"]))


def _national(number: str) -> str:
    """Return a number as ANS writes it: published data also give the 11 digits of an RPPS alone."""
    return f"8{number}" if len(number) == 11 and number.isdigit() else number


def _acceptable(number: str) -> bool:
    if number.startswith("8"):
        return rpps_key_is_right(number[1:])
    return bool(_STRUCTURE_NUMBER.fullmatch(number))


def rpps_key_is_right(number: str) -> bool:
    """True for 11 digits whose last is the Luhn key of the ten first."""
    if not re.fullmatch(r"[0-9]{11}", number):
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(number))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _has_rpps_profession(practitioner: Resource) -> bool:
    codes = [q.get("code", {}) for q in practitioner.get("qualification", ())]
    return any(PROFESSIONS in str(c.get("system", "")) for code in codes for c in code.get("coding", ()))


def _unknown() -> Unprocessable:
    return Unprocessable.of(
        "sign-signer-unknown",
        "Le signataire n'est pas connu : donnez une ressource enregistrée (professionnel, personne accompagnée, proche) ou un "
        "identifiant national de professionnel avec son nom (display).",
        "signer is neither a stored Practitioner, PractitionerRole, Patient or RelatedPerson, nor an idNat_PS",
        ["Parameters.parameter.where(name='signer')"],
    )


def _refused(where: str) -> Unprocessable:
    return Unprocessable.of(
        "COM-37",
        "Ce professionnel ne peut pas signer : numéro RPPS absent ou faux, ou identifiant de structure mal formé.",
        f"signer.{where}: RPPS key, or 3<FINESS>/<id> expected",
        ["Parameters.parameter.where(name='signer')"],
        code="business-rule",
    )
