"""``/indicateurs`` in a real browser: curves, table, keyboard, print, and a structure where there is nobody."""

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from dui_fhir.app import build_engine, create_app
from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.structure import Structure
from dui_fhir.service.structures import register
from dui_fhir.settings import Settings
from dui_fhir.store.memory import MemoryStores

pytestmark = pytest.mark.e2e

FINESS, EMPTY = "330785001", "330785002"
DAY_MS = 86_400_000
OCTOBER_MS = 1_791_849_600_000  # 2026-10-13
STAY = "https://identifiant-medicosocial-sejour.esante.gouv.fr"


def _docs_page() -> Any:
    spec = importlib.util.spec_from_file_location("docs_page", Path(__file__).with_name("test_docs_page.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOCS = _docs_page()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the URL of a server over memory: eight residents since the spring, documents sent more and more."""
    clock = FixedClock(OCTOBER_MS - 240 * DAY_MS)
    engine = build_engine(Settings({"store": "memory", "log_level": "ERROR"}), clock=clock, stores=MemoryStores(clock))
    app = create_app(engine.settings, engine=engine)
    store = engine.stores.create("essai")
    for number, name in ((FINESS, "EHPAD <Les Tilleuls>"), (EMPTY, "EHPAD vide")):
        structure = Structure(finess=number, category="500", name=name, address="1 rue", corridors=("pa",))
        register(store, structure, engine.extractor)
    engine.structures.forget("essai")
    client = app.test_client()
    for n in range(8):
        _put(client, {"resourceType": "Patient", "id": f"p{n}"})
        _put(client, _stay(n))
    for month in range(8):
        clock.advance(days=30)
        for n in range(month + 1):
            _put(client, _sent(f"m{month}-{n}", n, clock))
            _put(
                client,
                {
                    "resourceType": "Communication",
                    "id": f"c{month}-{n}",
                    "status": "completed",
                    "subject": {"reference": f"Patient/p{n}"},
                },
            )
    clock.advance(days=30)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=DOCS._Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/t/essai"
    server.shutdown()
    thread.join()
    server.server_close()
    engine.stores.close()


def _put(client: Any, resource: dict[str, Any]) -> None:
    answer = client.put(f"/t/essai/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text


def _stay(n: int) -> dict[str, Any]:
    return {
        "resourceType": "Encounter", "id": f"s{n}", "status": "in-progress", "subject": {"reference": f"Patient/p{n}"},
        "identifier": [{"system": STAY, "value": f"3{FINESS}/1-SEJOUR-{n}"}], "period": {"start": "2026-03-01"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "serviceProvider": {"reference": f"Organization/finess-{FINESS}"},
    }  # fmt: skip


def _sent(id: str, n: int, clock: FixedClock) -> dict[str, Any]:
    from dui_fhir.domain.dates import instant

    return {
        "resourceType": "Task", "id": id, "status": "completed", "intent": "order", "for": {"reference": f"Patient/p{n}"},
        "code": {"coding": [{"system": "urn:dui-fhir:task-code", "code": "dmp-submit"}]}, "lastModified": instant(clock.ms),
    }  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if DOCS.CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium): the page was not tried in a browser")
    opened = DOCS.Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Return a function that opens the page; at the end, nothing was refused and nothing came from elsewhere."""

    def opened(query: str = "") -> Any:
        browser.send("Page.navigate", url="about:blank")
        browser.send("Page.navigate", url=f"{address}/indicateurs{query}")
        browser.until("document.readyState === 'complete' && !!document.querySelector('main')")
        return browser

    browser.events.clear()
    yield opened
    assert browser.faults() == []
    assert [url for url in browser.requests() if not url.startswith((address, "about:"))] == []


def test_page__structure_with_people__one_curve_and_one_table_each(page: Any, browser: Any) -> None:
    page("?duree=6&mois=2026-10")
    browser.screenshot("indicateurs")

    titles = browser.run("[...document.querySelectorAll('h2')].map(e => e.textContent)")
    assert "Taux d'utilisation du DMP" in titles
    assert len(titles) == len(set(titles)) >= 10
    assert browser.run("document.querySelector('h1').textContent") == "Indicateurs — EHPAD <Les Tilleuls>"
    card = "document.querySelector('section[aria-labelledby=esms-2]')"
    assert browser.run(f"{card}.querySelectorAll('circle').length") == 6
    assert browser.run(f"{card}.querySelectorAll('tbody tr').length") == 6
    assert "cible 70 %" in browser.run(f"{card}.querySelector('svg').textContent")
    rates = browser.run(f"[...{card}.querySelectorAll('tbody tr')].map(r => r.lastChild.textContent)")
    assert rates[-1].endswith("%")


def test_page__form__by_keyboard_goes_to_another_structure_and_says_that_nobody_is_there(
    page: Any, browser: Any
) -> None:
    page()
    browser.run("document.querySelector('#structure').focus()")
    browser.press("ArrowDown", 40)
    browser.run("document.querySelector('button[type=submit]').focus()")
    browser.press("Enter", 13)
    browser.until("!!document.querySelector('.empty')")
    browser.screenshot("indicateurs-vide")

    assert "Personne n’est accompagné" in browser.run("document.querySelector('.empty').textContent")
    assert browser.run("document.querySelectorAll('svg').length") == 0
    assert f"structure={EMPTY}" in browser.run("location.search")


def test_page__for_assistive_tools__names_language_and_reading_of_the_curves(page: Any, browser: Any) -> None:
    page()

    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    told = [
        n
        for n in nodes
        if not n.get("ignored") and n.get("role", {}).get("value") in {"button", "combobox", "image", "link"}
    ]
    assert len(told) > 10
    assert [n for n in told if not n.get("name", {}).get("value")] == []
    assert browser.run("document.documentElement.lang") == "fr"
    assert browser.run("document.querySelectorAll('h1').length") == 1
    ids = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    assert browser.run(
        "[...document.querySelectorAll('svg')].every(s => s.querySelector('desc').textContent.includes(' : '))"
    )


def test_page__narrow_then_printed__fits_and_leaves_the_form_out(page: Any, browser: Any) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page()
    browser.screenshot("indicateurs-etroit")
    width = browser.run("document.documentElement.scrollWidth")
    browser.send("Emulation.clearDeviceMetricsOverride")
    browser.send("Emulation.setEmulatedMedia", media="print", features=[])
    shown = browser.run("getComputedStyle(document.querySelector('form')).display")
    browser.send("Emulation.setEmulatedMedia", media="", features=[])

    assert width <= 390
    assert shown == "none"


@pytest.mark.parametrize(("query", "status"), [("?structure=339999999", 404), ("?mois=octobre", 400)])
def test_page__wrong_question__is_told(address: str, query: str, status: int) -> None:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{address}/indicateurs{query}")
    caught.value.close()
    assert caught.value.code == status
