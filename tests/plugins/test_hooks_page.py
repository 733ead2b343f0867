"""docs/hooks.md, the specifications and the tests speak of the same hooks."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from dui_fhir import hookspecs

ROOT = Path(__file__).parents[2]
FAMILIES = ("declare", "choose", "check", "limit", "add", "on")
PARTS = ("When:", "Returns:", "Combined:", "If it raises:", "Since:", "Example::")


def _specs() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(inspect.getsource(hookspecs))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f.name: f for f in functions if any(ast.unparse(d) == "hookspec" for d in f.decorator_list)}


SPECS = _specs()


def _signature(function: ast.FunctionDef) -> str:
    assert function.returns is not None
    returns = ast.unparse(function.returns).strip("'")
    return f"{function.name}({ast.unparse(function.args)}) -> {returns}"


def test_page__headings__are_the_exact_signatures_in_order() -> None:
    page = (ROOT / "docs/hooks.md").read_text(encoding="utf-8")

    assert re.findall(r"^### `(.+)`$", page, flags=re.M) == [_signature(function) for function in SPECS.values()]


def test_page__example_of_each_hook__repeats_its_signature() -> None:
    page = (ROOT / "docs/hooks.md").read_text(encoding="utf-8")

    assert re.findall(r"^@hookimpl\ndef (.+):$", page, flags=re.M) == [_signature(f) for f in SPECS.values()]


@pytest.mark.parametrize("name", sorted(SPECS))
def test_specification__docstring__has_every_part_in_order(name) -> None:
    text = ast.get_docstring(SPECS[name]) or ""
    places = [text.find(part) for part in PARTS]

    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_specification__name_and_types__follow_the_family(name) -> None:
    function = SPECS[name]

    assert name.split("_")[0] in FAMILIES
    assert function.returns is not None
    assert all(argument.annotation is not None for argument in function.args.args)


@pytest.mark.parametrize("name", sorted(SPECS))
def test_specification__tests_of_its_family__name_it(name) -> None:
    tests = Path(__file__).with_name(f"test_hooks_{name.split('_')[0]}.py").read_text(encoding="utf-8")

    assert f'"{name}"' in tests or f"test_{name}__" in tests
