"""The mix of a record in use: mostly read, often changed, rarely deleted."""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import load, servers
from bench.asking import gate, get, kinds, post, total_of
from bench.meter import Meter

SHARES = (("C", 10), ("R", 60), ("U", 25), ("D", 5))
POOL = 2_000
APART = 64
"""Deletions take the first of the pool; the others leave that many alone, so that none meets a resource just deleted."""
SENT_AT_ONCE = 100


def crud(folder: Path, options: argparse.Namespace) -> None:
    """Création 10 %, lecture 60 %, modification 25 %, suppression 5 %, une ressource par requête."""
    with servers.dui(folder, options.workers) as (port, running):
        mix = Mix(random.Random(7))
        for start in range(0, POOL, SENT_AT_ONCE):
            entries = [_entry(mix.observation(id)) for id in mix.pool[start : start + SENT_AT_ONCE]]
            post(port, "/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        load.run(
            port, mix.requests(), clients=options.clients, seconds=1.0
        )  # each process compiles what it meets first
        warmed = mix.sent.copy()
        with Meter(running.pid, folder) as meter:
            outcome = load.run(port, mix.requests(), clients=options.clients, seconds=options.seconds * 2)
        print("  dui-fhir  ", outcome.line())
        kinds(outcome)
        done = Counter({kind: len(times) for kind, times in outcome.by_kind.items()}) + warmed
        total, wanted = total_of(port, "Observation"), POOL + done["C"] - done["D"]
        gate(total == wanted, f"{total} Observations pour {POOL} + {done['C']} créées − {done['D']} supprimées")
        changed = [id for id in mix.updates if id in mix.pool][:100]
        versions = {id: json.loads(get(port, f"/fhir/Observation/{id}"))["meta"]["versionId"] for id in changed}
        gate(
            all(versions[id] == str(1 + mix.updates[id]) for id in changed),
            f"chaque modification a fait une version ({len(changed)} ressources vérifiées)",
        )
        meter.report(outcome, resources=total)


class Mix:
    """Draws requests; ``sent`` counts them by kind, ``updates`` those that change, by id."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._number = 0
        self.pool = [f"o{n}" for n in range(POOL)]
        self.updates: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    def observation(self, id: str | None) -> dict[str, Any]:
        """Return an Observation that differs from all others."""
        self._number += 1
        resource: dict[str, Any] = {
            "resourceType": "Observation",
            "status": "final",
            "identifier": [{"system": "urn:bench", "value": str(self._number)}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Poids"}]},
            "effectiveDateTime": f"2026-{self._rng.randint(1, 12):02}-{self._rng.randint(1, 28):02}T10:00:00+01:00",
            "valueQuantity": {
                "value": self._rng.randint(400, 1200) / 10,
                "unit": "kg",
                "system": "http://unitsofmeasure.org",
                "code": "kg",
            },
        }
        return resource if id is None else {**resource, "id": id}

    def requests(self) -> Iterator[bytes]:
        """Yield requests in the shares of :data:`SHARES`."""
        names, weights = zip(*SHARES, strict=True)
        while True:
            kind = self._rng.choices(names, weights)[0]
            self.sent[kind] += 1
            yield load.Request.of(kind, self._request(kind))

    def _request(self, kind: str) -> bytes:
        if kind == "C":
            return load.send("POST", "/fhir/Observation", json.dumps(self.observation(None)).encode())
        if kind == "D":
            return load.send("DELETE", f"/fhir/Observation/{self.pool.pop(0)}", b"")
        id = self.pool[self._rng.randrange(APART, len(self.pool))]
        if kind == "R":
            return load.get(f"/fhir/Observation/{id}")
        self.updates[id] += 1
        return load.send("PUT", f"/fhir/Observation/{id}", json.dumps(self.observation(id)).encode())


def _entry(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "PUT", "url": f"Observation/{resource['id']}"}}
