"""docs/requetes: the files are those of the generator, and the story they tell works, request after request."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dui_fhir.demo import requests

FOLDER = Path(__file__).parents[2] / "docs" / "requetes"
Fhir = Any


@dataclass(frozen=True)
class Request:
    """One request of the ``.http`` file, read as the REST Client reads it."""

    name: str
    expected: frozenset[int]
    method: str
    url: str
    headers: dict[str, str]
    body: str
    kept: dict[str, str]


def _requests(text: str) -> Iterator[Request]:
    for block in text.split("\n### ")[1:]:
        kept = dict(re.findall(r"^@(\w+) = \{\{\w+\.response\.body\.\$\.(.+?)\}\}$", block, flags=re.M))
        lines = [line for line in block.splitlines()[1:] if not line.startswith("@")]
        notes = [line for line in lines if line.startswith("# ")]
        head, _, body = "\n".join(line for line in lines if line not in notes).partition("\n\n")
        first, *headers = head.strip().splitlines()
        method, url = first.split(" ", 1)
        yield Request(
            name=next(n.split()[-1] for n in notes if "@name" in n),
            expected=frozenset(int(s) for s in re.findall(r"\d{3}", notes[0])),
            method=method,
            url=url,
            headers=dict(h.split(": ", 1) for h in headers),
            body=body.strip(),
            kept=kept,
        )


def _filled(text: str, variables: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda m: variables[m[1]], text)


def _at(value: Any, place: str) -> str:
    for key, index in re.findall(r"(\w+)(?:\[(\d+)\])?", place):
        value = value[key][int(index)] if index else value[key]
    return str(value)


def test_files__on_disk__are_what_the_generator_writes() -> None:
    assert {f.name: f.read_text(encoding="utf-8") for f in FOLDER.iterdir() if f.suffix in (".http", ".json")} == (
        requests.files()
    )


def test_story__played_from_the_http_file__each_answer_is_the_one_announced(fhir: Fhir) -> None:
    fhir.structure(requests.FINESS)
    variables = {"base": fhir.url}
    played: dict[str, Any] = {}

    for wanted in _requests((FOLDER / "ppa.http").read_text(encoding="utf-8")):
        headers = {name: _filled(value, variables) for name, value in wanted.headers.items()}
        url = _filled(wanted.url, variables)
        body = _filled(wanted.body, variables).encode() if wanted.body else None
        answer = fhir.call(wanted.method, url, body, headers=headers)
        assert answer.status_code in wanted.expected, (wanted.name, answer.status_code, answer.text[:500])
        variables |= {name: _at(answer.json, place) for name, place in wanted.kept.items()}
        played[wanted.name] = answer

    assert len(played) == len(requests.steps())
    assert played["pdf"].data.startswith(b"%PDF-1.")
    assert played["enXml"].data.startswith(b"<?xml")
    assert "COM-01" in played["envoiRefuse"].text
    assert len(played["dossier"].json["entry"]) == len(json.loads(requests.steps()[1].text or "")["entry"])
    for search in ("objectifs", "actions", "evaluations", "rechercheDiscrete"):
        assert played[search].json["entry"], search
    assert played["envoi"].json["id"] == played["envoiRedemande"].json["id"]
    assert [e["resource"]["meta"]["versionId"] for e in played["versions"].json["entry"]] == ["2", "1"]


def test_postman_and_bruno__every_variable_used__was_set_before() -> None:
    postman, bruno = requests.postman(), requests.bruno()
    texts = {
        "postman": [(json.dumps(i["request"]), "\n".join(i["event"][0]["script"]["exec"])) for i in postman["item"]],
        "bruno": [(json.dumps(i["request"]), i["request"]["script"]["res"]) for i in bruno["items"]],
    }

    for tool, items in texts.items():
        known = {"base"}
        for request, script in items:
            assert set(re.findall(r"\{\{(\w+)\}\}", request)) <= known, tool
            known |= set(re.findall(r"""(?:collectionVariables\.set|setVar)\("(\w+)\"""", script))
        assert known == {"base"} | {name for step in requests.steps() for name in step.keeps}
