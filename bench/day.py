"""A medico-social day: eight professionals take sixty persons from admission to the DMP, over HTTP, all at the same time.

Each journey is one person: admission, evaluation, project, events, document, signature, sending to the (simulated) DMP and its
acknowledgement. The person's data come from ``dui_fhir.demo.sample``.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from datetime import date
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from bench import load, servers
from bench.asking import gate
from bench.meter import Meter
from dui_fhir.demo.sample import Sample, transaction
from dui_fhir.simulators import start_all

PROFESSIONALS = 8
WAIT_S = 60.0
_PROJECT = frozenset({"Consent", "CarePlan", "Goal", "Task"})


class Journey:
    """One person's day. ``steps``: seconds of each request, by step."""

    def __init__(self, base: str, sample: Sample, number: int, steps: dict[str, list[float]]) -> None:
        self._base, self._sample, self._steps = base, sample, steps
        self._file = sample.file(number)
        self._resources = list(self._file.resources())

    def run(self) -> None:
        """Live it. Raises: urllib.error.HTTPError, RuntimeError."""
        person = self._of("Patient", "RelatedPerson", "EpisodeOfCare", "CareTeam") + self._stays()
        self._call("admission", "POST", "", transaction(iter(person)))
        for grid in self._of("QuestionnaireResponse"):
            self._put("evaluation", grid)
        self._call("projet", "POST", "", transaction(iter(self._of(*_PROJECT))))
        for event in [
            r for r in self._resources if r["resourceType"] in ("Communication", "Observation")
        ] + self._events():
            self._put("evenements", event)
        for given in self._of("MedicationRequest", "MedicationAdministration"):
            self._put("traitement", given)
        (plan,) = self._of("CarePlan")
        made = self._call("document", "POST", f"CarePlan/{plan['id']}/$ppa-document", {"resourceType": "Parameters"})
        self._call("signature", "POST", f"DocumentReference/{made['id']}/$sign", self._signature())
        if self._file.who.qualified:
            task = self._call(
                "envoi", "POST", f"DocumentReference/{made['id']}/$dmp-submit", {"resourceType": "Parameters"}
            )
            self._acknowledged(task["id"])

    def _signature(self) -> dict[str, Any]:
        who = {"reference": f"Practitioner/direction-{self._sample.finess}"}
        parameters = [{"name": "signer", "valueReference": who}, {"name": "capacity", "valueCode": "directeur"}]
        return {"resourceType": "Parameters", "parameter": parameters}

    def _of(self, *types: str) -> list[dict[str, Any]]:
        return [r for r in self._resources if r["resourceType"] in types]

    def _stays(self) -> list[dict[str, Any]]:
        return [r for r in self._of("Encounter") if "partOf" not in r]

    def _events(self) -> list[dict[str, Any]]:
        return [r for r in self._of("Encounter") if "partOf" in r]

    def _put(self, step: str, resource: dict[str, Any]) -> None:
        self._call(step, "PUT", f"{resource['resourceType']}/{resource['id']}", resource)

    def _call(self, step: str, method: str, path: str, content: Any) -> Any:
        request = urllib.request.Request(
            f"{self._base}/{path}".rstrip("/"), data=json.dumps(content).encode() if content is not None else None, method=method,
            headers={"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"},
        )  # fmt: skip
        started = time.perf_counter()
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            body = json.load(answer)
        self._steps[step].append(time.perf_counter() - started)
        return body

    def _acknowledged(self, task: str) -> None:
        started = time.perf_counter()
        while time.perf_counter() - started < WAIT_S:
            with urllib.request.urlopen(f"{self._base}/Task/{task}") as answer:
                status = json.load(answer)["status"]
            if status == "completed":
                self._steps["acquittement"].append(time.perf_counter() - started)
                return
            if status in ("failed", "rejected"):
                raise RuntimeError(f"the sending ended as {status}")
            time.sleep(0.1)
        raise RuntimeError("no acknowledgement")


def day(folder: Path, options: argparse.Namespace) -> None:
    """Une journée médico-sociale : 60 personnes, 8 professionnels, de l'admission au DMP simulé."""
    persons = options.persons
    sample = Sample("pa", persons=persons, seed=1, today=date.today())
    structure = sample.structure
    line = f"{structure.finess},{structure.category},{structure.name},{structure.address}"
    add = ["tenant", "add", "demo", "--structure", line, "--data", str(folder / "data")]
    subprocess.run(
        [sys.executable, "-m", "dui_fhir.cli", *add], check=True, stdout=subprocess.DEVNULL, env=dict(os.environ)
    )
    with start_all(folder / "simulateurs") as simulators:
        settings = {"dmp_url": simulators.urls["dmp"], "worker_embedded": "true", "worker_poll_s": "0.2"}
        with servers.dui(folder, options.workers, **settings) as (port, running):
            base = f"http://127.0.0.1:{port}/fhir"
            with Meter(running.pid, folder) as meter:
                outcome = _live(base, sample)
            _report(outcome, meter, base, sample)


class _Outcome:
    def __init__(self) -> None:
        self.seconds = 0.0
        self.journeys: list[float] = []
        self.steps: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []


def _live(base: str, sample: Sample) -> _Outcome:
    outcome, waiting = _Outcome(), Queue[int]()
    _post(base, transaction(sample.professionals()))
    for number in range(1, sample.persons + 1):
        waiting.put(number)

    def work() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            started = time.perf_counter()
            try:
                Journey(base, sample, number, outcome.steps).run()
                outcome.journeys.append(time.perf_counter() - started)
            except urllib.error.HTTPError as error:
                outcome.errors.append(f"{number}: {error.code} {error.url.removeprefix(base)} {_faults(error.read())}")
            except (OSError, RuntimeError) as error:
                outcome.errors.append(f"{number}: {error}")

    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(PROFESSIONALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.seconds = time.perf_counter() - started
    return outcome


def _post(base: str, content: Any) -> None:
    request = urllib.request.Request(
        base, data=json.dumps(content).encode(), headers={"Content-Type": "application/fhir+json"}
    )
    urllib.request.urlopen(request).close()


def _report(outcome: _Outcome, meter: Meter, base: str, sample: Sample) -> None:
    gate(not outcome.errors, f"aucune étape refusée ni perdue {outcome.errors[:2] if outcome.errors else ''}")
    with urllib.request.urlopen(f"{base}/Encounter?_summary=count") as answer:
        stays = json.load(answer)["total"]
    gate(stays == 4 * sample.persons, f"{stays} séjours et événements enregistrés")
    sent = sum(sample.file(number).who.qualified for number in range(1, sample.persons + 1))
    gate(
        len(outcome.steps["acquittement"]) == sent,
        f"{sent} projets acquittés par le DMP simulé, un par identité qualifiée",
    )
    print(f"  parcours   {60 * len(outcome.journeys) / outcome.seconds:.1f}/min   {_times(outcome.journeys)}")
    for step, seconds in outcome.steps.items():
        print(f"    {step:14} {len(seconds):5}   {_times(seconds)}")
    requests = load.Outcome(seconds=outcome.seconds, latencies_s=[s for some in outcome.steps.values() for s in some])
    meter.report(requests)


def _faults(body: bytes) -> str:
    issues = [i for i in json.loads(body)["issue"] if i["severity"] in ("error", "fatal")]
    return "; ".join(f"{i['details']['text']} ({i.get('diagnostics', '')})" for i in issues)


def _times(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p50, p95, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 for share in (0.5, 0.95, 0.99))
    return f"p50 {p50:7.0f} ms   p95 {p95:7.0f} ms   p99 {p99:7.0f} ms"
