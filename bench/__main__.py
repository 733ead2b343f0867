"""``./run bench``: correctness first, then speed, on this machine, in one run.

Without arguments, every workload; with names, only those. Figures are ratios where a ratio means something: the same
machine, the same minute, the same load generator on the same two cores.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import crud, load, machine, search, servers, starts, validation
from bench.asking import create, gate, get, memory, total_of

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:bench", "value": "0"}],
    "name": [{"use": "official", "family": "MESURE", "given": ["Élodie"]}],
    "gender": "female",
    "birthDate": "1941-05-06",
    "address": [{"line": ["1 rue du Banc"], "postalCode": "33000", "city": "Bordeaux"}],
}


def main() -> int:
    """Run the chosen workloads; exit status 1 where a correctness gate fails."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"parmi : {', '.join(WORKLOADS)}")
    parser.add_argument("--workers", type=int, default=2, help="processus HTTP (défaut 2)")
    parser.add_argument("--seconds", type=float, default=5.0, help="durée de chaque mesure (défaut 5 s)")
    parser.add_argument("--clients", type=int, default=8, help="clients de crud et de search (défaut 8)")
    parser.add_argument("--resources", type=int, default=20_000, help="ressources du corpus de search (défaut 20 000)")
    parser.add_argument("--tenants", type=int, default=200, help="organismes de tenants (défaut 200)")
    options = parser.parse_args()
    unknown = set(options.names) - set(WORKLOADS)
    if unknown:
        parser.error(f"mesure inconnue : {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="dui-bench-") as folder:
        print(
            f"{os.cpu_count()} cœurs, {options.workers} processus HTTP ; disque : {machine.fsyncs_per_s(Path(folder)):.0f} fsync/s"
        )
        for name in options.names or WORKLOADS:
            place = Path(folder) / name
            place.mkdir()
            print(f"\n== {name} — {(WORKLOADS[name].__doc__ or '').splitlines()[0]}")
            print(f"  à côté     {machine.busy_cores():.1f} cœur(s) occupés par d'autres au départ")
            WORKLOADS[name](place, options)
    return 0


def read(folder: Path, options: argparse.Namespace) -> None:
    """Lecture d'une ressource, contre une application Flask nue servant un corps SQLite."""
    with servers.dui(folder, options.workers) as (port, running):
        ids = [create(port, {**PATIENT, "identifier": [{"system": "urn:bench", "value": str(n)}]}) for n in range(200)]
        bodies = {i: get(port, f"/fhir/Patient/{i}") for i in ids}
        gate(
            all(json.loads(body)["id"] == i for i, body in bodies.items()), "chaque lecture rend la ressource demandée"
        )
        with servers.bare(folder, bodies, options.workers) as bare_port:
            ceilings, engine = [], []
            for _ in range(2):  # A/B/A/B: the two share the same minutes of the same machine
                ceilings.append(
                    load.run(bare_port, _cycle(load.get(f"/{i}") for i in ids), clients=8, seconds=options.seconds)
                )
                before = machine.cpu_s(machine.tree(running.pid))
                engine.append(
                    load.run(
                        port, _cycle(load.get(f"/fhir/Patient/{i}") for i in ids), clients=8, seconds=options.seconds
                    )
                )
                used = machine.cpu_s(machine.tree(running.pid)) - before
            print("  nue       ", ceilings[-1].line())
            print("  dui-fhir  ", engine[-1].line())
            print(
                f"  rapport    {engine[-1].rate / ceilings[-1].rate:.0%} (premier passage {engine[0].rate / ceilings[0].rate:.0%})"
            )
            print(f"  processeur {used / max(1, len(engine[-1].latencies_s)) * 1000:.2f} s pour 1 000 lectures")
        memory(running.pid)


def transactions(folder: Path, options: argparse.Namespace) -> None:
    """Petites transactions durables (Patient + Observation), 8 clients."""
    with servers.dui(folder, options.workers) as (port, running):
        outcome = load.run(
            port,
            (load.send("POST", "/fhir", _small_bundle(n)) for n in itertools.count()),
            clients=8,
            seconds=options.seconds,
        )
        print("  dui-fhir  ", outcome.line())
        total = total_of(port, "Observation")
        gate(total == len(outcome.latencies_s), f"{total} Observations pour {len(outcome.latencies_s)} réponses")
        memory(running.pid)
        print(f"  disque     {machine.disk_mb(folder / 'data') * 1e6 / max(1, 2 * total):.0f} octets par ressource")


def imports(folder: Path, options: argparse.Namespace) -> None:
    """Import de Bundles de transaction d'une personne (15 ressources), 4 clients."""
    from dui_fhir.demo.person import bundle

    with servers.dui(folder, options.workers) as (port, running):
        requests = (
            load.send("POST", "/fhir", json.dumps(bundle(usager=f"B{n:06d}")).encode()) for n in itertools.count()
        )
        outcome = load.run(port, requests, clients=4, seconds=options.seconds * 2)
        size = len(bundle()["entry"])
        print("  dui-fhir  ", outcome.line())
        print(f"  ressources {outcome.rate * size:.0f}/s")
        total = total_of(port, "CarePlan")
        gate(total == len(outcome.latencies_s), f"{total} projets pour {len(outcome.latencies_s)} réponses")
        memory(running.pid)


WORKLOADS = {
    "read": read,
    "transactions": transactions,
    "imports": imports,
    "crud": crud.crud,
    "search": search.search,
    "everything": search.everything,
    "coldstart": starts.coldstart,
    "tenants": starts.tenants,
    "validation": validation.validation,
}


def _cycle(requests: Iterator[bytes]) -> Iterator[bytes]:
    return itertools.cycle(list(requests))


def _small_bundle(number: int) -> bytes:
    patient = {**PATIENT, "identifier": [{"system": "urn:bench", "value": str(number)}]}
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": "urn:uuid:0b0c1c1e-0000-4000-8000-000000000001"},
        "effectiveDateTime": "2026-11-24T10:00:00+01:00",
        "valueQuantity": {"value": 61.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    entries = [
        {
            "fullUrl": "urn:uuid:0b0c1c1e-0000-4000-8000-000000000001",
            "resource": patient,
            "request": {"method": "POST", "url": "Patient"},
        },
        {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
    ]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"\nterminé en {time.monotonic() - started:.0f} s")
    sys.exit(status)
