"""References between resources. Source: FHIR R4, references.html#literal."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
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

    @classmethod
    def parse(cls, text: str) -> "Reference | None":
        """Return the parts, or None where the text is no literal reference (``urn:…``, ``#contained``, a canonical)."""
        match = _LITERAL.fullmatch(text)
        return cls(**match.groupdict()) if match else None

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"


def walk(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(element path, Reference element)`` for each element holding a string ``reference``, depth first.

    The element is the live dict of the resource, so that a transaction may rewrite it in place.
    """
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield path, value
        for key, child in value.items():
            if isinstance(child, dict | list):
                yield from walk(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, f"{path}[{index}]")
