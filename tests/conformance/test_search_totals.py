"""FHIR R4, search.html#total over HTTP and the real store: what is counted, what is estimated, and that an estimate says so."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings
from dui_fhir.store.sqlite import search

PEOPLE = 40
FEMALE = 20


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    chosen = Settings({"store": "sqlite", "data_dir": str(tmp_path_factory.mktemp("data")), "log_level": "ERROR"})
    engine = build_engine(chosen, writer="own")
    engine.stores.create("totals")
    app = create_app(chosen, engine=engine)
    entries = [
        {
            "resource": {"resourceType": "Patient", "gender": ("female", "male")[n % 2], "active": n % 4 < 2},
            "request": {"method": "POST", "url": "Patient"},
        }
        for n in range(PEOPLE)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert app.test_client().post("/t/totals/fhir", json=bundle).status_code == 200
    yield app
    engine.stores.close()


def _page(app: Flask, query: str) -> tuple[Any, list[str]]:
    answer = app.test_client().get(f"/t/totals/fhir/Patient?{query}")
    assert answer.status_code == 200, answer.text
    outcomes = [e["resource"] for e in answer.json.get("entry", ()) if e["search"]["mode"] == "outcome"]
    return answer.json.get("total"), [i["details"]["coding"][0]["code"] for o in outcomes for i in o["issue"]]


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("gender=female&_count=5", None),
        ("gender=female&_count=5&_total=none", None),
        ("gender=female", FEMALE),
        ("gender=female&_total=none", None),
        ("gender=female&_count=5&_total=accurate", FEMALE),
        ("gender=female&_count=5&_total=estimate", FEMALE),
        ("gender=female&_summary=count", FEMALE),
        ("gender=female&_summary=count&_total=estimate", FEMALE),
        ("gender=female&active=true&_count=0", FEMALE // 2),
        ("_count=5&_total=estimate", PEOPLE),
    ],
)
def test_total__few_candidates__is_exact_wherever_it_is_given(app: Flask, query: str, total: int | None) -> None:
    assert _page(app, query) == (total, [])


def test_total__more_candidates_than_are_tested__is_said_to_be_estimated(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SAMPLED", 10)

    for query in ("gender:not=male&_count=5&_total=estimate", "gender:not=male&_summary=count&_total=estimate"):
        total, issues = _page(app, query)
        assert 1 <= total <= PEOPLE
        assert issues == ["search-total-estimated"]
    assert _page(app, "gender:not=male&_count=5&_total=accurate") == (FEMALE, [])
