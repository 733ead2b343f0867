"""References between resources. Source: FHIR R4, references.html#literal."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LITERAL = re.compile(
    r"(?:(?P<base>https?://[^\s?#]+?)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A literal reference ``[base/]Type/id[/_history/version]``."""

    type: str
    id: str
    base: str | None = None
    version: str | None = None

    @staticmethod
    @lru_cache(maxsize=4096)
    def parse(text: str) -> "Reference | None":
        """Return the parts, or None where the text is no literal reference (``urn:…``, ``#contained``, a canonical)."""
        match = _LITERAL.fullmatch(text)
        return Reference(**match.groupdict()) if match else None

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"


def walk(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(element path, Reference element)`` for each element holding a string ``reference``, depth first.

    The element is the live dict of the resource, so that a transaction may rewrite it in place.
    """
    for place, element in _walk(value, path):
        yield rendered(place), element


def elements(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the elements of :func:`walk`, without their paths, in no order that means anything."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if item.__class__ is dict:
            if item.get("reference").__class__ is str:
                yield item
            waiting += [child for child in item.values() if child.__class__ is dict or child.__class__ is list]
        elif item.__class__ is list:
            waiting += [child for child in item if child.__class__ is dict or child.__class__ is list]


def _walk(value: Any, place: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    # most elements hold no reference: a place becomes a text only where one is found
    waiting = [(value, place)]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("reference"), str):
                yield place, value
            items: Iterable[tuple[Any, Any]] = value.items()
        elif isinstance(value, list):
            items = enumerate(value)
        else:
            continue
        below = [(child, (place, key)) for key, child in items if isinstance(child, (dict, list))]
        below.reverse()
        waiting += below


def rendered(place: Any) -> str:
    """Return the text of a place ``(owner's place, key or index)``: ``Patient.name[0].given[1]``; a text stands for a root."""
    labels: list[str | int] = []
    while place.__class__ is tuple:
        place, label = place
        labels.append(label)
    text = str(place)
    for label in reversed(labels):
        text += f"[{label}]" if label.__class__ is int else f".{label}"
    return text if place else text.removeprefix(".")
