"""A process that ends with the one that made it, even where that one is killed."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals) -> None:
    """Ask Linux for this signal when the parent dies, more exactly the thread of it that made this process (prctl(2)).

    Does nothing elsewhere.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
