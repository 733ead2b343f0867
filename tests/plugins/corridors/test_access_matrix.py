"""The habilitation matrices: scopes, who writes safety data, the field's questions, break-glass, one vocabulary of roles."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.plugin_host import PluginHost

ROOT = Path(__file__).parents[3]
PLUGINS = ROOT / "plugins"
CORRIDORS = ("pa", "ph", "dom", "pde", "pds", "ahi", "pjm")
SAFETY = "SEC"
CARE = frozenset({"medecin", "idec", "ide"})
OUTSIDE = frozenset(
    {"usager", "personne-confiance", "representant-legal", "aidant", "mjpm", "siao", "prefecture", "dpo", "comptable",
     "admin-technique"}
)  # fmt: skip
"""Roles of nobody in the care team."""

Cells = Mapping[tuple[str, str], str]


def rows_of(plugin: str) -> list[dict[str, Any]]:
    return json.loads((PLUGINS / plugin / "access.json").read_text(encoding="utf-8"))


def cells_of(plugin: str) -> Cells:
    return {(row["role"], row["category"]): row["rights"] for row in rows_of(plugin)}


SCOPES = {
    "chef-service": "structure", "directeur": "structure", "secretaire": "structure", "responsable-secteur": "structure",
    "secretaire-medicale": "structure", "comptable": "structure", "dpo": "structure", "admin-technique": "structure",
    "usager": "self", "representant-legal": "mandate", "personne-confiance": "mandate", "mjpm": "mandate",
    "delegue-mjpm": "mandate", "siao": "service-ext", "prefecture": "service-ext",
}  # fmt: skip


@pytest.mark.parametrize("plugin", ["commun", *CORRIDORS])
def test_matrix__scope__one_for_each_role(plugin: str) -> None:
    assert {(r["role"], r["scope"]) for r in rows_of(plugin)} == {
        (r["role"], SCOPES.get(r["role"], "careteam")) for r in rows_of(plugin)
    }


@pytest.mark.parametrize("corridor", CORRIDORS)
def test_safety_data__whole_care_team_reads_and_those_who_answer_for_them_write(corridor: str) -> None:
    cells = cells_of(corridor)
    team = {role for role, _ in cells} - OUTSIDE
    assert {role for role in team if "R" not in cells.get((role, SAFETY), "")} == set()
    writers = {role for role in team if "W" in cells[role, SAFETY]}
    assert writers == ({"delegue-mjpm"} if corridor == "pjm" else CARE & team)
    assert cells["usager", SAFETY] == "R"
    assert {role for role in OUTSIDE - {"usager"} if (role, SAFETY) in cells} == set()


@pytest.mark.parametrize(
    ("corridor", "role", "category", "letter", "allowed"),
    [
        ("pa", "aide-soignant", "NUR", "W", True), ("pde", "educateur", "MED", "R", False),
        ("pde", "assistant-familial", "PDE", "W", True), ("pde", "assistant-familial", "PDE", "R", False),
        ("dom", "intervenant-domicile", "MED", "R", False), ("pds", "directeur", "TRM", "R", False),
        ("ahi", "medecin", "MED", "D", False), ("dom", "idec", "GRD", "D", True), ("pa", "personne-confiance", "MED", "R", False),
        ("pde", "usager", "PDE", "R", False), ("pa", "dpo", "AUD", "R", True), ("pa", "dpo", "SOC", "R", False),
        ("ahi", "secretaire", "SOC", "R", False),
    ],
)  # fmt: skip
def test_matrix__question_of_the_field__answer(
    corridor: str, role: str, category: str, letter: str, allowed: bool
) -> None:
    assert (letter in cells_of(corridor).get((role, category), "")) is allowed


def test_break_glass__never_opens_child_protection_harm_reduction_traces_or_rights(corridors: PluginHost) -> None:
    parameters = corridors.parameters()
    assert set(parameters["commun.bris_glace_roles"]) == CARE
    assert {"PDE", "RDR", "AUD", "HAB"} <= set(parameters["commun.bris_glace_categories_exclues"])
    assert parameters["commun.bris_glace_minutes"] == 60


def test_roles__signers_of_documents_and_targets_of_transmissions__are_roles_of_the_matrices(
    corridors: PluginHost,
) -> None:
    known = {row["role"] for plugin in ("commun", *CORRIDORS) for row in rows_of(plugin)}
    assert set(corridors.parameters()["commun.roles_cibles"]) == known
    unknown = {
        (plugin.id, document.id, signer)
        for plugin in corridors.plugins
        for document in plugin.documents
        for signer in document.signers
        if signer not in (known if plugin.id == "commun" else {role for role, _ in cells_of(plugin.id)})
    }
    # received in PDS, an adult may have a tutor, who signs his project: the guide's matrix gives him no reading there
    assert unknown <= {("pds", "ppa", "representant-legal")}
