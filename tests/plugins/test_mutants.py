"""Flip the condition of each rule: the examples of its corridor must notice.

A declarative rule is flipped where it is evaluated (its ``when`` stays); a rule in Python where the nearest condition before
its issue is written. Clock-driven rules are held day by day by tests/plugins/clock/test_simulation.py.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from dui_fhir.domain import json
from dui_fhir.plugin_host import Plugin, PluginHost, Source
from dui_fhir.plugin_kit import examples_of
from dui_fhir.plugin_kit.checking import example_faults
from dui_fhir.plugin_kit.examples import change_of, context_of

PLUGINS = Path(__file__).parents[2] / "plugins"
FOLDERS = sorted(manifest.parent for manifest in PLUGINS.glob("*/plugin.json"))
RULE_ID = re.compile(r"[A-Z]+-[0-9]{2}")


def host_of(id: str, folder: Path) -> PluginHost:
    folders = {"commun": PLUGINS / "commun", id: folder}
    return PluginHost.from_sources([Source(id=i, folder=f) for i, f in folders.items()])


@cache
def shipped(id: str) -> PluginHost:
    return host_of(id, PLUGINS / id)


def plugin_of(host: PluginHost, id: str) -> Plugin:
    return next(p for p in host.plugins if p.id == id)


def noticed(id: str, host: PluginHost) -> bool:
    plugin = plugin_of(host, id)
    return any(list(example_faults(example, plugin, host)) for example in examples_of(plugin))


# ------------------------------------------------------------------------------------------------- rules in JSON

DECLARATIVE = [(f.name, r.id) for f in FOLDERS for r in plugin_of(shipped(f.name), f.name).rules if r.form != "python"]


@pytest.mark.parametrize(("id", "rule"), DECLARATIVE)
def test_declarative_rule__flipped__an_example_it_let_pass_and_one_it_stopped_change(id: str, rule: str) -> None:
    host = shipped(id)
    plugin = plugin_of(host, id)
    (check,) = [c for c in host._loaded.checks if c.rule.id == rule]
    flipped = replace(check, evaluate=lambda r, c: None if check.evaluate(r, c) is not None else ())
    changed = {"stopped": 0, "let pass": 0}
    for example in examples_of(plugin):
        change, others = change_of(json.loads(example.file.read_bytes()))
        if change.after is None or not check.rule.concerns(change.type):
            continue
        context = context_of(plugin, host, others, example.file.name)
        before, after = (c.issue(change.after, change, context) for c in (check, flipped))
        if before is not None and after is None:
            changed["stopped"] += 1
        if before is None and after is not None:
            changed["let pass"] += 1
    assert all(changed.values()), changed


# ----------------------------------------------------------------------------------------------- rules in Python


@dataclass(frozen=True)
class Mutant:
    """One condition of one file, negated: ``line`` is where it stands, ``rules`` whose issues it guards."""

    corridor: str
    file: str
    line: int
    column: int
    rules: str

    def __str__(self) -> str:
        return f"{self.corridor}/{self.file}:{self.line} {self.rules}"


def mutants() -> Iterator[Mutant]:
    found: dict[tuple[str, str, int, int], set[str]] = {}
    for folder in FOLDERS:
        for file in sorted(folder.glob("*.py")):
            for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(function, ast.FunctionDef):
                    for rule, guard in _guards(function):
                        found.setdefault((folder.name, file.name, guard.lineno, guard.col_offset), set()).add(rule)
    for place, rules in sorted(found.items()):
        yield Mutant(*place, ", ".join(sorted(rules)))


def _guards(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield each rule whose issue the function makes, with the condition nearest before it."""
    conditions: list[ast.expr] = []

    def visit(node: ast.AST, around: list[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
        if isinstance(node, ast.If):
            conditions.append(node.test)
        if isinstance(node, ast.If | ast.IfExp):
            around = [*around, node.test]
        if isinstance(node, ast.Call):
            for given in [*node.args[:1], *(k.value for k in node.keywords if k.arg in ("id", "rule"))]:
                if isinstance(given, ast.Constant) and RULE_ID.fullmatch(str(given.value)) and (around or conditions):
                    yield str(given.value), (around or conditions)[-1]
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef):
                yield from visit(child, around)

    for statement in function.body:
        yield from visit(statement, [])


class _Negate(ast.NodeTransformer):
    def __init__(self, mutant: Mutant) -> None:
        self._place = (mutant.line, mutant.column)

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.If | ast.IfExp) and (node.test.lineno, node.test.col_offset) == self._place:
            node.test = ast.copy_location(ast.UnaryOp(op=ast.Not(), operand=node.test), node.test)
        return node


@pytest.fixture(scope="session")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mutants")
    for folder in FOLDERS:
        shutil.copytree(folder, root / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


HELD_BY_THE_SENDING_TABLE = {("sending.py", "COM-44")}
"""What a structure opened is a parameter, which an example does not set: corridors/test_sending_table.py holds it."""

ALL = [m for m in mutants() if (m.file, m.rules) not in HELD_BY_THE_SENDING_TABLE]


@pytest.mark.parametrize("mutant", ALL, ids=str)
def test_python_rule__condition_negated__an_example_notices(mutant: Mutant, copies: Path) -> None:
    file = copies / mutant.corridor / mutant.file
    source = file.read_text(encoding="utf-8")
    tree = ast.fix_missing_locations(_Negate(mutant).visit(ast.parse(source)))
    file.write_text(ast.unparse(tree), encoding="utf-8")
    try:
        assert noticed(mutant.corridor, host_of(mutant.corridor, copies / mutant.corridor))
    finally:
        file.write_text(source, encoding="utf-8")


def test_mutants__python_rules__each_has_one() -> None:
    """A rule whose issue no condition guards, or which is written elsewhere, would escape."""
    guarded = {rule for mutant in mutants() for rule in mutant.rules.split(", ")}
    for folder in FOLDERS:
        for rule in plugin_of(shipped(folder.name), folder.name).rules:
            if rule.form == "python" and rule.kind != "P":
                assert rule.id in guarded, rule.id


def test_noticed__unchanged_copies__nothing(copies: Path) -> None:
    for folder in FOLDERS:
        assert not noticed(folder.name, host_of(folder.name, copies / folder.name))
