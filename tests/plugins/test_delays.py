"""The examples of delays of every corridor: the day before, on the day, the day after; none of its periodic rules without one."""

from functools import cache
from pathlib import Path

import pytest

from dui_fhir.plugin_host import PluginHost
from dui_fhir.plugin_kit.delays import delay_faults, delays_of
from dui_fhir.plugin_kit.mutants import host_of, plugin_of

PLUGINS = Path(__file__).parents[2] / "plugins"
FOLDERS = sorted(manifest.parent for manifest in PLUGINS.glob("*/plugin.json"))


@cache
def host(id: str) -> PluginHost:
    return host_of(PLUGINS / id)


EXAMPLES = [(f.name, example) for f in FOLDERS for example in delays_of(plugin_of(host(f.name), f.name))]


@pytest.mark.parametrize(("id", "example"), EXAMPLES, ids=lambda v: getattr(v, "name", v))
def test_delay__day_before_on_and_after__the_task_opens_the_day_after(id, example) -> None:
    assert list(delay_faults(example, plugin_of(host(id), id), host(id))) == []


@pytest.mark.parametrize("id", [f.name for f in FOLDERS])
def test_periodic_rules__each__has_an_example_with_a_day(id) -> None:
    plugin = plugin_of(host(id), id)
    run = {rule.id for rule in host(id).clock_rules((id,))} & {rule.id for rule in plugin.rules}
    shown = {example.rule.id for example in delays_of(plugin) if b'"due": null' not in example.file.read_bytes()}
    assert run == shown
