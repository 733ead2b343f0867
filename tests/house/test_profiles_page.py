"""docs/fr/profils.md is what ships."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_profiles_page__what_ships__is_what_it_says() -> None:
    spec = importlib.util.spec_from_file_location("profiles_page", ROOT / "tests/house/profiles_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["profiles_page"] = module
    spec.loader.exec_module(module)
    page = module.page()
    if page is None:
        pytest.skip("the published examples are not beside the repository: their counts cannot be made")

    assert (ROOT / "docs/fr/profils.md").read_text(encoding="utf-8") == page
