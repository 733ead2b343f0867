"""What the processes of a server load before their first request (docs/performance.md, « Démarrage »)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HTTP = """
from dui_fhir.settings import load
from dui_fhir.cli import serve, starting
settings = load(environment={}, flags={"store": "memory", "data_dir": folder, "log_level": "ERROR"})
host = starting.checked(settings)
from dui_fhir import app
app.share(host)
import granian
app.create_app(settings)
"""
WRITER = "import dui_fhir.store.sqlite.writer"
WRITERS_OWN = {"domain", "ports", "search", "settings", "store"}
"""The packages of dui_fhir that the writer knows."""
LOADED = {
    "http": {
        "anyio", "blinker", "click", "cryptography", "flask", "granian", "itsdangerous", "jinja2", "jsonpatch", "jsonpointer",
        "lxml", "markupsafe", "orjson", "pluggy", "werkzeug",
    },
    "writer": {"msgpack", "orjson", "sqlcipher3"},
}  # fmt: skip
"""The third-party packages that each process may load; another one costs time at every start: import it where it is used."""
NEVER = {"connectors", "demo", "jobs", "merging", "plugin_kit", "simulators"}
"""The packages of dui_fhir that serving does not need."""
INSTALLATIONS = {"sitecustomize", "usercustomize"}
"""What an installation of Python may load before any program."""


def _loaded(code: str, folder: Path) -> set[str]:
    ends = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", f"folder = {str(folder)!r}\n{code}{ends}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(ran.stdout))


def _third_party(modules: set[str]) -> set[str]:
    ours = {"dui_fhir", "dui_fhir_plugins", "dui_fhir_profiles"}
    tops = {module.partition(".")[0] for module in modules}
    # what begins with an underscore belongs to an extension module or to the installation
    return {top for top in tops - ours - INSTALLATIONS - sys.stdlib_module_names if not top.startswith(("_", "cython"))}


def _packages(modules: set[str]) -> set[str]:
    return {module.split(".")[1] for module in modules if module.startswith("dui_fhir.")}


@pytest.mark.parametrize(("process", "code"), [("http", HTTP), ("writer", WRITER)])
def test_process__before_its_first_request__loads_nothing_it_can_do_without(
    process: str, code: str, tmp_path: Path
) -> None:
    modules = _loaded(code, tmp_path)

    assert _third_party(modules) - LOADED[process] == set()
    assert _packages(modules) & NEVER == set()
    if process == "writer":
        assert _packages(modules) - WRITERS_OWN == set()
