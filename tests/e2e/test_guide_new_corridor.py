"""docs/fr/ajouter-un-couloir.md, followed word for word: commands and files come from the guide, nothing is added.

Only the place differs: another folder, a free port. The lines ``./run cli`` and ``./run serve`` are run as ``dui-fhir``.
"""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

GUIDE = Path(__file__).parents[2] / "docs/fr/ajouter-un-couloir.md"
WALK_ENDS = "## 8."
FENCE = re.compile(r"(?:^`([^`\n]+)` :\n\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> Iterator[tuple[str, str, str]]:
    """Yield ``(kind, file named before, content)`` of each block, in order."""
    walk = GUIDE.read_text(encoding="utf-8").split(WALK_ENDS)[0]
    for name, kind, content in FENCE.findall(walk):
        yield kind, name, content.rstrip("\n")


class Walk:
    """Someone at a terminal in an empty folder."""

    def __init__(self, folder: Path, make_server: Callable[..., Any]) -> None:
        self.folder, self._make_server = folder, make_server
        self.server: Any = None
        self.output = ""
        self.answer: httpx.Response | None = None
        self.done: list[str] = []

    def file(self, name: str, content: str) -> None:
        json.loads(content)
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(content, encoding="utf-8")

    def run(self, line: str) -> None:
        words = shlex.split(line)
        self.done.append(words[0] if words[0] != "./run" else " ".join(words[1:4]))
        if words[0] == "rm":
            for name in words[1:]:
                (self.folder / name).unlink()
        elif words[0] == "curl":
            self.answer = self._curl(words[1:])
        elif words[:2] == ["./run", "serve"]:
            arguments = [str(self.folder / w) if w.startswith("plugins/") else w for w in words[2:]]
            self.server = self._make_server(*arguments).start()
        elif words[:2] == ["./run", "cli"]:
            command = [sys.executable, "-m", "dui_fhir.cli", *words[2:]]
            ran = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
            self.output = ran.stdout
        else:
            raise AssertionError(f"the guide asks for what this test does not do: {line}")

    def _curl(self, words: list[str]) -> httpx.Response:
        given: dict[str, str] = {}
        while words:
            word = words.pop(0)
            if word in ("-X", "-H", "-d"):
                given[word] = words.pop(0)
            elif word != "-i":
                given["url"] = word
        body = given["-d"]
        content = (self.folder / body[1:]).read_text(encoding="utf-8") if body.startswith("@") else body
        name, _, value = given["-H"].partition(": ")
        path = re.sub(r"^http://127\.0\.0\.1:8080", "", given["url"])
        answer: httpx.Response = self.server.client.request(
            given["-X"], path, content=content.encode(), headers={name: value}
        )
        return answer


@pytest.fixture
def walk(tmp_path: Path, make_server: Callable[..., Any]) -> Walk:
    # the server of the fixture keeps its data in tmp_path/data, where `tenant add` without --data puts them too
    return Walk(tmp_path, make_server)


def test_guide__followed_word_for_word__ends_with_a_refused_and_an_accepted_resource(walk: Walk) -> None:
    seen: list[int] = []
    for kind, name, content in steps():
        if kind == "json" and name:
            walk.file(name, content)
        elif kind == "sh":
            walk.run(content)
        elif kind == "text":
            assert walk.output.splitlines()[-1] == content
        elif kind == "http":
            assert walk.answer is not None
            status, *shown = content.splitlines()
            assert walk.answer.status_code == int(status.split()[1]), walk.answer.text
            assert [line for line in shown if line not in walk.answer.text] == []
            seen.append(walk.answer.status_code)
    assert seen == [422, 201]
    assert walk.done == [
        "cli plugin new", "rm", "cli plugin check", "cli plugin test", "cli tenant add", "serve --plugin-folder plugins/repit",
        "curl", "curl", "curl", "cli plugin docs",
    ]  # fmt: skip


def test_serve__reload_plugins__takes_a_change_and_keeps_the_former_state_where_it_is_faulty(walk: Walk) -> None:
    for kind, name, content in steps():
        if kind == "json" and name:
            walk.file(name, content)
        elif kind == "sh" and not content.startswith(("curl", "./run serve")):
            walk.run(content)
    walk.run("./run serve --plugin-folder plugins/repit --reload-plugins")
    client = walk.server.client
    client.put("/fhir/Patient/personne-fictive", json={"resourceType": "Patient", "id": "personne-fictive"})
    refused = json.loads((walk.folder / "refuse.json").read_text(encoding="utf-8"))

    def told() -> tuple[int, str]:
        answer = client.post("/fhir/Encounter", json=refused)
        return answer.status_code, answer.json().get("issue", [{}])[0].get("details", {}).get("text", "")

    assert told()[1].startswith("Un séjour de répit")
    rule = walk.folder / "plugins/repit/rules/REPIT-01.schema.json"
    sound = rule.read_text(encoding="utf-8")
    rule.write_text(sound.replace("Un séjour de répit a", "Chaque séjour de répit a"), encoding="utf-8")
    wait_for(lambda: told()[1].startswith("Chaque séjour de répit"), walk.server.log)
    # at once, while the other HTTP processes are being replaced: they read what was checked
    rule.write_text("{", encoding="utf-8")
    wait_for(lambda: "l'état d'avant reste en service" in walk.server.log(), walk.server.log)
    wait_for(lambda: all(told()[1].startswith("Chaque séjour de répit") for _ in range(20)), walk.server.log)
    assert told()[0] == 422
    assert "REPIT-01.schema.json" in walk.server.log()


def wait_for(true: Callable[[], bool], log: Callable[[], str], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except httpx.TransportError:
            pass  # a worker is being replaced
        time.sleep(0.2)
    raise AssertionError(log())
