"""What a server costs before it does anything: its start, and many tenants."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from bench import machine, servers
from bench.asking import gate, get, memory, post

STARTS = 5


def coldstart(folder: Path, options: argparse.Namespace) -> None:
    """Du lancement de la commande à la première lecture servie."""
    port = servers.free_port()
    command = [sys.executable, "-m", "dui_fhir.cli", "serve", "--port", str(port), "--data", str(folder / "data")]
    command += ["--workers", str(options.workers)]
    # compiled modules are kept, as an installation does whatever the environment of this shell says
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times: list[tuple[float, float, float, float]] = []
    for number in range(STARTS + 1):
        with (folder / "serve.log").open("ab") as log:
            started = time.perf_counter()
            running = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=servers.ROOT)
            try:
                _until(f"http://127.0.0.1:{port}/health/ready", running)
                ready_s = time.perf_counter() - started
                metadata = json.loads(get(port, "/fhir/metadata"))
                described_s = time.perf_counter() - started
                if number == 0:
                    post(port, "/fhir/Patient", {"resourceType": "Patient", "gender": "female"})
                found = json.loads(get(port, "/fhir/Patient?gender=female"))
                searched_s = time.perf_counter() - started
                times.append((ready_s, described_s, searched_s, machine.cpu_s(machine.tree(running.pid))))
                if number == STARTS:
                    memory(running.pid)
            finally:
                running.terminate()
                running.wait(20)
    gate(metadata["fhirVersion"] == "4.0.1" and len(found["entry"]) == 1, "les réponses sont celles attendues")
    print(f"  tout premier (rien de compilé, dossier neuf) : prêt {times[0][0]:.2f} s, /metadata {times[0][1]:.2f} s")
    for name, values in zip(
        ("prêt", "/metadata", "recherche", "processeur"), zip(*times[1:], strict=True), strict=True
    ):
        print(f"  {name:10} médiane {statistics.median(values):.2f} s, pire {max(values):.2f} s ({STARTS} démarrages)")


def _until(url: str, running: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if running.poll() is not None:
            raise RuntimeError(f"the server ended with {running.returncode}")
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.005)
    raise RuntimeError("the server did not answer")


def tenants(folder: Path, options: argparse.Namespace) -> None:
    """Beaucoup d'organismes sur un serveur : mémoire après une écriture et une lecture dans chacun."""
    from dui_fhir.store.sqlite import schema
    from dui_fhir.store.sqlite.place import Place

    place = Place(folder / "data")
    place.prepare()
    names = [f"t{n:04}" for n in range(options.tenants)]
    for name in names:
        schema.create(place.file(name))
    with servers.dui(folder, options.workers, default_tenant=names[0]) as (port, running):
        print("  au départ")
        memory(running.pid)
        started = time.perf_counter()
        for name in names:
            post(port, f"/t/{name}/fhir/Patient", {"resourceType": "Patient", "name": [{"family": name}]})
        wrote_s = time.perf_counter() - started
        started = time.perf_counter()
        found = [json.loads(get(port, f"/t/{name}/fhir/Patient?family={name}")) for name in names]
        read_s = time.perf_counter() - started
        gate(
            all(
                [e["resource"]["name"][0]["family"] for e in f["entry"]] == [n]
                for n, f in zip(names, found, strict=True)
            ),
            f"chacun des {len(names)} organismes rend sa ressource, et elle seule",
        )
        print(
            f"  premier accès : écriture {1000 * wrote_s / len(names):.1f} ms, lecture {1000 * read_s / len(names):.1f} ms"
        )
        memory(running.pid)
        files = sum(_open_files(pid) for pid in machine.tree(running.pid))
        print(
            f"  fichiers ouverts {files}, disque {machine.disk_mb(folder / 'data') / len(names) * 1000:.0f} ko par organisme"
        )


def _open_files(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0  # it ended meanwhile
