"""When to try again: exponential, bounded, with jitter so that a service that comes back is not met by a crowd."""

from random import Random


def delay_s(attempts: int, *, first_s: float, max_s: float, after_s: float | None, random: Random) -> float:
    """Return the wait after the attempt numbered ``attempts`` (from 1): half to whole of ``first_s`` doubled each time.

    ``after_s`` is what the recipient asks for: never less than that, whatever ``max_s`` says.
    """
    whole = min(max_s, first_s * 2.0 ** min(attempts - 1, 60))
    return max(whole * random.uniform(0.5, 1.0), after_s or 0.0)
