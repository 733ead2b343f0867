"""Snapshots made from differentials, against those published with FR Core and the ANS guides."""

from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain import json
from dui_fhir.validation.library import Given, Library
from dui_fhir.validation.shipped import core_extensions
from dui_fhir.validation.snapshot import snapshot

SHARED = Path(__file__).parents[2] / "../shared/reference/fhir"
GUIDES = ("fr-core-2.1.0", "fr-core-2.2.0", "annuaire", "cercle-de-soins")


def _structures(guide: str) -> list[dict[str, Any]]:
    files = sorted((SHARED / guide).glob("StructureDefinition-*.json"))
    return [json.loads(f.read_bytes()) for f in files]


def _differences(structure: dict[str, Any], library: Library) -> list[str]:
    """The elements that the differential names, as the published snapshot has them and as ours does."""
    try:
        ours = {r["id"]: r for r in snapshot(structure, library)}
    except LookupError:
        return []
    found = []
    published = {e["id"]: e for e in structure["snapshot"]["element"]}
    for element in structure["differential"]["element"]:
        row, theirs = ours.get(element["id"]), published.get(element["id"])
        if theirs is None:
            continue
        if row is None:
            found.append(f"{element['id']} is missing")
        elif (row.get("min"), row.get("max")) != (theirs["min"], theirs["max"]):
            found.append(f"{element['id']}: {row.get('min')}..{row.get('max')} for {theirs['min']}..{theirs['max']}")
    return found


def test_snapshots__of_published_guides__have_their_elements_and_cardinalities(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not SHARED.exists():
        pytest.skip("the published guides are not beside the repository")
    compared, different = 0, []
    for guide in GUIDES:
        structures = _structures(guide)
        library = Library([Given(structures), Given(_structures("fr-core-2.1.0")), core_extensions()])
        for structure in structures:
            compared += len(structure["differential"]["element"])
            different += [f"{structure['name']} {d}" for d in _differences(structure, library)]
    with capsys.disabled():
        print(f"\nsnapshots: {compared - len(different)}/{compared} elements of differentials as published")
    assert len(different) <= compared * 0.02, different
