"""Who is asking: the reader behind a request, as a reference and as a key that names him."""

from dataclasses import dataclass
from typing import Any, Final

from dui_fhir.api import BadRequest, Forbidden, OperationRequest, Reader, Resource

from .reading import target

IDNAT_PS: Final = "urn:oid:1.2.250.1.71.4.2.1"
_READERS: Final = ("Practitioner/", "PractitionerRole/", "Patient/", "RelatedPerson/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """``reference``: a Reference element; ``key`` names the person; ``names``: the literal references that mean him."""

    reference: Resource
    key: str
    names: frozenset[str]


def reader_of(request: OperationRequest) -> Person:
    """Return who reads: the professional of the request, else the one that the parameter ``reader`` names.

    Raises: BadRequest (``reader-unknown``), Forbidden (``reader-other``: a professional does not read for another).
    """
    number, given = request.context.actor.professional, target(request.parameters.get("reader"))
    reader = request.context.reader
    acting = _professional(number, reader) if number else None
    if not given:
        if acting is None:
            raise BadRequest.of(
                "reader-unknown",
                "Dites qui lit : le professionnel de la requête, ou le paramètre reader.",
                "no professional in the request, no reader parameter",
                ["reader"],
            )
        return acting
    named = _named(given, reader)
    if acting is not None and not named.names & acting.names and given.startswith("Practitioner"):
        raise Forbidden.of(
            "reader-other", "On ne lit pas à la place d’un autre professionnel.", "reader is not the actor"
        )
    return named


def _professional(number: str, reader: Reader) -> Person:
    bare = number[1:] if number.startswith("8") and len(number) == 12 else number
    values = ",".join(f"{IDNAT_PS}|{n}" for n in dict.fromkeys((number, bare)))
    found = reader.search("Practitioner", [("identifier", values)])
    if len(found) == 1:
        return _named(f"Practitioner/{found[0]['id']}", reader)
    reference: dict[str, Any] = {"type": "Practitioner", "identifier": {"system": IDNAT_PS, "value": number}}
    return Person(reference=reference, key=number, names=frozenset())


def _named(reference: str, reader: Reader) -> Person:
    resource = reader.read(reference) if reference.startswith(_READERS) else None
    if resource is None:
        raise BadRequest.of(
            "reader-unknown",
            "Le lecteur n’existe pas : un professionnel, la personne ou un proche.",
            "reader is no stored person",
            ["reader"],
        )
    names = {reference, target(resource.get("practitioner"))} - {""}
    if resource["resourceType"] == "Practitioner":
        roles = reader.search("PractitionerRole", [("practitioner", reference)])
        names |= {f"PractitionerRole/{role['id']}" for role in roles}
    own = target(resource.get("practitioner")) or reference
    return Person(reference={"reference": reference}, key=own, names=frozenset(names))
