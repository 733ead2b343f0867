"""Who acts: an editor's application, a person behind it, a structure he acts for (design, vocabulary)."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["professional", "usager", "system"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """The author of a request.

    ``editor`` is the client id of the software; ``professional`` an identifier as ANS writes it (``8<RPPS>`` or
    ``3<FINESS>/<id>``); ``structure`` a FINESS géographique of nine characters. None means not known.
    """

    kind: ActorKind = "system"
    editor: str = "local"
    professional: str | None = None
    structure: str | None = None


SYSTEM = Actor()
"""The server itself: worker, simulators' evidence, command line."""
