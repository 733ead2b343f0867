"""Erasing for good: ``$erase`` of a resource, ``Patient/$purge`` (FHIR R5, patient-operation-purge.html)."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

_TENANTS = itertools.count(1)


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    data_dir = str(tmp_path_factory.mktemp("data"))
    settings = Settings({"store": request.param, "data_dir": data_dir, "log_level": "ERROR", "erase_allowed": True})
    engine = build_engine(settings, writer="own")
    yield create_app(settings, engine=engine)
    engine.stores.close()


class Client:
    """A client of one tenant."""

    def __init__(self, app: Flask) -> None:
        tenant = f"essai-{next(_TENANTS)}"
        self.client, self.base = app.test_client(), f"/t/{tenant}/fhir"
        app.extensions["dui_fhir"].stores.create(tenant)

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body)
        sent = {"Content-Type": "application/fhir+json", **(headers or {})}
        return self.client.open(f"{self.base}/{path}", method=method, data=data, headers=sent)

    def create(self, resource: dict[str, Any]) -> str:
        answer = self.call("POST", resource["resourceType"], resource)
        assert answer.status_code == 201, answer.text
        return f"{resource['resourceType']}/{answer.json['id']}"


@pytest.fixture
def client(served: Flask) -> Client:
    return Client(served)


def _observation(person: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "poids"}, "subject": {"reference": person},
    }  # fmt: skip


def _codes(answer: Any) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in answer.json["issue"]]


def test_erase__resource__its_versions_are_gone_and_a_mark_stays(client: Client) -> None:
    person = client.create({"resourceType": "Patient", "active": True})
    client.call("PUT", person, {"resourceType": "Patient", "id": person.split("/")[1], "active": False})

    answer = client.call("POST", f"{person}/$erase")

    assert answer.status_code == 200
    assert _codes(answer) == ["core-erased"]
    assert client.call("GET", person).status_code == 410
    for version in (1, 2):
        assert client.call("GET", f"{person}/_history/{version}").status_code == 404
    (entry,) = client.call("GET", f"{person}/_history").json["entry"]
    assert "resource" not in entry
    assert client.call("GET", "Patient?_summary=count").json["total"] == 0


def test_erase__deleted_resource__loses_its_history(client: Client) -> None:
    person = client.create({"resourceType": "Patient"})
    client.call("DELETE", person)

    assert client.call("POST", f"{person}/$erase").status_code == 200
    assert client.call("GET", f"{person}/_history/1").status_code == 404


def test_erase__stale_if_match__is_412_and_nothing_goes(client: Client) -> None:
    person = client.create({"resourceType": "Patient"})

    assert client.call("POST", f"{person}/$erase", headers={"If-Match": 'W/"7"'}).status_code == 412
    assert client.call("GET", person).status_code == 200


def test_erase__absent_or_by_get__is_404_or_405(client: Client) -> None:
    person = client.create({"resourceType": "Patient"})

    assert client.call("POST", "Patient/absent/$erase").status_code == 404
    assert client.call("GET", f"{person}/$erase").status_code == 405


def test_purge__person__takes_what_is_theirs_and_leaves_what_is_shared(client: Client) -> None:
    person, other = client.create({"resourceType": "Patient"}), client.create({"resourceType": "Patient"})
    mine = [client.create(_observation(person)) for _ in range(3)]
    theirs = client.create(_observation(other))
    members = [{"entity": {"reference": r}} for r in (person, other)]
    group = client.create({"resourceType": "Group", "type": "person", "actual": True, "member": members})

    answer = client.call("POST", f"{person}/$purge")

    assert answer.status_code == 200
    assert _codes(answer) == ["core-erased", "core-purge-deleted", "core-purge-shared"]
    assert answer.json["issue"][0]["diagnostics"] == "4 erased"
    assert answer.json["issue"][2]["expression"] == [group]
    for reference in (person, *mine):
        assert client.call("GET", reference).status_code == 410
        assert client.call("GET", f"{reference}/_history/1").status_code == 404
    for reference in (other, theirs, group):
        assert client.call("GET", reference).status_code == 200


def test_purge__asked_again__does_no_harm(client: Client) -> None:
    person = client.create({"resourceType": "Patient"})

    assert client.call("POST", f"{person}/$purge").status_code == 200
    assert client.call("POST", f"{person}/$purge").status_code == 200


@pytest.mark.parametrize("operation", ["$erase", "$purge"])
def test_erase__not_opened_by_the_administrator__is_403(fhir: Any, operation: str) -> None:
    id = fhir.create({"resourceType": "Patient"})["id"]

    answer = fhir.post(f"Patient/{id}/{operation}")

    assert answer.status_code == 403
    assert _codes(answer) == ["core-erase-disabled"]
    assert fhir.get(f"Patient/{id}").status_code == 200
