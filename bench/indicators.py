"""Indicators of one month over a structure of a tenant with many resources: seconds, and the memory they take.

python bench/indicators.py [--resources 100000] [--persons 500]
"""

import argparse
import resource as os_resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from dui_fhir.app import build_engine
from dui_fhir.domain.body import Body
from dui_fhir.domain.index import ReferenceValue
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.domain.structure import Structure
from dui_fhir.indicators import operations
from dui_fhir.indicators.period import Period
from dui_fhir.service.engine import Engine
from dui_fhir.service.sendings import server_call
from dui_fhir.service.structures import index_value, register
from dui_fhir.settings import Settings

BATCH = 500
STRUCTURE = Structure(finess="330785001", category="500", name="EHPAD", address="1 rue", corridors=("pa",))
STAY = "https://identifiant-medicosocial-sejour.esante.gouv.fr"
EVENT = "https://identifiant-medicosocial-evenement.esante.gouv.fr"
CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"}


def resources(count: int, persons: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (person, resource): people, their stays, then observations, events and sendings over the year."""
    today = date.today()
    for n in range(persons):
        yield f"p{n}", {"resourceType": "Patient", "id": f"p{n}", "birthDate": "1940-05-20"}
        yield f"p{n}", {
            "resourceType": "Encounter", "id": f"s{n}", "status": "in-progress", "class": CLASS,
            "subject": {"reference": f"Patient/p{n}"},
            "identifier": [{"system": STAY, "value": f"3{STRUCTURE.finess}/1-SEJOUR-{n}"}], "period": {"start": "2025-01-01"},
        }  # fmt: skip
    for n in range(count - 2 * persons):
        person, day = f"p{n % persons}", (today - timedelta(days=n % 365)).isoformat()
        subject = {"reference": f"Patient/{person}"}
        if n % 10 == 0:
            yield person, {
                "resourceType": "Encounter", "id": f"e{n}", "status": "finished", "class": CLASS, "subject": subject,
                "identifier": [{"system": EVENT, "value": f"3{STRUCTURE.finess}/1-EVN-{n}"}],
                "period": {"start": f"{day}T08:00:00Z", "end": f"{day}T09:00:00Z"},
            }  # fmt: skip
        elif n % 10 == 1:
            code = {"coding": [{"system": "urn:dui-fhir:task-code", "code": "dmp-submit"}]}
            yield person, {
                "resourceType": "Task", "id": f"t{n}", "status": "completed", "intent": "order", "code": code, "for": subject,
                "lastModified": f"{day}T08:00:00Z",
            }  # fmt: skip
        else:
            yield person, {
                "resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": "poids"}, "subject": subject,
                "effectiveDateTime": day, "valueQuantity": {"value": 60, "unit": "kg"},
            }  # fmt: skip


def fill(engine: Engine, count: int, persons: int) -> None:
    """Write the tenant."""
    store = engine.stores.create("bench")
    register(store, STRUCTURE, engine.extractor)
    puts: list[Put] = []
    for person, resource in resources(count, persons):
        index = engine.extractor.extract(resource)
        ours = (ReferenceValue("_dui_patient", "Patient", person), index_value(STRUCTURE))
        index = replace(index, references=(*index.references, *ours))
        puts.append(Put(type=resource["resourceType"], id=resource["id"], body=Body.of(resource), index=index))
        if len(puts) == BATCH:
            store.submit(Plan(operations=tuple(puts)))
            puts = []
    store.submit(Plan(operations=tuple(puts)))


def main() -> None:
    """Fill a tenant, then measure."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--resources", type=int, default=100_000)
    arguments.add_argument("--persons", type=int, default=500)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = build_engine(Settings({"data_dir": folder, "log_level": "ERROR"}), writer="own")
        try:
            started = time.perf_counter()
            fill(engine, given.resources, given.persons)
            print(f"{given.resources} resources written in {time.perf_counter() - started:.1f} s")
            call = server_call(engine, "bench", "Organization/$indicators")
            for month in (f"{date.today():%Y-%m}", f"{date.today().replace(day=1) - timedelta(days=1):%Y-%m}"):
                before = os_resource.getrusage(os_resource.RUSAGE_SELF).ru_maxrss
                started = time.perf_counter()
                results = operations.results_of(call, [STRUCTURE], Period.month(month))
                seconds = time.perf_counter() - started
                grown = (os_resource.getrusage(os_resource.RUSAGE_SELF).ru_maxrss - before) / 1024
                print(
                    f"{month}: {len(results)} indicators of {given.persons} persons in {seconds:.2f} s, +{grown:.0f} MiB"
                )
        finally:
            engine.stores.close()


if __name__ == "__main__":
    main()
