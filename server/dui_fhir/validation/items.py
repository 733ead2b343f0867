"""The elements of a resource as the checks of profiles see them, and the visit of those that a profile constrains.

An *item* is ``(value, type, companion, path)``: the JSON value, its FHIR type (or the path of a nested element), its ``_``
companion for a primitive, and its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from dui_fhir.definitions.children import keys
from dui_fhir.definitions.elements import kind
from dui_fhir.validation.faults import Path, Report

_ANY = frozenset({"Resource", "DomainResource"})
_FEW = 4
_cache: dict[tuple[str, str], dict[str, str]] = {}


class Item:
    """One element of a resource."""

    __slots__ = ("companion", "path", "type", "value")

    def __init__(self, value: Any, type: str, companion: Any, path: Path) -> None:
        self.value = value
        self.type = type
        self.companion = companion
        self.path = path


ItemCheck: TypeAlias = Callable[[Item, Report], None]
ManyCheck: TypeAlias = Callable[[list[Item], Report], None]


def items_of(owner: Item, name: str) -> list[Item]:
    """Return the elements of an owner that have this name: ``value`` finds ``valueString``, ``valueString`` only itself."""
    holder = owner.value if owner.value.__class__ is dict else owner.companion
    if holder.__class__ is not dict:
        return []
    type = owner.type if owner.value.__class__ is dict else "Element"
    if type in ("Resource", "DomainResource"):
        type = str(holder.get("resourceType"))
    found: list[Item] = []
    known = _cache.get((type, name)) or _keys(type, name)
    if len(known) > _FEW:  # a choice of many types: fewer keys are there than could be
        for key, value in holder.items():
            if key in known:
                _append(found, value, holder.get("_" + key), known[key], (owner.path, key))
            elif key[:1] == "_" and key[1:] in known and key[1:] not in holder:
                _append(found, None, value, known[key[1:]], (owner.path, key[1:]))
        return found
    for key, child_type in known.items():
        value, companion = holder.get(key), holder.get("_" + key)
        if companion is None and value.__class__ is str:
            found.append(Item(value, child_type, None, (owner.path, key)))
        elif value is not None or companion is not None:
            _append(found, value, companion, child_type, (owner.path, key))
    return found


def _keys(type: str, name: str) -> dict[str, str]:
    found = _cache.get((type, name))
    if found is None:
        try:
            known = keys(type)
        except KeyError:
            return {}
        found = {key: t for key, (child, t) in known.items() if child.name == name}
        if not found and name in known:
            found = {name: known[name][1]}
        _cache[type, name] = found
    return found


def _append(found: list[Item], value: Any, companion: Any, type: str, path: Path) -> None:
    if value.__class__ is not list and companion.__class__ is not list:
        found.append(Item(value, _actual(value, type), companion, path))
        return
    if companion is None:
        found += [Item(one, _actual(one, type), None, (path, index)) for index, one in enumerate(value)]
        return
    values = value if isinstance(value, list) else []
    companions = companion if isinstance(companion, list) else []
    for index in range(max(len(values), len(companions))):
        one = values[index] if index < len(values) else None
        beside = companions[index] if index < len(companions) else None
        found.append(Item(one, _actual(one, type), beside, (path, index)))


def _actual(value: Any, type: str) -> str:
    if type in ("Resource", "DomainResource") and value.__class__ is dict:
        return str(value.get("resourceType"))
    return type


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """What to do with the items of one constrained child.

    ``absent`` speaks where there is none, ``each`` of all of them together; ``one`` where there is a single one, when that
    says the same; ``every`` of each of them, when that does. ``inert``: only their presence matters.
    """

    name: str
    each: Callable[[list[Item], Path, Report], None]
    one: ItemCheck | None
    every: ItemCheck | None
    absent: Callable[[Path, Report], None] | None
    inert: bool = False


def visits(children: list[Visit]) -> ItemCheck:
    """Return the check of the children of an item: one look-up each, and no call for one that is absent and may be."""
    by_type: dict[str, _Rows] = {}
    elsewhere: _Rows = (), tuple((frozenset(), child) for child in children)

    def check(owner: Item, report: Report) -> None:
        rows = by_type.get(owner.type)
        if owner.value.__class__ is not dict:
            rows = elsewhere
        elif rows is None:
            rows = _rows(owner.type, children)
            if "." in owner.type or kind(owner.type) is not None:  # a client can write any resourceType
                by_type[owner.type] = rows
        for key, beside, type, visit in rows[0]:
            value = owner.value.get(key)
            if beside in owner.value:
                _visit(owner, visit, report)
            elif value is not None:
                if value and visit.inert:
                    continue
                _visit_plain(value, type, (owner.path, key), visit, report)
            elif visit.absent is not None:
                visit.absent(owner.path, report)
        for names, visit in rows[1]:
            if not names or visit.absent is not None or not names.isdisjoint(owner.value):
                _visit(owner, visit, report)

    return check


def _visit_plain(value: Any, type: str, place: tuple[Path, str], visit: Visit, report: Report) -> None:
    """Visit a value found under the single key of its element, without companion."""
    if value.__class__ is not list:
        item = Item(value, type, None, place)
        if visit.one is not None:
            visit.one(item, report)
        else:
            visit.each([item], place[0], report)
    elif value and visit.every is not None:
        for index, one in enumerate(value):
            visit.every(Item(one, type, None, (place, index)), report)
    elif value:
        visit.each([Item(one, type, None, (place, index)) for index, one in enumerate(value)], place[0], report)
    elif visit.absent is not None:
        visit.absent(place[0], report)


def _visit(owner: Item, visit: Visit, report: Report) -> None:
    items = items_of(owner, visit.name)
    if items:
        visit.each(items, owner.path, report)
    elif visit.absent is not None:
        visit.absent(owner.path, report)


_Row: TypeAlias = tuple[str, str, str, Visit]
_Rows: TypeAlias = tuple[tuple[_Row, ...], tuple[tuple[frozenset[str], Visit], ...]]
"""The children that have a single key in a type of owner, with it and their type; the others, with their keys."""


def _rows(type: str, children: list[Visit]) -> _Rows:
    single: list[_Row] = []
    others: list[tuple[frozenset[str], Visit]] = []
    for visit in children:
        known = _keys(type, visit.name)
        pairs = [(k, t) for k, t in known.items() if t not in _ANY]
        if len(known) == 1 and pairs:
            key, child_type = pairs[0]
            single.append((key, f"_{key}", child_type, visit))
        else:
            names = frozenset(name for key in known for name in (key, f"_{key}"))
            others.append((names if type not in _ANY else frozenset(), visit))
    return tuple(single), tuple(others)
