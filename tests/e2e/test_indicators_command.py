"""``dui-fhir indicators`` on a real data folder: table, CSV, a report kept, verified, then contradicted."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dui_fhir.cli import group

pytestmark = pytest.mark.e2e
FINESS, OTHER = "330785001", "330785002"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    """Return a function that runs the command on a folder of two tenants."""
    data = str(tmp_path_factory.mktemp("indicators") / "data")

    def command(*words: str, status: int = 0) -> str:
        done = CliRunner().invoke(group, [*words, "--data", data])
        assert done.exit_code == status, done.output
        return done.output

    for tenant, finess in (("alpha", FINESS), ("beta", OTHER)):
        command("tenant", "add", tenant, "--structure", f"{finess},500,EHPAD,1 rue")
    return command


def test_indicators__nobody_there__table_says_why(run) -> None:
    told = run("indicators", "--tenant", "alpha", "--organization", FINESS, "--month", "2026-10")

    assert f"{FINESS} — du 01/10/2026 au 31/10/2026" in told
    assert told.count("le dénominateur est nul") >= 5
    assert "GIR moyen pondéré" in told


def test_indicators__csv__one_line_each_with_its_proof(run) -> None:
    told = run("indicators", "--tenant", "alpha", "--month", "2026-10", "--quarter", "--csv")

    rows = list(csv.DictReader(io.StringIO(told), delimiter=";"))
    assert {"ESMS-1", "ESMS-5", "GMP"} <= {row["indicateur"] for row in rows}
    assert {row["debut"] for row in rows} == {"2026-08-01"}
    assert all(len(row["empreinte"]) == 64 for row in rows)


def test_indicators__report_verified__sound_then_tampered(run, tmp_path: Path) -> None:
    words = ("indicators", "--tenant", "alpha", "--organization", FINESS, "--month", "2026-10")
    report = tmp_path / "rapport.json"
    report.write_text(run(*words, "--indicator", "ESMS-3", "--json", "--lists", "--keep"), encoding="utf-8")

    assert "la même empreinte" in run("indicators", "--tenant", "alpha", "--verify", str(report))

    bundle = json.loads(report.read_text(encoding="utf-8"))
    bundle["entry"][0]["resource"]["period"]["end"] = "2026-10-30"
    report.write_text(json.dumps(bundle), encoding="utf-8")
    assert "FAUX" in run("indicators", "--tenant", "alpha", "--verify", str(report), status=1)


def test_indicators__grappe_of_two_tenants__one_total_without_lists(run) -> None:
    members = ("--grappe", f"alpha:{FINESS}", "--grappe", f"beta:{OTHER}")
    told = run("indicators", *members, "--month", "2026-10", "--indicator", "ESMS-3", "--json", "--lists")

    (entry,) = json.loads(told)["entry"]
    assert "contained" not in entry["resource"]
    assert [i["value"][1:10] for i in entry["resource"]["identifier"]] == [FINESS, OTHER]


def test_indicators__threshold_of_one_structure__hides_the_sum_too(run, tmp_path: Path) -> None:
    members = ("--grappe", f"alpha:{FINESS}", "--grappe", f"beta:{OTHER}", "--month", "2026-09")
    asked = ("indicators", *members, "--indicator", "ESMS-3", "--csv")
    resident = tmp_path / "resident.json"
    resident.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": _resident()}))
    run("import", str(resident), "--tenant", "alpha")

    def shown() -> tuple[str, str]:
        (row,) = csv.DictReader(io.StringIO(run(*asked)), delimiter=";")
        return row["denominateur"], row["motif"]

    assert shown() == ("", "effectif trop petit pour être montré")
    for tenant in ("alpha", "beta"):
        run("tenant", "parameter", tenant, "commun.indicateurs_effectif_min", "1")
    assert shown() == ("1", "")
    run("tenant", "parameter", "beta", "commun.indicateurs_effectif_min", "2", "--structure", OTHER)
    assert shown() == ("", "effectif trop petit pour être montré")


def _resident() -> list[dict[str, object]]:
    person = {"resourceType": "Patient", "id": "p", "name": [{"use": "official", "family": "FICTIF"}]}
    stay = {
        "resourceType": "Encounter", "id": "s", "status": "in-progress", "class": {"code": "HH"},
        "identifier": [{"system": "https://identifiant-medicosocial-sejour.esante.gouv.fr", "value": f"3{FINESS}/1-SEJOUR-1"}],
        "subject": {"reference": "Patient/p"}, "serviceProvider": {"reference": f"Organization/finess-{FINESS}"},
        "period": {"start": "2026-01-05"},
    }  # fmt: skip
    return [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in (person, stay)
    ]


def test_indicators__structure_of_another_tenant__is_not_found(run) -> None:
    run("indicators", "--tenant", "alpha", "--organization", OTHER, status=1)
