"""Lists brought as CSV: a table of codes → a CodeSystem and the ValueSet of all its codes.

Columns, in any order and named in the first line: ``code`` and ``libelle`` (or ``display``) are needed; ``definition``,
``parent`` (code of the concept above), ``inactif`` (``oui``) and ``libelle:<langue>`` are understood. Separator ``;``, ``,``
or tab; UTF-8.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.issues import Issue

ROWS_MAX = 200_000
FAULTS_MAX = 200
_CODE = re.compile(r"[^\s]+( [^\s]+)*")
_YES = frozenset({"oui", "true", "1", "yes", "o", "vrai"})
_NAMES = {"libelle": "display", "libellé": "display", "display": "display", "code": "code", "definition": "definition",
          "définition": "definition", "parent": "parent", "inactif": "inactive", "inactive": "inactive"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Target:
    """What the list becomes: canonical of the code system, its version, name and language of the labels."""

    url: str
    version: str
    name: str
    language: str = "fr"


def read(text: str, target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the CodeSystem and the ValueSet.

    Raises: BadRequest ``terminology-csv`` with all faults together, each with its line, at most :data:`FAULTS_MAX`.
    """
    body = text.removeprefix("\ufeff")
    rows = csv.reader(StringIO(body, newline=""), delimiter=_separator(body), strict=True)
    faults: list[Issue] = []
    concepts: dict[str, dict[str, Any]] = {}
    try:
        columns = _columns(next(rows, []), faults)
        if columns:
            concepts = _concepts(rows, columns, faults)
    except csv.Error as error:
        faults.append(_fault(rows.line_num, "la ligne n'est pas du CSV (guillemets ?)", f"not a CSV: {error}"))
    if faults:
        raise BadRequest(faults[:FAULTS_MAX])
    return _code_system(target, concepts), _value_set(target)


def _fault(line: int, text: str, diagnostics: str) -> Issue:
    return Issue(
        severity="error",
        code="invalid",
        id="terminology-csv",
        text=f"Ligne {line} : {text}.",
        diagnostics=f"line {line}: {diagnostics}",
    )


def _separator(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(";,\t", key=first.count)


def _columns(header: Sequence[str], faults: list[Issue]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for position, title in enumerate(header):
        name, _, language = title.strip().lower().partition(":")
        known = _NAMES.get(name)
        if known is not None:
            columns[f"display:{language}" if language else known] = position
    if {"code", "display"} <= set(columns):
        return columns
    named = ", ".join(f"« {title.strip()[:40]} »" for title in header[:20]) or "aucune"
    text = f"il faut les colonnes « code » et « libelle » (colonnes lues : {named})"
    faults.append(_fault(1, text, "columns code and libelle are needed"))
    return {}


def _concepts(rows: Any, columns: Mapping[str, int], faults: list[Issue]) -> dict[str, dict[str, Any]]:
    """Return the concepts by code, the faults of all lines being noted."""
    found: dict[str, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        concept = _concept(row, columns)
        _judge(concept, rows.line_num, lines, faults)
        found.setdefault(concept["code"], concept)
        lines.setdefault(concept["code"], rows.line_num)
        if len(found) > ROWS_MAX:
            faults.append(_fault(rows.line_num, f"plus de {ROWS_MAX} codes", f"more than {ROWS_MAX} codes"))
            break
    _judge_parents(found, lines, faults)
    return found


def _judge(concept: Mapping[str, Any], line: int, lines: Mapping[str, int], faults: list[Issue]) -> None:
    code = concept["code"]
    if not code:
        faults.append(_fault(line, "le code manque", "code missing"))
    elif code in lines:
        faults.append(_fault(line, f"le code « {code[:60]} » est déjà à la ligne {lines[code]}", "code given twice"))
    elif _CODE.fullmatch(code) is None:
        faults.append(_fault(line, f"le code « {code[:60]} » contient des blancs en trop", "not a FHIR code"))
    if not concept["display"]:
        faults.append(_fault(line, "le libellé manque", "display missing"))


def _judge_parents(concepts: Mapping[str, Mapping[str, Any]], lines: Mapping[str, int], faults: list[Issue]) -> None:
    parents = {code: parent for code, concept in concepts.items() if (parent := _parent(concept))}
    for code, parent in parents.items():
        if parent not in concepts:
            faults.append(
                _fault(lines[code], f"le parent « {parent[:60]} » n'est pas un code de la liste", "no such parent")
            )
        elif _circular(code, parents):
            faults.append(_fault(lines[code], f"le code « {code[:60]} » est son propre ancêtre", "circular parents"))
    faults.sort(key=lambda issue: int(issue.diagnostics.split(":", 1)[0].removeprefix("line ")))


def _parent(concept: Mapping[str, Any]) -> str | None:
    return next((str(p["valueCode"]) for p in concept.get("property", ()) if p["code"] == "parent"), None)


def _circular(code: str, parents: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    at: str | None = code
    while at is not None and at not in seen:
        seen.add(at)
        at = parents.get(at)
        if at == code:
            return True
    return False


def _concept(row: Sequence[str], columns: Mapping[str, int]) -> dict[str, Any]:
    cells = {name: row[position].strip() if position < len(row) else "" for name, position in columns.items()}
    concept: dict[str, Any] = {"code": cells["code"], "display": cells["display"]}
    if cells.get("definition"):
        concept["definition"] = cells["definition"]
    properties: list[dict[str, Any]] = []
    if cells.get("parent"):
        properties.append({"code": "parent", "valueCode": cells["parent"]})
    if cells.get("inactive", "").lower() in _YES:
        properties.append({"code": "inactive", "valueBoolean": True})
    others = [(name.partition(":")[2], text) for name, text in cells.items() if ":" in name and text]
    if properties:
        concept["property"] = properties
    if others:
        concept["designation"] = [{"language": language, "value": value} for language, value in others]
    return concept


def _code_system(target: Target, concepts: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem",
        "url": target.url,
        "version": target.version,
        "name": target.name,
        "status": "active",
        "language": target.language,
        "caseSensitive": True,
        "content": "complete",
        "hierarchyMeaning": "is-a",
        "property": [
            {"code": "parent", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"},
            {"code": "inactive", "uri": "http://hl7.org/fhir/concept-properties#inactive", "type": "boolean"},
        ],
        "count": len(concepts),
        "concept": list(concepts.values()),
    }


def _value_set(target: Target) -> dict[str, Any]:
    return {
        "resourceType": "ValueSet",
        "url": f"{target.url}?vs",
        "version": target.version,
        "name": f"{target.name}VS",
        "status": "active",
        "language": target.language,
        "compose": {"include": [{"system": target.url, "version": target.version}]},
    }
