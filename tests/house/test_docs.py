"""What the documentation says is what the code does."""

import importlib.util
import re
from pathlib import Path

import pytest

from dui_fhir import settings

ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("plugins/*/README.md")])


def _error_ids() -> str:
    spec = importlib.util.spec_from_file_location("error_ids", ROOT / "tests/house/error_ids.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["error_ids"] = module
    spec.loader.exec_module(module)
    return str(module.page())


def test_settings_page__current_list__is_what_the_code_prints() -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == settings.markdown()


def test_errors_page__ids_of_the_source__are_all_there() -> None:
    assert (ROOT / "docs/errors.md").read_text(encoding="utf-8") == _error_ids()


@pytest.mark.parametrize("page", DOCS, ids=lambda p: str(p.relative_to(ROOT)))
def test_page__links_to_files__lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda p: str(p.relative_to(ROOT)))
def test_page__machine_paths__are_absent(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert not re.search(r"/work/|/root/|/home/|index-url|find-links", text)


def test_readme__first_commands__are_demo_and_test() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\s*(?:\$ )?(\./run \w+|curl \S+)", text, flags=re.M)

    assert commands[:2] == ["./run demo", "./run test"]
    assert sum(c.startswith("curl") for c in commands) >= 2


def test_decisions__each__has_a_number_of_its_own_and_a_reason() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [p.name[:4] for p in pages]

    assert len(numbers) == len(set(numbers))
    assert all(re.search(r"^## (Pourquoi|Why|Raisons?)", p.read_text(encoding="utf-8"), flags=re.M) for p in pages)
