"""Writes: small transactions, imports of the Bundles of persons, and how imports go as the file grows."""

import argparse
import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from bench import corpus, load, servers
from bench.asking import gate, total_of
from bench.meter import Meter

WARM_S = 2.0
"""Each HTTP process compiles the checks of a type at its first resource: done before anything is timed."""
PERSON = 15
"""Resources in the Bundle of one person."""
DECADE_FIRST = 10_000
IMPORTERS = 8
"""Clients that import: as many as those of small transactions."""


def transactions(folder: Path, options: argparse.Namespace) -> None:
    """Petites transactions durables (Patient + Observation), 8 clients, contre le magasin seul derrière HTTP."""
    numbers = itertools.count()
    with servers.dui(folder, options.workers) as (port, running), _beside(folder, options) as bare_port:
        sent = _posted(port, map(corpus.small_transaction, numbers), 8, WARM_S)
        load.run(bare_port, itertools.repeat(load.send("POST", "/fhir", b"{}")), clients=8, seconds=1.0)
        outcomes: list[load.Outcome] = []
        ceilings: list[load.Outcome] = []
        for _ in range(2):  # A/B/A/B: the two share the same minutes of the same machine
            with Meter(running.pid, folder) as meter:
                requests = (load.send("POST", "/fhir", corpus.small_transaction(n)) for n in numbers)
                outcomes.append(load.run(port, requests, clients=8, seconds=options.seconds))
            again = itertools.repeat(load.send("POST", "/fhir", b"{}"))
            ceilings.append(load.run(bare_port, again, clients=8, seconds=options.seconds))
        sent += sum(len(outcome.latencies_s) for outcome in outcomes)
        for bare, ours in zip(ceilings, outcomes, strict=True):
            print("  magasin   ", bare.line())
            print("  dui-fhir  ", ours.line())
            print(f"  rapport    {ours.rate / bare.rate:.0%} du magasin seul")
        total = total_of(port, "Observation")
        gate(total == sent, f"{total} Observations pour {sent} réponses")
        meter.report(outcomes[-1], resources=2 * total)


def imports(folder: Path, options: argparse.Namespace) -> None:
    """Import de Bundles de transaction d'une personne (15 ressources), 8 clients, profils contrôlés."""
    numbers = itertools.count()
    with servers.dui(folder, options.workers) as (port, running):
        sent = _posted(port, map(corpus.person, numbers), IMPORTERS, WARM_S)
        requests = (load.send("POST", "/fhir", corpus.person(n)) for n in numbers)
        with Meter(running.pid, folder) as meter:
            outcome = load.run(port, requests, clients=IMPORTERS, seconds=options.seconds * 2)
        print("  dui-fhir  ", outcome.line())
        print(f"  ressources {outcome.rate * PERSON:.0f}/s")
        total, sent = total_of(port, "CarePlan"), sent + len(outcome.latencies_s)
        gate(total == sent, f"{total} projets pour {sent} réponses")
        meter.report(outcome, resources=PERSON * total)


def curve(folder: Path, options: argparse.Namespace) -> None:
    """Les mêmes imports, de 10 000 ressources jusqu'à --until (1 000 000 par défaut, plus de dix minutes)."""
    folder = Path(options.data) if options.data else folder
    folder.mkdir(parents=True, exist_ok=True)
    with servers.dui(folder, options.workers) as (port, running):
        done = total_of(port, "CarePlan")
        if done:
            print(f"  reprise    {done * PERSON} ressources étaient là")
        _posted(port, map(corpus.person, itertools.count(done)), IMPORTERS, WARM_S)
        done = total_of(port, "CarePlan")
        for mark in _marks(options.until):
            missing = -(-mark // PERSON) - done
            if missing <= 0:
                continue
            first = done
            requests = (load.send("POST", "/fhir", corpus.person(n)) for n in range(first, first + missing))
            with Meter(running.pid, folder) as meter:
                outcome = load.run(port, requests, clients=IMPORTERS, seconds=float("inf"))
            done += len(outcome.latencies_s)
            print(f"  {done * PERSON:>9} ressources", f"{outcome.rate * PERSON:6.0f} ressources/s ", outcome.line())
            total = total_of(port, "CarePlan")
            gate(total == done, f"{total} projets pour {done} réponses")
            meter.report(outcome, resources=PERSON * total)


def _marks(until: int) -> list[int]:
    """Return 10 000, 20 000, 50 000, 100 000… up to ``until``, itself included."""
    marks = [step * 10**power * DECADE_FIRST for power in range(4) for step in (1, 2, 5)]
    return [*(mark for mark in marks if mark < until), until]


def _posted(port: int, bodies: Iterator[bytes], clients: int, seconds: float) -> int:
    requests = (load.send("POST", "/fhir", body) for body in bodies)
    return len(load.run(port, requests, clients=clients, seconds=seconds).latencies_s)


@contextlib.contextmanager
def _beside(folder: Path, options: argparse.Namespace) -> Iterator[int]:
    """Run the store alone behind HTTP; yields its port."""
    place = folder / "bare"
    place.mkdir()
    with servers.bare_store(place, options.workers) as port:
        yield port
