"""What ships is what the sources say."""

from pathlib import Path

import pytest

from dui_fhir.terminology import reduce

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT.parent / "shared" / "reference"


@pytest.mark.skipif(not SOURCES.exists(), reason="the published resources are not beside the project (../shared)")
def test_reduce__published_resources__give_the_files_that_ship(tmp_path: Path) -> None:
    reduce.main(str(SOURCES), str(tmp_path))
    for name in ("index.json", "r4.json", "fr.json", "nos.json", "tddui.json"):
        assert (tmp_path / name).read_bytes() == (ROOT / "profiles" / "terminology" / name).read_bytes(), name
