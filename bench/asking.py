"""What every workload needs: ask the server, judge an answer, print what it cost."""

import json
import sys
import urllib.request
from typing import Any

from bench import load
from bench.meter import print_memory


def gate(condition: bool, what: str) -> None:
    """A figure is worth nothing when the answers are wrong."""
    if not condition:
        print(f"  FAUX : {what}")
        sys.exit(1)
    print(f"  exact : {what}")


def get(port: int, path: str) -> bytes:
    """Return a body."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return bytes(answer.read())


def post(port: int, path: str, content: Any) -> Any:
    """Send JSON, return JSON."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/fhir+json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def create(port: int, resource: dict[str, Any]) -> str:
    """Create a resource; return its id."""
    return str(post(port, f"/fhir/{resource['resourceType']}", resource)["id"])


def total_of(port: int, type: str) -> int:
    """Return how many resources of a type there are."""
    return int(json.loads(get(port, f"/fhir/{type}?_summary=count"))["total"])


def memory(pid: int) -> None:
    """Print the memory of a server and of each of its processes."""
    print_memory(pid)


def kinds(outcome: load.Outcome) -> None:
    """Print one line per kind of request."""
    for kind in sorted(outcome.by_kind):
        p50, p95, p99 = (outcome.percentile_ms(share, kind) for share in (0.5, 0.95, 0.99))
        print(
            f"    {kind:22} {len(outcome.by_kind[kind]):6}   p50 {p50:7.2f} ms   p95 {p95:7.2f} ms   p99 {p99:7.2f} ms"
        )
