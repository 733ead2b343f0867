"""Three independent verdicts on the same resources: this engine, the R4B models of fhir.resources, and the JSON Schema of
R4 through jsonschema; each difference explained (docs/validation.md).

The schema is not ours to ship: ``tests/house/json_schema.py`` brings it to ``.cache/fhir`` where a registry is reachable.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft6Validator
from jsonschema.validators import extend

from dui_fhir.definitions.models import model
from dui_fhir.domain import json
from dui_fhir.validation.validator import Validator

SHARED = Path(__file__).parents[2] / "../shared/reference"
CASES = SHARED / "fhir-test-cases/validator"
SCHEMAS = (Path(__file__).parents[2] / ".cache/fhir/fhir.schema.json", SHARED / "fhir/r4/fhir.schema.json")
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
HERE_NOT_SCHEMA = {
    "validation-full-url": "a schema cannot compare fullUrl and id",
    "validation-ref-1": "a schema does not follow references to contained resources",
    "validation-invariant": "a schema has no invariants",
    "validation-missing": "the schema requires no primitive element (name, status, url), since a companion may stand for it",
    "validation-value": "the schema does not decode base64",
    "validation-attachment-size": "a schema does not measure attachments",
    "validation-dom-3": "a schema does not look for contained resources that nothing cites",
    "validation-dom-4": "a schema does not judge the version of contained resources",
    "validation-code": "the schema takes any text as a MIME type",
    "validation-bundle-link": "a schema cannot compare the links of a bundle",
    "validation-narrative": "the schema takes any text as XHTML",
}
SCHEMA_ONLY = {
    "StructureDefinition-Slice23-original.json": "the schema is of 4.0.0 and does not know the version 4.0.1"
}


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


def _schema_accepts() -> Callable[[dict[str, Any]], bool | None]:
    """Return the verdict of the JSON Schema, None for a type it does not have."""
    file = next((f for f in SCHEMAS if f.exists()), None)
    if file is None:
        pytest.skip("no JSON Schema of R4 at hand: run tests/house/json_schema.py where a registry is reachable")
    definitions = json.loads(file.read_bytes())["definitions"]
    # 140 alternatives told apart by a constant: the one of that constant alone is tried, which is the same and far quicker
    definitions["ResourceList"] = {"dui-resource": True}

    def one(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        type = instance.get("resourceType") if isinstance(instance, dict) else None
        chosen = {"$ref": f"#/definitions/{type}"} if type in definitions else False
        yield from validator.descend(instance, chosen)

    judge = extend(Draft6Validator, {"dui-resource": one})(
        {"definitions": definitions, "allOf": [{"dui-resource": True}]}
    )
    return lambda resource: judge.is_valid(resource) if resource["resourceType"] in definitions else None


def _compared(
    theirs: Callable[[dict[str, Any]], bool | None], here_only: dict[str, str], theirs_only: dict[str, str]
) -> tuple[Counter[str], list[str]]:
    """Return how often the two verdicts agree, and the differences that no reason explains."""
    validator = Validator()
    tally: Counter[str] = Counter()
    unexplained = []
    for name, resource in _resources():
        accepted = theirs(resource)
        blocking = {i.id for i in validator.base(resource) if i.blocking}
        if accepted is None:
            tally["no verdict"] += 1
        elif accepted is not bool(blocking):
            tally["same"] += 1
        elif accepted:
            tally["refused here only"] += 1
            unexplained += [f"{name}: {sorted(blocking)}"] if not blocking <= here_only.keys() else []
        else:
            tally["refused there only"] += 1
            unexplained += [name] if name not in theirs_only else []
    return tally, unexplained


def test_verdicts__engine_and_models__differ_only_for_known_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES.exists():
        pytest.skip("the official cases are not beside the repository")
    tally, unexplained = _compared(_model_accepts, OURS_ONLY, MODELS_ONLY)
    with capsys.disabled():
        print(f"\nverdicts, engine and R4B models: {dict(tally)}")
    assert unexplained == []


def test_verdicts__engine_and_json_schema__differ_only_for_known_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES.exists():
        pytest.skip("the official cases are not beside the repository")
    tally, unexplained = _compared(_schema_accepts(), HERE_NOT_SCHEMA, SCHEMA_ONLY)
    with capsys.disabled():
        print(f"\nverdicts, engine and JSON Schema: {dict(tally)}")
    assert unexplained == []
