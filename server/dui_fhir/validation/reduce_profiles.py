"""Write profiles as facts alone: one JSON line per StructureDefinition, no prose.

``python -m dui_fhir.validation.reduce_profiles <folder or file> <out.json> [prefix…]`` (see profiles/SOURCES.md).
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from dui_fhir.definitions.elements import kind
from dui_fhir.validation.spec import BASE, build

_TYPE = ("code", "profile", "targetProfile", "aggregation")
_PREFIXES = ("fixed", "pattern", "minValue", "maxValue")


def facts(structure: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return what a definition constrains. ``whole``: from the snapshot, for a parent that is not at hand."""
    view = structure.get("snapshot" if whole else "differential") or structure.get("snapshot") or {}
    row = {k: structure[k] for k in ("url", "version", "type", "kind", "baseDefinition") if k in structure}
    if whole:
        row["baseDefinition"] = BASE + str(structure["type"])
    if contexts := structure.get("context"):
        row["context"] = [{"type": c["type"], "expression": c["expression"]} for c in contexts]
    elements = [_element(e) for e in view.get("element", ())]
    row["differential"] = {"element": [e for e in elements if _says_something(e, str(structure["type"]))]}
    return row


def _element(element: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"path": element["path"]}
    if element.get("id", element["path"]) != element["path"]:
        row["id"] = element["id"]
    row |= {k: element[k] for k in ("sliceName", "min", "max", "maxLength") if k in element}
    row |= {k: v for k, v in element.items() if k.startswith(_PREFIXES)}
    if types := element.get("type"):
        row["type"] = [{k: t[k] for k in _TYPE if k in t} for t in types]
    if "slicing" in element:
        slicing = element["slicing"]
        row["slicing"] = {k: slicing[k] for k in ("discriminator", "rules", "ordered") if k in slicing}
    if binding := element.get("binding"):
        row["binding"] = {k: binding[k] for k in ("strength", "valueSet") if k in binding}
    if constraints := element.get("constraint"):
        row["constraint"] = [
            {k: c[k] for k in ("key", "severity", "expression", "source") if k in c}
            for c in constraints
            if "expression" in c
        ]
    if element.get("isModifier") and "." not in element["path"]:
        row["isModifier"] = True
    return row


def _says_something(row: Mapping[str, Any], type: str) -> bool:
    if "isModifier" in row or "sliceName" in row:
        return True
    root = build([{"differential": {"element": [row]}}], type)
    return not _bare(root) if "." in row["path"] else bool(row.get("constraint")) and not _bare(root)


def _bare(spec: Any) -> bool:
    spec.types = () if _base_types(spec) else spec.types
    return (
        spec.says_nothing
        or not any((spec.min, spec.max is not None, spec.types, spec.constraints, spec.slicing, spec.binding))
        and not any(f is not None for f in (spec.fixed, spec.pattern, spec.max_length, spec.low, spec.high))
        and all(_bare(c) for c in (*spec.children.values(), *spec.slices.values()))
    )


def _base_types(spec: Any) -> bool:
    return all(not t.profiles and not t.targets and kind(t.code) is not None for t in spec.types) and (
        spec.name in ("id", "extension", "modifierExtension", "url")
    )


def reduce_files(paths: Iterable[Path], whole: Iterable[str] = ()) -> bytes:
    """Return the file of facts of all StructureDefinitions of these files."""
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        read = orjson.loads(path.read_bytes())
        for resource in read if isinstance(read, list) else [read]:
            structure = resource.get("resource", resource)
            if structure.get("resourceType") == "StructureDefinition":
                is_whole = any(str(structure.get("baseDefinition", "")).startswith(w) for w in whole)
                found[f"{structure['url']}|{structure.get('version', '')}"] = facts(structure, whole=is_whole)
    rows = [orjson.dumps(found[key]) for key in sorted(found)]
    return b"[\n" + b",\n".join(rows) + b"\n]\n"


if __name__ == "__main__":
    source = Path(sys.argv[1])
    files = sorted(source.glob("StructureDefinition-*.json")) if source.is_dir() else [source]
    Path(sys.argv[2]).write_bytes(reduce_files(files, sys.argv[3:]))
