"""Fictitious people with the traits, and perhaps the qualified identity, of real ones. Same seed, same people.

Matricules are well formed (RNIV, 13 characters and their key) and of the test range (OID …4.10), so that nobody can take them for
somebody's; each carries the tag ``simule``.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Literal

from dui_fhir.demo.identity import CORE, INS_NIR_TEST, SIMULATED, birth_place, extension, reliability
from dui_fhir.demo.sample.names import COMMUNES, FAMILIES, FIRST_NAMES, STREETS
from dui_fhir.domain.change import Resource
from dui_fhir.domain.ins import key_of

Generation = Literal["old", "adult", "child"]
AGES: dict[Generation, tuple[int, int]] = {"old": (72, 98), "adult": (20, 62), "child": (5, 17)}


@dataclass(frozen=True, kw_only=True)
class Person:
    """The traits of somebody; ``number`` is the local number (IPP). ``matricule``: 15 characters."""

    number: str
    family: str
    given: tuple[str, ...]
    gender: Literal["female", "male"]
    born: date
    commune: tuple[str, str, str]
    street: str
    matricule: str
    qualified: bool

    @property
    def name(self) -> str:
        """First name and family name."""
        return f"{self.given[0].title()} {self.family}"


def person(random: Random, number: str, generation: Generation, today: date, *, order: int) -> Person:
    """Return somebody of a generation; ``order`` makes matricules distinct."""
    gender: Literal["female", "male"] = random.choice(("female", "male"))
    youngest, oldest = AGES[generation]
    born = today - timedelta(days=random.randint(youngest * 366, oldest * 365))
    commune = random.choice(COMMUNES)
    names = FIRST_NAMES[generation][gender]
    return Person(
        number=number,
        family=random.choice(FAMILIES),
        given=tuple(dict.fromkeys(random.sample(names, k=random.randint(1, 3)))),
        gender=gender,
        born=born,
        commune=commune,
        street=f"{random.randint(1, 120)} {random.choice(STREETS)}",
        matricule=matricule(gender, born, commune[0], order),
        qualified=random.random() < 0.9,
    )


def matricule(gender: str, born: date, commune: str, order: int) -> str:
    """Return sex, year and month of birth, commune, order, and the key (97 less the rest by 97)."""
    text = f"{1 if gender == 'male' else 2}{born:%y%m}{commune}{order % 1000:03d}"
    return text + key_of(text)


def patient(who: Person, usager: str, today: date, profile: str) -> Resource:
    """Return the Patient; ``usager`` is the business number (``3<FINESS>/<number>``), ``profile`` without ``-ins``."""
    local = {
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PI"}]},
        "system": "https://identifiant-medicosocial-localusager.esante.gouv.fr",
        "value": usager,
    }
    address = {"line": [who.street], "postalCode": who.commune[2], "city": who.commune[1], "country": "FR"}
    found: dict[str, Any] = {
        "resourceType": "Patient",
        "id": f"usager-{usager[1:].replace('/', '-').lower()}",
        "meta": {"profile": [f"{profile}-ins" if who.qualified else profile], "tag": [SIMULATED]},
        "extension": [reliability(today, qualified=who.qualified)],
        "identifier": [local],
        "name": [{"use": "official", "family": who.family, "given": [who.given[0]]}],
        "gender": who.gender,
        "birthDate": who.born.isoformat(),
        "address": [address],
    }
    if not who.qualified:
        return found
    ins = {
        "use": "official",
        "type": {"coding": [{"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0203", "code": "INS-NIR-TEST"}]},
        "system": INS_NIR_TEST,
        "value": who.matricule,
    }
    found["name"][0]["extension"] = [
        extension("fr-core-patient-birth-list-given-name", valueString=" ".join(who.given))
    ]
    found["extension"].append(birth_place(who.commune[0]))
    found["identifier"].insert(0, ins)
    return found
