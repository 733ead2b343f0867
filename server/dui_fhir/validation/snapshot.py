"""The snapshot of a profile from its differential. Source: FHIR R4, profiling.html#snapshot.

Validation reads merged differentials and needs none; snapshots are for whoever asks for the definition in full. Elements come
in the order of the specification, slices after the element they are of, and data types are unfolded only where the
differential goes inside.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from dui_fhir.definitions.elements import Element, element_table, kind
from dui_fhir.validation.library import Library, Structure
from dui_fhir.validation.spec import BASE

Row = dict[str, Any]
_ADDED = ("constraint", "condition")


def snapshot(structure: Structure, library: Library) -> list[Row]:
    """Return the elements of the snapshot, as ElementDefinitions of facts alone.

    Raises: LookupError where a parent is not at hand and has no snapshot either.
    """
    rows: list[Row] | None = None
    for ancestor in library.chain(structure):
        if rows is None or ancestor.get("_whole"):
            rows = _start(ancestor)
            if ancestor.get("_whole"):
                continue
        rows = _apply(rows, (ancestor.get("differential") or {}).get("element", ()))
    return rows or []


def _start(structure: Structure) -> list[Row]:
    if structure.get("_whole"):
        return [dict(e) for e in structure["snapshot"]["element"]]
    type = str(structure.get("type"))
    base = str(structure.get("baseDefinition", "")).partition("|")[0]
    if kind(type) is None or kind(base.removeprefix(BASE)) is None:
        raise LookupError(f"{base} is not at hand")
    return [_row(e) for e in element_table(type).elements.values()]


def _row(element: Element, under: str = "", prefix: str = "") -> Row:
    """Return a row of R4 as an ElementDefinition, moved ``under`` another element where a data type is unfolded."""
    path = element.path if not under else under + element.path[len(prefix) :]
    row: Row = {"id": path, "path": path, "min": element.min, "max": "*" if element.max is None else str(element.max)}
    if element.types:
        row["type"] = [_type(t.code, t.profiles, t.targets) for t in element.types]
    if element.content is not None:
        row["contentReference"] = f"#{element.content}"
    if element.value_set is not None:
        row["binding"] = {"strength": element.binding_strength, "valueSet": element.value_set}
    if element.constraints:
        row["constraint"] = [
            {"key": c.key, "severity": c.severity, "expression": c.expression} for c in element.constraints
        ]
    return row | ({"isModifier": True} if element.modifier else {}) | ({"isSummary": True} if element.summary else {})


def _type(code: str, profiles: Iterable[str], targets: Iterable[str]) -> Row:
    row: Row = {"code": code}
    for name, canonicals in (("profile", profiles), ("targetProfile", targets)):
        if found := [c if ":" in c else BASE + c for c in canonicals]:
            row[name] = found
    return row


def _apply(rows: list[Row], differential: Iterable[Mapping[str, Any]]) -> list[Row]:
    rows = list(rows)
    for element in differential:
        id = _id(element)
        at = _index(rows, id)
        if at is None:
            at = _make(rows, id)
        rows[at] = _merged(rows[at], element, id)
    return rows


def _id(element: Mapping[str, Any]) -> str:
    path = str(element["path"])
    if isinstance(element.get("id"), str):
        return str(element["id"])
    return f"{path}:{element['sliceName']}" if element.get("sliceName") else path


def _index(rows: list[Row], id: str) -> int | None:
    return next((i for i, row in enumerate(rows) if row["id"] == id), None)


def _make(rows: list[Row], id: str) -> int:
    """Add the row of a slice, or unfold the data type above an element. Returns: the place of the row asked for."""
    head, _, last = id.rpartition(".")
    if ":" in last:
        return _make_slice(rows, id)
    if head and _index(rows, head) is None:
        _make(rows, head)
    parent = _index(rows, head)
    if parent is None:
        raise LookupError(f"no element {id}")
    _unfold(rows, parent)
    at = _index(rows, id)
    if at is None:
        rows.insert(_end(rows, parent), {"id": id, "path": _path(id)})
        at = _index(rows, id)
    return at if at is not None else len(rows) - 1


def _make_slice(rows: list[Row], id: str) -> int:
    whole, _, name = id.rpartition("/" if "/" in id.rsplit(".", 1)[-1] else ":")
    at = _index(rows, whole)
    if at is None:
        at = _make(rows, whole)
    copied = {k: v for k, v in rows[at].items() if k != "slicing"}
    place = _end(rows, at)
    while place < len(rows) and rows[place]["id"].startswith(whole + ":"):
        place = _end(rows, place)
    rows.insert(place, {**copied, "id": id, "sliceName": id.rsplit(":", 1)[-1], "min": 0})
    return place


def _end(rows: list[Row], at: int) -> int:
    """Return the place after a row and all that is below it."""
    id, end = rows[at]["id"], at + 1
    while end < len(rows) and rows[end]["id"].startswith(id + "."):
        end += 1
    return end


def _unfold(rows: list[Row], at: int) -> None:
    """Insert the children of the element's data type, or of the element whose slice it is, where they are missing."""
    parent = rows[at]
    if at + 1 < len(rows) and rows[at + 1]["id"].startswith(parent["id"] + "."):
        return
    found = _children_of_slice(rows, parent) or _children_of_type(parent)
    rows[at + 1 : at + 1] = found


def _children_of_slice(rows: list[Row], parent: Row) -> list[Row]:
    id = parent["id"]
    if ":" not in id.rsplit(".", 1)[-1]:
        return []
    whole = id.rsplit(":", 1)[0]
    return [{**r, "id": id + r["id"][len(whole) :]} for r in rows if r["id"].startswith(whole + ".")]


def _children_of_type(parent: Row) -> list[Row]:
    types = [t["code"] for t in parent.get("type", ())]
    if len(types) != 1 or kind(types[0]) is None:
        return []
    name = types[0]
    found = [_row(e, parent["path"], name) for p, e in element_table(name).elements.items() if p != name]
    return [{**r, "id": parent["id"] + r["id"][len(parent["path"]) :]} for r in found]


def _path(id: str) -> str:
    return ".".join(part.split(":", 1)[0] for part in id.split("."))


def _merged(row: Row, element: Mapping[str, Any], id: str) -> Row:
    merged = {**row, **{k: v for k, v in element.items() if k not in _ADDED}, "id": id}
    for name in _ADDED:
        added = [*row.get(name, ()), *element.get(name, ())]
        if added:
            merged[name] = added
    return merged
