"""The public face for plugins: sorted, complete, and nothing of the server's inside."""

import ast
import inspect
from pathlib import Path

from dui_fhir import api


def test_all__names__are_sorted_unique_and_there() -> None:
    constants = [n for n in api.__all__ if n.isupper()]
    classes = [n for n in api.__all__ if n[0].isupper() and n not in constants]
    functions = [n for n in api.__all__ if n[0].islower()]

    assert api.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]
    assert len(set(api.__all__)) == len(api.__all__)
    assert all(hasattr(api, name) for name in api.__all__)


def test_all__imported_names__are_all_exported() -> None:
    tree = ast.parse(inspect.getsource(api))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert imported == set(api.__all__)


def test_api__modules_behind_it__are_values_hooks_ports_and_settings_only() -> None:
    tree = ast.parse(Path(api.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    allowed = ("dui_fhir.domain.", "dui_fhir.hookspecs", "dui_fhir.ports", "dui_fhir.settings")
    assert all(module and module.startswith(allowed) for module in modules)
