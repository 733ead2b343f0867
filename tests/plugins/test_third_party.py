"""A third party's distribution: built, installed beside the server, found by its entry point, silent until named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dui_fhir.plugin_kit import check_folder

SAMPLE = Path(__file__).parent / "sample_distribution"

SCRIPT = """
import sys
from dui_fhir.plugin_host import PluginHost
from dui_fhir.plugin_kit import list_plugins
from dui_fhir.settings import Settings

host = PluginHost.load(Settings({"plugins": sys.argv[1:]}))
print(list_plugins(host))
print(host.corridors_for("381"), host.parameters(None).get("exemple_tiers.notes_max"))
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """A folder in which pip installed the sample, built from a copy, without network."""
    import shutil

    folder = tmp_path_factory.mktemp("tiers")
    copy = shutil.copytree(SAMPLE, folder / "source")
    place = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(place), str(copy)], check=True, timeout=120
    )
    return place


def _run(target, *plugins):
    environment = {**os.environ, "PYTHONPATH": str(target)}
    command = [sys.executable, "-c", SCRIPT, *plugins]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


def test_sample__named_in_the_settings__is_loaded(target) -> None:
    out = _run(target, "exemple_tiers")

    assert "exemple_tiers  MS1" in out
    assert "2 (S 2)" in out
    assert "('exemple_tiers',) 2" in out


def test_sample__installed_only__stays_silent(target) -> None:
    out = _run(target)

    assert "exemple_tiers" not in out
    assert "() None" in out


def test_sample__its_files__are_in_the_installed_package(target) -> None:
    installed = {p.relative_to(target).as_posix() for p in (target / "exemple_tiers").rglob("*.json")}
    source = {p.relative_to(SAMPLE).as_posix() for p in (SAMPLE / "exemple_tiers").rglob("*.json")}

    assert installed == source


def test_sample__checked__has_no_fault() -> None:
    assert check_folder(SAMPLE / "exemple_tiers") == []
