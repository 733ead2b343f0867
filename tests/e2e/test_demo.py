"""The whole job, as a newcomer sees it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

SHARED = Path(__file__).parents[2] / "../shared"


@pytest.mark.slow
def test_demo__once__tells_every_step_and_leaves_the_artefacts(tmp_path: Path, cli: Callable[..., Any]) -> None:
    played = cli("demo", "--once", "--folder", str(tmp_path / "demo"), timeout_s=180)

    assert played.returncode == 0, played.stdout + played.stderr
    steps = re.findall(r"^([a-g])\. ", played.stdout, flags=re.M)
    assert list(dict.fromkeys(steps)) == list("abcdefg")
    left = {p.name for p in (tmp_path / "demo").rglob("*") if p.is_file()}
    assert {"a-transaction.json", "c-refus.json", "d-patient-ins.json", "ppa-1.pdf"} <= left
    sent = [p.parent for p in (tmp_path / "demo").rglob("cda.xml")]
    assert len(sent) == 2, "two documents left, the first and its replacement"
    for folder in sent:
        assert {"metadata.xml", "request.mtom", "response"} <= {p.name for p in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the published bundle and the validators (../shared) are not here")
def test_demo__published_bundle__artefacts_pass_the_validators(tmp_path: Path, cli: Callable[..., Any]) -> None:
    import subprocess
    import sys

    bundle = SHARED / "reference/fhir/tddui-2.4.0-ballot/examples/Bundle-tddui-pp-pa-bundle-example.json"
    played = cli("demo", "--once", "--folder", str(tmp_path / "demo"), "--bundle", str(bundle), timeout_s=180)

    assert played.returncode == 0, played.stdout + played.stderr
    posted = json.loads(next((tmp_path / "demo").glob("*/a-transaction.json")).read_text())
    assert posted == json.loads(bundle.read_text()), "the bundle was posted as published"
    cdas = [str(p) for p in (tmp_path / "demo").rglob("cda.xml")]
    metadata = [str(p) for p in (tmp_path / "demo").rglob("metadata.xml")]
    assert len(cdas) == len(metadata) == 2
    for tool, files in (("validate_cda", cdas), ("validate_xds", metadata)):
        judged = subprocess.run(
            [sys.executable, str(SHARED / "tools" / tool), *files], capture_output=True, text=True, check=False
        )
        assert judged.returncode == 0, judged.stdout + judged.stderr
