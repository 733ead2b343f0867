"""Slices: which item is which, how many of each, in which order. Source: FHIR R4, profiling.html#slicing."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from dui_fhir.validation.bindings import verdict
from dui_fhir.validation.faults import Report
from dui_fhir.validation.fhirpath import Environment, FhirPathError, Node, compile_expression
from dui_fhir.validation.fhirpath.values import child_nodes, known_type
from dui_fhir.validation.library import Library
from dui_fhir.validation.matching import fits, same
from dui_fhir.validation.overlay import Item, Overlay
from dui_fhir.validation.slice_index import SliceIndex, slice_index
from dui_fhir.validation.spec import Slicing, Spec
from dui_fhir.validation.specpaths import at_path

_NAMES = re.compile(r"[a-z]\w*(\.[a-z]\w*)*")
Match: TypeAlias = Callable[[Item, Report], bool | None]
_BY_URL = Slicing(discriminators=(("value", "url"),))
_BY_TYPE = Slicing(discriminators=(("type", "$this"),))


def slices_check(overlay: Overlay, spec: Spec) -> Callable[[list[Item], Report], None]:
    """Compile the check of the slices of an element."""
    slicing = spec.slicing or (_BY_URL if spec.name in ("extension", "modifierExtension") else _BY_TYPE)
    pieces = list(spec.slices.values())
    matches = [_match(overlay, spec, piece, slicing) for piece in pieces]
    checks = [overlay.items(piece) for piece in pieces]
    places = _places_by_url(overlay.library, spec, pieces, slicing)
    pick = _by_place(places) if places is not None else _by_test(matches, _index(overlay, pieces, slicing))
    required = frozenset(number for number, piece in enumerate(pieces) if piece.min)
    arranged = slicing.ordered or slicing.rules == "openAtEnd"
    alone = frozenset(n for n, piece in enumerate(pieces) if _one_will_do(piece) and required <= {n} and not arranged)

    def check(items: list[Item], report: Report) -> None:
        order = [pick(item, report) for item in items]
        if len(order) == 1 and order[0] in alone:
            checks[order[0]](items, report)
            return
        found: dict[int, list[Item]] = {}
        for at, item in zip(order, items, strict=True):
            if at >= 0:
                found.setdefault(at, []).append(item)
            elif slicing.rules == "closed" or _inner_unknown(spec, item):
                report.closed(spec.name, item.path)
        for number in sorted(required.union(found)):
            piece, members = pieces[number], found.get(number, [])
            _count(spec, piece, members, items, report)
            if members:
                checks[number](members, report)
        if arranged:
            _ordered(slicing, order, items, report)

    return check


def _one_will_do(piece: Spec) -> bool:
    return (piece.min or 0) <= 1 and piece.max != 0


def _by_place(places: dict[str | None, int]) -> Callable[[Item, Report], int]:
    def pick(item: Item, report: Report) -> int:
        url = item.value.get("url") if item.value.__class__ is dict else None
        return places.get(url, -1) if isinstance(url, str) else -1

    return pick


def _by_test(matches: list[Match], index: SliceIndex | None) -> Callable[[Item, Report], int]:
    every = range(len(matches))

    def pick(item: Item, report: Report) -> int:
        for number in every if index is None else index.candidates(item):
            if matches[number](item, report):
                return number
        return -1

    return pick


def _inner_unknown(spec: Spec, item: Item) -> bool:
    """A part of a complex extension has no definition of its own: it is one of those of the extension, or nothing."""
    url = item.value.get("url") if spec.name == "extension" and item.value.__class__ is dict else None
    return isinstance(url, str) and ":" not in url


def _count(spec: Spec, piece: Spec, members: list[Item], items: list[Item], report: Report) -> None:
    if piece.min is not None and len(members) < piece.min:
        report.missing(f"{spec.name}:{piece.slice}", _owner(items[0]))
    if piece.max is not None and 0 <= piece.max < len(members):
        report.too_many(f"{spec.name}:{piece.slice}", piece.max, _owner(items[0]))


def _owner(item: Item) -> Any:
    path = item.path
    if not isinstance(path, str) and isinstance(path[1], int):
        path = path[0]
    return path if isinstance(path, str) else path[0]


def _ordered(slicing: Slicing, order: list[int], items: list[Item], report: Report) -> None:
    known = [i for i in order if i >= 0]
    if slicing.ordered and known != sorted(known):
        report.disorder(_owner(items[0]))
    if slicing.rules == "openAtEnd" and -1 in order and any(i >= 0 for i in order[order.index(-1) :]):
        report.disorder(_owner(items[0]))


def _match(overlay: Overlay, spec: Spec, piece: Spec, slicing: Slicing) -> Match:
    if not slicing.discriminators:
        check = overlay.element(piece)
        return lambda item, report: overlay.passes(check, item, report)
    made = [_test(overlay, spec, piece, kind, path) for kind, path in slicing.discriminators]
    tests = [t for t in made if t is not None]
    if not tests:  # nothing tells this slice: no item can be said to be in it
        return lambda item, report: False
    if len(tests) == 1:
        return tests[0]
    return lambda item, report: all(test(item, report) for test in tests)


def _index(overlay: Overlay, pieces: list[Spec], slicing: Slicing) -> SliceIndex | None:
    """Return the index of the slices by the first discriminator that looks at a value; each other one is tested after it."""
    path = next((path for kind, path in slicing.discriminators if kind in ("value", "pattern")), None)
    return None if path is None else slice_index(path, [_expected(overlay, piece, path) for piece in pieces])


def _expected(overlay: Overlay, piece: Spec, path: str) -> Any:
    """Return what :func:`_by_value` compares the element at a path with, where that is one fixed value or one pattern."""
    tested = [target for target in at_path(overlay.library, piece, path) if _value_test(target) is not None]
    if len(tested) != 1:
        return None
    return tested[0].fixed if tested[0].fixed is not None else tested[0].pattern


def _test(overlay: Overlay, spec: Spec, piece: Spec, kind: str, path: str) -> Match | None:
    if path == "url" and spec.name in ("extension", "modifierExtension"):
        return _by_url(overlay.library, piece)
    if kind == "type":
        return _by_type(overlay, spec, piece, path)
    if kind == "exists":
        return _by_existence(overlay, piece, path)
    if kind == "profile":
        return _by_profile(overlay, piece, path)
    return _by_value(overlay, piece, path)


def extension_url(library: Library, piece: Spec) -> str | None:
    """Return the url of the extensions of a slice: fixed in it, or that of the profile of its type."""
    url = piece.children.get("url")
    if url is not None and isinstance(url.fixed if url.fixed is not None else url.pattern, str):
        return str(url.fixed if url.fixed is not None else url.pattern)
    for allowed in piece.types:
        for profile in allowed.profiles:
            structure = library.structure(profile)
            inner = library.spec(profile) if structure is not None else None
            fixed = inner.children["url"].fixed if inner is not None and "url" in inner.children else None
            return str(fixed) if fixed is not None else profile.partition("|")[0]
    return None


def _places_by_url(library: Library, spec: Spec, pieces: list[Spec], slicing: Slicing) -> dict[str | None, int] | None:
    """Return the slice of each url, where extensions are told apart by it: the usual case, told fast."""
    if spec.name not in ("extension", "modifierExtension") or slicing.discriminators != (("value", "url"),):
        return None
    return {extension_url(library, p) or p.slice: at for at, p in reversed(list(enumerate(pieces)))}


def _by_url(library: Library, piece: Spec) -> Match:
    url = extension_url(library, piece)
    if url is None:
        url = piece.slice  # inner extensions: the name of the slice is usually its url
    return lambda item, report: item.value.__class__ is dict and item.value.get("url") == url


@cache
def _plain_names(path: str) -> tuple[str, ...] | None:
    if path == "$this":
        return ()
    return tuple(path.split(".")) if _NAMES.fullmatch(path) else None


def nodes_at(item: Item, path: str, report: Report) -> list[Node]:
    """Return the elements at the path of a discriminator. Raises: FhirPathError."""
    names, itself = _plain_names(path), Node(item.value, item.type, item.companion)
    if names is None:
        environment = Environment(resource=None, resolve=report.resolve or (lambda _: None), steps=report.steps)
        text = path.replace("extension(url)", "extension") if "extension(url)" in path else path
        found = compile_expression(text).evaluate(itself, environment)
        return [n for n in found if n.__class__ is Node]
    found = [itself]
    for name in names:
        level: list[Any] = []
        for node in found:
            child_nodes(node, name, level)
        found = level
    return found if names[-1:] != ("value",) else [n for n in found if n.__class__ is Node]


def _nodes(item: Item, path: str, report: Report) -> list[Node]:
    """Return the elements at a path; the last answer is kept, since each slice asks the same of an item."""
    last = report.found
    if last is not None and last[0] is item and last[1] == path:
        return last[2]
    try:
        found = nodes_at(item, path, report)
    except FhirPathError as error:
        report.discriminator(path, str(error), item.path)
        found = []
    report.found = (item, path, found)
    return found


def _by_type(overlay: Overlay, spec: Spec, piece: Spec, path: str) -> Match | None:
    wanted = _wanted_types(overlay, piece, path)
    if not wanted and path == "$this" and piece.slice is not None and piece.slice.startswith(spec.name):
        named = piece.slice.removeprefix(spec.name)
        wanted = frozenset({named, named[:1].lower() + named[1:]})
    if not wanted:
        return None
    if path.endswith("resolve()"):
        return lambda item, report: _reference_types(item, path, report) & wanted != frozenset()
    return lambda item, report: any(n.type in wanted for n in _nodes(item, path, report))


def _wanted_types(overlay: Overlay, piece: Spec, path: str) -> frozenset[str]:
    found: set[str] = set()
    through = path.endswith("resolve()")
    for target in at_path(overlay.library, piece, path.removesuffix("resolve()").removesuffix(".") or "$this"):
        for allowed in target.types:
            if through:
                found |= {t for t in (overlay.library.type_of(p) for p in allowed.targets) if t}
            else:
                found.add(allowed.code)
    return frozenset(found)


def _reference_types(item: Item, path: str, report: Report) -> frozenset[str]:
    from dui_fhir.validation.targets import named_type

    resolved = {n.type for n in _nodes(item, path, report)}
    if resolved:
        return frozenset(resolved)
    references = _nodes(item, path.removesuffix("resolve()").removesuffix(".") or "$this", report)
    named = (named_type(n.value) for n in references if isinstance(n.value, dict))
    return frozenset(t for t in named if t)


def _by_existence(overlay: Overlay, piece: Spec, path: str) -> Match | None:
    targets = at_path(overlay.library, piece, path)
    if not any(t.max == 0 or t.min for t in targets):
        return None
    absent = any(t.max == 0 for t in targets)
    return lambda item, report: bool(_nodes(item, path, report)) is not absent


def _by_profile(overlay: Overlay, piece: Spec, path: str) -> Match | None:
    inner = path.removesuffix("resolve()").removesuffix(".") or "$this"
    through = path.endswith("resolve()")
    profiles: list[str] = []
    for target in at_path(overlay.library, piece, inner):
        for allowed in target.types:
            profiles += allowed.targets if through else allowed.profiles
    if not profiles:
        return None

    by_type: dict[str, list[str]] = {}

    def match(item: Item, report: Report) -> bool:
        for node in _nodes(item, path, report):
            fitting = by_type.get(node.type)
            if fitting is None:
                fitting = [p for p in profiles if _may_follow(overlay.library, node.type, p)]
                if known_type(node.type):  # a client can write any resourceType
                    by_type[node.type] = fitting
            for profile in fitting:
                if overlay.conforms(Item(node.value, node.type, node.extra, item.path), profile, report) is True:
                    return True
        return False

    return match


def _may_follow(library: Library, type: str, profile: str) -> bool:
    wanted = library.type_of(profile)
    return library.is_base(profile) or wanted == type or type.startswith(f"{wanted}.")


def _by_value(overlay: Overlay, piece: Spec, path: str) -> Match | None:
    targets = at_path(overlay.library, piece, path)
    tests = [t for t in (_value_test(target) for target in targets) if t is not None]
    if not tests:
        return _implied(overlay, piece, path)

    first = tests[0]
    if len(tests) == 1:
        return lambda item, report: any(first(node, report) for node in _nodes(item, path, report))

    def match(item: Item, report: Report) -> bool:
        nodes = _nodes(item, path, report)
        return any(all(test(node, report) for test in tests) for node in nodes)

    return match


def _value_test(target: Spec) -> Callable[[Node, Report], bool] | None:
    if target.fixed is not None:
        fixed = target.fixed
        return lambda node, report: same(fixed, node.value)
    if target.pattern is not None:
        pattern = target.pattern
        return lambda node, report: fits(pattern, node.value)
    if target.binding is not None and target.binding[1] == "required":
        value_set = target.binding[0]
        return lambda node, report: _in(value_set, node, report)
    children = {n: t for n, c in target.children.items() if (t := _value_test(c)) is not None}
    if not children and target.slices:
        children = {
            n: t
            for s in target.slices.values()
            if s.min
            for n, c in s.children.items()
            if (t := _value_test(c)) is not None
        }
    if not children:
        return None

    def test(node: Node, report: Report) -> bool:
        for name, inner in children.items():
            found: list[Any] = []
            child_nodes(node, name, found)
            if not any(inner(child, report) for child in found):
                return False
        return True

    return test


def _in(value_set: str, node: Node, report: Report) -> bool:
    value = node.value
    codings = value.get("coding", [value]) if isinstance(value, dict) else [{"code": value}]
    return any(
        isinstance(c, dict)
        and isinstance(c.get("code"), str)
        and verdict(report, value_set, c.get("system"), c["code"]) == "valid"
        for c in codings
    )


def _implied(overlay: Overlay, piece: Spec, path: str) -> Match | None:
    """A pattern or a fixed value on an element above the discriminator says what the discriminator is."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, -1, -1):
        upper = ".".join(parts[:cut]) or "$this"
        for target in at_path(overlay.library, piece, upper):
            test = _value_test(target)
            if test is not None:
                return lambda item, report, upper=upper, test=test: any(  # type: ignore[misc]
                    test(n, report) for n in _nodes(item, upper, report)
                )
    return None
