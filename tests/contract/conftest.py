"""One suite for all stores: each test runs over every engine that this machine can start."""

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from dui_fhir.domain.body import Body
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.ports import Store, Stores
from dui_fhir.settings import load
from dui_fhir.store import open_stores

ENGINES = ("memory", "sqlite")
_tenants = itertools.count()


@pytest.fixture(scope="session", params=ENGINES)
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    settings = load(environment={}, flags={"store": request.param, "data_dir": str(tmp_path_factory.mktemp("data"))})
    opened = open_stores(settings, writer="own")
    yield opened
    opened.close()


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
