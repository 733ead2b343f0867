"""``/docs`` in a real browser: Chromium without a window, driven through its DevTools pipe, where it is installed.

``DUI_FHIR_TEST_BROWSER`` names another Chromium; ``DUI_FHIR_TEST_SCREENSHOTS`` a folder that receives what the tests see.
"""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from dui_fhir.app import build_engine, create_app
from dui_fhir.settings import Settings

pytestmark = pytest.mark.e2e

Page = Callable[[str], Any]
WAIT_S = 20.0
CHROMIUM = os.environ.get("DUI_FHIR_TEST_BROWSER") or next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


# Chromium reads commands on descriptor 3 and answers on 4
_ON_PIPE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """One page of a Chromium, by the DevTools protocol over a pipe (fd 3 in, fd 4 out, messages ended by NUL)."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        near, self._write = os.pipe()
        self._read, answer_write = os.pipe()
        command_read, far = (fcntl.fcntl(d, fcntl.F_DUPFD, 10) for d in (near, answer_write))
        arguments = [
            "--headless=new",
            "--no-sandbox",  # the tests may run as root in a container
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            "--window-size=1280,900",
            f"--user-data-dir={profile}",
            "about:blank",
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_PIPE, str(command_read), str(far), CHROMIUM, *arguments],
            pass_fds=(command_read, far),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for descriptor in (near, command_read, answer_write, far):
            os.close(descriptor)
        self._number, self._rest, self._session = 0, b"", ""
        self.events: list[dict[str, Any]] = []
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._read, 1 << 16)
            assert piece, "the browser went away"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))

    def run(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if value := self.run(expression):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}\n{self.run('document.body.innerText')[:2000]}")

    def press(self, key: str, code: int = 0) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def type(self, selector: str, text: str) -> None:
        """Focus a field and type, as a person would."""
        self.run(f"(() => {{ const f = document.querySelector({json.dumps(selector)}); f.focus(); f.select(); }})()")
        self.send("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """Click in the middle of an element with the mouse."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def screenshot(self, name: str) -> None:
        folder = os.environ.get("DUI_FHIR_TEST_SCREENSHOTS")
        if folder:
            data = self.send("Page.captureScreenshot")["data"]
            Path(folder, f"{name}.png").write_bytes(base64.b64decode(data))

    def faults(self) -> list[str]:
        """Return what the browser complained of: exceptions, refused loads, broken policy."""
        found = [
            e["params"]["exceptionDetails"]["text"] for e in self.events if e.get("method") == "Runtime.exceptionThrown"
        ]
        entries = [e["params"]["entry"] for e in self.events if e.get("method") == "Log.entryAdded"]
        return found + [e["text"] for e in entries if e["level"] == "error" and e["source"] != "network"]

    def requests(self) -> list[str]:
        """Return the addresses asked for."""
        sent = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")]

    def close(self) -> None:
        os.close(self._write)
        self.process.terminate()
        self.process.wait(20)
        os.close(self._read)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the URL of a server over memory, with two people, one of whom tries to be a script."""
    settings = Settings({"store": "memory", "log_level": "ERROR"})
    engine = build_engine(settings)
    app = create_app(settings, engine=engine)
    engine.stores.create("essai")
    for family in ("Dubois", "<img src=x onerror=alert(1)>"):
        patient = {"resourceType": "Patient", "gender": "female", "name": [{"family": family, "given": ["Zoé"]}]}
        answer = app.test_client().post("/t/essai/fhir/Patient", json=patient)
        assert answer.status_code == 201, answer.text
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/t/essai"
    server.shutdown()
    thread.join()
    server.server_close()
    engine.stores.close()


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """The test tells what goes wrong."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium): the page was not tried in a browser")
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Callable[[str], Browser]]:
    """Return a function that opens the page at a type; at the end, nothing was refused and nothing came from elsewhere."""

    def open_at(type: str) -> Browser:
        browser.send("Page.navigate", url="about:blank")
        browser.send("Page.navigate", url=f"{address}/docs#{type}")
        browser.until(f"document.querySelector('#page')?.dataset.type === '{type}'")
        return browser

    browser.events.clear()
    yield open_at
    assert browser.faults() == []
    assert browser.requests() != []
    assert [url for url in browser.requests() if not url.startswith((address, "about:"))] == []


def _first(browser: Browser) -> Any:
    return browser.run("document.querySelector('#types section a')?.dataset.type")


def test_docs__a_french_word_is_typed__finds_the_type_and_enter_opens_it(page: Page, browser: Browser) -> None:
    page("Serveur")
    browser.screenshot("accueil")

    browser.type("#filter", "evaluation rempli")
    browser.until("document.querySelector('#found').textContent === '1 type trouvé'")
    assert _first(browser) == "QuestionnaireResponse"
    browser.press("Enter", 13)
    browser.until("document.querySelector('#page').dataset.type === 'QuestionnaireResponse'")

    assert browser.run("document.querySelector('h1').textContent") == "Évaluation remplieQuestionnaireResponse"
    assert browser.run("document.activeElement.tagName") == "H1"
    assert browser.run("document.querySelector('a[aria-current=page]').dataset.type") == "QuestionnaireResponse"
    browser.screenshot("type")


def test_docs__a_type__shows_interactions_parameters_and_operations(page: Page, browser: Browser) -> None:
    page("DocumentReference")

    methods = browser.run("[...document.querySelectorAll('.method')].map(e => e.textContent)")
    assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(methods)
    row = "[...document.querySelectorAll('tbody tr')].find(r => r.querySelector('th')?.textContent === 'authenticator')"
    cells = browser.run(f"[...{row}.children].map(c => c.textContent)")
    assert cells[:2] == ["authenticator", "reference"]
    assert "DocumentReference.authenticator" in cells[2]
    assert "/DocumentReference/{id}/$sign" in browser.run("document.querySelector('#page').innerText")
    browser.screenshot("parametres")


def test_docs__a_search_is_tried__shows_the_answer_as_text(page: Page, browser: Browser) -> None:
    page("Patient")

    browser.click("button[aria-label='Essayer family']")
    browser.type("#try input[name=value]", "dub")
    assert "family=dub" in browser.run("document.querySelector('#curl').textContent")
    browser.click("#send")
    browser.until("!!document.querySelector('#status')")

    assert browser.run("document.querySelector('#status').textContent").startswith("200")
    bundle = json.loads(browser.run("document.querySelector('#body').textContent"))
    assert [e["resource"]["name"][0]["family"] for e in bundle["entry"]] == ["Dubois"]
    browser.screenshot("essai")

    browser.type("#try input[name=value]", "<img")
    browser.click("#send")
    browser.until("document.querySelector('#body')?.textContent.includes('onerror')")
    assert browser.run("document.querySelectorAll('#page img').length") == 0


def test_docs__pages_xml_and_errors__can_be_tried_too(page: Page, browser: Browser) -> None:
    page("Patient")

    browser.click("button[aria-label='Essayer gender']")
    browser.type("#try input[name=value]", "")
    browser.type("#try input[name=name]", "_count")
    browser.type("#try input[name=value]", "1")
    browser.click("#send")
    browser.until("[...document.querySelectorAll('#result button')].some(b => b.textContent === 'Page suivante')")
    first = browser.run("document.querySelector('#body').textContent")
    browser.click("#result button")
    browser.until(
        f"document.querySelector('#body') && document.querySelector('#body').textContent !== {json.dumps(first)}"
    )
    assert "searchset" in browser.run("document.querySelector('#body').textContent")

    browser.run(
        "(() => { const s = document.querySelector('#accept'); s.selectedIndex = 1; s.dispatchEvent(new Event('input')); })()"
    )
    browser.click("#send")
    browser.until("document.querySelector('#body')?.textContent.startsWith('<?xml')")

    browser.type("#try input[name=name]", "nmae")
    browser.click("#send")
    browser.until("document.querySelector('#status')?.textContent.startsWith('400')")
    assert "search-unknown-parameter" in browser.run("document.querySelector('#body').textContent")


def test_docs__every_control__has_a_name_and_the_page_a_language(page: Page, browser: Browser) -> None:
    page("CarePlan")
    browser.click("#add")

    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "link", "textbox", "searchbox", "combobox", "checkbox"}
    told = [n for n in nodes if not n.get("ignored") and n.get("role", {}).get("value") in roles]
    assert len(told) > 150
    assert [n for n in told if not n.get("name", {}).get("value")] == []
    assert browser.run("document.documentElement.lang") == "fr"
    assert browser.run("document.querySelectorAll('h1').length") == 1
    ids = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_docs__narrow_and_dark__fits_the_width(page: Page, browser: Browser) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False)
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page("Goal")
    browser.screenshot("etroit")
    width = browser.run("document.documentElement.scrollWidth")
    browser.send("Emulation.clearDeviceMetricsOverride")
    browser.send("Emulation.setEmulatedMedia", features=[])

    assert width <= 390
