"""One legal measure, one object: each corridor that speaks of measures reads the same Basic (docs/fr/mesure.md)."""

from collections.abc import Callable
from typing import Any

import pytest

from dui_fhir.domain.issues import Issue

EXT = "urn:dui-fhir:extension:"
COMPLETE = {
    "cadre": ("valueCode", "judiciaire"), "autorite": ("valueString", "Juge fictif"), "dateDecision": ("valueDate", "2025-06-01"),
    "lieuDecision": ("valueString", "Tribunal fictif"), "debut": ("valueDate", "2025-06-01"), "fin": ("valueDate", "2026-05-31"),
    "motifs": ("valueString", "Fictifs"), "contenu": ("valueString", "Fictif"), "portee": ("valueCode", "biens-et-personne"),
}  # fmt: skip


def measure(type: str, **without: None) -> dict[str, Any]:
    concept = {"coding": [{"system": "urn:dui-fhir:mesure", "code": type}]}
    parts = [{"url": name, key: value} for name, (key, value) in COMPLETE.items() if name not in without]
    facts = [{"url": "type", "valueCodeableConcept": concept}, *parts]
    return {"resourceType": "Basic", "id": "m", "subject": {"reference": "Patient/p"},
            "code": {"coding": [{"system": "urn:dui-fhir:objet", "code": "mesure"}]},
            "extension": [{"url": f"{EXT}mesure", "extension": facts}]}  # fmt: skip


@pytest.mark.parametrize("type", ["placement", "aemo", "curatelle-simple", "curatelle-renforcee", "tutelle"])
@pytest.mark.parametrize(("corridor", "category"), [("pde", "177"), ("pjm", "340")])
def test_measure__complete__passes_in_each_corridor(
    type: str, corridor: str, category: str, write: Callable[..., tuple[Issue, ...]]
) -> None:
    assert write(measure(type), active=(corridor,), category=category) == ()


@pytest.mark.parametrize(("corridor", "category", "rule"), [("pde", "177", "PDE-01"), ("pjm", "340", "PJM-01")])
def test_measure__authority_missing__is_refused_by_the_rule_of_each(
    corridor: str, category: str, rule: str, write: Callable[..., tuple[Issue, ...]]
) -> None:
    issues = write(measure("tutelle", autorite=None), active=(corridor,), category=category)
    assert [(i.id, i.severity) for i in issues] == [(rule, "error")]
