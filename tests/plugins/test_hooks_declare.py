"""Family ``declare_``: once, concatenated, duplicates refused; an exception refuses the start and names the file."""

import pytest

from dui_fhir.domain.errors import ConfigurationError

RULE = {"id": "{P}-20", "title": "Une règle calculée.", "resource": "Goal", "severity": "warning", "source": "J"}
DOCUMENT = {
    "id": "note",
    "title": "Note",
    "type": {"system": "urn:x", "code": "N", "display": "Note"},
    "class": {"system": "urn:x", "code": "C", "display": "Classe"},
    "signers": [],
    "dmp": {"stance": "never", "reason": "Note interne."},
    "mssante": False,
    "source": "J",
}
ACCESS = {"role": "cadre", "category": "PRJ", "rights": "R", "scope": "structure", "source": "J"}
INDICATOR = {
    "id": "{P}-taux",
    "title": "Un taux",
    "numerator": "Ceux qui",
    "denominator": "Tous ceux",
    "source": "J",
    "status": "jugement",
}
ITEMS = {
    "declare_definitions": "{'resourceType': 'SearchParameter', 'url': 'https://exemple.fr/{P}'}",
    "declare_rules": repr(RULE),
    "declare_documents": repr(DOCUMENT),
    "declare_access_rules": repr(ACCESS),
    "declare_operations": "Operation(definition={'code': '{P}', 'resource': ['Goal']}, run=print)",
    "declare_connectors": "type('C', (), {'kind': '{P}', 'deliver': print})()",
    "declare_indicators": repr(INDICATOR),
    "declare_settings": "Setting('{p}_url', str, 'ici', 'Adresse.')",
    "declare_commands": "type('C', (), {'name': '{P}'})()",
}


def _code(hook, id, items=1):
    item = ITEMS[hook].replace("{P}", id.upper()).replace("{p}", id)
    return f"@hookimpl\ndef {hook}():\n    return [{', '.join([item] * items)}]\n"


def _declared(hook, host):
    return {
        "declare_definitions": lambda: [d["url"].rsplit("/")[-1] for d in host.search_parameters()],
        "declare_rules": lambda: [r.id.removesuffix("-20") for r in host.rules() if r.id.endswith("-20")],
        "declare_documents": lambda: [d.plugin.upper() for d in host.documents(["alpha", "beta"])],
        "declare_access_rules": lambda: [id.upper() for id, row in host.access_rules() if row == ACCESS],
        "declare_operations": lambda: [o.definition["code"] for o in host.operations()],
        "declare_connectors": lambda: [c.kind for c in host.connectors()],
        "declare_indicators": lambda: [i["id"].removesuffix("-taux") for _, i in host.indicators()],
        "declare_settings": lambda: [
            k.split(".")[0].upper() for k, v in host.parameters(None).items() if k.endswith(".url") and v == "ici"
        ],
        "declare_commands": lambda: [c.name for c in host.commands()],
    }[hook]()


@pytest.mark.parametrize("hook", sorted(ITEMS))
def test_declare__two_plugins__everything_is_there_in_order(hook, host_of) -> None:
    host = host_of(alpha=_code(hook, "alpha"), beta=_code(hook, "beta"))

    assert _declared(hook, host) == ["ALPHA", "BETA"]


@pytest.mark.parametrize("hook", sorted(ITEMS.keys() - {"declare_access_rules"}))
def test_declare__same_id_twice__start_refused(hook, host_of) -> None:
    with pytest.raises(ConfigurationError) as caught:
        host_of(alpha=_code(hook, "alpha", items=2))

    (issue,) = caught.value.issues
    assert "existe déjà" in issue.text


def test_declare_access_rules__same_row_twice__start_refused(host_of) -> None:
    with pytest.raises(ConfigurationError, match="deux fois|existe déjà"):
        host_of(alpha=_code("declare_access_rules", "alpha", items=2))


@pytest.mark.parametrize("hook", sorted(ITEMS))
def test_declare__plugin_raises__start_refused_naming_plugin_and_file(hook, host_of) -> None:
    with pytest.raises(ConfigurationError) as caught:
        host_of(alpha=f"@hookimpl\ndef {hook}():\n    raise ValueError('panne')\n", beta="")

    (issue,) = caught.value.issues
    assert issue.id == "plugin-invalid"
    assert "« alpha », plugin.py" in issue.text
    assert hook in issue.text


@pytest.mark.parametrize("hook", ["declare_rules", "declare_documents", "declare_access_rules", "declare_indicators"])
def test_declare__entry_that_its_schema_refuses__start_refused(hook, host_of) -> None:
    with pytest.raises(ConfigurationError) as caught:
        host_of(alpha=f"@hookimpl\ndef {hook}():\n    return [{{'id': 'x'}}]\n")

    assert any("il manque le champ" in issue.text for issue in caught.value.issues)


def test_declare_settings__name_of_another_plugin__start_refused(host_of) -> None:
    with pytest.raises(ConfigurationError, match="alpha_"):
        host_of(alpha="@hookimpl\ndef declare_settings():\n    return [Setting('port', int, 1, 'x')]\n")


def test_declare_settings__environment__wins_over_the_default(host_of, monkeypatch) -> None:
    monkeypatch.setenv("DUI_FHIR_ALPHA_URL", "ailleurs")

    assert host_of(alpha=_code("declare_settings", "alpha")).parameters(None)["alpha.url"] == "ailleurs"


def test_declare_settings__value_of_another_type__start_refused(host_of, monkeypatch) -> None:
    monkeypatch.setenv("DUI_FHIR_ALPHA_N", "beaucoup")

    with pytest.raises(ConfigurationError, match="beaucoup"):
        host_of(alpha="@hookimpl\ndef declare_settings():\n    return [Setting('alpha_n', int, 1, 'x')]\n")


def test_declare_clock_rules__two_plugins__each_runs_in_its_own_corridor(host_of) -> None:
    code = "@hookimpl\ndef declare_clock_rules():\n    return [ClockRule(id='{}-01', find=lambda dossier: [])]\n"
    host = host_of(alpha=code.format("ALPHA"), beta=code.format("BETA"))

    assert [r.id for r in host.clock_rules(["alpha", "beta"])] == ["ALPHA-01", "BETA-01"]
    assert [r.id for r in host.clock_rules(["beta"])] == ["BETA-01"]


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ("ClockRule(id='BETA-01', find=print)", "n'est pas une règle déclarée"),
        ("'ALPHA-01'", "n'est pas une règle déclarée"),
        ("*[ClockRule(id='ALPHA-01', find=print)] * 2", "existe déjà"),
    ],
)
def test_declare_clock_rules__rule_of_another_or_twice__start_refused(item, told, host_of) -> None:
    with pytest.raises(ConfigurationError, match=told):
        host_of(alpha=f"@hookimpl\ndef declare_clock_rules():\n    return [{item}]\n", beta="")


def test_declare_clock_rules__plugin_raises__start_refused_naming_plugin_and_file(host_of) -> None:
    with pytest.raises(ConfigurationError, match=r"« alpha », plugin.py : declare_clock_rules"):
        host_of(alpha="@hookimpl\ndef declare_clock_rules():\n    raise ValueError('panne')\n")
