"""The Questionnaires that the corridors ship: sound R4, the fields of the published forms, and found in each tenant."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.app import build_engine
from dui_fhir.domain.aggir_response import PA, PH, Grid
from dui_fhir.domain.clock import FixedClock
from dui_fhir.plugin_host import PluginHost
from dui_fhir.service import router
from dui_fhir.service.message import ServiceRequest
from dui_fhir.service.publication import SHIPPED, publish_questionnaires
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores
from dui_fhir.validation.shipped import library
from dui_fhir.validation.validator import Validator

FILES = sorted((Path(__file__).parents[3] / "plugins").glob("*/questionnaires/*.json"))
PUBLISHED = Path(__file__).parents[3] / "../shared/reference/fhir/tddui-2.4.0-ballot/examples"


def read(name: str) -> Any:
    return json.loads(next(f for f in FILES if f.stem == name).read_text(encoding="utf-8"))


def fields(items: list[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        yield from fields(item.get("item", []))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.parent.name}/{f.stem}")
def test_questionnaire__shipped__is_sound_and_says_where_it_comes_from(file: Path) -> None:
    form = json.loads(file.read_text(encoding="utf-8"))

    faults = Validator(library()).validate(form)
    assert [f for f in faults if f.severity in ("fatal", "error")] == []
    links = [item["linkId"] for item in fields(form["item"])]
    assert len(links) == len(set(links))
    assert form["description"]
    assert form["experimental"] is form["url"].startswith("urn:dui-fhir:")


@pytest.mark.parametrize(("name", "grid"), [("aggir-pa", PA), ("aggir-ph", PH)])
def test_aggir__form__asks_what_the_server_reads(name: str, grid: Grid) -> None:
    form = read(name)

    assert form["url"] == grid.questionnaire
    asked = form["item"][0]["item"]
    assert [(i["linkId"], i["text"], i["code"][0]["code"]) for i in asked] == [
        (f.link_id, f.label, f.icf) for f in grid.fields
    ]
    assert [[i["linkId"] for i in item["item"]] for item in asked] == [
        [link for _, link in f.adverbs] for f in grid.fields
    ]


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs ../shared")
def test_aggir__published_form__same_fields_types_and_codes() -> None:
    published = json.loads((PUBLISHED / "Questionnaire-tddui-questionnaire-aggir-pa-ssiad.json").read_text())

    def told(form: Any) -> list[Any]:
        return [
            (i["linkId"], i["type"], [c["code"] for c in i.get("code", [])],
             [o["valueCoding"]["code"] for o in i.get("answerOption", [])])
            for i in fields(form["item"])
        ]  # fmt: skip

    assert told(read("aggir-pa")) == told(published)
    assert read("aggir-pa")["version"] == published["version"]


def test_serafin__form__needs_of_the_nomenclature(corridors: PluginHost) -> None:
    codes = [item["code"][0]["code"] for item in read("serafin")["item"]]

    assert set(codes) <= set(corridors.parameters()["ph.serafin_besoins"])
    # the published form asks 1.3.1 and 1.3.5, not their only child; 1.2.1 is the same need as 1.2
    assert set(corridors.parameters()["ph.serafin_besoins"]) - set(codes) == {"1.2.1", "1.3.1.1", "1.3.5.1"}


def test_falls__form__is_the_one_that_the_rule_looks_for(corridors: PluginHost) -> None:
    assert read("chutes")["url"] in corridors.parameters()["pa.chutes_questionnaires"]


def test_publication__tenant__finds_them_and_keeps_what_is_its_own() -> None:
    clock = FixedClock(0)
    settings = Settings(
        {"store": "memory", "plugins": ["commun", "pa", "ph"], "plugin_folders": [], "log_level": "ERROR"}
    )
    engine = build_engine(settings, clock=clock, stores=MemoryStores(clock))
    store = engine.stores.create("essai")

    shipped = {d["id"] for d in engine.host.definitions() if d["resourceType"] == "Questionnaire"}
    assert publish_questionnaires(store, engine.extractor, engine.host) == len(shipped) == 4
    assert publish_questionnaires(store, engine.extractor, engine.host) == 0
    held = store.read("Questionnaire", "tddui-questionnaire-serafin")
    assert held is not None
    assert SHIPPED in held.resource()["meta"]["tag"]

    def ask(method: str, id: str, resource: Any = None) -> int:
        request = ServiceRequest(
            tenant="essai", method=method, path=f"Questionnaire/{id}", base_url="http://e", resource=resource
        )
        return router.dispatch(engine, request).status

    own = {"resourceType": "Questionnaire", "id": "tddui-questionnaire-serafin", "status": "active"}
    assert ask("PUT", own["id"], own) == 200
    assert ask("DELETE", "dui-chutes") in (200, 204)
    assert publish_questionnaires(store, engine.extractor, engine.host) == 0
