"""``plugin check``: every fault at once, in French, with its file; ``plugin new`` passes it."""

import json
import shutil
from pathlib import Path

import pytest

from dui_fhir.domain.errors import BadRequest, Conflict
from dui_fhir.plugin_host import PluginHost, Source
from dui_fhir.plugin_kit import check_folder, list_plugins, new_folder


def _rewrite(folder, path, **changes):
    file = folder / path
    value = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(value | changes), encoding="utf-8")


def _write(folder, path, text):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    return new_folder("xyz", tmp_path / "plugins")


def _texts(folder):
    return [f"{fault.file} ({fault.path}) : {fault.text}" for fault in check_folder(folder)]


def test_new_folder__checked__has_no_fault_and_loads(folder) -> None:
    assert check_folder(folder) == []
    host = PluginHost.from_sources([Source(id="xyz", folder=folder)])
    assert [rule.id for rule in host.rules()] == ["XYZ-01"]
    assert len(host.definitions()) == 1


@pytest.mark.parametrize("name", ["a_b", "ab1", "alphabeta"])
def test_new_folder__any_permitted_name__passes_the_check(name, tmp_path) -> None:
    assert check_folder(new_folder(name, tmp_path)) == []


@pytest.mark.parametrize("name", ["X", "é", "a", "1a", "a-b", "../x", "dixlettres"])
def test_new_folder__name_that_cannot_be_an_id__refused(name, tmp_path) -> None:
    with pytest.raises(BadRequest):
        new_folder(name, tmp_path)


def test_new_folder__folder_already_there__refused_and_untouched(folder) -> None:
    before = (folder / "plugin.json").read_bytes()

    with pytest.raises(Conflict):
        new_folder("xyz", folder.parent)

    assert (folder / "plugin.json").read_bytes() == before


def test_check__no_manifest__says_it_is_no_plugin(tmp_path) -> None:
    assert [fault.file for fault in check_folder(tmp_path)] == ["plugin.json"]


def test_check__many_faults__all_at_once(folder) -> None:
    _rewrite(folder, "plugin.json", wave="MS9", colour="bleu")
    (folder / "README.md").unlink()
    _write(folder, "parameters.json", [{"name": "delai", "value": 3}])
    _write(folder, "rules/XYZ-02.fhirpath.json", {"id": "XYZ-02"})
    _write(folder, "notes.txt", "x")
    _write(folder, "plugin.py", "import dui_fhir.store\n")

    files = {fault.file for fault in check_folder(folder)}

    assert files == {
        "plugin.json",
        "README.md",
        "parameters.json",
        "rules/XYZ-02.fhirpath.json",
        "notes.txt",
        "plugin.py",
    }


RULE = {
    "id": "XYZ-02",
    "title": "Une seconde règle.",
    "resource": "Goal",
    "severity": "error",
    "source": "JUGEMENT",
    "expression": "Goal.note",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "la règle XYZ-02 n'a pas d'exemple examples/invalid/XYZ-02*.json"),
        ({"severity": "warning"}, "la règle XYZ-02 n'a pas d'exemple examples/warning/XYZ-02*.json"),
        ({"resource": "Gaol"}, "« Gaol » n'est pas un type de ressource FHIR R4"),
        ({"expression": "Gaol.note"}, "« Gaol.note » ne commence pas par un type de ressource"),
        ({"source": "Une loi"}, "la source « Une loi » ne commence par aucune des sources déclarées"),
        ({"id": "XYZ-01"}, "la règle « XYZ-01 » existe déjà"),
    ],
)
def test_check__rule_at_fault__is_said(changes, expected, folder) -> None:
    _write(folder, "rules/XYZ-02.rule.json", RULE | changes)

    assert any(expected in text for text in _texts(folder))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("startDate <= today()", "utilisez %today"),
        ("startDate <= %today + 7 days", "un délai est écrit dans l'expression"),
        ("startDate <= %today + 7 'd'", "un délai est écrit dans l'expression"),
        ("startDate <= ", "expression FHIRPath incorrecte, ligne 1"),
        ("startDate <= %today) or true", "expression FHIRPath incorrecte, ligne 1"),
    ],
)
def test_check__fhirpath_at_fault__is_said(expression, expected, folder) -> None:
    value = {key: part for key, part in RULE.items() if key != "expression"} | {"expression": expression}
    _write(folder, "rules/XYZ-02.fhirpath.json", value)

    assert any(text.startswith("rules/XYZ-02.fhirpath.json") and expected in text for text in _texts(folder))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from dui_fhir.service import write\n", "« dui_fhir.service » ne peut pas être importé"),
        ("import dui_fhir_plugins.pa.aggir\n", "« dui_fhir_plugins.pa.aggir » ne peut pas être importé"),
        ("from datetime import timedelta\nX = timedelta(days=15)\n", "un délai est écrit dans le code"),
        ("DELAI_JOURS = 15\n", "« DELAI_JOURS » est un délai écrit dans le code"),
        ("from datetime import date\n\ndef f():\n    return date.today()\n", "l'heure vient de context.now"),
    ],
)
def test_check__code_at_fault__is_said(code, expected, folder) -> None:
    _write(folder, "score.py", code)

    (text,) = _texts(folder)
    assert expected in text
    assert text.startswith("score.py (ligne ")


@pytest.mark.parametrize(
    "code",
    [
        "from dui_fhir.api import Issue\nfrom datetime import timedelta\nX = timedelta(days=1)\n",
        "from dui_fhir_plugins.xyz.score import GIR\n",
        "MONTHS = ('janvier',)\n",
    ],
)
def test_check__sound_code__is_let_through(code, folder) -> None:
    _write(folder, "other.py", code)

    assert check_folder(folder) == []


def test_check__folder_of_another_name__is_said(folder) -> None:
    moved = folder.rename(folder.parent / "abc")

    assert any("l'identifiant « xyz » n'est pas le nom du dossier" in text for text in _texts(moved))


GOAL = {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active"}
GOOD = GOAL | {"target": [{"dueDate": "2026-06-30"}]}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("valid/un.json", GOAL, "doit être accepté, mais il est refusé par XYZ-01"),
        ("invalid/XYZ-01-b.json", GOOD, "doit être refusé par XYZ-01, mais il est accepté"),
        ("warning/XYZ-01-b.json", GOAL, "doit être accepté, mais il est refusé par XYZ-01"),
        ("warning/XYZ-01-b.json", GOOD, "doit recevoir l'avertissement XYZ-01, et ne le reçoit pas"),
        ("invalid/AUTRE-01.json", GOAL, "le nom ne commence par l'identifiant d'aucune règle"),
        ("valid/un.json", {"resourceType": "Bundle"}, "le Bundle n'a aucune entrée"),
        ("valid/un.json", [], "il faut une ressource FHIR ou un Bundle"),
        ("valid/un.json", "{", "ce n'est pas un exemple"),
        ("divers/un.json", GOAL, "seuls valid, invalid, warning, delay et context.json"),
    ],
)
def test_check__example_at_fault__is_said(path, value, expected, folder) -> None:
    _write(folder, f"examples/{path}", value)

    assert any(expected in text for text in _texts(folder))


def test_check__example_refused_by_another_rule__is_said(folder) -> None:
    second = {
        "$id": "XYZ-02",
        "title": "Une seconde règle.",
        "x-dui": {"resource": "Goal", "severity": "error", "source": "JUGEMENT"},
        "required": ["note"],
    }
    _write(folder, "rules/XYZ-02.schema.json", second)
    _write(folder, "examples/invalid/XYZ-02.json", GOAL)

    assert any("doit être refusé par XYZ-02 seulement, mais il l'est par XYZ-01, XYZ-02" in t for t in _texts(folder))


def test_check__rule_that_changes_what_it_checks__is_said(folder) -> None:
    code = "from dui_fhir.api import hookimpl\n@hookimpl\ndef check_resource(change):\n    change.after['x'] = 1\n    return []\n"
    _write(folder, "plugin.py", code)

    assert any("une règle a modifié la ressource" in text for text in _texts(folder))


def test_check__rule_that_breaks_on_an_example__is_said(folder) -> None:
    code = (
        "from dui_fhir.api import hookimpl\n@hookimpl\ndef check_resource(change):\n    return change.after['absent']\n"
    )
    _write(folder, "plugin.py", code)

    assert any("le couloir est en panne sur cet exemple" in text for text in _texts(folder))


def test_check__previous_version_and_deletion__are_understood(folder) -> None:
    code = """from dui_fhir.api import Issue, hookimpl

@hookimpl
def check_resource(change):
    same = change.before is None or change.before["lifecycleStatus"] == change.after["lifecycleStatus"]
    return [] if same else [Issue(severity="error", code="business-rule", id="XYZ-02", text="")]

@hookimpl
def check_delete(change):
    return [Issue(severity="error", code="business-rule", id="XYZ-03", text="")]
"""
    _write(folder, "plugin.py", code)
    _write(folder, "rules/XYZ-02.rule.json", RULE)
    _write(folder, "rules/XYZ-03.rule.json", RULE | {"id": "XYZ-03"})
    former = GOOD | {"lifecycleStatus": "proposed"}
    update = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": GOOD}, {"resource": former}]}
    removal = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": GOOD, "request": {"method": "DELETE"}}],
    }
    _write(folder, "examples/invalid/XYZ-02.json", update)
    _write(folder, "examples/invalid/XYZ-03.json", removal)

    assert check_folder(folder) == []


def test_check__circumstances__decide(folder) -> None:
    rule = {
        "$id": "XYZ-02",
        "title": "Une règle des EHPAD.",
        "x-dui": {"resource": "Goal", "severity": "error", "source": "JUGEMENT", "when": {"structure": ["500"]}},
        "required": ["note"],
    }
    _write(folder, "rules/XYZ-02.schema.json", rule)
    _write(folder, "examples/invalid/XYZ-02.json", GOOD)
    assert any("doit être refusé par XYZ-02, mais il est accepté" in text for text in _texts(folder))

    _write(folder, "examples/context.json", {"category": "500"})

    assert not any("XYZ-02.json" in text and "est accepté" in text for text in _texts(folder))


def test_check__circumstances_at_fault__are_said(folder) -> None:
    _write(folder, "examples/context.json", {"category": "EHPAD"})

    assert any(text.startswith("examples/context.json (category)") for text in _texts(folder))


def test_list_plugins__two_plugins__one_line_each_with_their_counts(write_plugin) -> None:
    hooked = "@hookimpl\ndef check_delete():\n    return []\n"
    host = PluginHost.from_sources([write_plugin("alpha", hooked), write_plugin("beta")])

    _, alpha, beta = list_plugins(host).splitlines()

    assert alpha.split() == ["alpha", "MS1", "draft", "0.1.0", "2", "(S", "2)", "0", "500", "check_delete"]
    assert beta.split()[-1] == "-"


def test_check__parameters_refused__told_alone_and_the_code_is_not_run(tmp_path) -> None:
    """A clock rule asks for its delay: without it, it would fail where nothing is wrong with it."""
    shipped = Path(__file__).parents[2] / "plugins"
    folder = tmp_path / "dom"
    shutil.copytree(shipped / "dom", folder)
    values = json.loads((folder / "parameters.json").read_text(encoding="utf-8"))
    _write(folder, "parameters.json", [{**values[0], "unit": "siècles"}, *values[1:]])

    assert {fault.file for fault in check_folder(folder)} == {"parameters.json"}


def test_check__status_above_what_the_files_hold__refused(folder) -> None:
    told = {
        "id": "xyz-a",
        "title": "Un indicateur",
        "numerator": "Ce qui compte",
        "denominator": "Toutes les personnes",
        "source": "JUGEMENT",
    }
    sources = json.loads((folder / "plugin.json").read_text(encoding="utf-8"))["sources"]
    _rewrite(
        folder, "plugin.json", sources=[*sources, {"id": "JUGEMENT", "title": "Choix du projet", "status": "jugement"}]
    )
    _write(folder, "indicators.json", [{**told, "status": "jugement"}])
    _rewrite(folder, "plugin.json", status="bronze")
    assert check_folder(folder) == []

    _rewrite(folder, "plugin.json", status="silver")
    assert [(f.file, f.path) for f in check_folder(folder)] == [("indicators.json", "xyz-a")]

    _rewrite(folder, "plugin.json", status="gold")
    assert [f.file for f in check_folder(folder)] == ["README.md", "indicators.json"]
