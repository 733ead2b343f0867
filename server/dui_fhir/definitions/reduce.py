"""Write the tables of ``profiles/r4`` from the R4 definitions as published: facts only, no prose.

``python -m dui_fhir.definitions.reduce ../shared/reference/fhir/r4 profiles/r4`` (see profiles/SOURCES.md).
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

NOT_R4 = frozenset({"MetadataResource", "SubscriptionStatus"})
"""Carried by the source package, absent from R4 4.0.1 (its code system resource-types)."""
BASE = "http://hl7.org/fhir/StructureDefinition/"
_EXTENSION_TYPE = BASE + "structuredefinition-fhir-type"
_EXTENSION_REGEX = BASE + "regex"


def tables(source: Path) -> dict[str, bytes]:
    """Return the content of each file of ``profiles/r4``, by its path there."""
    structures = [s for s in _structures(source) if s["id"] not in NOT_R4]
    systems = _systems_of_value_sets(_load(source, "value-sets.json"), _bound_value_sets(structures))
    return {
        "types.json": _lines(_header(s) for s in structures),
        "search-parameters.json": _lines(_search_parameter(p) for p in _load(source, "search-parameters.json")),
        "compartment-patient.json": _lines(_compartment(_load(source, "compartment-patient.json"))),
        "operations.json": _lines(_operation(o) for o in _load(source, "operation-definitions.json")),
        "code-systems-of-value-sets.json": orjson.dumps(
            systems, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        ),
        **{f"elements/{s['id']}.json": _lines(_element(e) for e in s["snapshot"]["element"]) for s in structures},
    }


def _load(source: Path, name: str) -> Any:
    return orjson.loads((source / name).read_bytes())


def _structures(source: Path) -> list[dict[str, Any]]:
    return [
        *_load(source, "structure-definitions-types.json"),
        *_load(source, "structure-definitions-resources.json"),
    ]


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """One row per line, so that a change of the tables reads well."""
    return b"[\n" + b",\n".join(orjson.dumps(row) for row in rows) + b"\n]\n"


def _short(url: str) -> str:
    return url.removeprefix(BASE)


def _header(structure: dict[str, Any]) -> dict[str, Any]:
    row = {"name": structure["id"], "kind": structure["kind"]}
    if structure.get("abstract"):
        row["abstract"] = True
    if "baseDefinition" in structure:
        row["base"] = _short(structure["baseDefinition"])
    if structure.get("derivation") == "constraint":
        row["constrains"] = structure["type"]
    return row


def _element(element: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"path": element["path"], "min": element["min"], "max": element["max"]}
    if element["id"] != element["path"]:
        row["id"] = element["id"]
    if types := [_type(t) for t in element.get("type", [])]:
        row["types"] = types
    if reference := element.get("contentReference"):
        row["content"] = reference.removeprefix("#")
    if binding := element.get("binding"):
        row["binding"] = {"strength": binding["strength"], "valueSet": binding.get("valueSet")}
    for flag, name in (("isSummary", "summary"), ("isModifier", "modifier")):
        if element.get(flag):
            row[name] = True
    if constraints := element.get("constraint"):
        row["constraints"] = [[c["key"], c["severity"], c["expression"]] for c in constraints]
    limits = ("minValueInteger", "maxValueInteger", "maxLength")
    return row | {name: element[name] for name in limits if name in element}


def _type(type_: dict[str, Any]) -> str | dict[str, Any]:
    extensions = {e["url"]: e for e in type_.get("extension", [])}
    code = type_["code"]
    if code.startswith("http://hl7.org/fhirpath/"):
        code = extensions.get(_EXTENSION_TYPE, {}).get("valueUrl", "string")
    row: dict[str, Any] = {"code": code}
    if targets := type_.get("targetProfile"):
        row["targets"] = [_short(t) for t in targets]
    if profiles := type_.get("profile"):
        row["profiles"] = [_short(p) for p in profiles]
    if _EXTENSION_REGEX in extensions:
        row["regex"] = extensions[_EXTENSION_REGEX]["valueString"]
    return row if len(row) > 1 else code


def _search_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {k: parameter[k] for k in ("id", "code", "type", "base", "expression") if k in parameter}
    if targets := [t for t in parameter.get("target", []) if t not in NOT_R4]:
        row["target"] = targets
    if components := parameter.get("component"):
        row["component"] = [
            {"definition": c["definition"].rsplit("/", 1)[1], "expression": c["expression"]} for c in components
        ]
    return row


def _compartment(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": r["code"], "params": r["param"]} for r in definition["resource"] if r.get("param")]


def _operation(definition: dict[str, Any]) -> dict[str, Any]:
    return {k: _bare(v) for k, v in definition.items() if k not in ("documentation", "comment", "description")}


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _bare(v) for k, v in value.items() if k not in ("documentation", "description")}
    return [_bare(v) for v in value] if isinstance(value, list) else value


def _bound_value_sets(structures: list[dict[str, Any]]) -> set[str]:
    """Return the value sets that elements of type code are bound to: there, the system of a code is implied."""
    return {
        element["binding"]["valueSet"].split("|")[0]
        for structure in structures
        for element in structure["snapshot"]["element"]
        if "valueSet" in element.get("binding", {}) and [t["code"] for t in element.get("type", [])] == ["code"]
    }


def _systems_of_value_sets(value_sets: list[dict[str, Any]], wanted: set[str]) -> dict[str, list[str]]:
    found = {}
    for value_set in value_sets:
        resource = value_set.get("resource", value_set)
        systems = {i["system"] for i in resource.get("compose", {}).get("include", []) if "system" in i}
        if resource.get("url") in wanted and systems:
            found[resource["url"]] = sorted(systems)
    return found


def write(source: Path, target: Path) -> None:
    """Write the tables under ``target``."""
    (target / "elements").mkdir(parents=True, exist_ok=True)
    for path, content in tables(source).items():
        (target / path).write_bytes(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
