"""A corridor taken out of the settings takes its own with it, and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.plugin_host import PluginHost
from dui_fhir.settings import Settings

CORRIDORS = sorted(f.parent.name for f in (Path(__file__).parents[2] / "plugins").glob("*/plugin.json"))
REMOVABLE = [c for c in CORRIDORS if c != "commun"]
PARTS: dict[str, Callable[[PluginHost], set[tuple[str, Any]]]] = {
    "rules": lambda h: {(r.plugin, r) for r in h.rules()},
    "clock rules": lambda h: {(h.rule(c.id).plugin, c.id) for c in h.clock_rules(REMOVABLE)},
    "documents": lambda h: {(d.plugin, d.id) for d in h.documents(REMOVABLE)},
    "access": lambda h: {(plugin, str(right)) for plugin, right in h.access_rules()},
    "indicators": lambda h: {(plugin, str(indicator)) for plugin, indicator in h.indicators()},
    "definitions": lambda h: {("", str(d)) for d in h.definitions()},
    "categories": lambda h: {(p.id, c) for p in h.plugins for c in p.categories},
}


def host(plugins: list[str]) -> PluginHost:
    return PluginHost.load(Settings({"plugins": plugins}))


@pytest.fixture(scope="module")
def whole() -> PluginHost:
    return host(CORRIDORS)


@pytest.mark.parametrize("gone", REMOVABLE)
def test_corridor__removed_from_the_settings__takes_its_own_and_nothing_else(gone: str, whole: PluginHost) -> None:
    left = host([c for c in CORRIDORS if c != gone])
    assert gone not in {p.id for p in left.plugins}
    for name, part in PARTS.items():
        before, after = part(whole), part(left)
        assert after <= before, name
        assert {plugin for plugin, _ in before - after} <= {gone, ""}, name
        assert gone not in {plugin for plugin, _ in after}, name
    assert {r for r in whole.rules() if r.plugin == gone}


@pytest.mark.parametrize("gone", REMOVABLE)
def test_corridor__removed__its_parameters_go_and_those_of_others_stay(gone: str, whole: PluginHost) -> None:
    left = host([c for c in CORRIDORS if c != gone])
    before, after = whole.parameters(None), left.parameters(None)
    assert set(before) - set(after) == {name for name in before if name.startswith(f"{gone}.")}
    assert {name: before[name] for name in after} == after


def test_trunk__not_named_in_the_settings__is_in_force_all_the_same() -> None:
    assert "commun" in {p.id for p in host(["pa"]).plugins}
