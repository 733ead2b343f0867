"""Flip the condition of each rule: the examples of its corridor must notice. See :mod:`dui_fhir.plugin_kit.mutants`."""

import shutil
from functools import cache
from pathlib import Path

import pytest

from dui_fhir.plugin_host import PluginHost
from dui_fhir.plugin_kit import mutants
from dui_fhir.plugin_kit.mutants import Mutant

PLUGINS = Path(__file__).parents[2] / "plugins"
FOLDERS = sorted(manifest.parent for manifest in PLUGINS.glob("*/plugin.json"))


@cache
def shipped(id: str) -> PluginHost:
    return mutants.host_of(PLUGINS / id)


def rules_of(id: str):
    return mutants.plugin_of(shipped(id), id).rules


DECLARATIVE = [(folder.name, rule) for folder in FOLDERS for rule in rules_of(folder.name) if rule.form != "python"]


@pytest.mark.parametrize(("id", "rule"), DECLARATIVE, ids=lambda v: getattr(v, "id", v))
def test_declarative_rule__flipped__an_example_it_let_pass_and_one_it_stopped_change(id: str, rule) -> None:
    assert mutants.flipped(shipped(id), id, rule) == (True, True)


@pytest.fixture(scope="session")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mutants")
    for folder in FOLDERS:
        shutil.copytree(folder, root / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


PYTHON = [(folder.name, mutant) for folder in FOLDERS for mutant in mutants.mutants(folder)]


@pytest.mark.parametrize(("id", "mutant"), PYTHON, ids=str)
def test_python_rule__condition_negated__an_example_notices(id: str, mutant: Mutant, copies: Path) -> None:
    assert not mutants.survives(mutant, copies / id)


def test_mutants__python_rules__each_has_one() -> None:
    """A rule whose issue no condition guards, or which is written elsewhere, would escape."""
    guarded = {rule for _, mutant in PYTHON for rule in mutant.rules.split(", ")}
    for folder in FOLDERS:
        for rule in rules_of(folder.name):
            if rule.form == "python" and rule.kind != "P":
                assert rule.id in guarded, rule.id


def test_noticed__unchanged_copies__nothing(copies: Path) -> None:
    for folder in FOLDERS:
        assert not mutants.noticed(mutants.host_of(copies / folder.name), folder.name)
