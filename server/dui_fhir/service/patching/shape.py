"""What a patch must know of the types: which keys an element has, whether it repeats."""

from collections.abc import Iterable
from typing import Protocol


class Shape(Protocol):
    """Facts about elements, from the R4 tables. ``type`` is a data type, a resource type or a backbone path."""

    def keys(self, type: str, name: str) -> Iterable[tuple[str, str]]:
        """Return the JSON keys of an element and their types: one, or one for each type of a choice (``valueString``).

        Empty where ``type`` has no such element.
        """

    def repeats(self, type: str, name: str) -> bool:
        """Return whether the element is a list."""
