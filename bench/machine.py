"""What the machine and the processes cost: fsyncs per second, memory, CPU seconds, bytes on disk."""

import os
import time
from pathlib import Path


def fsyncs_per_s(folder: Path, seconds: float = 1.0) -> float:
    """Append 4 KiB and fsync, as often as possible."""
    file = folder / "fsync.probe"
    block = b"\0" * 4096
    count = 0
    with file.open("wb", buffering=0) as stream:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            stream.write(block)
            os.fsync(stream.fileno())
            count += 1
    file.unlink()
    return count / seconds


def tree(pid: int) -> list[int]:
    """Return this process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (OSError, IndexError):
                continue  # the process ended between the listing and the reading
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        todo += parents.get(current, [])
    return found


def memory_mb(roles: dict[int, str]) -> dict[int, tuple[str, float]]:
    """Return role and proportional set size (PSS, MB) of each process: shared pages are counted once in the sum."""
    sizes: dict[int, tuple[str, float]] = {}
    for pid, role in roles.items():
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        pss = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
        sizes[pid] = (role, pss / 1024)
    return sizes


def roles(root: int) -> dict[int, str]:
    """Return what each process of a server is for; the HTTP processes are copies of their parent."""
    found: dict[int, str] = {}
    for pid in tree(root):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found[pid] = "parent" if pid == root else _role(command)
    return found


def _role(command: str) -> str:
    for mark, role in (("store.sqlite.writer", "écrivain"), ("cli worker", "envoi"), ("resource_tracker", "suivi")):
        if mark in command:
            return role
    return "HTTP"


def written_bytes(pid: int) -> int:
    """Return how many bytes a process has sent to the disk so far."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes")), 0)


def busy_s() -> float:
    """Return the seconds of processor used on the machine since it started, by all."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def cpu_s(pids: list[int]) -> float:
    """Return user + system CPU seconds used so far by these processes."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def busy_cores(seconds: float = 0.5) -> float:
    """Return how many cores work now; before a measure, that is for others, and the figures suffer from it."""

    def idle_and_all() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return fields[3] + fields[4], sum(fields)

    idle, everything = idle_and_all()
    time.sleep(seconds)
    idle_after, everything_after = idle_and_all()
    passed = max(1, everything_after - everything)
    return (1 - (idle_after - idle) / passed) * (os.cpu_count() or 1)


def disk_mb(folder: Path) -> float:
    """Return the size of a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6
