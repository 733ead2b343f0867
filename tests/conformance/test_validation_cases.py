"""The public validator cases (../shared/reference/fhir-test-cases/validator) against the reference validator's verdict."""

import functools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.definitions.xml import from_xml
from dui_fhir.domain import json
from dui_fhir.domain.errors import BadRequest
from dui_fhir.validation.bindings import Verdict
from dui_fhir.validation.library import Given, Library
from dui_fhir.validation.shipped import core_extensions
from dui_fhir.validation.validator import Validator

CASES = Path(__file__).parents[2] / "../shared/reference/fhir-test-cases/validator"
DOCUMENTED = Path(__file__).parents[2] / "docs/validation.md"
RATE = 0.88


def _cases() -> list[dict[str, Any]]:
    listed = json.loads((CASES / "manifest.json").read_bytes())
    return [c for c in listed if not c.get("options") and not c.get("tx_suspect")]


@functools.cache
def _read(name: str) -> Any:
    data = (CASES / "files" / name).read_bytes()
    data = re.sub(rb'\sxsi:schemaLocation="[^"]*"', b"", data)  # a hint for XML editors
    return from_xml(data) if name.endswith(".xml") else json.loads(data)


class _ValueSets:
    """The value sets that come with a case, where they list their codes."""

    def __init__(self) -> None:
        self.codes: dict[str, set[tuple[str, str]]] = {}

    def add(self, resource: dict[str, Any]) -> None:
        includes = resource.get("compose", {}).get("include", [])
        if all("concept" in i for i in includes):
            pairs = {(i.get("system", ""), c["code"]) for i in includes for c in i["concept"]}
            self.codes[resource["url"]] = pairs

    def validate(self, value_set: str, system: str | None, code: str, display: str | None = None) -> Verdict:
        known = self.codes.get(value_set.partition("|")[0])
        if known is None:
            return "unknown"
        return "valid" if any(c == code and system in (None, s) for s, c in known) else "invalid"


def _surroundings(case: dict[str, Any]) -> tuple[Library, _ValueSets]:
    given, value_sets = Given(), _ValueSets()
    for name in case["supporting"]:
        try:
            resource = _read(name)
        except (BadRequest, ValueError):
            continue
        if resource.get("resourceType") == "StructureDefinition":
            given.add(resource)
        elif resource.get("resourceType") == "ValueSet":
            value_sets.add(resource)
    return Library([given, core_extensions()]), value_sets


def verdict(case: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return ``error`` or ``ok``, and the faults."""
    try:
        resource = _read(case["file"])
    except (BadRequest, ValueError) as error:
        return "error", [str(error)]
    if not isinstance(resource, dict):
        return "error", ["not an object"]
    profiles = [p for p in case["profiles"] if p]
    library, value_sets = _surroundings(case)
    issues = Validator(library, value_sets, unknown_extensions="error").validate(resource, profiles)
    return ("error" if any(i.blocking for i in issues) else "ok"), issues


def test_public_cases__disagreements__are_those_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    """Cases with ``options`` are judged apart: an option changes what the reference validator is asked, and we have few."""
    if not CASES.exists():
        pytest.skip("the official cases are not beside the repository")
    page = DOCUMENTED.read_text()
    listed = json.loads((CASES / "manifest.json").read_bytes())
    apart = [c for c in listed if c.get("options") or c.get("tx_suspect")]
    for cases, heading in (
        (_cases(), "### Désaccords avec le validateur de référence"),
        (apart, "### Cas jugés à part"),
    ):
        section = page.split(heading, 1)[1].split("\n#", 1)[0]
        documented = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
        found = {c["name"] for c in cases if verdict(c)[0] != c["expected"]}
        with capsys.disabled():
            print(f"\n{heading[4:]}: {len(cases) - len(found)} of {len(cases)} agree")
        assert found == documented


@pytest.mark.parametrize("format", ["json", "xml"])
def test_public_cases__verdicts__agree_with_the_reference(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES.exists():
        pytest.skip("the official cases are not beside the repository")
    cases = [c for c in _cases() if c["file"].endswith(format)]
    agreed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for case in cases:
        total[case["expected"]] += 1
        agreed[case["expected"]] += verdict(case)[0] == case["expected"]
    rates = {kind: agreed[kind] / total[kind] for kind in total}
    balanced = sum(rates.values()) / len(rates)
    with capsys.disabled():
        print(f"\n{format}: faulty {rates['error']:.1%} of {total['error']}, valid {rates['ok']:.1%} of {total['ok']}")
        print(f"balanced agreement {balanced:.1%}")
    assert balanced >= RATE
