"""Finding and loading: every fault at once, each naming its plugin and its file."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.plugin_host import PluginHost, Source, finder
from dui_fhir.settings import Settings


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "entry_points", lambda group: ())


def _texts(caught) -> list[str]:
    assert {issue.id for issue in caught.value.issues} == {"plugin-invalid"}
    return [issue.text for issue in caught.value.issues]


def _load(*sources):
    return PluginHost.from_sources(list(sources))


def test_load__bare_folders__trunk_first_whatever_the_order(write_plugin) -> None:
    alpha, trunk = write_plugin("alpha"), write_plugin("commun", prefix="COMMUN", wave="tronc", categories=[])
    settings = Settings({"plugins": ["alpha"], "plugin_folders": [str(alpha.folder), str(trunk.folder)]})

    assert [plugin.id for plugin in PluginHost.load(settings).plugins] == ["commun", "alpha"]


def test_load__folder_only__is_added_after_those_of_the_settings(write_plugin) -> None:
    folders = [str(write_plugin(id).folder) for id in ("commun", "beta", "alpha")]
    settings = Settings({"plugins": ["alpha"], "plugin_folders": folders})

    assert [plugin.id for plugin in PluginHost.load(settings).plugins] == ["commun", "alpha", "beta"]


def test_load__unknown_plugins__all_named_with_the_way_out(write_plugin) -> None:
    settings = Settings({"plugins": ["inconnu", "absent"], "plugin_folders": [str(write_plugin("commun").folder)]})

    with pytest.raises(ConfigurationError) as caught:
        PluginHost.load(settings)

    texts = _texts(caught)
    assert len(texts) == 2
    assert "« inconnu »" in texts[0]
    assert "--plugin-folder" in texts[0]
    assert "« absent »" in texts[1]


def test_load__package_installed_but_not_named__stays_out(write_plugin, monkeypatch) -> None:
    point = EntryPoint(name="alpha", value="no_such_package", group=finder.GROUP)
    monkeypatch.setattr(finder, "entry_points", lambda group: (point,))
    settings = Settings({"plugins": [], "plugin_folders": [str(write_plugin("commun").folder)]})

    assert [plugin.id for plugin in PluginHost.load(settings).plugins] == ["commun"]


def test_load__two_packages_of_one_name__refused(write_plugin, monkeypatch) -> None:
    points = tuple(EntryPoint(name="json", value=value, group=finder.GROUP) for value in ("json", "zip"))
    monkeypatch.setattr(finder, "entry_points", lambda group: points)

    with pytest.raises(ConfigurationError, match="deux paquets installés portent ce nom : json, zip"):
        PluginHost.load(Settings({"plugins": ["json"], "plugin_folders": [str(write_plugin("commun").folder)]}))


def test_load__installed_and_given_as_folder__same_place_is_one_plugin(monkeypatch) -> None:
    point = EntryPoint(name="commun", value="dui_fhir_plugins.commun", group=finder.GROUP)
    monkeypatch.setattr(finder, "entry_points", lambda group: (point,))
    folder = Path(__file__).parents[2] / "plugins" / "commun"
    settings = Settings({"plugins": [], "plugin_folders": [str(folder)]})

    assert [plugin.id for plugin in PluginHost.load(settings).plugins] == ["commun"]


def test_from_sources__faults_in_two_plugins__all_are_named(write_plugin) -> None:
    alpha = write_plugin("alpha", files={"rules/ALPHA-03.rule.json": {"id": "ALPHA-03"}, "parameters.json": "[{,}]"})
    beta = write_plugin("beta", wave="MS9", code="import inconnu_au_bataillon\n")

    with pytest.raises(ConfigurationError) as caught:
        _load(alpha, beta)

    text = "\n".join(_texts(caught))
    assert "« alpha », rules/ALPHA-03.rule.json : il manque le champ « title »" in text
    assert "« alpha », parameters.json (ligne 1, colonne 3) : ce n'est pas du JSON correct" in text
    assert "« beta », plugin.json (wave) : « MS9 » n'est pas permis" in text
    assert "« beta », plugin.py (ligne 2) : échec au chargement : ModuleNotFoundError" in text


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("@hookimpl\ndef chek_resource(change):\n    return []\n", "point d'extension inconnu « chek_resource »"),
        ("@hookimpl\ndef check_resource(chnge):\n    return []\n", "n'a pas de paramètre « chnge »"),
        (
            "@hookimpl(wrapper=True)\ndef check_resource():\n    return (yield)\n",
            "un couloir ne peut pas envelopper les autres",
        ),
        ("def f(:\n    pass\n", "erreur de syntaxe Python"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_from_sources__code_at_fault__is_named_with_its_line(code, expected, write_plugin) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(write_plugin("alpha", code))

    (text,) = _texts(caught)
    assert expected in text
    assert "plugin.py (ligne" in text


def test_from_sources__same_rule_in_two_plugins__refused(write_plugin) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(write_plugin("alpha"), write_plugin("beta", prefix="ALPHA", files=_same_rules()))

    assert any("la règle « ALPHA-01 » existe déjà (couloir « alpha »" in text for text in _texts(caught))


def _same_rules():
    same = {"title": "La même règle.", "resource": "Goal", "severity": "error", "source": "J"}
    return {
        "rules/BETA-01.rule.json": {"id": "ALPHA-01", **same},
        "rules/BETA-02.rule.json": {"id": "ALPHA-04", **same},
    }


def test_from_sources__id_other_than_the_folder__refused(write_plugin) -> None:
    source = write_plugin("alpha")

    with pytest.raises(ConfigurationError) as caught:
        _load(Source(id="gamma", folder=source.folder))

    assert "« alpha » n'est pas le nom du dossier" in _texts(caught)[0]


def test_from_sources__two_plugins_of_one_id__refused(write_plugin) -> None:
    source = write_plugin("alpha")

    with pytest.raises(ConfigurationError, match="deux couloirs portent ce nom"):
        _load(source, source)


@pytest.mark.parametrize("server", [">=0.2", "<0.1", "==0.0.9"])
def test_from_sources__made_for_another_server__refused(server, write_plugin) -> None:
    with pytest.raises(ConfigurationError, match="ce couloir demande un serveur"):
        _load(write_plugin("alpha", server=server))


@pytest.mark.parametrize(
    ("file", "value", "expected"),
    [
        ("rules/A.fhirpath.json", {"expression": "target.("}, "expression FHIRPath incorrecte, ligne 1"),
        ("rules/A.fhirpath.json", {"expression": "target.exists() and %delai > 1"}, "%delai n'est pas un paramètre"),
        ("rules/A.schema.json", {"required": "target"}, "ce n'est pas un JSON Schema correct"),
        ("rules/A.rule.json", {"kind": "A"}, "nomme ses canaux"),
        ("rules/A.rule.json", {"id": "BETA-09"}, "doit commencer par « ALPHA- »"),
        ("rules/A.rule.json", {"sevérité": "error"}, "champ inconnu « sevérité » ; vouliez-vous dire « severity » ?"),
        ("rules/A.json", {}, "le nom doit finir par"),
        ("profiles/a.json", {"resourceType": "Patient"}, "il faut ici une ressource StructureDefinition"),
        ("terminology/a.json", {"resourceType": "ValueSet"}, "il manque l'URL canonique"),
    ],
)
def test_from_sources__file_at_fault__is_named(file, value, expected, write_plugin) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(write_plugin("alpha", files={file: _rule_file(file, value)}))

    (text,) = _texts(caught)
    assert f"« alpha », {file}" in text
    assert expected in text


def _rule_file(file, value):
    words = {"title": "Une règle de plus.", "severity": "error", "source": "J", "resource": "Goal"}
    if file.endswith(".schema.json"):
        title = words.pop("title")
        return {"$id": "ALPHA-03", "title": title, "x-dui": words, **value}
    return {"id": "ALPHA-03", **words, **value} if file.startswith("rules/") and value else value


def test_from_sources__definitions_of_the_folder__are_given_by_type(write_plugin) -> None:
    parameter = {"resourceType": "SearchParameter", "url": "https://exemple.fr/sp", "code": "gir"}
    value_set = {"resourceType": "ValueSet", "url": "https://exemple.fr/vs"}
    host = _load(write_plugin("alpha", files={"search/gir.json": parameter, "terminology/vs.json": value_set}))

    assert host.search_parameters() == (parameter,)
    assert host.definitions() == (value_set, parameter)


def test_bare_folder__module_beside_plugin__is_imported_relatively(write_plugin) -> None:
    code = "from .score import VALUE\n@hookimpl\ndef choose_profiles():\n    return [VALUE]\n"
    host = _load(write_plugin("alpha", code, files={"score.py": "VALUE = 'https://exemple.fr/p'\n"}))

    assert host.plugins[0].hooks == ("choose_profiles",)


def test_corridors_for__category_of_two_none_one__table_of_the_manifests(write_plugin) -> None:
    autonomy = [{"code": "500", "label": "EHPAD"}, {"code": "354", "label": "SSIAD"}]
    host = _load(write_plugin("alpha"), write_plugin("beta", categories=autonomy))

    assert host.corridors_for("500") == ("alpha", "beta")
    assert host.corridors_for("354") == ("beta",)
    assert host.corridors_for("197") == ()


def test_parameters__values_and_severities__are_keyed_by_plugin(write_plugin) -> None:
    parameter = {"name": "delai", "value": 7, "unit": "jours", "title": "Un délai", "source": "J", "status": "jugement"}
    parameters = _load(write_plugin("alpha", files={"parameters.json": [parameter]})).parameters(None)

    assert parameters["alpha.delai"] == 7
    assert parameters["alpha.severity.ALPHA-02"] == "warning"
    with pytest.raises(TypeError):
        parameters["alpha.delai"] = 8


def test_trunk__rules__apply_to_every_request(write_plugin, context_of, goal_change) -> None:
    code = "@hookimpl\ndef check_resource():\n    return [Issue(severity='error', code='business-rule', id='ALPHA-01', text='')]\n"
    host = _load(write_plugin("alpha", code, wave="tronc"))

    assert len(host.check(goal_change, context_of(host, corridors=frozenset()))) == 1
