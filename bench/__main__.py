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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from bench import corpus, crud, day, linear, load, machine, search, servers, starts, validation, writes
from bench.asking import create, gate, get
from bench.meter import Meter

Workload: TypeAlias = Callable[[Path, argparse.Namespace], None]


def main() -> int:
    """Run the chosen workloads; exit status 1 where a correctness gate fails."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"parmi : {', '.join(WORKLOADS)} ; à la demande : {', '.join(LONG)}")
    parser.add_argument("--workers", type=int, default=2, help="processus HTTP (défaut 2)")
    parser.add_argument("--seconds", type=float, default=5.0, help="durée de chaque mesure (défaut 5 s)")
    parser.add_argument("--clients", type=int, default=8, help="clients de crud et de search (défaut 8)")
    parser.add_argument("--resources", type=int, default=20_000, help="ressources du corpus de search (défaut 20 000)")
    parser.add_argument("--tenants", type=int, default=200, help="organismes de tenants (défaut 200)")
    parser.add_argument("--until", type=int, default=1_000_000, help="ressources de curve (défaut 1 000 000)")
    parser.add_argument("--persons", type=int, default=60, help="personnes de day (défaut 60)")
    parser.add_argument(
        "--data", help="dossier gardé de curve et de search, repris là où il en est (défaut : un dossier passager)"
    )
    parser.add_argument(
        "--updates", type=int, default=5_000, help="modifications de chaque client de linear (défaut 5 000)"
    )
    options = parser.parse_args()
    known = {**WORKLOADS, **LONG}
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"mesure inconnue : {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="dui-bench-") as folder:
        print(
            f"{os.cpu_count()} cœurs, {options.workers} processus HTTP ; disque : {machine.fsyncs_per_s(Path(folder)):.0f} fsync/s"
        )
        for name in options.names or WORKLOADS:
            place = Path(folder) / name
            place.mkdir()
            print(f"\n== {name} — {(known[name].__doc__ or '').splitlines()[0]}")
            print(f"  à côté     {machine.busy_cores():.1f} cœur(s) occupés par d'autres au départ")
            known[name](place, options)
    return 0


def read(folder: Path, options: argparse.Namespace) -> None:
    """Lecture d'une ressource, contre une application Flask nue servant un corps SQLite."""
    with servers.dui(folder, options.workers) as (port, running):
        ids = [create(port, corpus.patient(number)) for number in range(200)]
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
                reads = _cycle(load.get(f"/fhir/Patient/{i}") for i in ids)
                with Meter(running.pid, folder) as meter:
                    engine.append(load.run(port, reads, clients=8, seconds=options.seconds))
            print("  nue       ", ceilings[-1].line())
            print("  dui-fhir  ", engine[-1].line())
            print(
                f"  rapport    {engine[-1].rate / ceilings[-1].rate:.0%} (premier passage {engine[0].rate / ceilings[0].rate:.0%})"
            )
        meter.report(engine[-1])


WORKLOADS: dict[str, Workload] = {
    "read": read,
    "transactions": writes.transactions,
    "imports": writes.imports,
    "crud": crud.crud,
    "search": search.search,
    "everything": search.everything,
    "coldstart": starts.coldstart,
    "tenants": starts.tenants,
    "validation": validation.validation,
    "day": day.day,
}
LONG: dict[str, Workload] = {"curve": writes.curve, "linear": linear.linear}
"""Run only where they are named."""


def _cycle(requests: Iterator[bytes]) -> Iterator[bytes]:
    return itertools.cycle(list(requests))


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"\nterminé en {time.monotonic() - started:.0f} s")
    sys.exit(status)
