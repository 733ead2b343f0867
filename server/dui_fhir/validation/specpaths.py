"""From the path of a discriminator to the nodes of a profile that say what it must be."""

import re
from collections.abc import Iterator

from dui_fhir.validation.library import Library
from dui_fhir.validation.spec import Spec

_STEP = re.compile(r"extension\((['\"]?)([^)'\"]*)\1\)|ofType\((\w+)\)|resolve\(\)|\$this|[A-Za-z]\w*")


def at_path(library: Library, piece: Spec, path: str) -> list[Spec]:
    """Return the nodes at a path below a slice, profiles of data types followed; empty where nothing is said there."""
    found = [piece]
    for step in _STEP.finditer(path):
        text = step.group()
        if text == "$this" or text.startswith("ofType"):
            continue
        if text == "resolve()":
            found = [target for spec in found for target in _resolved(library, spec)]
        elif text.startswith("extension("):
            found = [e for spec in found for e in _extensions(library, spec, step.group(2))]
        else:
            found = [child for spec in found for child in _named(library, spec, text)]
    return found


def _named(library: Library, spec: Spec, name: str) -> list[Spec]:
    child = spec.children.get(name)
    if child is not None:
        return [child]
    if typed := [c for n, c in spec.children.items() if n.startswith(name) and n[len(name) :][:1].isupper()]:
        return typed  # the path says value, the profile valueCode
    return [
        inner.children[name]
        for allowed in spec.types
        for profile in allowed.profiles
        if (inner := library.spec(profile)) is not None and name in inner.children
    ]


def _extensions(library: Library, spec: Spec, url: str) -> list[Spec]:
    from dui_fhir.validation.slicing import extension_url

    owners = [s for s in (spec, *_profiles(library, spec)) if "extension" in s.children]
    slices = [piece for owner in owners for piece in _all_slices(owner.children["extension"])]
    found = [s for s in slices if extension_url(library, s) == url or s.slice == url]
    return [s for piece in found for s in (piece, *_profiles(library, piece))]


def _all_slices(spec: Spec) -> Iterator[Spec]:
    for piece in spec.slices.values():
        yield piece
        yield from _all_slices(piece)


def _profiles(library: Library, spec: Spec) -> list[Spec]:
    return [i for t in spec.types for p in t.profiles if (i := library.spec(p)) is not None]


def _resolved(library: Library, spec: Spec) -> list[Spec]:
    return [i for t in spec.types for p in t.targets if (i := library.spec(p)) is not None]
