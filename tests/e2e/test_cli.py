"""The command as people use it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

Cli = Callable[..., Any]
COMMANDS = [
    "serve",
    "demo",
    "worker",
    "simulators",
    "plugin",
    "plugin list",
    "plugin check",
    "plugin new",
    "tenant",
    "tenant add",
    "tenant list",
    "import",
    "check",
    "backup",
    "restore",
    "verify",
    "upgrade",
]
CONTRACT = {
    "serve": ["--host", "--port", "--data", "--store", "--workers", "--auth", "--plugin-folder"],
    "tenant add": ["--structure"],
    "demo": ["--once"],
}
STRUCTURE = "330785001,500,EHPAD Les Tilleuls (démonstration),1 rue des Lilas, 33000 Bordeaux"


@pytest.mark.parametrize("command", COMMANDS)
def test_help__each_command__says_what_it_does_and_its_options(command: str, cli: Cli) -> None:
    shown = cli(*command.split(), "--help")

    assert shown.returncode == 0
    assert len(shown.stdout) > 100
    assert all(option in shown.stdout for option in CONTRACT.get(command, []))


def test_tenant_add__structure__is_listed_with_its_corridor(tmp_path: Path, cli: Cli) -> None:
    data = str(tmp_path / "data")

    added = cli("tenant", "add", "alpha", "--structure", STRUCTURE, "--data", data)
    listed = cli("tenant", "list", "--data", data)

    assert added.returncode == 0, added.stderr
    assert "alpha" in listed.stdout
    assert "330785001" in listed.stdout
    assert "[pa]" in listed.stdout


def test_tenant_add__while_the_server_runs__is_served_at_once(server: Any, cli: Cli) -> None:
    added = cli("tenant", "add", "beta", "--structure", STRUCTURE, "--data", str(server.data))

    assert added.returncode == 0, added.stderr
    found = server.client.get("/t/beta/fhir/Organization").json()
    assert [e["resource"]["name"] for e in found["entry"]] == ["EHPAD Les Tilleuls (démonstration)"]
    assert server.client.get("/t/gamma/fhir/Organization").status_code == 404


@pytest.mark.parametrize(
    "structure", ["", "330785001", "33078500,500,Nom,Adresse", "330785001,5000,Nom,Adresse", "330785001,500,,Adresse"]
)
def test_tenant_add__faulty_structure__is_refused_in_french(structure: str, tmp_path: Path, cli: Cli) -> None:
    refused = cli("tenant", "add", "alpha", "--structure", structure, "--data", str(tmp_path / "data"))

    assert refused.returncode != 0
    assert "attendues" in refused.stderr or "n'est pas" in refused.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["Alpha", "a/b", "..", "-a", "é"])
def test_tenant_add__faulty_name__is_refused(name: str, tmp_path: Path, cli: Cli) -> None:
    refused = cli("tenant", "add", "--data", str(tmp_path / "data"), "--", name)

    assert refused.returncode == 1
    assert "tenant-name" in refused.stderr


def test_import__bundle_twice__adds_nothing_the_second_time(tmp_path: Path, cli: Cli) -> None:
    from dui_fhir.demo.person import bundle

    data, file = str(tmp_path / "data"), tmp_path / "personne.json"
    file.write_text(json.dumps(bundle()), encoding="utf-8")
    assert cli("tenant", "add", "demo", "--structure", STRUCTURE, "--data", data).returncode == 0

    first = cli("import", str(file), "--data", data)
    second = cli("import", str(file), "--data", data)

    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 0, second.stdout + second.stderr
    assert "15" in first.stdout
    assert "0 créée" in second.stdout


def test_import__one_faulty_file_among_good_ones__takes_the_good_and_names_the_other(tmp_path: Path, cli: Cli) -> None:
    data = str(tmp_path / "data")
    (tmp_path / "bon.json").write_text('{"resourceType":"Patient","id":"a"}')
    (tmp_path / "mauvais.json").write_text('{"resourceType":')

    done = cli(
        "import",
        str(tmp_path / "bon.json"),
        str(tmp_path / "mauvais.json"),
        "--data",
        data,
        "--report",
        str(tmp_path / "r.ndjson"),
    )

    assert done.returncode == 1
    assert "mauvais.json" in done.stdout
    report = [json.loads(line) for line in (tmp_path / "r.ndjson").read_text().splitlines()]
    assert [line["status"] for line in report] == ["ok", "refused"]


def test_check__unknown_setting__stops_with_one_sentence(tmp_path: Path, cli: Cli) -> None:
    config = tmp_path / "dui.toml"
    config.write_text("prot = 8080\n")

    refused = cli("check", "--config", str(config))

    assert refused.returncode == 1
    assert refused.stderr == "Erreur : réglage inconnu : prot\n"


def test_check__good_configuration__says_so_and_starts_nothing(tmp_path: Path, cli: Cli) -> None:
    fine = cli("check", "--data", str(tmp_path / "data"))

    assert fine.returncode == 0, fine.stderr
    assert "Configuration correcte" in fine.stdout
    assert not (tmp_path / "data").exists()


def test_plugin_new__then_check__has_no_fault_and_serves(
    tmp_path: Path, cli: Cli, make_server: Callable[..., Any]
) -> None:
    made = cli("plugin", "new", "repit", "--in", str(tmp_path))
    checked = cli("plugin", "check", str(tmp_path / "repit"))

    assert made.returncode == 0, made.stderr
    assert checked.returncode == 0, checked.stdout
    server = make_server("--plugin-folder", str(tmp_path / "repit")).start()
    assert server.client.get("/fhir/metadata").status_code == 200


def test_plugin_check__own_corridors__have_no_fault(cli: Cli) -> None:
    root = Path(__file__).parents[2]
    folders = [str(p.parent) for p in sorted(root.glob("plugins/*/plugin.json"))]

    checked = cli("plugin", "check", *folders, timeout_s=120)

    assert len(folders) == 8
    assert checked.returncode == 0, checked.stdout


def test_plugin_list__default_corridors__are_there_with_their_rules(cli: Cli) -> None:
    listed = cli("plugin", "list")

    assert listed.returncode == 0, listed.stderr
    assert all(name in listed.stdout for name in ("commun", "pa", "dom"))
