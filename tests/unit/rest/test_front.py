"""rest/front.py: the short way and the long way give the same answer."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from dui_fhir.app import create_app
from dui_fhir.settings import Settings

SHORT = "application/fhir+json"
LONG = "application/fhir+json;q=1"
"""The same format in words that are not plain."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    data = str(tmp_path_factory.mktemp("data"))
    client = create_app(Settings({"store": "memory", "data_dir": data, "log_level": "ERROR"})).test_client()
    client.put("/fhir/Patient/here", json={"resourceType": "Patient", "id": "here", "active": True})
    client.put("/fhir/Basic/big", json={"resourceType": "Basic", "id": "big", "code": {"text": "é" * 3000}})
    client.put("/fhir/Patient/gone", json={"resourceType": "Patient", "id": "gone"})
    client.delete("/fhir/Patient/gone")
    client.put(
        "/fhir/Binary/b", json={"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "QQ=="}
    )
    return client


def _answer(client: FlaskClient, path: str, accept: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    answer = client.get(path, headers={"Accept": accept, **headers})
    kept: dict[str, Any] = {k: v for k, v in answer.headers.items() if k != "X-Request-Id"}
    return answer.status_code, kept, answer.data


@pytest.mark.parametrize(
    "path",
    [
        "/fhir/Patient/here", "/t/demo/fhir/Patient/here", "/fhir/Basic/big", "/fhir/Binary/b", "/fhir/Patient/gone",
        "/fhir/Patient/absent", "/fhir/Patinet/here", "/t/nobody/fhir/Patient/here", "/t/NO!/fhir/Patient/here",
        "/fhir/Patient/here/", "/fhir/Patient/a%20b", "/fhir/metadata",
    ],
)  # fmt: skip
def test_read__plain_or_not__has_the_same_status_headers_and_body(client: FlaskClient, path: str) -> None:
    short, long = _answer(client, path, SHORT), _answer(client, path, LONG)

    if short[0] >= 400:
        assert (short[0], short[1]["Content-Type"]) == (long[0], long[1]["Content-Type"])
    else:
        assert short == long


def test_read__gzip_accepted__is_compressed_both_ways(client: FlaskClient) -> None:
    short, long = (_answer(client, "/fhir/Basic/big", a, **{"Accept-Encoding": "gzip"}) for a in (SHORT, LONG))

    assert short == long
    assert short[1]["Content-Encoding"] == "gzip"


def test_read__condition__is_honoured(client: FlaskClient) -> None:
    assert _answer(client, "/fhir/Patient/here", SHORT, **{"If-None-Match": 'W/"1"'})[0] == 304


def test_read__request_id_given__comes_back_and_the_read_is_counted(client: FlaskClient) -> None:
    answer = client.get("/fhir/Patient/here", headers={"Accept": SHORT, "X-Request-Id": "abc-1"})

    assert answer.headers["X-Request-Id"] == "abc-1"
    assert 'interaction="read",status="200"' in client.get("/metrics").text


def _searched(client: FlaskClient, path: str, accept: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    status, kept, data = _answer(client, path, accept, **headers)
    body = json.loads(data)
    links = [link["relation"] for link in body.pop("link", ())]
    for name in ("id", "meta"):
        body.pop(name, None)
    kept.pop("Content-Length")
    return status, kept, (body, links)


@pytest.mark.parametrize(
    "path",
    [
        "/fhir/Patient?active=true", "/t/demo/fhir/Patient?_id=here,gone&_count=1", "/fhir/Basic?_summary=true",
        "/fhir/Patient?_elements=active", "/fhir/Patient?_pretty=true", "/fhir/Patient?_format=json&active=true",
        "/fhir/Patient?%5Fformat=json", "/fhir/Patient?actve=true", "/fhir/Patinet?active=true", "/fhir/Patient?active=",
        "/t/nobody/fhir/Patient?active=true", "/fhir/Patient?name=%FF", "/fhir/Patient?_count=0", "/fhir/Binary?_id=b",
        "/fhir/Patient?", "/fhir/Patient/?active=true", "/fhir/Patient?_page=none",
    ],
)  # fmt: skip
def test_search__plain_or_not__has_the_same_status_headers_and_body(client: FlaskClient, path: str) -> None:
    assert _searched(client, path, SHORT) == _searched(client, path, LONG)


def test_search__preference__is_honoured(client: FlaskClient) -> None:
    lenient = _searched(client, "/fhir/Patient?actve=true&active=true", SHORT, Prefer="handling=lenient")

    assert lenient[0] == 200
    assert lenient[1]["X-Dui-Issues"] == "search-unknown-parameter"


def test_search__over_the_length_of_an_address__is_refused(client: FlaskClient) -> None:
    assert _answer(client, f"/fhir/Patient?active={'x' * 40_000}", SHORT)[0] == 414


def test_search__plain__names_the_host_as_the_client_does(client: FlaskClient) -> None:
    for accept in (SHORT, LONG):
        body = json.loads(_answer(client, "/fhir/Patient?active=true", accept, Host="dui.example:8443")[2])
        assert body["entry"][0]["fullUrl"] == "http://dui.example:8443/fhir/Patient/here"
