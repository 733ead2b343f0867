"""What a request wants to do to one resource, as plugins see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Resource = dict[str, Any]
Interaction = Literal["create", "update", "delete"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One resource before and after.

    ``before`` is None for a create, ``after`` None for a delete. ``siblings`` maps ``Type/id`` to the other resources
    written by the same transaction, references already rewritten. ``path`` prefixes element paths in a Bundle
    (``Bundle.entry[3].resource``).
    """

    interaction: Interaction
    type: str
    id: str
    before: Resource | None = None
    after: Resource | None = None
    siblings: Mapping[str, Resource] = field(default_factory=dict)
    path: str = ""
