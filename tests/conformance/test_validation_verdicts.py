"""Independent verdicts on the same resources: this engine, and the R4B models of fhir.resources; each difference explained.

The R4 JSON Schema would be a third: it is not among the definitions at hand, so its verdict is taken when it is there.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.definitions.models import model
from dui_fhir.domain import json
from dui_fhir.validation.validator import Validator

SHARED = Path(__file__).parents[2] / "../shared/reference"
CASES = SHARED / "fhir-test-cases/validator"
SCHEMA = SHARED / "fhir/r4/fhir.schema.json"
OURS_ONLY = {
    "validation-code": "the models do not know the codes of required bindings",
    "validation-ref-1": "the models do not follow references to contained resources",
    "validation-dom-3": "the models do not look for contained resources that nothing cites",
    "validation-dom-4": "the models do not judge the version of contained resources",
    "validation-invariant": "the models have no invariants",
    "validation-narrative": "the models take any text as XHTML",
    "validation-full-url": "the models do not compare fullUrl and id",
    "validation-missing": "cardinalities of R4 that R4B or the models do not have, fullUrl of bundles",
    "validation-attachment-size": "the models do not measure attachments",
    "validation-bundle-link": "the models do not compare the links of a bundle",
    "validation-value": "strings, ids and dates that the models trim or let through",
}
MODELS_ONLY: dict[str, str] = {}


def _resources() -> list[tuple[str, dict[str, Any]]]:
    listed = json.loads((CASES / "manifest.json").read_bytes())
    names = {c["file"] for c in listed if c["file"].endswith(".json")}
    files = [CASES / "files" / n for n in sorted(names)] + sorted((SHARED / "fhir").rglob("examples/*.json"))
    found = []
    for file in files:
        try:
            resource = json.loads(file.read_bytes())
        except ValueError:
            continue
        if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            found.append((file.name, resource))
    return found


def _model_accepts(resource: dict[str, Any]) -> bool | None:
    try:
        cls = model(resource["resourceType"])
    except KeyError:
        return None
    try:
        cls.model_validate(resource)
    except ValueError:
        return False
    return True


def test_verdicts__engine_and_models__differ_only_for_known_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES.exists():
        pytest.skip("the official cases are not beside the repository")
    validator = Validator()
    tally: Counter[str] = Counter()
    unexplained = []
    for name, resource in _resources():
        theirs = _model_accepts(resource)
        blocking = {i.id for i in validator.base(resource) if i.blocking}
        if theirs is None:
            tally["no model"] += 1
        elif theirs is not bool(blocking):
            tally["same verdict"] += 1
        elif theirs:
            tally["refused here only"] += 1
            unexplained += [f"{name}: {sorted(blocking)}"] if not blocking <= OURS_ONLY.keys() else []
        else:
            tally["refused by the model only"] += 1
            unexplained += [f"{name}: model only"] if name not in MODELS_ONLY else []
    with capsys.disabled():
        print(f"\nverdicts: {dict(tally)}; R4 JSON Schema {'at hand' if SCHEMA.exists() else 'not at hand'}")
    assert unexplained == []
