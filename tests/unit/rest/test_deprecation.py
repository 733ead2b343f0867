"""rest/deprecation.py: RFC 9745, RFC 8594, and the six months of docs/compatibility.md."""

from datetime import date
from typing import Any

import pytest
from flask import Flask

from dui_fhir import settings as settings_module
from dui_fhir.app import build_engine, create_app
from dui_fhir.rest import deprecation
from dui_fhir.rest.deprecation import Deprecated
from dui_fhir.settings import SETTINGS, Setting, Settings

OLD = Deprecated(
    path=r"Patient/[^/]+",
    methods=("GET",),
    since=date(2026, 1, 1),
    until=date(2026, 9, 1),
    page="https://dui.example/x",
)


@pytest.fixture(scope="module")
def app() -> Flask:
    settings = Settings({"store": "memory", "log_level": "ERROR"})
    return create_app(settings, engine=build_engine(settings, writer="own"))


def test_headers__address_that_is_to_go__says_since_when_and_until_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deprecation, "DEPRECATED", (OLD,))

    assert deprecation.headers("GET", "Patient/1") == {
        "Deprecation": "@1767225600",
        "Sunset": "Tue, 01 Sep 2026 00:00:00 GMT",
        "Link": '<https://dui.example/x>; rel="deprecation"; type="text/html"',
    }
    assert deprecation.headers("PUT", "Patient/1") == {}
    assert deprecation.headers("GET", "Patient/1/_history") == {}


@pytest.mark.parametrize("path", ["Patient/absent", "Patient/there"])
def test_answer__address_that_is_to_go__carries_the_header_on_success_and_error(
    app: Flask, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = app.test_client()
    assert client.put("/fhir/Patient/there", json={"resourceType": "Patient", "id": "there"}).status_code in (200, 201)
    assert "Deprecation" not in client.get(f"/fhir/{path}").headers
    monkeypatch.setattr(deprecation, "DEPRECATED", (OLD,))

    answer = client.get(f"/fhir/{path}")

    assert answer.headers["Deprecation"] == "@1767225600"
    assert answer.status_code == (200 if path.endswith("there") else 404)


def test_deprecated__less_than_six_months__is_refused() -> None:
    with pytest.raises(ValueError, match="six months"):
        Deprecated(path="x", since=date(2026, 1, 1), until=date(2026, 6, 1), page="https://dui.example/x")


def test_setting__that_is_to_go_and_in_use__is_told_at_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Setting("old_name", str, "", "Ancien.", "depuis 0.4, jusqu'en 2027 ; remplacé par « page_size ».")
    listed = (*SETTINGS, old)
    monkeypatch.setattr(settings_module, "SETTINGS", listed)
    monkeypatch.setattr(settings_module, "_BY_NAME", {s.name: s for s in listed})

    assert Settings({}).to_go() == ()
    (line,) = Settings({"old_name": "x"}).to_go()
    assert line.startswith("Réglage old_name : depuis 0.4")


@pytest.mark.parametrize(
    ("accept", "status"), [("text/html,*/*;q=0.8", 302), ("application/fhir+json", 404), ("", 404)]
)
def test_bare_address__browser__goes_to_the_docs_page(app: Flask, accept: str, status: int) -> None:
    answer: Any = app.test_client().get("/", headers={"Accept": accept})

    assert answer.status_code == status
    if status == 302:
        assert answer.headers["Location"] == "/docs"
    else:
        assert answer.json["resourceType"] == "OperationOutcome"
