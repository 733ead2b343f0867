"""The clock of the machine, and one that tests set."""

import time
from dataclasses import dataclass


class SystemClock:
    """UTC time of the machine."""

    def now_ms(self) -> int:
        """Return UTC epoch milliseconds."""
        return time.time_ns() // 1_000_000


@dataclass
class FixedClock:
    """A clock that only moves when told."""

    ms: int

    def now_ms(self) -> int:
        """Return UTC epoch milliseconds."""
        return self.ms

    def advance(self, *, days: float = 0, seconds: float = 0) -> None:
        """Move forward."""
        self.ms += int((days * 86_400 + seconds) * 1000)
