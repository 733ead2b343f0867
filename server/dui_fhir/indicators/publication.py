"""The Measures of a tenant: the indicators of its plugins as resources that clients read and search."""

from dui_fhir.indicators.evaluation import all_indicators
from dui_fhir.plugin_host import PluginHost
from dui_fhir.ports import Store
from dui_fhir.search.extract import Extractor
from dui_fhir.service.publication import publish


def publish_measures(store: Store, extractor: Extractor, host: PluginHost) -> int:
    """Store the Measures that are missing or changed; the same again writes nothing. Returns: how many were written.

    Raises: Unavailable.
    """
    return publish(store, extractor, (indicator.measure() for indicator in all_indicators(host)))
