"""The store alone, without HTTP: durable small transactions, reads, searches. ``python -m bench.store --help``."""

# ruff: noqa: E501

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dui_fhir.domain.body import Body
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.index import (
    DateValue,
    IndexValues,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
)
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.domain.query import (
    AllOf,
    Chain,
    DateIs,
    Has,
    Node,
    QuantityIs,
    Query,
    ReferenceIs,
    SortKey,
    StringIs,
    TokenIs,
)
from dui_fhir.settings import load
from dui_fhir.store.sqlite.stores import SqliteStores

DAY_MS = 86_400_000
START_MS = 1_700_000_000_000
LOINC = "http://loinc.org"
NAMES = [
    f"{a}{b}"
    for a in ("mar", "du", "le", "ber", "gir", "pet", "rous", "vin")
    for b in ("tin", "rand", "grand", "ard", "it")
]


def patient(id: str, rng: random.Random) -> Put:
    """A patient with ten index values."""
    family, given = rng.choice(NAMES), rng.choice(NAMES)
    birth = START_MS - rng.randrange(20_000, 36_000) * DAY_MS
    index = IndexValues(
        tokens=(
            TokenValue("identifier", "urn:oid:1.2.250.1.213.1.4.8", str(rng.randrange(10**12))),
            TokenValue("gender", "http://hl7.org/fhir/administrative-gender", rng.choice(["male", "female"])),
            TokenValue("active", None, "true"),
        ),
        strings=(
            StringValue("name", family, family), StringValue("name", given, given), StringValue("family", family, family),
            StringValue("given", given, given), StringValue("address", "rue", "Rue"),
            StringValue("address-city", rng.choice(NAMES), "x"),
        ),
        dates=(DateValue("birthdate", birth, birth + DAY_MS - 1),),
    )  # fmt: skip
    resource = {"resourceType": "Patient", "id": id, "name": [{"family": family, "given": [given]}], "note": "x" * 600}
    return Put(type="Patient", id=id, body=Body.of(resource), index=index, method="POST")


def observation(id: str, subject: str, rng: random.Random) -> Put:
    """An observation with ten index values."""
    when, value = START_MS + rng.randrange(700 * DAY_MS), rng.randrange(400, 1200) / 10
    index = IndexValues(
        tokens=(
            TokenValue("code", LOINC, rng.choice(["29463-7", "8302-2", "8867-4", "8480-6", "8462-4", "2708-6", "9279-1"])),
            TokenValue("status", "http://hl7.org/fhir/observation-status", "final"),
            TokenValue("category", "http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs"),
            TokenValue("combo-code", LOINC, "29463-7"),
        ),
        dates=(DateValue("date", when, when + 999),),
        quantities=(QuantityValue("value-quantity", value, value, "http://unitsofmeasure.org", "kg", "kg", value * 1e3, value * 1e3, "g"),),
        references=(
            ReferenceValue("subject", "Patient", subject), ReferenceValue("patient", "Patient", subject),
            ReferenceValue("_dui_patient", "Patient", subject), ReferenceValue("encounter", "Encounter", subject),
        ),
    )  # fmt: skip
    resource = {
        "resourceType": "Observation",
        "id": id,
        "subject": {"reference": f"Patient/{subject}"},
        "note": "x" * 600,
    }
    return Put(type="Observation", id=id, body=Body.of(resource), index=index, method="POST")


def transaction(rng: random.Random) -> Plan:
    """Two resources and twenty index values."""
    subject = new_id()
    return Plan(operations=(patient(subject, rng), observation(new_id(), subject, rng)), request_key=new_id())


def fill(store: Any, resources: int, rng: random.Random) -> None:
    """Write patients with nine observations each."""
    done = 0
    while done < resources:
        operations: list[Put] = []
        for _ in range(50):
            subject = new_id()
            operations.append(patient(subject, rng))
            operations += [observation(new_id(), subject, rng) for _ in range(9)]
        store.submit(Plan(operations=tuple(operations)))
        done += len(operations)


def queries(rng: random.Random, subjects: list[str]) -> dict[str, Query]:
    """One query of each shape."""
    name, subject = rng.choice(NAMES), rng.choice(subjects)
    week = START_MS + rng.randrange(690) * DAY_MS
    by_date = (SortKey("date", "date", True),)
    shapes: dict[str, tuple[str, Node, tuple[SortKey, ...]]] = {
        "token, broad": ("Observation", TokenIs("code", LOINC, "8302-2"), ()),
        "token, any system": ("Patient", TokenIs("gender", None, "female"), ()),
        "token, rare": ("Patient", TokenIs("identifier", None, str(rng.randrange(10**12))), ()),
        "string": ("Patient", StringIs("name", name[:4]), ()),
        "string and string": ("Patient", AllOf((StringIs("family", name), StringIs("given", rng.choice(NAMES)))), ()),
        "reference": ("Observation", ReferenceIs("patient", "Patient", subject), ()),
        "reference, newest": ("Observation", ReferenceIs("patient", "Patient", subject), by_date),
        "reference and code": (
            "Observation", AllOf((ReferenceIs("patient", "Patient", subject), TokenIs("code", LOINC, "8302-2"))), (),
        ),
        "dates of a day": ("Observation", AllOf((DateIs("date", "ge", week, week), DateIs("date", "lt", week + DAY_MS, week + DAY_MS))), ()),
        "code and date": ("Observation", AllOf((TokenIs("code", LOINC, "8302-2"), DateIs("date", "ge", week, week))), ()),
        "newest of a code": ("Observation", TokenIs("code", LOINC, "8302-2"), by_date),
        "newest of all": ("Observation", TokenIs("status", None, "final"), by_date),
        "quantity": ("Observation", QuantityIs("value-quantity", "gt", 119.5, 119.5, "http://unitsofmeasure.org", "kg"), ()),
        "chained": ("Observation", Chain("patient", ("Patient",), StringIs("family", name)), ()),
        "chained, rare": ("Observation", Chain("patient", ("Patient",), AllOf((StringIs("family", name), StringIs("given", name)))), ()),
        "_has": ("Patient", Has("Observation", "patient", TokenIs("code", LOINC, "8302-2")), ()),
        "_has and name": ("Patient", AllOf((StringIs("family", name), Has("Observation", "patient", TokenIs("code", LOINC, "8302-2")))), ()),
        "sorted by name": ("Patient", TokenIs("active", None, "true"), (SortKey("family", "string"), SortKey("given", "string"))),
    }  # fmt: skip
    return {n: Query(types=(type,), where=where, sort=sort, limit=20) for n, (type, where, sort) in shapes.items()}


def _client(folder: str, kind: str, seconds: float, ids: list[str], seed: int, results: Any) -> None:
    rng = random.Random(seed)
    stores = SqliteStores(load(environment={}, flags={"data_dir": folder}), writer="client")
    store = stores.open("bench")
    times: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        if kind == "transactions":
            store.submit(transaction(rng))
        elif kind == "reads":
            store.read("Patient", rng.choice(ids))
        else:
            store.search(rng.choice(list(queries(rng, ids).values())))
        times.append(time.perf_counter() - start)
    results.put(times)
    stores.close()


def concurrent(folder: str, kind: str, clients: int, seconds: float, ids: list[str]) -> dict[str, Any]:
    """Run client processes; return rate and quantiles in milliseconds."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [
        context.Process(target=_client, args=(folder, kind, seconds, ids, seed, results)) for seed in range(clients)
    ]
    for process in processes:
        process.start()
    times = sorted(t for _ in processes for t in results.get())
    for process in processes:
        process.join()
    return {"what": kind, "clients": clients, "per_s": round(len(times) / seconds), **quantiles(times)}


def quantiles(times: list[float]) -> dict[str, float]:
    """Return p50, p95, p99 in milliseconds of sorted seconds."""
    return {f"p{q}_ms": round(1000 * times[int((len(times) - 1) * q / 100)], 2) for q in (50, 95, 99)}


def shapes(store: Any, ids: list[str], rounds: int) -> list[dict[str, Any]]:
    """Time each shape of query alone."""
    rng = random.Random(1)
    times: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for _ in range(rounds):
        for name, query in queries(rng, ids).items():
            start = time.perf_counter()
            found[name] = len(store.search(query).matches)
            times.setdefault(name, []).append(time.perf_counter() - start)
    return [{"shape": name, "matches": found[name], **quantiles(sorted(ts))} for name, ts in times.items()]


def main() -> int:
    """Run what is asked for; one JSON object per line."""
    parser = argparse.ArgumentParser(prog="bench.store", description=__doc__)
    parser.add_argument("--data", help="folder to keep (default: a temporary one)")
    parser.add_argument("--resources", type=int, default=20_000, help="resources written first")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20, help="repetitions of each query shape")
    options = parser.parse_args()
    folder = options.data or tempfile.mkdtemp(prefix="dui-bench-")
    stores = SqliteStores(load(environment={}, flags={"data_dir": folder}), writer="own")
    if "bench" not in stores.names():
        start = time.perf_counter()
        fill(stores.create("bench"), options.resources, random.Random(0))
        took = time.perf_counter() - start
        size = sum(p.stat().st_size for p in Path(folder).rglob("*.sqlite*"))
        print(json.dumps({"what": "fill", "per_s": round(options.resources / took), "mib": size >> 20}), flush=True)
    store = stores.open("bench")
    ids = [v.id for v in store.search(Query(types=("Patient",), limit=1000)).matches]
    for kind in ("transactions", "reads", "searches"):
        print(json.dumps(concurrent(folder, kind, options.clients, options.seconds, ids)), flush=True)
    for line in shapes(store, ids, options.rounds):
        print(json.dumps(line), flush=True)
    stores.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
