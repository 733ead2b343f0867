"""The source keeps the promises of CONTRIBUTING.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "server").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")])


@pytest.mark.parametrize("file", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module__docstring__is_there(file: Path) -> None:
    module = ast.parse(file.read_text(encoding="utf-8"))

    assert ast.get_docstring(module) or not module.body


def test_modules__names__are_no_drawers() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}

    assert [str(f.relative_to(ROOT)) for f in SOURCES if f.name in drawers] == []


def test_source__unfinished_marks__are_absent() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

    assert [str(f.relative_to(ROOT)) for f in SOURCES if marks.search(f.read_text(encoding="utf-8"))] == []


def test_pins__every_requirement__is_exact() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]

    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;]+(\s*;.*)?", line)] == []
