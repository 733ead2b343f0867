"""``dui-fhir tenant merge`` on real files: dry run, done, undone."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dui_fhir.cli import group

pytestmark = pytest.mark.e2e


def test_tenant_merge__dry_run_then_done_then_undone(tmp_path: Path) -> None:
    def run(*words: str) -> Result:
        return CliRunner().invoke(group, [*words, "--data", str(tmp_path / "data")])

    for tenant, finess in (("saad", "330785001"), ("ssiad", "330785002")):
        assert (
            run("tenant", "add", tenant, "--structure", f"{finess},460,{tenant},1 rue", "--corridor", "dom").exit_code
            == 0
        )

    dry = run("tenant", "merge", "saad", "ssiad")
    assert dry.exit_code == 0, dry.output
    assert "structures : 330785001" in dry.output
    assert "rien n'a été écrit" in dry.output
    assert run("tenant", "merge", "saad", "ssiad", "--apply").exit_code == 2

    done = run("tenant", "merge", "saad", "ssiad", "--apply", "--act", "décision du 24/11/2026")
    assert "1 ressources écrites" in done.output
    assert "330785001" in run("tenant", "list").output.partition("ssiad")[2]
    assert "0 ressources écrites" in run("tenant", "merge", "saad", "ssiad", "--apply", "--act", "x").output

    assert "Retirés : 1 Organization" in run("tenant", "merge", "saad", "ssiad", "--undo").output
    assert "330785001" not in run("tenant", "list").output.partition("ssiad")[2]
