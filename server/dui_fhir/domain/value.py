"""Values that are made by dozens for each request.

``dataclass(frozen=True)`` as mypy knows it: an assignment to a field is refused by ``./run check``. At run time nothing refuses
it, because a frozen dataclass takes three times as long to make, and a tenth of the time of a transaction went there
(docs/performance.md). Values handed to corridors, which mypy may never see, stay frozen for good: they use ``dataclasses``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses

    def dataclass(*, frozen: bool, **options: Any) -> Any:
        """Make a dataclass that compares and hashes by its fields."""
        assert frozen
        return dataclasses.dataclass(unsafe_hash=True, **options)
