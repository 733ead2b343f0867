"""What a workload cost while it ran: processor by role, memory, disk, syncs of the writer, and who else was working."""

import os
import resource
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import load, machine

Roles = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class _Moment:
    at_s: float
    by_role: Roles
    generator_s: float
    machine_s: float
    written_bytes: int
    writer: dict[str, int]


class Meter:
    """Measures what happens inside ``with``; :meth:`report` prints it."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid, self._data = pid, folder / "data"

    def __enter__(self) -> Self:
        self._before = self._moment()
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._after = self._moment()

    def _moment(self) -> _Moment:
        roles = machine.roles(self._pid)
        by_role: Counter[str] = Counter()
        for pid, role in roles.items():
            by_role[role] += machine.cpu_s([pid])  # type: ignore[assignment]
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return _Moment(
            at_s=time.perf_counter(),
            by_role=dict(by_role),
            generator_s=usage.ru_utime + usage.ru_stime,
            machine_s=machine.busy_s(),
            written_bytes=sum(machine.written_bytes(pid) for pid in roles),
            writer=writer_counts(self._data),
        )

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self._after.at_s - self._before.at_s

    def cpu_s(self) -> Roles:
        """Return the seconds of processor of each role, load generator included."""
        before, after = self._before, self._after
        used = {role: s - before.by_role.get(role, 0.0) for role, s in after.by_role.items()}
        return {**used, "générateur": after.generator_s - before.generator_s}

    def report(self, outcome: load.Outcome, *, resources: int = 0) -> None:
        """Print the cost of the requests of ``outcome``; ``resources``: how many are in the store, for the bytes of each."""
        requests = max(1, len(outcome.latencies_s))
        used = self.cpu_s()
        server = sum(s for role, s in used.items() if role != "générateur")
        parts = ", ".join(f"{role} {s / requests * 1000:.2f}" for role, s in used.items() if s >= 0.005)
        print(f"  processeur {server / requests * 1000:.2f} s pour 1 000 requêtes ({parts})")
        others = (self._after.machine_s - self._before.machine_s - sum(used.values())) / self.seconds
        print(
            f"  à côté     {max(0.0, others):.1f} cœur(s) occupés par d'autres pendant la mesure, sur {os.cpu_count()}"
        )
        self._print_disk(requests, resources)
        print_memory(self._pid)

    def _print_disk(self, requests: int, resources: int) -> None:
        before, after = self._before, self._after
        commits, plans = (after.writer.get(n, 0) - before.writer.get(n, 0) for n in ("commits", "plans"))
        if commits:
            print(f"  fsync      {commits / self.seconds:.0f}/s ; {plans / commits:.1f} écritures par fsync")
        written = after.written_bytes - before.written_bytes
        if written:
            print(f"  écrit      {written / requests / 1000:.1f} ko par requête")
        if self._data.is_dir():
            size = machine.disk_mb(self._data)
            each = f", {size * 1e6 / resources:.0f} octets par ressource" if resources else ""
            print(f"  disque     {size:.1f} Mo{each}")


def print_memory(pid: int) -> None:
    """Print the memory of a server and of each of its processes."""
    sizes = machine.memory_mb(machine.roles(pid))
    parts = ", ".join(f"{role} {mb:.0f}" for role, mb in sizes.values())
    print(f"  mémoire    {sum(mb for _, mb in sizes.values()):.0f} Mo en tout (PSS : {parts})")


def writer_counts(data: Path) -> dict[str, int]:
    """Return what the writer of a data directory counted since it started: ``commits`` (each waits for one fsync of the
    log) and ``plans``; nothing where there is no writer."""
    from dui_fhir.domain.errors import DuiError
    from dui_fhir.store.sqlite.client import WriterClient
    from dui_fhir.store.sqlite.place import Place

    if not data.is_dir():
        return {}
    client = WriterClient(Place(data), 2.0)
    found: Any = {}
    with suppress(DuiError):
        found = client.call("counts", "", repeatable=True)
    client.close()
    return dict(found)
