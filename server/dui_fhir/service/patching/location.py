"""Where a FHIRPath expression points to, inside a resource: what a patch changes is a place, not a value.

The subset that fhirpatch.html allows: ``Type.element[0].where(…).extension('url').first()``. Criteria inside ``where`` are
FHIRPath, evaluated on each candidate.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, Unprocessable
from dui_fhir.service.patching.shape import Shape
from dui_fhir.validation.fhirpath import Environment, FhirPathError, Node, compile_expression, plain

_STEPS_MAX = 100_000
_PATTERN = re.compile(r"\b(matches|matchesFull|replaceMatches)\s*\(")


@dataclass(frozen=True)
class Place:
    """One element: ``owner[key]``, or ``owner[key][index]`` in a list; ``type`` = its data type or backbone path.

    The resource itself has no owner.
    """

    value: Any
    type: str
    owner: dict[str, Any] | None = None
    key: str = ""
    index: int | None = None


def find(resource: Resource, path: str, shape: Shape) -> list[Place]:
    """Return the places a path denotes, in document order; none where nothing is there.

    Raises: BadRequest (``core-patch-path``) for what is no such path.
    """
    steps = _steps(path)
    root = next(steps)
    if root[0] != "name" or root[1] not in (resource["resourceType"], "Resource", "DomainResource"):
        raise _invalid(path)
    places = [Place(resource, resource["resourceType"])]
    for kind, argument in steps:
        places = _apply(kind, argument, places, shape, path)
    return places


def one(resource: Resource, path: str, shape: Shape) -> Place:
    """Return the only place of a path. Raises: BadRequest (path), Unprocessable (``core-patch-failed``: none or several)."""
    places = find(resource, path, shape)
    if len(places) != 1:
        text = (
            "Le chemin d'une opération ne désigne aucun élément."
            if not places
            else "Le chemin désigne plusieurs éléments."
        )
        raise Unprocessable.of("core-patch-failed", text, f"{len(places)} elements at {path}", [path])
    return places[0]


def _apply(kind: str, argument: str, places: list[Place], shape: Shape, path: str) -> list[Place]:
    if kind == "name":
        return [child for place in places for child in _children(place, argument, shape)]
    if kind == "index":
        return places[int(argument) : int(argument) + 1]
    if kind == "where":
        return [place for place in places if _holds(argument, place)]
    if kind == "extension":
        children = [child for place in places for child in _children(place, "extension", shape)]
        return [child for child in children if child.value.get("url") == argument.strip("'\"")]
    if kind in ("ofType", "as"):
        return [place for place in places if place.type == argument.removeprefix("FHIR.")]
    if kind == "first":
        return places[:1]
    if kind == "last":
        return places[-1:]
    raise _invalid(path)


def _children(place: Place, name: str, shape: Shape) -> Iterator[Place]:
    if not isinstance(place.value, dict):
        return
    for key, type in shape.keys(place.type, name):
        value = place.value.get(key)
        if isinstance(value, list):
            yield from (Place(item, _type(item, type), place.value, key, i) for i, item in enumerate(value))
        elif value is not None:
            yield Place(value, _type(value, type), place.value, key)


def _type(value: Any, declared: str) -> str:
    return str(value["resourceType"]) if isinstance(value, dict) and "resourceType" in value else declared


_STEP = re.compile(r"\.?(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\[(?P<index>[0-9]{1,6})\]")


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """Cut a path into steps; the argument of a function may hold anything between balanced parentheses."""
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise _invalid(path)
        at = match.end()
        if match["index"] is not None:
            yield "index", match["index"]
        elif path.startswith("(", at):
            end = _closing(path, at)
            yield match["name"], path[at + 1 : end].strip()
            at = end + 1
        else:
            yield "name", match["name"]
    if not path:
        raise _invalid(path)


def _closing(path: str, start: int) -> int:
    depth, quoted, at = 0, False, start
    while at < len(path):
        character = path[at]
        if character == "\\" and quoted:
            at += 1
        elif character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                return at
        at += 1
    raise _invalid(path)


def _holds(criteria: str, place: Place) -> bool:
    """A client's criteria have little to spend; regular expressions, which no budget interrupts, are not for them."""
    if _PATTERN.search(criteria):
        raise BadRequest.of(
            "core-patch-path", "Le critère d'un where(…) n'emploie pas d'expression régulière.", "regular expression"
        )
    focus = Node(place.value, place.type)
    try:
        found = compile_expression(criteria).evaluate(focus, Environment(resource=focus, steps=_STEPS_MAX))
    except FhirPathError as error:
        raise BadRequest.of(
            "core-patch-path", "Le critère d'un where(…) n'est pas valable.", str(error)[:200]
        ) from error
    return len(found) == 1 and plain(found[0]) is True


def _invalid(path: str) -> BadRequest:
    return BadRequest.of(
        "core-patch-path", "Le chemin d'une opération n'est pas valable.", f"not a patch path: {path[:200]}"
    )
