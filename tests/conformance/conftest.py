"""One application for all pages of the specification; each test has a tenant of its own.

Over memory; ``DUI_FHIR_TEST_STORE=sqlite`` runs the same tests over SQLite and its writer process.
"""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dui_fhir.app import build_engine, create_app
from dui_fhir.domain.structure import Structure
from dui_fhir.service.engine import Engine
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings

EXAMPLES = Path(__file__).parents[3] / "shared/reference/fhir/tddui-2.4.0-ballot/examples"
_TENANTS = itertools.count(1)


class Fhir:
    """A client of one tenant."""

    def __init__(self, client: FlaskClient, engine: Engine, tenant: str) -> None:
        self.client, self.engine, self.tenant = client, engine, tenant
        self.base = f"/t/{tenant}/fhir"
        self.url = f"http://localhost{self.base}"

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Send a request below the base; a body that is not bytes leaves as FHIR JSON."""
        headers = dict(options.pop("headers", {}))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/fhir+json")
        target = path.removeprefix("http://localhost") if path.startswith("http") else f"{self.base}/{path}".rstrip("/")
        answer = self.client.open(target, method=method, data=body, headers=headers, **options)
        if (
            answer.status_code == 200
            and "$" in path
            and answer.headers["Content-Type"].startswith("application/fhir+json")
        ):
            assert output_faults(self.engine, path, answer.json) == []
        return answer

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        return self.call("PUT", path, body, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)

    def create(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Create and return the stored resource."""
        answer = self.post(resource["resourceType"], resource)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def transaction(self, *entries: dict[str, Any], **options: Any) -> TestResponse:
        """Post a transaction."""
        return self.post("", {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}, **options)

    def count(self, type: str) -> int:
        """Return how many resources of a type there are."""
        return int(self.get(f"{type}?_summary=count").json["total"])

    def structure(self, finess: str, category: str = "500", corridors: tuple[str, ...] = ("pa",)) -> None:
        """Declare a structure of the tenant."""
        found = Structure(finess=finess, category=category, name="EHPAD", address="1 rue", corridors=corridors)
        register(self.engine.stores.open(self.tenant), found, self.engine.extractor)
        self.engine.structures.forget(self.tenant)

    def owner_of(self, reference: str) -> list[str]:
        """Return the patients whose resource this is, as the index says."""
        from dui_fhir.domain.query import AllOf, IdIn, Query, ReferenceIs

        type, id = reference.split("/")
        store = self.engine.stores.open(self.tenant)
        patients = [v.id for v in store.search(Query(types=("Patient",), limit=1000)).matches]
        owned = [
            p
            for p in patients
            if store.count(Query(types=(type,), where=AllOf((IdIn((id,)), ReferenceIs("_dui_patient", "Patient", p)))))
        ]
        return [f"Patient/{p}" for p in owned]


def output_faults(engine: Engine, path: str, body: Any) -> list[str]:
    """Return how an operation's answer differs from what its definition declares (FHIR R4, operations.html#response)."""
    segments = path.partition("?")[0].split("/")
    code, types = segments[-1].removeprefix("$"), [s for s in segments if s[:1].isupper()]
    of_code = [o.definition for o in engine.operations if o.definition["code"] == code]
    fitting = [d for d in of_code if not types or {types[-1], "Resource"} & set(d.get("resource", ()))]
    declared = [p for p in (fitting or of_code)[0].get("parameter", ()) if p["use"] == "out"] if of_code else []
    returned = {p["type"] for p in declared if p["name"] == "return" and "type" in p}
    if not declared or body["resourceType"] in returned or returned & {"Resource", "Any"}:
        return []
    if body["resourceType"] != "Parameters":
        return [f"{code} returns {body['resourceType']}, declares {sorted(returned)}"]
    given = [p["name"] for p in body.get("parameter", ())]
    known = {p["name"]: p for p in declared}
    faults = [f"{code}: {name} is not declared" for name in given if name not in known]
    faults += [f"{code}: {p['name']} is missing" for p in declared if p["min"] > given.count(p["name"])]
    return faults + [f"{code}: {n} is repeated" for n, p in known.items() if p["max"] == "1" and given.count(n) > 1]


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    """Return an entry of a Bundle; ``fullUrl`` and the conditions of ``request`` by keyword."""
    made: dict[str, Any] = {"request": {"method": method, "url": url}}
    if "fullUrl" in others:
        made["fullUrl"] = others.pop("fullUrl")
    if resource is not None:
        made["resource"] = resource
    made["request"] |= others
    return made


def codes(answer: TestResponse) -> list[str]:
    """Return the stable ids of an OperationOutcome."""
    return issue_codes(answer.json)


def issue_codes(outcome: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in (outcome or {}).get("issue", [])]


def pytest_make_parametrize_id(config: Any, val: object, argname: str) -> str | None:
    return val.stem if isinstance(val, Path) else None


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    store = os.environ.get("DUI_FHIR_TEST_STORE", "memory")
    data = tmp_path_factory.mktemp("data")
    settings = Settings({"store": store, "data_dir": str(data), "log_level": "ERROR"})
    engine = build_engine(settings, writer="own")
    yield create_app(settings, engine=engine)
    engine.stores.close()


@pytest.fixture
def fhir(app: Flask) -> Fhir:
    engine: Engine = app.extensions["dui_fhir"]
    tenant = f"essai-{next(_TENANTS)}"
    engine.stores.create(tenant)
    return Fhir(app.test_client(), engine, tenant)


@pytest.fixture
def make_entry() -> Callable[..., dict[str, Any]]:
    return entry


@pytest.fixture
def examples() -> Callable[[str], Any]:
    """Return a function that reads a published TDDUI example."""
    if not EXAMPLES.is_dir():
        pytest.skip("the published TDDUI examples are not beside the repository")
    return lambda name: json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
