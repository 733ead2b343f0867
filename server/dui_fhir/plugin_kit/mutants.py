"""Flip the condition of each rule, and see whether an example of its corridor notices.

A rule that no example would miss is not shown. A declarative rule is flipped where it is evaluated (its ``when`` stays); a rule
in Python where the nearest condition before its issue is written. Clock-driven rules are held by their examples of delays.
"""

import ast
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dui_fhir.domain import json
from dui_fhir.plugin_host import Plugin, PluginHost, Rule, Source
from dui_fhir.plugin_host.finder import TRUNK
from dui_fhir.plugin_kit.checking import example_faults, trunk_of
from dui_fhir.plugin_kit.examples import change_of, context_of, examples_of

RULE_ID: Final = re.compile(r"[A-Z]+-[0-9]{2}")


@dataclass(frozen=True, order=True, slots=True)
class Mutant:
    """One condition of one Python file, negated: where it stands, and whose issues it guards."""

    file: str
    line: int
    column: int
    rules: str

    def __str__(self) -> str:
        return f"{self.file}, ligne {self.line} ({self.rules})"


def host_of(folder: Path) -> PluginHost:
    """Return the folder with the common trunk: that beside it, else the installed one."""
    return PluginHost.from_sources([*trunk_of(folder), Source(id=folder.name, folder=folder)])


def plugin_of(host: PluginHost, id: str) -> Plugin:
    """Return a plugin of a host by its id."""
    return next(p for p in host.plugins if p.id == id)


def noticed(host: PluginHost, id: str) -> bool:
    """Tell whether an example of the plugin does not get the answer of its folder."""
    plugin = plugin_of(host, id)
    return any(any(example_faults(example, plugin, host)) for example in examples_of(plugin))


# rules in JSON


def flipped(host: PluginHost, id: str, rule: Rule) -> tuple[bool, bool]:
    """Return whether an example that the declarative rule stops would pass, and one that it lets pass would be stopped."""
    plugin = plugin_of(host, id)
    check = host.declarative(rule.id)
    other = replace(check, evaluate=lambda r, c: None if check.evaluate(r, c) is not None else ())
    stopped = let_pass = False
    for example in examples_of(plugin):
        change, others = change_of(json.loads(example.file.read_bytes()))
        if change.after is None or not rule.concerns(change.type):
            continue
        context = context_of(plugin, host, others, example.file.name)
        before, after = (c.issue(change.after, change, context) for c in (check, other))
        stopped |= before is not None and after is None
        let_pass |= before is None and after is not None
    return stopped, let_pass


# rules in Python


def mutants(folder: Path) -> tuple[Mutant, ...]:
    """Return the conditions that guard the issues of a folder's Python files."""
    found: dict[tuple[str, int, int], set[str]] = {}
    for file in sorted(folder.glob("*.py")):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for rule, guard in _guards(function):
                    found.setdefault((file.name, guard.lineno, guard.col_offset), set()).add(rule)
    return tuple(Mutant(*place, ", ".join(sorted(rules))) for place, rules in sorted(found.items()))


def survivors(folder: Path, wanted: tuple[Mutant, ...]) -> Iterator[Mutant]:
    """Yield those that no example notices. The folder is copied: nothing in it is touched."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / folder.name
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
        trunk = folder.parent / TRUNK
        if folder.name != TRUNK and (trunk / "plugin.json").exists():
            shutil.copytree(trunk, copy.parent / TRUNK, ignore=shutil.ignore_patterns("__pycache__"))
        for mutant in wanted:
            if survives(mutant, copy):
                yield mutant


def survives(mutant: Mutant, copy: Path) -> bool:
    """Negate the condition in a copy of the folder, ask its examples, put it back."""
    file = copy / mutant.file
    source = file.read_text(encoding="utf-8")
    tree = ast.fix_missing_locations(_Negate(mutant).visit(ast.parse(source)))
    file.write_text(ast.unparse(tree), encoding="utf-8")
    try:
        return not noticed(host_of(copy), copy.name)
    finally:
        file.write_text(source, encoding="utf-8")


def _guards(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield each rule whose issue the function makes, with the condition nearest before it."""
    conditions: list[ast.expr] = []

    def visit(node: ast.AST, around: list[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
        if isinstance(node, ast.If):
            conditions.append(node.test)
        if isinstance(node, ast.If | ast.IfExp):
            around = [*around, node.test]
        if isinstance(node, ast.Call) and (around or conditions):
            yield from ((rule, (around or conditions)[-1]) for rule in _rules_of(node))
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.FunctionDef):
                yield from visit(child, around)

    for statement in function.body:
        yield from visit(statement, [])


def _rules_of(call: ast.Call) -> Iterator[str]:
    for given in [*call.args[:1], *(k.value for k in call.keywords if k.arg in ("id", "rule"))]:
        if isinstance(given, ast.Constant) and RULE_ID.fullmatch(str(given.value)):
            yield str(given.value)


class _Negate(ast.NodeTransformer):
    def __init__(self, mutant: Mutant) -> None:
        self._place = (mutant.line, mutant.column)

    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node, ast.If | ast.IfExp) and (node.test.lineno, node.test.col_offset) == self._place:
            node.test = ast.copy_location(ast.UnaryOp(op=ast.Not(), operand=node.test), node.test)
        return node
