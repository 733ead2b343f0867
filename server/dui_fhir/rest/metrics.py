"""Counts and latencies of one process, as Prometheus text (exposition format 0.0.4).

Each HTTP process counts for itself and says so in the label ``worker``: series of several processes never mix.
"""

import os
import threading
from bisect import bisect_left
from collections import Counter

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Requests by interaction and status, and their durations."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def count(self, interaction: str, status: int, seconds: float) -> None:
        """Count one request."""
        with self._lock:
            self._requests[interaction, status] += 1
            buckets = self._buckets.setdefault(interaction, [0] * (len(BUCKETS_S) + 1))
            buckets[bisect_left(BUCKETS_S, seconds)] += 1
            self._seconds[interaction] = self._seconds.get(interaction, 0.0) + seconds

    def text(self, plugin_failures: Counter[tuple[str, str]]) -> str:
        """Return the page of ``/metrics``."""
        worker = f'worker="{os.getpid()}"'
        with self._lock:
            lines = [*_REQUESTS, *(self._request_line(k, n, worker) for k, n in sorted(self._requests.items()))]
            lines += [*_DURATIONS, *(line for i in sorted(self._buckets) for line in self._histogram(i, worker))]
        lines += _FAILURES
        lines += [
            f'dui_fhir_plugin_failures_total{{{worker},plugin="{plugin}",hook="{hook}"}} {n}'
            for (plugin, hook), n in sorted(plugin_failures.items())
        ]
        return "\n".join([*lines, ""])

    def _request_line(self, key: tuple[str, int], number: int, worker: str) -> str:
        return f'dui_fhir_requests_total{{{worker},interaction="{key[0]}",status="{key[1]}"}} {number}'

    def _histogram(self, interaction: str, worker: str) -> list[str]:
        labels, total, lines = f'{worker},interaction="{interaction}"', 0, []
        for bound, number in zip((*BUCKETS_S, "+Inf"), self._buckets[interaction], strict=True):
            total += number
            lines.append(f'dui_fhir_request_seconds_bucket{{{labels},le="{bound}"}} {total}')
        lines.append(f"dui_fhir_request_seconds_sum{{{labels}}} {self._seconds[interaction]:.6f}")
        lines.append(f"dui_fhir_request_seconds_count{{{labels}}} {total}")
        return lines


_REQUESTS = ["# HELP dui_fhir_requests_total Requests served.", "# TYPE dui_fhir_requests_total counter"]
_DURATIONS = ["# HELP dui_fhir_request_seconds Time to serve.", "# TYPE dui_fhir_request_seconds histogram"]
_FAILURES = [
    "# HELP dui_fhir_plugin_failures_total Isolated failures of observers.",
    "# TYPE dui_fhir_plugin_failures_total counter",
]
