"""FHIRPath Patch. Source: FHIR R4, fhirpatch.html."""

import copy
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, Unprocessable
from dui_fhir.service.patching.location import Place, find, one
from dui_fhir.service.patching.shape import Shape


def apply(resource: Resource, parameters: Resource, shape: Shape) -> Resource:
    """Return a new resource; operations apply one after the other, all or none.

    Raises: BadRequest (``core-patch-invalid``, ``core-patch-path``), Unprocessable (``core-patch-failed``).
    """
    patched = copy.deepcopy(resource)
    for parameter in parameters.get("parameter", []):
        operation = _Operation(parameter)
        handler = _HANDLERS.get(operation.type)
        if handler is None:
            raise _invalid(f"unknown operation type {operation.type[:40]!r}")
        handler(patched, operation, shape)
    _prune(patched)
    return patched


def _prune(value: Any) -> None:
    """Drop the objects and lists that the operations emptied: FHIR has no empty element (json.html)."""
    if isinstance(value, dict):
        for key, child in list(value.items()):
            _prune(child)
            if child in ({}, []):
                del value[key]
    elif isinstance(value, list):
        for child in value:
            _prune(child)
        value[:] = [child for child in value if child != {}]


class _Operation:
    """The parts of one ``operation`` parameter."""

    def __init__(self, parameter: Any) -> None:
        if not isinstance(parameter, dict) or parameter.get("name") != "operation":
            raise _invalid("parameter is not named operation")
        self.parts = {part.get("name"): part for part in parameter.get("part", []) if isinstance(part, dict)}
        self.type = str(self._value("type"))
        self.path = str(self._value("path"))

    def _value(self, name: str) -> Any:
        part = self.parts.get(name)
        if part is None:
            raise _invalid(f"part {name} is missing")
        return next((v for k, v in part.items() if k.startswith("value")), None)

    @property
    def name(self) -> str:
        return str(self._value("name"))

    def number(self, name: str) -> int:
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _invalid(f"part {name} is not an integer")
        return value

    def value(self, shape: Shape, type: str) -> tuple[Any, str]:
        """Return the JSON value, and the FHIR type its key names (empty for an anonymous type)."""
        part = self.parts.get("value")
        if part is None:
            raise _invalid("part value is missing")
        return _part_value(part, shape, type)


def _part_value(part: dict[str, Any], shape: Shape, type: str) -> tuple[Any, str]:
    if "part" in part:
        return _anonymous(part["part"], shape, type), ""
    if "resource" in part:
        return part["resource"], ""
    for key, value in part.items():
        if key.startswith("value"):
            return value, key.removeprefix("value")
    raise _invalid("part value has no value")


def _anonymous(parts: list[dict[str, Any]], shape: Shape, type: str) -> dict[str, Any]:
    """A backbone element is given part by part, each named after an element."""
    built: dict[str, Any] = {}
    for part in parts:
        name = str(part.get("name"))
        child = _child_type(shape, type, name)
        value, given = _part_value(part, shape, child)
        key = _key(shape, type, name, given)
        if shape.repeats(type, name):
            built.setdefault(key, []).append(value)
        else:
            built[key] = value
    return built


def _child_type(shape: Shape, type: str, name: str) -> str:
    keys = list(shape.keys(type, name))
    if not keys:
        raise Unprocessable.of(
            "core-patch-failed", "L'élément à ajouter n'existe pas à cet endroit.", f"{type} has no {name[:60]}"
        )
    return keys[0][1]


def _key(shape: Shape, type: str, name: str, given: str) -> str:
    """Return the JSON key: the element's name, or that of the choice whose type the part names."""
    keys = list(shape.keys(type, name))
    if len(keys) == 1:
        return keys[0][0]
    for key, _ in keys:
        if key == name + given:
            return key
    raise Unprocessable.of(
        "core-patch-failed", "Cet élément n'admet pas une valeur de ce type.", f"{type}.{name[:60]}: {given[:40]}"
    )


def _add(resource: Resource, operation: _Operation, shape: Shape) -> None:
    place = one(resource, operation.path, shape)
    if not isinstance(place.value, dict):
        raise Unprocessable.of("core-patch-failed", "On ne peut rien ajouter dans une valeur simple.", operation.path)
    value, given = operation.value(shape, _child_type(shape, place.type, operation.name))
    key = _key(shape, place.type, operation.name, given)
    if shape.repeats(place.type, operation.name):
        place.value.setdefault(key, []).append(value)
        return
    if any(k in place.value for k, _ in shape.keys(place.type, operation.name)):
        raise Unprocessable.of(
            "core-patch-failed", "L'élément existe déjà et ne se répète pas.", f"{operation.path}.{operation.name}"
        )
    place.value[key] = value


def _insert(resource: Resource, operation: _Operation, shape: Shape) -> None:
    items, place = _list(resource, operation, shape)
    index = operation.number("index")
    if index > len(items):
        raise Unprocessable.of(
            "core-patch-failed", "L'indice d'insertion dépasse la liste.", f"index {index} of {len(items)}"
        )
    items.insert(index, operation.value(shape, place.type)[0])


def _move(resource: Resource, operation: _Operation, shape: Shape) -> None:
    items, _ = _list(resource, operation, shape)
    source, destination = operation.number("source"), operation.number("destination")
    if max(source, destination) >= len(items):
        raise Unprocessable.of(
            "core-patch-failed", "Un indice dépasse la liste.", f"{source} to {destination} of {len(items)}"
        )
    items.insert(destination, items.pop(source))


def _list(resource: Resource, operation: _Operation, shape: Shape) -> tuple[list[Any], Place]:
    places = find(resource, operation.path, shape)
    if not places or places[0].owner is None or places[0].index is None:
        raise Unprocessable.of("core-patch-failed", "Le chemin ne désigne pas une liste.", operation.path)
    first = places[0]
    if any(p.owner is not first.owner or p.key != first.key for p in places):
        raise Unprocessable.of("core-patch-failed", "Le chemin désigne plusieurs listes.", operation.path)
    assert first.owner is not None
    items: list[Any] = first.owner[first.key]
    return items, first


def _delete(resource: Resource, operation: _Operation, shape: Shape) -> None:
    places = find(resource, operation.path, shape)
    if not places:
        return  # fhirpatch.html: deleting what is not there is no error
    if len(places) > 1:
        raise Unprocessable.of("core-patch-failed", "Le chemin désigne plusieurs éléments.", operation.path)
    place = places[0]
    if place.owner is None:
        raise Unprocessable.of("core-patch-failed", "Un patch ne peut pas supprimer la ressource.", operation.path)
    if place.index is None:
        del place.owner[place.key]
        place.owner.pop(f"_{place.key}", None)
        return
    del place.owner[place.key][place.index]
    _delete_sibling(place.owner, place.key, place.index)


def _delete_sibling(owner: dict[str, Any], key: str, index: int) -> None:
    """Keep the ``_key`` array of a repeated primitive parallel; drop what became empty."""
    sibling = owner.get(f"_{key}")
    if isinstance(sibling, list) and index < len(sibling):
        del sibling[index]
        if not any(sibling):
            del owner[f"_{key}"]
    if not owner[key]:
        del owner[key]


def _replace(resource: Resource, operation: _Operation, shape: Shape) -> None:
    place = one(resource, operation.path, shape)
    value, given = operation.value(shape, place.type)
    if place.owner is None:
        raise Unprocessable.of("core-patch-failed", "Un patch ne peut pas remplacer la ressource.", operation.path)
    if place.index is not None:
        place.owner[place.key][place.index] = value
        return
    key = _replacement_key(place, operation, shape, given)
    if key != place.key:
        del place.owner[place.key]
    place.owner.pop(f"_{place.key}", None)
    place.owner[key] = value


def _replacement_key(place: Place, operation: _Operation, shape: Shape, given: str) -> str:
    """A choice may change its type: ``valueString`` becomes ``valueCode``."""
    name = operation.path.rsplit(".", 1)[-1]
    if place.key == name or not place.key.startswith(name) or not given:
        return place.key
    return name + given


_HANDLERS = {"add": _add, "insert": _insert, "move": _move, "delete": _delete, "replace": _replace}


def _invalid(diagnostics: str) -> BadRequest:
    return BadRequest.of("core-patch-invalid", "Ce FHIRPath Patch n'est pas valable.", diagnostics)
