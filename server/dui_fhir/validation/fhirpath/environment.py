"""What an expression sees beside its focus, and how long it may take."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from dui_fhir.validation.fhirpath.errors import BudgetSpent

STEPS_MAX = 1_000_000
SECONDS_MAX = 2.0
_CLOCK_EVERY = 4096


class Environment:
    """``resource`` holds the focus, ``root`` its container; ``variables`` are the external constants (``%name``).

    ``resolve`` turns the text of a reference into a node or None; ``conforms`` tells whether a node follows a profile and
    ``member`` whether a node's code is in a value set, None where that cannot be told.
    """

    __slots__ = (
        "_deadline", "_next", "conforms", "context", "index", "left", "member", "now", "resolve", "resource", "root",
        "strict", "this", "total", "variables",
    )  # fmt: skip

    def __init__(
        self,
        *,
        resource: Any = None,
        root: Any = None,
        variables: Mapping[str, Any] | None = None,
        resolve: Callable[[str], Any] | None = None,
        conforms: Callable[[Any, str], bool | None] | None = None,
        member: Callable[[Any, str], bool | None] | None = None,
        steps: int = STEPS_MAX,
        seconds: float = SECONDS_MAX,
        strict: bool = False,
    ) -> None:
        self.resource = resource
        self.root = root if root is not None else resource
        self.variables = variables or {}
        self.resolve = resolve
        self.conforms = conforms
        self.member = member
        self.strict = strict
        self.context: Any = None
        self.this: list[Any] = []
        self.restart(steps, seconds)

    def restart(self, steps: int, seconds: float = SECONDS_MAX) -> None:
        """Make this environment ready for another expression, with a budget of its own."""
        self.index = 0
        self.total: list[Any] = []
        self.now: Any = None
        self.left = steps
        self._next = steps - _CLOCK_EVERY
        self._deadline = time.monotonic() + seconds

    def spend(self, steps: int) -> None:
        """Count steps. Raises: BudgetSpent."""
        self.left -= steps
        if self.left < 0:
            raise BudgetSpent("step budget spent")
        if self.left < self._next:
            self._next = self.left - _CLOCK_EVERY
            if time.monotonic() > self._deadline:
                raise BudgetSpent("time budget spent")
