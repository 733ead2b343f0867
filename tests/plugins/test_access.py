"""The habilitation matrices: as the guide gives them (beside the project), with the safety data of decision D21."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
GUIDE = Path(__file__).parents[2] / "../shared/guides/domain/habilitations.md"
CORRIDORS = sorted(f.parent.name for f in PLUGINS.glob("*/access.json") if f.parent.name != "commun")
SAFETY = "SEC"
NOT_CARERS = {"secretaire", "dpo", "admin-technique", "comptable", "prefecture", "siao", "aidant"}
"""Roles that do without safety data."""


@cache
def rights(id: str) -> dict[tuple[str, str], str]:
    rows = json.loads((PLUGINS / id / "access.json").read_text(encoding="utf-8"))
    return {(row["role"], row["category"]): row["rights"] for row in rows}


def tables() -> dict[str, dict[tuple[str, str], str]]:
    """Return the matrices of the guide, by corridor."""
    found = {}
    text = GUIDE.read_text(encoding="utf-8").split("\n## 4.")[1].split("\n## 5")[0]
    for part in text.split("\n### 4.")[1:]:
        corridor = re.match(r"\d+ ([A-Z]+)", part)[1].lower()
        lines = [line for line in part.splitlines() if line.startswith("|")]
        head, *rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("|---")
        ]
        found[corridor] = {
            (row[0].replace("_", "-"), category): cell
            for row in rows
            for category, cell in zip(head[1:], row[1:], strict=True)
            if cell
        }
    return found


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide of habilitations (../shared) is not beside the project")
@pytest.mark.parametrize("corridor", CORRIDORS)
def test_matrix__of_each_corridor__is_that_of_the_guide_cell_by_cell(corridor: str) -> None:
    ours = {key: value for key, value in rights(corridor).items() if key[1] != SAFETY}
    assert ours == tables()[corridor]


@pytest.mark.parametrize("corridor", CORRIDORS)
def test_safety_data__whoever_reads_care_or_transmissions__reads_them(corridor: str) -> None:
    roles = {role for role, category in rights(corridor) if category in ("TRM", "NUR", "MED")} - NOT_CARERS
    lacking = {role for role in roles if "R" not in rights(corridor).get((role, SAFETY), "")}
    assert lacking <= {"representant-legal", "personne-confiance", "mjpm"}


@pytest.mark.parametrize("corridor", CORRIDORS)
def test_trunk__what_it_gives__every_corridor_that_has_the_role_gives_too(corridor: str) -> None:
    roles = {role for role, _ in rights(corridor)}
    for (role, category), given in rights("commun").items():
        if role in roles:
            assert set(given) <= set(rights(corridor).get((role, category), "")), (role, category)
