"""An import prepared by several processes does what it does in one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.query import Query, ReferenceIs
from dui_fhir.settings import load
from dui_fhir.store.sqlite.stores import SqliteStores

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PEOPLE = 30


def _bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _files(folder: Path) -> None:
    """Write a file a person, then their goals in files of their own, then actions that reach their person through a goal only;
    one file is refused, one is not JSON."""
    folder.mkdir()
    for n in range(PEOPLE):
        patient = {"resourceType": "Patient", "id": f"p{n}", "gender": "female"}
        goal = {
            "resourceType": "Goal", "id": f"g{n}", "lifecycleStatus": "active", "description": {"text": "marcher"},
            "subject": {"reference": f"Patient/p{n}"},
        }  # fmt: skip
        task = {
            "resourceType": "Task", "id": f"t{n}", "status": "requested", "intent": "plan",
            "focus": {"reference": f"Goal/g{n}"},
        }  # fmt: skip
        # the names of the three follow one another, so that each lot meets the one before
        for order, resource in enumerate((patient, goal, task)):
            (folder / f"{n:03}-{order}.json").write_text(json.dumps(_bundle(resource)))
    (folder / "010-9.json").write_text(json.dumps(_bundle({"resourceType": "Patient", "id": "x", "gender": 7})))
    (folder / "020-9.json").write_text("{")


def _owned(data: Path) -> dict[str, list[str]]:
    """Return the resources that belong to each person, as the store knows."""
    stores = SqliteStores(load(environment={}, flags={"data_dir": str(data)}), writer="client")
    store = stores.open("demo")
    try:
        return {
            f"p{n}": sorted(
                f"{v.type}/{v.id}"
                for v in store.search(
                    Query(types=(), where=ReferenceIs("_dui_patient", "Patient", f"p{n}"), limit=10)
                ).matches
            )
            for n in range(PEOPLE)
        }
    finally:
        stores.close()


def test_import__two_processes__same_account_in_the_same_order_and_same_owners(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    _files(tmp_path / "in")
    accounts, owned, said = [], [], []
    for processes in ("1", "2"):
        data, report = tmp_path / f"data{processes}", tmp_path / f"report{processes}"
        done = cli(
            "import", str(tmp_path / "in"), "--data", str(data), "--report", str(report), "--processes", processes
        )
        said.append(done.stdout.splitlines()[-3:])
        lines = [json.loads(line) for line in report.read_text().splitlines()]
        accounts.append([(x["origin"], x["status"], _ids(x)) for x in lines])
        owned.append(_owned(data))

    assert said[0] == said[1]
    assert accounts[0] == accounts[1]
    assert owned[0] == owned[1]
    assert owned[0]["p7"] == ["Goal/g7", "Patient/p7", "Task/t7"]
    assert [a[1] for a in accounts[1]].count("refused") == 2


def _ids(line: dict[str, Any]) -> list[str]:
    issues = [
        *line.get("issues", []),
        *(i for e in line.get("entries", []) for i in e.get("outcome", {}).get("issue", [])),
    ]
    return [i["details"]["coding"][0]["code"] for i in issues]
