"""Lists brought as CSV: a table of codes → a CodeSystem and the ValueSet of all its codes.

Columns, in any order and named in the first line: ``code`` and ``libelle`` (or ``display``) are needed; ``definition``,
``parent`` (code of the concept above), ``inactif`` (``oui``) and ``libelle:<langue>`` are understood. Separator ``;``, ``,``
or tab; UTF-8.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

from dui_fhir.domain.errors import BadRequest

ROWS_MAX = 200_000
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
    """Return the CodeSystem and the ValueSet. Raises: BadRequest ``terminology-csv``, with the line at fault."""
    body = text.removeprefix("\ufeff")
    rows = csv.reader(StringIO(body, newline=""), delimiter=_separator(body), strict=True)
    try:
        columns = _columns(next(rows, []))
        concepts = _concepts(rows, columns)
    except csv.Error as error:
        raise _fault(f"not a CSV: {error}") from None
    _check_parents(concepts)
    return _code_system(target, concepts), _value_set(target)


def _fault(diagnostics: str) -> BadRequest:
    return BadRequest.of("terminology-csv", "La liste ne peut pas être lue : voir la ligne indiquée.", diagnostics)


def _separator(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(";,\t", key=first.count)


def _columns(header: Sequence[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for position, title in enumerate(header):
        name, _, language = title.strip().lower().partition(":")
        known = _NAMES.get(name)
        if known is not None:
            columns[f"display:{language}" if language else known] = position
    if not {"code", "display"} <= set(columns):
        raise _fault("line 1: columns code and libelle are needed")
    return columns


def _concepts(rows: Any, columns: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        concept = _concept(row, columns)
        if not concept["code"] or concept["code"] in found:
            raise _fault(f"line {rows.line_num}: code missing or given twice")
        found[concept["code"]] = concept
        if len(found) > ROWS_MAX:
            raise _fault(f"more than {ROWS_MAX} codes")
    return found


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


def _check_parents(concepts: Mapping[str, Mapping[str, Any]]) -> None:
    for concept in concepts.values():
        for row in concept.get("property", ()):
            if row["code"] == "parent" and row["valueCode"] not in concepts:
                raise _fault("a parent is not one of the codes of the list")


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
