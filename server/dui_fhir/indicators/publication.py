"""The Measures of a tenant: the indicators of its plugins as resources that clients read and search."""

from dui_fhir.domain import json
from dui_fhir.domain.body import Body
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.indicators.evaluation import all_indicators
from dui_fhir.plugin_host import PluginHost
from dui_fhir.ports import Store
from dui_fhir.search.extract import Extractor


def publish(store: Store, host: PluginHost, extractor: Extractor) -> int:
    """Store the Measures that are missing or changed; the same again writes nothing. Returns: how many were written.

    Raises: Unavailable.
    """
    wanted = [indicator.measure() for indicator in all_indicators(host)]
    stored = store.read_many([("Measure", measure["id"]) for measure in wanted])
    puts = []
    for measure in wanted:
        body = Body.of(measure)
        held = stored.get(("Measure", measure["id"]))
        if held is None or held.deleted or Body.of(json.loads(held.body or b"{}")).digest != body.digest:
            puts.append(Put(type="Measure", id=measure["id"], body=body, index=extractor.extract(measure)))
    if puts:
        store.submit(Plan(operations=tuple(puts)))
    return len(puts)
