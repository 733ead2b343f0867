"""The facts of profiles/ that validation reads: what is committed is what their sources give."""

from pathlib import Path

import pytest

from dui_fhir.validation import reduce_codes
from dui_fhir.validation.reduce_profiles import reduce_files
from dui_fhir.validation.shipped import ShippedPackage, shipped_packages

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "../shared/reference/fhir"
PROFILES = ROOT / "profiles"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the published definitions are not beside the repository")


def test_required_codes__from_their_source__are_those_committed() -> None:
    assert reduce_codes.text(SHARED / "r4") == (PROFILES / "r4/required-codes.json").read_bytes()


def test_core_extensions__from_their_source__are_those_committed() -> None:
    made = reduce_files([SHARED / "r4/extension-definitions.json"], {})

    assert made == (PROFILES / "r4/extensions.json").read_bytes()


@pytest.mark.parametrize("package", shipped_packages(), ids=lambda p: f"{p.id}-{p.version}")
def test_french_profiles__from_their_guide__are_those_committed(package: ShippedPackage) -> None:
    canonicals = {(p.id, p.version): p.canonical for p in shipped_packages()}
    versions = {package.canonical: package.version}
    versions |= {canonicals[id, version]: version for id, version in package.dependencies.items()}
    folder = SHARED / package.file.removesuffix(".json")

    made = reduce_files(sorted(folder.glob("StructureDefinition-*.json")), versions)

    assert made == (PROFILES / "fr" / package.file).read_bytes()
