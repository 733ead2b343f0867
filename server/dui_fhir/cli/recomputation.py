"""How this configuration computes what is derived from a body: the same parts as ``app.build_engine``, without a store."""

from dui_fhir.definitions import search_parameters
from dui_fhir.plugin_host import PluginHost
from dui_fhir.search.extract import Extractor
from dui_fhir.search.options import SearchOptions
from dui_fhir.service.identity import unique_keys
from dui_fhir.settings import Settings
from dui_fhir.store.sqlite.verify import Recomputation


def recomputation(settings: Settings) -> Recomputation:
    """Return the computations of a server with these settings. Raises: ConfigurationError (plugins)."""
    registry = search_parameters().with_extra(PluginHost.load(settings).search_parameters())
    options = SearchOptions.of(settings, registry=registry)
    bases = (f"{settings.public_url.rstrip('/')}/fhir",) if settings.public_url else ()
    extractor = Extractor(registry, zone=options.zone, bases=bases, full_text=options.full_text)
    return Recomputation(index=extractor.extract, unique=unique_keys)
