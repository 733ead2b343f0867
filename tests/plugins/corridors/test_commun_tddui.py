"""Every published TDDUI example is stored: what the rules remark on each (decision D7).

Source: TDDUI 2.4.0-ballot, examples; structures of category 500 with the corridors PA and DOM.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.change import Change
from dui_fhir.domain.context import Context
from dui_fhir.domain.issues import Issue
from dui_fhir.plugin_host import PluginHost

EXAMPLES = Path(__file__).parents[3] / "../shared/reference/fhir/tddui-2.4.0-ballot/examples"
FILES = sorted(f.name for f in EXAMPLES.glob("*.json") if not f.name.startswith("Bundle"))

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs ../shared")

REMARKS = {
    "CarePlan-tddui-pp-pa-careplan-example.json": {"COM-19"},
    "Encounter-tddui-encounter-sejour-example.json": {"PA-06"},
    "Goal-tddui-pp-pa-goal-objectif-1-example.json": {"COM-20"},
    "Goal-tddui-pp-pa-goal-objectif-2-example.json": {"COM-20"},
    "Goal-tddui-pp-pa-goal-objectif-3-example.json": {"COM-20"},
    "Patient-tddui-patient-ins-example.json": {"COM-02", "COM-39"},
    "Practitioner-tddui-pp-pa-practitioner-ide-example.json": {"COM-37"},
    "QuestionnaireResponse-tddui-pp-pa-questionnaire-response-aggir-pa-example.json": {"PA-13", "DOM-16"},
}
"""What each example lacks when written alone; all the others give rise to no remark."""


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES / name).read_text())
    return content


@pytest.mark.parametrize("name", FILES)
def test_published_example__written_alone__stored_with_its_remarks(
    name: str, write: Callable[..., tuple[Issue, ...]]
) -> None:
    issues = write(load(name), active=("pa", "dom"))
    assert not [i for i in issues if i.blocking]
    assert {i.id for i in issues} == REMARKS.get(name, set())


def test_published_bundle__written_whole__stored_with_its_remarks(
    corridors: PluginHost, context_of: Callable[..., Context]
) -> None:
    resources = [e["resource"] for e in load("Bundle-tddui-pp-pa-bundle-example.json")["entry"]]
    siblings = {f"{r['resourceType']}/{r['id']}": r for r in resources}
    found: list[tuple[str, str]] = []
    for r in resources:
        change = Change(interaction="create", type=r["resourceType"], id=r["id"], after=r, siblings=siblings)
        found += _remarks(corridors.check(change, context_of(active=("pa", "dom"))))
    # the expectations (attentes) of the Bundle show the person's part: COM-19 has nothing to say
    assert sorted(found) == [("COM-20", "warning")] * 3 + [(id, "warning") for id in ("COM-37", "DOM-16", "PA-13")]


def _remarks(issues: Sequence[Issue]) -> list[tuple[str, str]]:
    return [(i.id, i.severity) for i in issues]
