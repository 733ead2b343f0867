"""The corpus of the search bench: made from a seed, so that a data set kept on disk can be judged again later.

``python -m bench.search_corpus --data DIR --resources N`` writes it to ``DIR/data`` without a server: index values as a
server computes them, through the store's own commit path. Durability is off while it loads, and only then.
"""

import argparse
import itertools
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import load
from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.index import ReferenceValue
from dui_fhir.domain.plan import Committed, Plan, Put
from dui_fhir.search.extract import Extractor
from dui_fhir.store.sqlite import driver, schema
from dui_fhir.store.sqlite.committer import Committer
from dui_fhir.store.sqlite.place import Place

LOINC, UCUM, IPP = "http://loinc.org", "http://unitsofmeasure.org", "urn:bench:ipp"
FAMILIES = (
    "MARTIN", "BERNARD", "THOMAS", "PETIT", "ROBERT", "RICHARD", "DURAND", "DUBOIS", "MOREAU", "LAURENT", "SIMON", "MICHEL",
    "LEFÈVRE", "LEROY", "ROUX", "DAVID", "BERTRAND", "MOREL", "FOURNIER", "GIRARD", "BONNET", "DUPONT", "LAMBERT", "FONTAINE",
    "ROUSSEAU", "VINCENT", "MÜLLER", "FAURE", "ANDRÉ", "MERCIER", "BLANC", "GUÉRIN", "BOYER", "GARNIER", "CHEVALIER", "LÉGER",
)  # fmt: skip
GIVEN = (
    "Éloïse",
    "Jean",
    "Marie",
    "André",
    "Zoé",
    "Paul",
    "Hélène",
    "Noël",
    "Lucie",
    "Rémi",
    "Anaïs",
    "Guy",
    "Inès",
    "Luc",
)
MEASURES = (
    ("29463-7", "kg", 40, 120), ("29463-7", "kg", 40, 120), ("8302-2", "cm", 140, 195), ("8867-4", "/min", 50, 120),
    ("8867-4", "/min", 50, 120), ("8310-5", "Cel", 35, 40), ("9279-1", "/min", 10, 30),
)  # fmt: skip
PRESSURE = (("8480-6", 100, 180), ("8462-4", 55, 100))
PER_PERSON = 2 + len(MEASURES) + 1
"""A Patient, an Encounter, the measures, a blood pressure."""
FIRST_DAY, DAYS = datetime(2024, 1, 1, tzinfo=UTC), 700
PEOPLE_PER_BUNDLE = 10
Resource = dict[str, Any]


# the corpus


@dataclass
class Corpus:
    """All resources by type, as sent, and the observations of each patient."""

    patients: list[Resource] = field(default_factory=list)
    encounters: list[Resource] = field(default_factory=list)
    observations: list[Resource] = field(default_factory=list)
    family: dict[str, str] = field(default_factory=dict)

    def people(self, resources: int, rng: random.Random) -> Iterator[list[Resource]]:
        """Make the corpus, and yield it in groups of :data:`PEOPLE_PER_BUNDLE` people."""
        people = iter(range(resources // PER_PERSON))
        while numbers := list(itertools.islice(people, PEOPLE_PER_BUNDLE)):
            yield [resource for number in numbers for resource in self._person(number, rng)]

    def bundles(self, resources: int, rng: random.Random) -> Iterator[bytes]:
        """Make the corpus, and yield it as transactions."""
        for made in self.people(resources, rng):
            entries = [
                {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in made
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
            yield load.send("POST", "/fhir", json.dumps(bundle).encode())

    def _person(self, number: int, rng: random.Random) -> list[Resource]:
        id, family = f"p{number:07}", rng.choice(FAMILIES)
        patient = {
            "resourceType": "Patient",
            "id": id,
            "identifier": [{"system": IPP, "value": str(number)}],
            "name": [{"use": "official", "family": family, "given": [rng.choice(GIVEN)]}],
            "gender": rng.choice(("female", "male")),
            "birthDate": f"{rng.randint(1925, 1960)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        }
        subject = {"reference": f"Patient/{id}"}
        start = _moment(rng)
        encounter = {
            "resourceType": "Encounter",
            "id": f"e{number:07}",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "subject": subject,
            "period": {"start": text(start), "end": text(start + timedelta(minutes=rng.randint(30, 600)))},
        }
        measured = [measure(f"o{number:07}-{n}", subject, m, rng) for n, m in enumerate(MEASURES)]
        measured.append(_pressure(f"o{number:07}-p", subject, rng))
        self.patients.append(patient)
        self.encounters.append(encounter)
        self.observations += measured
        self.family[f"Patient/{id}"] = family
        return [patient, encounter, *measured]


def _moment(rng: random.Random) -> datetime:
    return FIRST_DAY + timedelta(seconds=rng.randrange(DAYS * 86_400))


def text(moment: datetime) -> str:
    """Return a moment as FHIR writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _coding(code: str) -> Resource:
    return {"coding": [{"system": LOINC, "code": code}]}


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _observation(id: str, subject: Resource, code: str, rng: random.Random) -> Resource:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": _coding(code),
        "subject": subject,
        "effectiveDateTime": text(_moment(rng)),
    }


def measure(id: str, subject: Resource, kind: tuple[str, str, int, int], rng: random.Random) -> Resource:
    """Return a measure of one kind of :data:`MEASURES`."""
    code, unit, low, high = kind
    value = rng.randint(10 * low, 10 * high) / 10
    return {**_observation(id, subject, code, rng), "valueQuantity": _quantity(value, unit)}


def _pressure(id: str, subject: Resource, rng: random.Random) -> Resource:
    parts = [
        {"code": _coding(code), "valueQuantity": _quantity(rng.randint(low, high), "mm[Hg]")}
        for code, low, high in PRESSURE
    ]
    return {**_observation(id, subject, "85354-9", rng), "component": parts}


# on disk


SEED = 1
TENANT = "demo"
CACHE_MIB = 512
GROUP = 8
"""Groups of people in one transaction."""

_extractor = Extractor()


def count(file: Path) -> int:
    """Return how many resources of the corpus a tenant's file holds; 0 where there is no file."""
    if not file.exists():
        return 0
    connection = driver.connect(file, read_only=True, cache_mib=1)
    try:
        return int(
            connection.execute(
                "SELECT sum(live) FROM type WHERE name IN ('Patient', 'Encounter', 'Observation')"
            ).fetchone()[0]
            or 0
        )
    finally:
        connection.close()


def _puts(people: list[Resource]) -> list[Put]:
    """What a server would write: the values of the parameters, and the person each resource belongs to."""
    found = []
    for resource in people:
        index = _extractor.extract(resource)
        me = resource["id"] if resource["resourceType"] == "Patient" else resource["subject"]["reference"][8:]
        index = replace(index, references=(*index.references, ReferenceValue("_dui_patient", "Patient", me)))
        found.append(
            Put(type=resource["resourceType"], id=resource["id"], body=Body.of(resource), index=index, method="PUT")
        )
    return found


def write(file: Path, resources: int) -> None:
    """Fill a new tenant's file with the corpus. Nobody else may have it open."""
    schema.create(file)
    committer = Committer(file, TENANT, SystemClock(), cache_mib=CACHE_MIB)
    committer._connection.execute("PRAGMA synchronous = OFF")
    started, done = time.perf_counter(), 0
    with multiprocessing.Pool(2) as pool:
        groups = pool.imap(_puts, Corpus().people(resources, random.Random(SEED)), chunksize=4)
        while puts := [put for group in itertools.islice(groups, GROUP) for put in group]:
            (answer,) = committer.apply([Plan(operations=tuple(puts))])
            if not isinstance(answer, Committed):
                raise RuntimeError(repr(answer))
            done += len(puts)
            if done % 50_000 < len(puts):
                print(f"  {done} ressources, {done / (time.perf_counter() - started):.0f}/s", flush=True)
    committer.close()


def main() -> int:
    """Write the corpus to a data directory."""
    parser = argparse.ArgumentParser(prog="bench.search_corpus", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="dossier neuf, pour ./run bench search --data")
    parser.add_argument("--resources", type=int, default=100_000)
    options = parser.parse_args()
    place = Place(options.data / "data")
    place.prepare()
    write(place.file(TENANT), options.resources)
    print(f"  {count(place.file(TENANT))} ressources : ./run bench search --data {options.data}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
