"""Write profiles as facts alone: one JSON line per StructureDefinition, no prose.

``python -m dui_fhir.validation.reduce_profiles <folder or file> <out.json> [base=version…]`` (see profiles/SOURCES.md):
canonicals that start with a base and name no version get that one, which is that of the package or of its dependency. A
definition whose parent is elsewhere is taken from its snapshot.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from dui_fhir.definitions.elements import element_table, kind
from dui_fhir.validation.spec import BASE, build

_TYPE = ("code", "profile", "targetProfile", "aggregation")
_PREFIXES = ("fixed", "pattern", "minValue", "maxValue")


def facts(structure: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return what a definition constrains. ``whole``: from the snapshot, for a parent that is not at hand.

    An element of a snapshot that R4 says in the same words is left out.
    """
    view = structure.get("snapshot" if whole else "differential") or structure.get("snapshot") or {}
    row = {k: structure[k] for k in ("url", "version", "type", "kind", "baseDefinition") if k in structure}
    if whole:
        row["baseDefinition"] = BASE + str(structure["type"])
    if contexts := structure.get("context"):
        row["context"] = [{"type": c["type"], "expression": c["expression"]} for c in contexts]
    elements = [_element(e) for e in view.get("element", ())]
    if view is structure.get("snapshot"):
        elements = [_beside_base(e) for e in elements]
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


def _beside_base(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out the types of an element that are those of R4."""
    head = row["path"].split(".", 1)[0]
    base = element_table(head).elements.get(row["path"]) if kind(head) is not None else None
    if base is None or "id" in row or "type" not in row:
        return row
    said = [(t["code"], *(_short(t.get(k, ())) for k in ("profile", "targetProfile"))) for t in row["type"]]
    if said == [(t.code, t.profiles, t.targets) for t in base.types]:
        del row["type"]
    return row


def _short(canonicals: Iterable[str]) -> tuple[str, ...]:
    return tuple(c.removeprefix(BASE) for c in canonicals)


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


def reduce_files(paths: Iterable[Path], versions: Mapping[str, str]) -> bytes:
    """Return the file of facts of all StructureDefinitions of these files; logical models are left out."""
    structures = [s for path in paths for s in _structures(path)]
    known = {str(s["url"]) for s in structures}
    found: dict[str, dict[str, Any]] = {}
    for structure in structures:
        if kind(str(structure.get("type"))) is not None:
            row = facts(structure, whole=not _at_hand(str(structure.get("baseDefinition")), known, versions))
            found[f"{row['url']}|{row.get('version', '')}"] = _pinned(row, versions)
    rows = [orjson.dumps(found[key]) for key in sorted(found)]
    return b"[\n" + b",\n".join(rows) + b"\n]\n"


def _structures(path: Path) -> list[dict[str, Any]]:
    read = orjson.loads(path.read_bytes())
    resources = [r.get("resource", r) for r in (read if isinstance(read, list) else [read])]
    return [r for r in resources if r.get("resourceType") == "StructureDefinition"]


def _at_hand(base: str, known: set[str], versions: Mapping[str, str]) -> bool:
    url = base.partition("|")[0]
    return url in known or kind(url.removeprefix(BASE)) is not None or any(url.startswith(v) for v in versions)


def _pinned(row: dict[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
    row["baseDefinition"] = _versioned(row["baseDefinition"], versions)
    for element in row["differential"]["element"]:
        for allowed in element.get("type", ()):
            for name in ("profile", "targetProfile"):
                if name in allowed:
                    allowed[name] = [_versioned(p, versions) for p in allowed[name]]
    return row


def _versioned(canonical: str, versions: Mapping[str, str]) -> str:
    base = next((b for b in versions if canonical.startswith(b)), None)
    return f"{canonical}|{versions[base]}" if base is not None and "|" not in canonical else canonical


if __name__ == "__main__":
    source = Path(sys.argv[1])
    files = sorted(source.glob("StructureDefinition-*.json")) if source.is_dir() else [source]
    pins = dict(argument.rsplit("=", 1) for argument in sys.argv[3:])
    Path(sys.argv[2]).write_bytes(reduce_files(files, pins))
