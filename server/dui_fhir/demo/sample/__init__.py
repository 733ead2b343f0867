"""A fictitious structure of any size, for demonstrations and measures: ``dui-fhir sample``. The same seed gives the same data."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any, Final

from dui_fhir.demo.sample.names import FAMILIES, FIRST_NAMES, PROFESSIONALS
from dui_fhir.demo.sample.people import Generation, person
from dui_fhir.demo.sample.records import File, Setting
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.structure import Structure


@dataclass(frozen=True, kw_only=True)
class Domain:
    """What makes a structure of a corridor what it is."""

    category: str
    title: str
    plan: str
    generation: Generation
    home: bool = False
    grid: bool = False
    medication: bool = False


DOMAINS: Final = {
    "pa": Domain(
        category="500", title="EHPAD", plan="Projet d'accompagnement personnalisé", generation="old", grid=True, medication=True
    ),
    "dom": Domain(
        category="209", title="Service autonomie à domicile", plan="Projet individualisé d'accompagnement", generation="old",
        home=True, grid=True, medication=True,
    ),
    "ph": Domain(category="255", title="MAS", plan="Projet personnalisé", generation="adult", medication=True),
    "pde": Domain(category="177", title="MECS", plan="Projet personnalisé", generation="child"),
    "pds": Domain(category="197", title="CSAPA", plan="Projet individuel", generation="adult"),
    "ahi": Domain(category="214", title="CHRS", plan="Projet individualisé", generation="adult"),
    "pjm": Domain(
        category="340", title="SMJPM", plan="Projet d'accompagnement", generation="adult", home=True
    ),
}  # fmt: skip
"""Corridor → a structure typical of it."""


class Sample:
    """One structure. ``seed`` and the other arguments decide of everything; nothing is drawn from the machine."""

    def __init__(self, corridor: str, *, persons: int, seed: int, today: date, number: int = 1) -> None:
        if corridor not in DOMAINS:
            raise BadRequest.of(
                "sample-corridor", f"Couloir inconnu : « {corridor} » (choix : {', '.join(DOMAINS)}).", "corridor"
            )
        self.domain = DOMAINS[corridor]
        self.corridor, self.persons, self.seed, self.today = corridor, persons, seed, today
        self.finess = finess(number)
        self._team = {role: f"Practitioner/{code}-{self.finess}" for code, _, role in PROFESSIONALS}

    @property
    def structure(self) -> Structure:
        """The structure to declare."""
        return Structure(
            finess=self.finess,
            category=self.domain.category,
            name=f"{self.domain.title} fictif n° {self.finess[-2:]}",
            address="1 rue de l'Exemple, 75000 Paris",
            corridors=(self.corridor,),
        )

    def professionals(self) -> Iterator[Resource]:
        """Yield the eight professionals of the structure."""
        random = Random(f"{self.seed}-{self.finess}-professionals")  # noqa: S311 - data of examples, not secrets
        for code, profession, _ in PROFESSIONALS:
            kind = {"system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203", "code": "IDNPS"}
            identifier = {
                "type": {"coding": [kind]},
                "system": "urn:oid:1.2.250.1.71.4.2.1",
                "value": f"3{self.finess}/{code.upper()}",
            }
            name = {"family": random.choice(FAMILIES), "given": [random.choice(FIRST_NAMES["adult"]["female"]).title()]}
            yield {
                "resourceType": "Practitioner", "id": f"{code}-{self.finess}", "active": True,
                "identifier": [identifier], "name": [name],
                "qualification": [{"code": {"text": profession}}],
            }  # fmt: skip

    def file(self, number: int) -> File:
        """Return the file of the person of that number, from 1."""
        random = Random(f"{self.seed}-{self.finess}-{number}")  # noqa: S311 - data of examples, not secrets
        order = (int(self.finess[3:8]) * 7 + number) % 1000
        who = person(random, f"U{number:05d}", self.domain.generation, self.today, order=order)
        return File(random, who, self._setting())

    def _setting(self) -> Setting:
        domain = self.domain
        return Setting(
            corridor=self.corridor, finess=self.finess, plan=domain.plan, team=self._team, today=self.today, home=domain.home,
            grid=domain.grid, medication=domain.medication,
        )  # fmt: skip

    def bundles(self) -> Iterator[Resource]:
        """Yield transactions: the professionals, then one per person."""
        yield transaction(self.professionals())
        for number in range(1, self.persons + 1):
            yield transaction(self.file(number).resources())


def transaction(resources: Iterator[Resource]) -> Resource:
    """Return the transaction that writes resources at their ids: sent again, it changes nothing."""
    return {"resourceType": "Bundle", "type": "transaction", "entry": [_entry(r) for r in resources]}


def _entry(resource: Resource) -> dict[str, Any]:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": f"urn:dui-fhir:sample:{url}", "resource": resource, "request": {"method": "PUT", "url": url}}


def finess(number: int) -> str:
    """Return a FINESS of department 99, which no structure has, with its check digit (Luhn)."""
    text = f"99{number:06d}"
    digits = [int(c) for c in reversed(text)]
    total = sum(d if place % 2 else (2 * d - 9 if d > 4 else 2 * d) for place, d in enumerate(digits))
    return f"{text}{-total % 10}"
