"""Which slices an item can be in, told from one text of it: a look-up instead of a test of each slice.

A slice told by a fixed value or a pattern holds texts that an item of it must hold too. Where several slices hold one at
the same place (``type.coding.code`` of nine sorts of identifier), the item's own text there leaves one slice to test, or
none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dui_fhir.definitions.children import children
from dui_fhir.definitions.elements import kind
from dui_fhir.validation.items import Item

_WHOLE = "$this"


@dataclass(frozen=True, slots=True)
class SliceIndex:
    """``path``: element names from the item to the value that tells its slice; ``leaf``: JSON keys from there to the text."""

    path: tuple[str, ...]
    leaf: tuple[str, ...]
    by_text: dict[str, tuple[int, ...]]
    always: tuple[int, ...]
    every: tuple[int, ...]

    def candidates(self, item: Item) -> Sequence[int]:
        """Return the numbers of the slices that the item can be in, in their order."""
        value = item.value
        if self.path and (value.__class__ is not dict or not _plain(item.type, self.path)):
            return self.every
        texts = [t for t in _below(value, (*self.path, *self.leaf)) if t.__class__ is str]
        if len(texts) == 1:
            return self.by_text.get(texts[0], self.always)
        return sorted({number for text in texts for number in self.by_text.get(text, ())}.union(self.always))


def slice_index(path: str, expected: Sequence[Any]) -> SliceIndex | None:
    """Return the index of slices by a text; None where fewer than two hold one at the same place.

    ``path`` is the discriminator's; ``expected`` the fixed value or the pattern of each slice there, None for a slice told
    otherwise.
    """
    names = () if path == _WHOLE else tuple(path.split("."))
    if not all(name.isidentifier() for name in names):
        return None
    texts = [dict(_leaves(value)) for value in expected]
    leaves = {leaf for found in texts for leaf in found}
    best = max(leaves, key=lambda leaf: (len({f[leaf] for f in texts if leaf in f}), leaf), default=None)
    if best is None or len({f[best] for f in texts if best in f}) < 2:
        return None
    always = tuple(n for n, found in enumerate(texts) if best not in found)
    by_text = {
        text: tuple(n for n, found in enumerate(texts) if found.get(best, text) == text)
        for text in {found[best] for found in texts if best in found}
    }
    return SliceIndex(names, best, by_text, always, tuple(range(len(expected))))


def _leaves(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the texts that a value must hold, by the keys that lead to them; one of those that share the same keys."""
    if value.__class__ is str:
        yield keys, value
    elif value.__class__ is dict:
        for key, inner in value.items():
            yield from _leaves(inner, (*keys, key))
    elif value.__class__ is list:
        for inner in value:
            yield from _leaves(inner, keys)


def _below(value: Any, keys: tuple[str, ...]) -> list[Any]:
    level = [value]
    for key in keys:
        below: list[Any] = []
        for one in level:
            found = one.get(key) if one.__class__ is dict else None
            if found.__class__ is list:
                below += found
            elif found is not None:
                below.append(found)
        level = below
    return level


@cache
def _plain_known(type: str, path: tuple[str, ...]) -> bool:
    for name in path:
        child = children(type).get(name)
        if child is None or list(child.keys) != [name]:
            return False
        type = child.keys[name]
        if type in ("Resource", "DomainResource"):
            return False
    return True


def _plain(type: str, path: tuple[str, ...]) -> bool:
    """Return whether the elements of a path are found under their own names, whatever the value: no choice, no resource."""
    try:
        return ("." in type or kind(type) is not None) and _plain_known(type, path)
    except KeyError:
        return False


__all__ = ["SliceIndex", "slice_index"]
