"""Searches over a generated corpus: each shape is first compared with a plain reading of the corpus, then measured."""

import argparse
import itertools
import json
import random
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from bench import load, servers
from bench.asking import gate, get, kinds
from bench.meter import Meter
from bench.search_corpus import (
    DAYS,
    FAMILIES,
    FIRST_DAY,
    IPP,
    LOINC,
    MEASURES,
    PEOPLE_PER_BUNDLE,
    PER_PERSON,
    SEED,
    TENANT,
    UCUM,
    Corpus,
    Resource,
    count,
    measure,
    text,
)  # fmt: skip
from dui_fhir.domain.query import Query
from dui_fhir.search.parse import parse
from dui_fhir.settings import load as load_settings
from dui_fhir.store.sqlite.place import Place
from dui_fhir.store.sqlite.stores import SqliteStores

PAGE = 20
DRAWS = 3
LARGE = 500_000
"""Resources from which on each shape is judged once."""

# the shapes


@dataclass
class Shape:
    """One search: ``wanted`` are the ids that must match; ``ordered`` where their order is part of the answer."""

    kind: str
    path: str
    wanted: list[str]
    ordered: bool = False
    included: set[str] | None = None


def _find(resources: Sequence[Resource], test: Callable[[Resource], bool]) -> list[str]:
    return [r["id"] for r in resources if test(r)]


def _code(resource: Resource) -> str:
    return str(resource["code"]["coding"][0]["code"])


def _value(resource: Resource) -> tuple[float, str]:
    quantity = resource.get("valueQuantity", {"value": 0, "code": ""})
    return quantity["value"], quantity["code"]


def _folded(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c)).lower()


def _search(type: str, *criteria: tuple[str, str]) -> str:
    return f"/fhir/{type}?{urlencode([*criteria, ('_count', str(PAGE))])}"


def shapes(corpus: Corpus, rng: random.Random, *, judged: bool = True) -> list[Shape]:
    """Draw one search of each shape; where not ``judged``, what must match is not looked for."""
    everyone = corpus if judged else Corpus()
    patients, encounters, observations = everyone.patients, everyone.encounters, everyone.observations
    person = rng.choice(corpus.patients)
    me, family = f"Patient/{person['id']}", rng.choice(FAMILIES)
    day = FIRST_DAY + timedelta(days=rng.randrange(DAYS))
    first, last = text(day), text(day + timedelta(days=1))
    heavy, systolic = rng.randint(1150, 1190) / 10, rng.randint(174, 178)
    prefix = _folded(family)[:3]
    mine = [o for o in observations if o["subject"]["reference"] == me]
    newest = sorted(mine, key=lambda o: o["effectiveDateTime"], reverse=True)
    weights = sorted(
        (o for o in observations if _code(o) == "29463-7"), key=lambda o: o["effectiveDateTime"], reverse=True
    )
    tall = {o["subject"]["reference"] for o in observations if _code(o) == "8302-2" and _value(o)[0] > 194}
    return [
        Shape("token", _search("Observation", ("code", f"{LOINC}|8310-5")), _find(observations, lambda o: _code(o) == "8310-5")),
        Shape("token rare", _search("Patient", ("identifier", f"{IPP}|{person['identifier'][0]['value']}")), [person["id"]]),
        Shape(
            "date",
            _search("Observation", ("date", f"ge{first}"), ("date", f"lt{last}")),
            _find(observations, lambda o: first <= o["effectiveDateTime"] < last),
        ),
        Shape(
            "string",
            _search("Patient", ("family", prefix), ("gender", "female")),
            _find(patients, lambda p: _folded(p["name"][0]["family"]).startswith(prefix) and p["gender"] == "female"),
        ),
        Shape("reference", _search("Observation", ("patient", person["id"])), [o["id"] for o in mine]),
        Shape(
            "reference and code",
            _search("Observation", ("subject", me), ("code", f"{LOINC}|8867-4")),
            [o["id"] for o in mine if _code(o) == "8867-4"],
        ),
        Shape("_sort", _search("Observation", ("patient", me), ("_sort", "-date")), [o["id"] for o in newest], ordered=True),
        Shape(
            "_sort of a code",
            _search("Observation", ("code", f"{LOINC}|29463-7"), ("_sort", "-date")),
            [o["id"] for o in weights],
            ordered=True,
        ),
        Shape(
            "chained",
            _search("Observation", ("patient.family", family), ("code", f"{LOINC}|8302-2")),
            _find(
                observations,
                lambda o: _code(o) == "8302-2"
                and _folded(corpus.family[o["subject"]["reference"]]).startswith(_folded(family)),
            ),
        ),
        Shape(
            "_has",
            _search(
                "Patient",
                ("_has:Observation:patient:code-value-quantity", f"{LOINC}|8302-2$gt194|{UCUM}|cm"),
                ("family", family),
            ),
            _find(
                patients,
                lambda p: f"Patient/{p['id']}" in tall
                and _folded(p["name"][0]["family"]).startswith(_folded(family)),
            ),
        ),
        _include(first, last, encounters),
        Shape(
            "_revinclude",
            _search("Patient", ("identifier", f"{IPP}|{person['identifier'][0]['value']}"), ("_revinclude", "Observation:patient")),
            [person["id"]],
            included={o["id"] for o in mine},
        ),
        Shape(
            "quantity",
            _search("Observation", ("value-quantity", f"gt{heavy}|{UCUM}|kg")),
            _find(observations, lambda o: _value(o)[1] == "kg" and _value(o)[0] > heavy),
        ),
        Shape(
            "quantity, other unit",
            _search("Observation", ("value-quantity", f"gt{heavy * 1000:.0f}|{UCUM}|g")),
            _find(observations, lambda o: _value(o)[1] == "kg" and _value(o)[0] > heavy),
        ),
        Shape(
            "composite",
            _search("Observation", ("component-code-value-quantity", f"{LOINC}|8480-6$gt{systolic}|{UCUM}|mm[Hg]")),
            _find(observations, lambda o: any(
                c["code"]["coding"][0]["code"] == "8480-6" and c["valueQuantity"]["value"] > systolic
                for c in o.get("component", ())
            )),
        ),
    ]  # fmt: skip


def _include(first: str, last: str, encounters: Sequence[Resource]) -> Shape:
    # "ge" and "lt" compare the bounds of a period: it ends after the first moment, and begins before the last
    found = [e for e in encounters if e["period"]["end"] >= first and e["period"]["start"] < last]
    criteria = (("date", f"ge{first}"), ("date", f"lt{last}"), ("_include", "Encounter:patient"))
    people = {e["subject"]["reference"].removeprefix("Patient/") for e in found}
    return Shape("_include", _search("Encounter", *criteria), [e["id"] for e in found], included=people)


# judging


def _walk(port: int, path: str) -> tuple[list[str], set[str]]:
    """Follow all pages; return the ids of matches in order, and those of included resources."""
    matches: list[str] = []
    included: set[str] = set()
    url: str | None = path.replace(f"_count={PAGE}", "_count=1000")
    while url:
        page = json.loads(get(port, url))
        for entry in page.get("entry", ()):
            id = entry["resource"]["id"]
            if entry["search"]["mode"] == "match":
                matches.append(id)
            elif entry["search"]["mode"] == "include":
                included.add(id)
        found = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        url = found.partition(f":{port}")[2] if found else None
    return matches, included


def _right(port: int, shape: Shape, corpus_dates: dict[str, str]) -> bool:
    matches, included = _walk(port, shape.path)
    right = len(matches) == len(set(matches)) and set(matches) == set(shape.wanted)
    if shape.ordered:  # of one date, any order will do
        right &= [corpus_dates[id] for id in matches] == [corpus_dates[id] for id in shape.wanted]
    if shape.included is not None:
        right &= included == shape.included
    if not right:
        print(f"  {shape.kind} : {shape.path} : {len(matches)} au lieu de {len(shape.wanted)}")
    return right


def _entered(port: int, resources: int, corpus: Corpus) -> None:
    started = time.perf_counter()
    outcome = load.run(port, corpus.bundles(resources, random.Random(SEED)), clients=4, seconds=3600)
    took_s = time.perf_counter() - started
    sent = len(corpus.patients) * PER_PERSON
    gate(outcome.statuses.keys() == {200}, f"corpus de {sent} ressources entré")
    print(f"  import     {sent / took_s:.0f} ressources/s, lots de {PEOPLE_PER_BUNDLE * PER_PERSON}, 4 clients")


def _corpus(port: int, folder: Path, options: argparse.Namespace) -> Corpus:
    """Return the corpus that the server holds: the one kept in ``--data``, made again from its seed, or one entered now."""
    corpus = Corpus()
    kept = count(Place(folder / "data").file(TENANT)) if options.data else 0
    if kept:
        for _ in corpus.people(kept, random.Random(SEED)):
            pass
        gate(len(corpus.patients) * PER_PERSON == kept, f"corpus gardé de {kept} ressources")
    else:
        _entered(port, options.resources, corpus)
    return corpus


def search(folder: Path, options: argparse.Namespace) -> None:
    """Recherches mêlées, pages de 20 : chaque forme comparée au corpus lu en entier, puis mesurée."""
    folder = Path(options.data) if options.data else folder
    with servers.dui(folder, options.workers) as (port, running):
        corpus = _corpus(port, folder, options)
        dates = {o["id"]: o["effectiveDateTime"] for o in corpus.observations}
        draws = DRAWS if len(corpus.patients) * PER_PERSON < LARGE else 1
        drawn = [shape for n in range(draws) for shape in shapes(corpus, random.Random(n))]
        gate(all([_right(port, s, dates) for s in drawn]), f"{len(drawn)} recherches rendent ce que dit le corpus")
        with Meter(running.pid, folder) as meter:
            outcome = load.run(port, _mixed(corpus), clients=options.clients, seconds=options.seconds * 2)
        print("  mêlées    ", outcome.line())
        kinds(outcome)
        meter.report(outcome, resources=len(corpus.patients) * PER_PERSON)
        alone = load.run(port, _mixed(corpus), clients=1, seconds=options.seconds)
        print("  un client ", alone.line())
        kinds(alone)
        _beside(folder / "data", corpus, alone, options.seconds)


def _beside(data: Path, corpus: Corpus, alone: load.Outcome, seconds: float) -> None:
    """Print what the store does alone with the same searches, inclusions left out: one thread, no HTTP, no Bundle."""
    stores = SqliteStores(load_settings(environment={}, flags={"data_dir": str(data)}), writer="client")
    store, rng, times = stores.open(TENANT), random.Random(11), []
    queries = [_query(s) for _ in range(100) for s in shapes(corpus, rng, judged=False)]
    rng.shuffle(queries)
    end = time.perf_counter() + seconds
    for query in itertools.cycle(queries):
        started = time.perf_counter()
        if started > end:
            break
        store.search(query)
        times.append(time.perf_counter() - started)
    stores.close()
    outcome = load.Outcome(seconds=sum(times), latencies_s=times)
    print("  magasin   ", outcome.line())
    print(f"  rapport    {alone.rate / outcome.rate:.0%} du magasin seul (un client, un fil)")


def _query(shape: Shape) -> Query:
    path, _, query = shape.path.partition("?")
    return parse(path.rpartition("/")[2], parse_qsl(query)).query


def _mixed(corpus: Corpus) -> Iterator[bytes]:
    """Yield drawn searches, prepared beforehand, for ever."""
    rng = random.Random(11)
    prepared = [
        load.Request.of(s.kind, load.get(s.path)) for _ in range(100) for s in shapes(corpus, rng, judged=False)
    ]
    rng.shuffle(prepared)
    return itertools.cycle(prepared)


def everything(folder: Path, options: argparse.Namespace) -> None:
    """$everything d'une personne de 700 ressources."""
    with servers.dui(folder, options.workers) as (port, running):
        rng = random.Random(3)
        subject = {"reference": "Patient/p"}
        resources: list[Resource] = [{"resourceType": "Patient", "id": "p", "name": [{"family": "MESURE"}]}]
        resources += [measure(f"o{n}", subject, rng.choice(MEASURES), rng) for n in range(699)]
        entries = [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
        ]
        bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()
        load.run(port, iter([load.send("POST", "/fhir", bundle)]), clients=1, seconds=60)
        found = json.loads(get(port, "/fhir/Patient/p/$everything?_count=1000"))
        gate(
            {e["resource"]["id"] for e in found["entry"]} == {r["id"] for r in resources},
            f"les {len(resources)} ressources, et elles seules",
        )
        request = load.get("/fhir/Patient/p/$everything?_count=1000")
        for clients in (1, 4):
            with Meter(running.pid, folder) as meter:
                outcome = load.run(port, itertools.repeat(request), clients=clients, seconds=options.seconds)
            print(f"  {clients} client(s)", outcome.line())
            meter.report(outcome)
