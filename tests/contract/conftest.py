"""One suite for all stores: each test runs over every engine that this machine can start."""

import contextlib
import itertools
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymongo
import pytest
from pymongo.errors import PyMongoError

from dui_fhir.domain.body import Body
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.ports import Store, Stores
from dui_fhir.settings import load
from dui_fhir.store import open_stores
from dui_fhir.store.mongo.stores import MongoStores

ENGINES = ("memory", "sqlite", "mongo")
MONGO_URL = "DUI_FHIR_TEST_MONGO_URL"
START_S = 20.0
_tenants = itertools.count()


@pytest.fixture(scope="session", params=ENGINES)
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp(request.param)
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(_mongo(folder)) if request.param == "mongo" else request.param
        flags = {"store": engine, "data_dir": str(folder), "mongo_allow_standalone": True}
        opened = open_stores(load(environment={}, flags=flags), writer="own")
        stack.callback(opened.close)
        yield opened


@contextlib.contextmanager
def _mongo(folder: Path) -> Iterator[str]:
    """Give the URL of a real MongoDB where the environment names one, else of the stand-in nx-27017 on the loopback."""
    if MONGO_URL in os.environ:
        yield os.environ[MONGO_URL]
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("nx-27017")), "--data-dir", str(folder), "-p", str(port)]
    files = ["--log-file", str(folder / "log"), "--pid-file", str(folder / "pid")]
    process = subprocess.Popen([*command, *files], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_port(port)
        yield f"mongodb://127.0.0.1:{port}/dui_test?directConnection=true"
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _infinity(database: Any) -> bool:
    database.numbers.replace_one({"_id": 1}, {"_id": 1, "x": math.inf}, upsert=True)
    return database.numbers.find_one({"x": {"$gt": 1e300}}) is not None


def _nested_arrays(database: Any) -> bool:
    database.nested.insert_one({"_id": 1, "g": [{"a": [{"p": "x"}], "b": [{"p": "y"}]}, {"a": [{"p": "z"}]}]})
    both = {"a": {"$elemMatch": {"p": "x"}}, "b": {"$elemMatch": {"p": "y"}}}
    apart = {"a": {"$elemMatch": {"p": "z"}}, "b": {"$elemMatch": {"p": "y"}}}
    found = [database.nested.find_one({"g": {"$elemMatch": g}}) is not None for g in (both, apart)]
    return found == [True, False]


def _integer_order(database: Any) -> bool:
    database.ordered.insert_many([{"_id": n} for n in (2, 10, 1)])
    return [d["_id"] for d in database.ordered.find().sort("_id", 1)] == [1, 2, 10]


CAPABILITIES = {
    "infinite numbers": _infinity,
    "arrays in arrays": _nested_arrays,
    "order of integer ids": _integer_order,
}
"""What a stand-in for MongoDB may lack; a MongoDB has all. Judged by answers, for a stand-in may err without error."""

MONGO_NEEDS = {
    "test_number__without_bound__is_infinite": {"infinite numbers"},
    "test_same_group__components__share_a_number": {"arrays in arrays"},
    "test_reindex__composite__its_components_are_replaced_together": {"arrays in arrays"},
    "test_any_of__a_composite_among_others__keeps_its_meaning": {"arrays in arrays"},
    "test_submit__several_plans__instants_and_sequences_never_go_back": {"order of integer ids"},
    "test_plans_and_queries__random__have_the_same_answers": {"arrays in arrays", "order of integer ids"},
}
"""Tests that ask for one of these (docs/stores.md lists them)."""


@pytest.fixture(scope="session")
def lacking(stores: Stores) -> set[str]:
    """What the MongoDB under test answers wrongly; nothing for the other engines."""
    if not isinstance(stores, MongoStores):
        return set()
    with contextlib.closing(pymongo.MongoClient(stores.url)) as client:
        client.drop_database("dui_probe")
        return {name for name, probe in CAPABILITIES.items() if not _right(probe, client["dui_probe"])}


def _right(probe: Callable[[Any], bool], database: Any) -> bool:
    try:
        return probe(database)
    except PyMongoError:
        return False


@pytest.fixture(autouse=True)
def _capable(request: pytest.FixtureRequest) -> None:
    needs = MONGO_NEEDS.get(request.function.__name__, set())
    if needs and (missing := needs & request.getfixturevalue("lacking")):
        pytest.skip(f"this stand-in for MongoDB lacks: {', '.join(sorted(missing))}")


@pytest.fixture
def store(stores: Stores) -> Store:
    """An empty tenant."""
    return stores.create(f"t{next(_tenants)}")


def put(type: str, id: str, *, content: Any = 0, index: IndexValues | None = None, **options: Any) -> Put:
    resource = {"resourceType": type, "id": id, "content": content}
    return Put(type=type, id=id, body=Body.of(resource), index=index or IndexValues(), **options)


def job(key: str, **options: Any) -> Job:
    return Job(**{"id": f"id-{key}", "kind": "dmp", "key": key, "payload": {"document": key}, **options})


def submit(store: Store, *operations: Any, **options: Any) -> Any:
    return store.submit(Plan(operations=operations, **options))


def fill(store: Store, values: dict[str, IndexValues]) -> None:
    """Write one resource per ``Type/id``."""
    operations = [put(*name.split("/"), content=name, index=index) for name, index in values.items()]
    submit(store, *operations)


def keys(versions: Any) -> list[str]:
    return [f"{v.type}/{v.id}" for v in versions]


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Builders of test data, and short cuts."""
    return SimpleNamespace(put=put, job=job, submit=submit, fill=fill, keys=keys)
