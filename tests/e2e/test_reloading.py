"""``serve --reload-plugins``: what was checked is what serves, whatever is saved meanwhile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dui_fhir.cli.reloading import PluginWatch, Snapshot, Snapshots
from dui_fhir.plugin_host.finder import find
from dui_fhir.plugin_kit.scaffold import new_folder
from dui_fhir.settings import Settings

# what an HTTP process does when it starts
LOAD = """
import json
from dui_fhir.plugin_host import PluginHost
from dui_fhir.settings import load
print(json.dumps({p.id: [str(p.folder), p.title] for p in PluginHost.load(load()).plugins}))
"""
# a parent that has loaded one state, takes another and forks
FORK = """
import os, sys
from pathlib import Path
from dui_fhir.cli.reloading import Snapshots
from dui_fhir.plugin_host import PluginHost
from dui_fhir.plugin_host.finder import find
from dui_fhir.settings import load
settings = load()
snapshots = Snapshots(find(settings)[0], Path(sys.argv[1]))
first, second = snapshots.take(), snapshots.take()
with (second.packages / "dui_fhir_plugins/pa/plugin.py").open("a") as code:
    code.write("\\nMARK = 'second'\\n")
for snapshot in (first, second):
    snapshot.enter(settings)
    if os.fork() == 0:
        PluginHost.load(load())
        from dui_fhir_plugins.pa import plugin
        print(getattr(plugin, "MARK", "first"), Path(plugin.__file__).is_relative_to(snapshot.place), flush=True)
        os._exit(0)
    os.wait()
    PluginHost.load(load())
"""


def _run(code: str, *arguments: str, environment: dict[str, str]) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corridor outside of any package."""
    (tmp_path / "plugins").mkdir()
    return new_folder("essai", tmp_path / "plugins")


def _titled(folder: Path, title: str) -> None:
    file = folder / "plugin.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, "title": title}), encoding="utf-8")


def test_look__faulty_file_saved_while_processes_start__they_load_what_was_checked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings({"plugin_folders": [str(folder)], "data_dir": str(tmp_path / "data")})
    snapshots = Snapshots(find(settings)[0], tmp_path / "copies")
    loaded: list[dict[str, list[str]]] = []
    served: list[Snapshot] = []

    def reload(snapshot: Snapshot) -> None:
        (folder / "plugin.json").write_text(
            "{", encoding="utf-8"
        )  # the editor saves before the first process has read anything
        served.append(snapshot)
        loaded.append(json.loads(_run(LOAD, environment={**os.environ, **snapshot.environment(settings)})))

    watch = PluginWatch(snapshots, settings, reload)
    assert watch.look() is False
    _titled(folder, "Titre nouveau")
    assert watch.look() is True

    (found,) = loaded
    assert found["essai"][1] == "Titre nouveau"
    assert {Path(place).is_relative_to(served[0].place) for place, _ in found.values()} == {True}

    assert watch.look() is True
    assert len(served) == 1
    told = capsys.readouterr().err
    assert "l'état d'avant reste en service" in told
    assert "plugin.json" in told
    again = json.loads(_run(LOAD, environment={**os.environ, **served[0].environment(settings)}))
    assert again["essai"][1] == "Titre nouveau"


def test_enter__code_of_an_installed_corridor_changed__the_next_fork_runs_it(tmp_path: Path) -> None:
    environment = {**os.environ, "DUI_FHIR_DATA_DIR": str(tmp_path / "data")}

    assert _run(FORK, str(tmp_path / "copies"), environment=environment).split("\n")[:2] == [
        "first True",
        "second True",
    ]


def test_keep__third_snapshot__removes_the_first(folder: Path, tmp_path: Path) -> None:
    settings = Settings({"plugin_folders": [str(folder)], "data_dir": str(tmp_path / "data")})
    snapshots = Snapshots(find(settings)[0], tmp_path / "copies")
    made = [snapshots.take() for _ in range(3)]
    for snapshot in made:
        snapshots.keep(snapshot)

    assert [snapshot.place.exists() for snapshot in made] == [False, True, True]
