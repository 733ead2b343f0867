"""Faults on demand: what a test or an integrator asks the next requests to suffer."""

import threading
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

MODES = (
    "http-500",
    "timeout",
    "slow",
    "soap-fault",
    "registry-error",
    "drop-after-store",
    "truncate",
    "refuse-connection",
)


class UnknownFault(ValueError):
    """The order cannot be read; the message is in French."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What one request suffers. ``code`` is the error code of soap-fault and registry-error."""

    mode: str
    service: str = ""  # empty: any
    seconds: float = 30.0
    code: str = ""  # empty: the service's usual one


class FaultPlan:
    """The faults still to come, oldest first; safe between threads."""

    def __init__(self, modes: Collection[str] = MODES) -> None:
        self._modes = modes
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()

    def order(self, body: Any) -> int:
        """Add the faults of ``{"mode": …, "count": n, "service": …, "seconds": …, "code": …}``; return how many wait.

        Raises: UnknownFault.
        """
        fault, count = _read(body, self._modes)
        with self._lock:
            self._faults.extend([fault] * count)
            return len(self._faults)

    def take(self, service: str) -> Fault | None:
        """Remove and return the first fault meant for ``service``."""
        with self._lock:
            for fault in self._faults:
                if fault.service in ("", service):
                    self._faults.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._faults.clear()

    def waiting(self) -> list[dict[str, object]]:
        """Return what is still to come, for display."""
        with self._lock:
            return [{"mode": f.mode, "service": f.service, "seconds": f.seconds, "code": f.code} for f in self._faults]


def _read(body: Any, modes: Collection[str]) -> tuple[Fault, int]:
    if not isinstance(body, Mapping) or set(body) - {"mode", "count", "service", "seconds", "code"}:
        raise UnknownFault("attendu : un objet JSON avec mode, et au choix count, service, seconds, code")
    if body.get("mode") not in modes:
        raise UnknownFault(f"mode inconnu ; modes : {', '.join(modes)}")
    try:
        count, seconds = int(body.get("count", 1)), float(body.get("seconds", 30))
    except (TypeError, ValueError):
        raise UnknownFault("count et seconds sont des nombres") from None
    if not (1 <= count <= 1000 and 0 <= seconds <= 600):
        raise UnknownFault("count de 1 à 1000, seconds de 0 à 600")
    service, code = str(body.get("service", "")), str(body.get("code", ""))
    return Fault(mode=body["mode"], service=service, seconds=seconds, code=code), count
