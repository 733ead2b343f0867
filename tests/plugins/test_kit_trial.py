"""``dui-fhir plugin test``: what it tries, and that it notices what is not shown."""

import json

import pytest
from click.testing import CliRunner

from dui_fhir.cli.plugin import command
from dui_fhir.plugin_kit import new_folder
from dui_fhir.plugin_kit.trial import try_folder

PLUGIN_PY = '''"""Délais du couloir d'essai."""

from collections.abc import Iterable

from dui_fhir.api import Change, ClockRule, Context, Deadline, Dossier, Issue, hookimpl, pending


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return [ClockRule(id="XYZ-02", find=_visit)]


def _visit(dossier: Dossier) -> Iterable[Deadline]:
    return pending(dossier.days_after(dossier.admission, "xyz.visite_jours"), done=any(dossier.of_kind("Encounter", "visite")))


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    if change.after is not None and change.type == "Group" and not change.after.get("member"):
        return [Issue(severity="warning", code="business-rule", id="XYZ-03", text="")]
    return []
'''
PERSON = {"resourceType": "Patient", "id": "p"}
STAY = {
    "resourceType": "Encounter", "id": "s", "status": "in-progress", "class": {"code": "HH"},
    "subject": {"reference": "Patient/p"}, "period": {"start": "2026-03-01"},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    made = new_folder("xyz", tmp_path)
    (made / "plugin.py").write_text(PLUGIN_PY, encoding="utf-8")
    declared = {"resource": "Encounter", "severity": "warning", "source": "JUGEMENT"}
    visit = declared | {"id": "XYZ-02", "title": "Une visite après l'admission.", "kind": "P"}
    group = declared | {"id": "XYZ-03", "title": "Un groupe a des membres.", "resource": "Group"}
    parameter = {
        "name": "visite_jours",
        "value": 10,
        "unit": "jours",
        "title": "Délai de visite",
        "source": "JUGEMENT",
        "status": "jugement",
    }
    _write(made / "rules/XYZ-02.rule.json", visit)
    _write(made / "rules/XYZ-03.rule.json", group)
    _write(made / "parameters.json", [parameter])
    _write(made / "examples/warning/XYZ-03-vide.json", {"resourceType": "Group", "type": "person", "actual": True})
    _write(made / "examples/delay/XYZ-02-jamais-vu.json", {"due": "2026-03-11", "resources": [PERSON, STAY]})
    return made


def _write(file, value):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value), encoding="utf-8")


def _texts(folder):
    return [f"{fault.file} : {fault.text}" for fault in try_folder(folder).faults]


def test_trial__sound_folder__counts_and_no_fault(folder):
    trial = try_folder(folder)
    assert trial.faults == ()
    assert (trial.rules, trial.examples, trial.delays, trial.conditions) == (3, 3, 1, 2)


def test_trial__no_example_is_stopped_by_a_rule__is_a_fault(folder):
    (folder / "examples/invalid/XYZ-01-sans-echeance.json").unlink()
    assert _texts(folder) == [
        "rules/XYZ-01.schema.json : la règle XYZ-01 peut être renversée sans qu'aucun exemple arrêté ne le voie"
    ]


def test_trial__python_condition_that_no_example_shows__is_a_fault(folder):
    (folder / "examples/warning/XYZ-03-vide.json").unlink()
    (found,) = _texts(folder)
    assert found.startswith("plugin.py : la règle XYZ-03 peut être renversée")


@pytest.mark.parametrize(("due", "day"), [("2026-03-10", "2026-03-11"), ("2026-03-12", "2026-03-12")])
def test_trial__delay_off_by_one__is_a_fault(folder, due, day):
    _write(folder / "examples/delay/XYZ-02-jamais-vu.json", {"due": due, "resources": [PERSON, STAY]})
    (found,) = _texts(folder)
    assert found.startswith(f"examples/delay/XYZ-02-jamais-vu.json : le {day}, la tâche de XYZ-02 ")


def test_trial__nothing_due__is_watched_for_years(folder):
    seen = {**STAY, "id": "v", "type": [{"coding": [{"code": "visite"}]}]}
    file = folder / "examples/delay/XYZ-02-vu.json"
    _write(file, {"due": None, "resources": [PERSON, STAY, seen]})
    assert _texts(folder) == []
    _write(file, {"due": None, "resources": [PERSON, STAY]})
    assert _texts(folder) == ["examples/delay/XYZ-02-vu.json : la règle XYZ-02 ne devait rien demander, et demande"]


def test_trial__structure_with_its_own_delay__is_tried_with_it(folder):
    own = {"due": "2026-03-04", "parameters": {"xyz.visite_jours": 3}, "resources": [PERSON, STAY]}
    _write(folder / "examples/delay/XYZ-02-delai-court.json", own)
    assert _texts(folder) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"resources": [PERSON]}, "il manque le champ « due »"),
        ({"due": "demain", "resources": [PERSON]}, "due : « demain » n'a pas la forme attendue"),
        ({"due": "2026-03-11", "resources": []}, "resources : trop court ou vide"),
    ],
)
def test_trial__malformed_delay__says_where(folder, value, text):
    _write(folder / "examples/delay/XYZ-02-autre.json", value)
    assert any(text in found for found in _texts(folder)), _texts(folder)


def test_trial__delay_of_no_periodic_rule__is_a_fault(folder):
    _write(folder / "examples/delay/XYZ-01-x.json", {"due": None, "resources": [PERSON]})
    assert _texts(folder) == [
        "examples/delay/XYZ-01-x.json : la règle XYZ-01 n'est pas périodique : declare_clock_rules ne la donne pas"
    ]


def test_command__faults__are_shown_and_the_status_is_one(folder):
    result = CliRunner().invoke(command, ["test", str(folder)])
    assert result.exit_code == 0, result.output
    assert result.output == f"{folder} : 3 règles, 3 exemples, 1 délais, 2 conditions renversées : aucune faute\n"
    (folder / "examples/invalid/XYZ-01-sans-echeance.json").unlink()
    result = CliRunner().invoke(command, ["test", str(folder)])
    assert result.exit_code == 1
    assert "1 faute(s)" in result.output
    assert "rules/XYZ-01.schema.json" in result.output
