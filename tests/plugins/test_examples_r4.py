"""What a corridor calls valid is valid R4: a server refuses the rest before any rule reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.validation.validator import Validator

PLUGINS = Path(__file__).parents[2] / "plugins"
EXAMPLES = sorted([*PLUGINS.glob("*/examples/valid/*.json"), *PLUGINS.glob("*/examples/warning/*.json")])
VALIDATOR = Validator()


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda p: f"{p.parents[2].name}/{p.name}")
def test_example__accepted_by_the_rules__has_no_fault_of_r4(file: Path) -> None:
    example: Any = json.loads(file.read_text(encoding="utf-8"))
    # a Bundle here is only a bag of resources: its own rules say nothing
    resources = (
        [e["resource"] for e in example.get("entry", ()) if "resource" in e]
        if example["resourceType"] == "Bundle"
        else [example]
    )

    faults = [(r["resourceType"], i.id, i.diagnostics) for r in resources for i in VALIDATOR.base(r) if i.blocking]

    assert faults == []
