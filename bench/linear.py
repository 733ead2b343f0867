"""Versioned updates by clients that run side by side, then the history: is it one chain, and is every answer in it?

Each client keeps changing resources that all share: it reads one and sends it back with ``If-Match``; where another was
faster, it takes another turn. What was acknowledged must be exactly one version, made from the one it was sent for, and each
version of a history must be what somebody was told. Objects that are linearizable one by one are so together.
"""

import argparse
import http.client
import json
import multiprocessing
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import servers
from bench.asking import create, gate, get

CLIENTS = 8
SHARED = 24
"""Resources that all clients change: few, so that they meet."""
PAGE = 500
RESOURCE: dict[str, Any] = {"resourceType": "Basic", "code": {"text": "départ"}}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One update that a client was told is done: of what, who, its number, the version it was made from, and the one it
    became."""

    id: str
    client: int
    number: int
    base: int
    version: int


def linear(folder: Path, options: argparse.Namespace) -> None:
    """8 clients modifient les mêmes ressources (If-Match) : chaque historique est une seule chaîne, rien n'est perdu."""
    with servers.dui(folder, options.workers) as (port, _):
        started = time.perf_counter()
        told, refused = contend(port, CLIENTS, options.updates)
        took_s = time.perf_counter() - started
        faults = [fault for id, those in by_resource(told).items() for fault in judge(history(port, id), those)]
        for fault in faults[:10]:
            print("  ", fault)
        gate(not faults, f"{len(told)} modifications acquittées, autant de versions, une seule chaîne par ressource")
        print(f"  {len(told) / took_s:.0f} modifications/s ; {refused} refusées (412, une autre était passée devant)")


def contend(port: int, clients: int, updates: int) -> tuple[list[Acknowledged], int]:
    """Let clients, one process each, make ``updates`` updates each; return what they were told, and the refusals."""
    ids = [create(port, RESOURCE) for _ in range(SHARED)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(clients) as pool:
        answers = pool.starmap(_client, [(port, ids, client, updates) for client in range(clients)], chunksize=1)
    return [one for told, _ in answers for one in told], sum(refused for _, refused in answers)


def by_resource(told: list[Acknowledged]) -> dict[str, list[Acknowledged]]:
    """Return the acknowledgements of each resource."""
    found: dict[str, list[Acknowledged]] = {}
    for one in told:
        found.setdefault(one.id, []).append(one)
    return found


def _client(port: int, ids: list[str], client: int, updates: int) -> tuple[list[Acknowledged], int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    rng, refused = random.Random(client), 0
    told: list[Acknowledged] = []
    while len(told) < updates:
        id = rng.choice(ids)
        status, version = _ask(connection, "GET", id)
        content = {**RESOURCE, "id": id, "code": {"text": f"{client}/{len(told)}/{version}"}}
        status, became = _ask(connection, "PUT", id, content, version)
        if status == 200:
            told.append(Acknowledged(id, client, len(told), version, became))
        elif status in (409, 412):
            refused += 1
        else:
            raise RuntimeError(f"status {status}")
    return told, refused


def _ask(
    connection: http.client.HTTPConnection, method: str, id: str, content: Any = None, version: int = 0
) -> tuple[int, int]:
    """Return the status, and the version that the answer speaks of (0 = none)."""
    headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
    if version:
        headers["If-Match"] = f'W/"{version}"'
    connection.request(method, f"/fhir/Basic/{id}", None if content is None else json.dumps(content).encode(), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, _version(answer.headers.get("ETag", '"0"'))


def _version(etag: str) -> int:
    return int(etag.removeprefix("W/").strip('"'))


def history(port: int, id: str) -> list[tuple[int, str]]:
    """Return ``(version, text)`` of every version, newest first, read page by page."""
    found: list[tuple[int, str]] = []
    path: str | None = f"/fhir/Basic/{id}/_history?_count={PAGE}"
    while path is not None:
        page = json.loads(get(port, path))
        resources = [entry["resource"] for entry in page.get("entry", [])]
        found += [(int(r["meta"]["versionId"]), r["code"]["text"]) for r in resources]
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        path = following and "/fhir" + following.split("/fhir", 1)[1]
    return found


def judge(versions: list[tuple[int, str]], told: list[Acknowledged]) -> list[str]:
    """Compare the history of a resource with what clients were told of it; nothing is wrong where nothing is returned."""
    faults: list[str] = []
    numbers = [number for number, _ in versions]
    if numbers != list(range(len(versions), 0, -1)):
        faults.append("the history is not the chain of versions 1, 2, 3…")
    wanted = {1: RESOURCE["code"]["text"]}
    for one in told:
        if one.version in wanted:
            faults.append(f"version {one.version} was acknowledged twice")
        if one.version != one.base + 1:
            faults.append(f"version {one.version} was made from version {one.base}, not from the one before")
        wanted[one.version] = f"{one.client}/{one.number}/{one.base}"
    stored = dict(versions)
    faults += [
        f"version {number} is not what was acknowledged" for number, t in wanted.items() if stored.get(number) != t
    ]
    faults += [f"version {number} was never acknowledged" for number in stored.keys() - wanted.keys()]
    return faults
