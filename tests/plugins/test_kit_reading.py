"""What the kit gives to read: pages of corridors, differences in words, schemas for editors."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from dui_fhir.cli.plugin import command
from dui_fhir.plugin_kit import new_folder, published
from dui_fhir.plugin_kit.differences import differences
from dui_fhir.plugin_kit.pages import page

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(manifest.parent for manifest in (ROOT / "plugins").glob("*/plugin.json"))


def _read(file):
    return json.loads(file.read_text(encoding="utf-8"))


def _write(file, value):
    file.write_text(json.dumps(value), encoding="utf-8")


# pages


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_page__each_corridor__names_every_rule_delay_document_source_and_right(folder):
    text = page(folder)
    names = [r.name.split(".")[0] for r in (folder / "rules").glob("*.json")]
    names += [p["name"] for p in _read(folder / "parameters.json")]
    names += [d["title"] for d in _read(folder / "documents.json")]
    names += [s["id"] for s in _read(folder / "plugin.json")["sources"]]
    if (folder / "access.json").exists():
        names += [right["category"] for right in _read(folder / "access.json")]
    assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_page__each_corridor__tables_have_as_many_cells_in_each_row(folder):
    for table in re.findall(r"(?:^\|.*\|$\n?)+", page(folder), flags=re.M):
        widths = {len(re.split(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}
        assert len(widths) == 1, table[:200]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_page__committed__is_the_one_that_the_files_give(folder):
    kept = ROOT / "docs/fr/couloirs" / f"{folder.name}.md"
    assert kept.read_text(encoding="utf-8") == page(folder), "dui-fhir plugin docs plugins/*/ --out docs/fr/couloirs"


def test_docs__out__writes_a_page_per_folder(tmp_path):
    folder = new_folder("xyz", tmp_path)
    result = CliRunner().invoke(command, ["docs", str(folder), "--out", str(tmp_path / "pages")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "pages/xyz.md").read_text(encoding="utf-8") == page(folder)


# differences


@pytest.fixture
def two(tmp_path):
    shutil.copytree(ROOT / "plugins/pa", tmp_path / "a/pa")
    shutil.copytree(ROOT / "plugins/pa", tmp_path / "b/pa")
    return tmp_path / "a/pa", tmp_path / "b/pa"


def test_differences__same_content__none(two):
    assert list(differences(*two)) == []


def test_differences__each_kind_of_change__is_said_in_words(two):
    _, after = two
    (after / "rules/PA-12.rule.json").unlink()
    rule = _read(after / "rules/PA-06.schema.json")
    rule["x-dui"]["severity"] = "error"
    _write(after / "rules/PA-06.schema.json", rule)
    parameters = _read(after / "parameters.json")
    next(p for p in parameters if p["name"] == "dlu_redaction_jours")["value"] = 3
    _write(after / "parameters.json", parameters)
    documents = _read(after / "documents.json")
    documents[0]["dmp"] = {"stance": "never", "reason": "essai"}
    documents[0]["mssante"] = False
    _write(after / "documents.json", documents)
    rights = _read(after / "access.json")
    gone = rights.pop()
    _write(after / "access.json", rights)
    manifest = _read(after / "plugin.json")
    _write(after / "plugin.json", manifest | {"version": "0.2.0"})
    (after / "gmp.py").write_text("", encoding="utf-8")

    told = list(differences(*two))

    assert "couloir pa : version : 0.1.0 → 0.2.0" in told
    assert any(line.startswith("règle PA-12 : retiré(e) : « Départ par rétractation") for line in told)
    assert "règle PA-06 : gravité : warning → error" in told
    assert "paramètre dlu_redaction_jours : valeur : 7 → 3" in told
    assert f"document {documents[0]['id']} : position DMP : auto → never" in told
    assert f"document {documents[0]['id']} : MSSanté : oui → non" in told
    assert any(line.startswith(f"habilitation {gone['role']} × {gone['category']} : retiré(e)") for line in told)
    assert "fichier gmp.py : modifié" in told


def test_diff__command__says_when_nothing_changes(two):
    result = CliRunner().invoke(command, ["diff", *map(str, two)])
    assert (result.exit_code, result.output) == (0, "Aucune différence.\n")


# schemas


@pytest.mark.parametrize("name", published.FILES)
def test_schema__each_file_of_a_plugin__is_complete_and_accepts_the_shipped_ones(name):
    schema = json.loads(published.schema(name))
    assert "$ref" not in json.dumps(schema)
    Draft202012Validator.check_schema(schema)
    files = [file for folder in FOLDERS for file in folder.glob(published.FILES[name])]
    assert files or name in ("examples-delay", "rule-fhirpath")
    for file in files:
        assert list(Draft202012Validator(schema).iter_errors(_read(file))) == [], file


def test_schemas__out__editor_settings_name_the_files_that_are_there(tmp_path):
    result = CliRunner().invoke(command, ["schemas", "--out", str(tmp_path / "schemas")])
    assert result.exit_code == 0, result.output
    settings = _read(tmp_path / "schemas/vscode-settings.json")["json.schemas"]
    assert {s["fileMatch"][0] for s in settings} == {f"plugins/*/{glob}" for glob in published.FILES.values()}
    assert all((tmp_path / s["url"]).exists() for s in settings)


def test_schema__unknown_name__is_none():
    assert published.schema("../plugin") is None
