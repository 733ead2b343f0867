"""Cost of the rules per write, over the examples of every corridor: ``python -m bench.rules``.

CPU time of ``PluginHost.check`` alone, all shipped corridors in force at once (more than any structure has).
"""

import statistics
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from dui_fhir.domain import json
from dui_fhir.plugin_host import PluginHost, Source
from dui_fhir.plugin_kit.examples import change_of, context_of, examples_of

PLUGINS = Path(__file__).parents[1] / "plugins"
REPEATS = 200


def main() -> None:
    """Print the time to load, then the mean and the worst example by resource type, in microseconds."""
    sources = [Source(id=file.parent.name, folder=file.parent) for file in sorted(PLUGINS.glob("*/plugin.json"))]
    started = time.process_time()
    host = PluginHost.from_sources(sources)
    print(
        f"{len(host.rules())} règles, {len(sources)} couloirs, chargés en {1e3 * (time.process_time() - started):.0f} ms"
    )
    for type, costs in sorted(_costs(host).items()):
        print(f"{type:24} {len(costs):3} exemples  moyenne {statistics.mean(costs):5.0f} µs  pire {max(costs):5.0f} µs")


def _costs(host: PluginHost) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = defaultdict(list)
    everywhere = frozenset(plugin.id for plugin in host.plugins)
    for plugin in host.plugins:
        for example in examples_of(plugin):
            change, others = change_of(json.loads(example.file.read_bytes()))
            context = replace(context_of(plugin, host, others), corridors=everywhere)
            host.check(change, context)
            started = time.process_time()
            for _ in range(REPEATS):
                host.check(change, context)
            costs[change.type].append((time.process_time() - started) / REPEATS * 1e6)
    return costs


if __name__ == "__main__":
    main()
