"""``dui-fhir plugin``: the three commands of the guide, and the faults it shows."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from dui_fhir.cli.plugin import command

GUIDE = Path(__file__).parents[2] / "docs/fr/ajouter-un-couloir.md"


@pytest.fixture
def folder(tmp_path):
    result = CliRunner().invoke(command, ["new", "xyz", "--in", str(tmp_path)])
    assert result.exit_code == 0
    assert f"dui-fhir plugin check {tmp_path / 'xyz'}" in result.output
    return tmp_path / "xyz"


def _check(folder):
    return CliRunner().invoke(command, ["check", str(folder)])


def test_check__folder_just_made__no_fault_and_status_zero(folder) -> None:
    result = _check(folder)

    assert result.exit_code == 0
    assert result.output == f"{folder} : aucune faute\n"


def test_check__faults_of_the_guide__are_shown_as_it_says(folder) -> None:
    rules = folder / "rules"
    second = json.loads((rules / "XYZ-01.schema.json").read_text(encoding="utf-8")) | {"$id": "XYZ-02"}
    second["x-dui"]["sevérité"] = "error"
    third = {
        "id": "XYZ-03",
        "title": "Une règle de délai.",
        "resource": "Goal",
        "severity": "error",
        "source": "JUGEMENT",
    }
    (rules / "XYZ-02.schema.json").write_text(json.dumps(second), encoding="utf-8")
    (rules / "XYZ-03.fhirpath.json").write_text(
        json.dumps(third | {"expression": "note.count() < %delai"}), encoding="utf-8"
    )
    (folder / "examples/invalid/XYZ-03-delai.json").write_text("{}", encoding="utf-8")

    result = _check(folder)

    shown = re.findall(r"^  rules/.*$", GUIDE.read_text(encoding="utf-8"), flags=re.M)
    assert len(shown) == 2
    assert result.exit_code == 1
    assert set(shown) <= set(result.output.splitlines())


def test_list__settings_of_the_project__shows_the_trunk_first() -> None:
    result = CliRunner().invoke(command, ["list"])

    assert result.exit_code == 0
    assert result.output.splitlines()[1].startswith("commun ")


def test_list__folder_added__is_shown_last(folder) -> None:
    result = CliRunner().invoke(command, ["list", "--plugin-folder", str(folder)])

    assert result.output.splitlines()[-1].startswith("xyz ")


def test_check__every_path_of_plugins__passes_over_what_is_python_s_own(folder) -> None:
    (folder.parent / "__init__.py").write_text("", encoding="utf-8")
    (folder.parent / "__pycache__").mkdir()

    result = CliRunner().invoke(command, ["check", *map(str, sorted(folder.parent.iterdir()))])

    assert (result.exit_code, result.output) == (0, f"{folder} : aucune faute\n")


def test_check__a_file__is_said_not_to_be_a_corridor(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")

    result = CliRunner().invoke(command, ["check", str(tmp_path / "notes.txt")])

    assert result.exit_code == 1
    assert "ce dossier n'est pas un couloir" in result.output
