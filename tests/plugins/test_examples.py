"""Every example of every corridor, collected from the folders: nothing to register for a new one."""

from functools import cache
from pathlib import Path

import pytest

from dui_fhir.plugin_host import PluginHost, Source
from dui_fhir.plugin_kit import Example, check_folder, examples_of
from dui_fhir.plugin_kit.checking import example_faults

PLUGINS = Path(__file__).parents[2] / "plugins"
FOLDERS = sorted(manifest.parent for manifest in PLUGINS.glob("*/plugin.json"))


@cache
def _host(id: str) -> PluginHost:
    ids = dict.fromkeys(["commun", id])
    return PluginHost.from_sources([Source(id=i, folder=PLUGINS / i) for i in ids])


def _examples() -> list[tuple[str, Example]]:
    hosts = [(folder.name, _host(folder.name)) for folder in FOLDERS]
    return [(id, example) for id, host in hosts for p in host.plugins if p.id == id for example in examples_of(p)]


@pytest.mark.parametrize(("id", "example"), _examples(), ids=lambda v: getattr(v, "name", v))
def test_example__submitted_to_the_rules__gets_the_answer_of_its_folder(id, example) -> None:
    host = _host(id)
    plugin = next(p for p in host.plugins if p.id == id)

    assert list(example_faults(example, plugin, host)) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_folder__checked_as_an_author_would__has_no_fault(folder) -> None:
    assert check_folder(folder) == []


def test_folders__loaded_all_together__do_not_collide() -> None:
    host = PluginHost.from_sources([Source(id=f.name, folder=f) for f in FOLDERS])

    assert {plugin.id for plugin in host.plugins} == {f.name for f in FOLDERS}
