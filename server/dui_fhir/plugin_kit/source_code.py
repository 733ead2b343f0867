"""What the Python files of a plugin may not hold: imports of the server's inside, delays written as numbers."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from dui_fhir.plugin_host.fault import Fault

_DELAY_NAME = re.compile(r"(^|_)(JOURS?|MOIS|ANS|SEMAINES|DAYS?|MONTHS?|YEARS?|WEEKS?|DELAI|DELAY)(_|$)", re.IGNORECASE)
_LONG = {"days", "weeks", "months", "years"}
_CLOCKS = {"now", "today", "utcnow"}


def source_faults(folder: Path) -> Iterator[Fault]:
    """Yield the faults of every Python file of a plugin's folder; files that are not Python are left to the loader."""
    for file in sorted(folder.glob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            yield from (
                Fault(file=file.name, path=f"ligne {node.lineno}", text=text)  # type: ignore[attr-defined]
                for text in _texts(node, folder.name)
            )


def _texts(node: ast.AST, id: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (_import_text(alias.name, id) for alias in node.names if _forbidden(alias.name, id))
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module and _forbidden(node.module, id):
        yield _import_text(node.module, id)
    elif isinstance(node, ast.Call):
        yield from _call_texts(node)
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from _assignment_texts(node)


def _forbidden(module: str, id: str) -> bool:
    if module.split(".")[0] == "dui_fhir":
        return module != "dui_fhir.api"
    return module.startswith("dui_fhir_plugins.") and not f"{module}.".startswith(f"dui_fhir_plugins.{id}.")


def _import_text(module: str, id: str) -> str:
    return f"« {module} » ne peut pas être importé : un couloir n'importe que dui_fhir.api et ses propres modules"


def _call_texts(call: ast.Call) -> Iterator[str]:
    name = (
        call.func.attr
        if isinstance(call.func, ast.Attribute)
        else call.func.id
        if isinstance(call.func, ast.Name)
        else ""
    )
    if name in ("timedelta", "relativedelta"):
        given = [(k.arg, k.value) for k in call.keywords] + [("days", a) for a in call.args[:1]]
        if any(unit in _LONG and _number(value) > 1 for unit, value in given):
            yield "un délai est écrit dans le code : mettez-le dans parameters.json et lisez context.parameters"
    if isinstance(call.func, ast.Attribute) and name in _CLOCKS and _names_a_clock(call.func.value):
        yield "l'heure vient de context.now, pas de l'horloge de la machine"


def _names_a_clock(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("datetime", "date")


def _assignment_texts(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Name) and _names_a_delay(target.id) and _number(node.value) > 0:
            yield f"« {target.id} » est un délai écrit dans le code : mettez-le dans parameters.json"


def _names_a_delay(name: str) -> bool:
    return name.isupper() and _DELAY_NAME.search(name) is not None


def _number(node: ast.expr | None) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    return 0
