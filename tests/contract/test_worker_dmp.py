"""From the store to the simulated DMP: a real store, real searches, the worker with its connector."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.connectors.dmp import DmpConnector
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.outbox import dmp_job, task_output
from dui_fhir.domain.plan import Committed, Plan, Put
from dui_fhir.jobs import Worker
from dui_fhir.search.extract import extract
from dui_fhir.service.reader import TrackingReader
from dui_fhir.settings import Settings
from dui_fhir.simulators import start_all
from dui_fhir.store import open_stores

DOSSIER = Path(__file__).parents[1] / "unit/connectors/dossier.json"


def _put(resource: dict[str, Any]) -> Put:
    return Put(type=resource["resourceType"], id=resource["id"], body=Body.of(resource), index=extract(resource))


def _seed(settings: Settings) -> tuple[str, str]:
    """Write the dossier with the job that sends its first document; return the key of the job and the id of its Task."""
    resources = json.loads(DOSSIER.read_text(encoding="utf-8"))
    document = next(r for r in resources if r["id"] == "projet-1" and r["resourceType"] == "DocumentReference")
    job, task = dmp_job(document, replaces=None, actor=Actor(), now=datetime.now(UTC))
    stores = open_stores(settings, writer="own")
    try:
        plan = Plan(operations=tuple(_put(r) for r in [*resources, task]), jobs=(job,))
        assert isinstance(stores.create("demo").submit(plan), Committed)
    finally:
        stores.close()
    return job.key, task["id"]


def _work(settings: Settings) -> None:
    stores, connector = open_stores(settings, writer="own"), DmpConnector(settings)
    try:
        worker = Worker(
            stores,
            [connector],
            settings,
            clock=SystemClock(),
            reader=lambda tenant: TrackingReader(stores.open(tenant)),
            index=extract,
        )
        assert worker.run_all() >= 1  # a slow first attempt may already be due again
    finally:
        connector.close()
        stores.close()


def _state(settings: Settings, key: str, task_id: str) -> tuple[str, dict[str, Any]]:
    stores = open_stores(settings, writer="own")
    try:
        store = stores.open("demo")
        job, task = store.job(key), store.read("Task", task_id)
        assert job is not None
        assert task is not None
        return job.state, task.resource()
    finally:
        stores.close()


@pytest.mark.parametrize("fault", [None, "drop-after-store"])
def test_run_worker__document_in_the_outbox__reaches_the_dmp_once(tmp_path: Path, fault: str | None) -> None:
    with start_all(tmp_path / "simulateurs", {"dmp": 0, "insi": 0}, environment="test") as simulators:
        settings = Settings(
            {"data_dir": str(tmp_path / "data"), "dmp_url": simulators.urls["dmp"], "job_retry_first_s": 0.4}
        )
        key, task_id = _seed(settings)
        pages = simulators.urls["dmp_pages"].rstrip("/")
        if fault is not None:
            _ask(f"{pages}/_simulateur/pannes", {"mode": fault, "service": "repository"})
        _work(settings)
        state, task = _state(settings, key, task_id)
        if state == "waiting":
            time.sleep(0.5)
            _work(settings)
            state, task = _state(settings, key, task_id)
        assert (state, task["status"]) == ("done", "completed"), task.get("statusReason")
        unique_id = task_output(task, "uniqueId")
        assert json.dumps(_ask(f"{pages}/_simulateur/documents")).count(f'"{unique_id}"') == 1
        assert task_output(task, "already") == ("true" if fault else None)


def _ask(url: str, body: dict[str, Any] | None = None) -> Any:
    import urllib.request

    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read()
    return json.loads(text) if text else None
