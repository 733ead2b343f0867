"""Version ranges of manifests."""

import pytest

from dui_fhir.plugin_host.versions import accepts


@pytest.mark.parametrize(
    ("spec", "version", "expected"),
    [
        (">=0.1,<1", "0.1.0", True),
        (">=0.1,<1", "0.9.12", True),
        (">=0.1,<1", "1.0.0", False),
        (">=0.2", "0.1.9", False),
        (">=0.10", "0.9", False),
        ("0.1", "0.1.0", True),
        ("==0.1.1", "0.1.0", False),
        (">0.1", "0.1.0", False),
        ("<=0.1", "0.1.0", True),
        ("~=0.1", "0.4.0", True),
        ("~=0.1", "1.0.0", False),
        (">=0.1", "0.1.0rc1", True),
    ],
)
def test_accepts__range_and_version__as_written(spec, version, expected) -> None:
    assert accepts(spec, version) is expected
