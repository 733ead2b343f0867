"""What ``serve`` does before anything listens. It loads neither the engine nor the web application: the HTTP processes do."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dui_fhir.plugin_host import PluginHost
from dui_fhir.settings import Settings
from dui_fhir.store import open_stores


def check(settings: Settings) -> list[str]:
    """Load what ``serve`` would load, start nothing, write nothing.

    Returns: one French line per thing checked. Raises: ConfigurationError, with all faults of the plugins together.
    """
    host = PluginHost.load(settings)
    if settings.dmp_url:
        from dui_fhir.administration import connectors_of

        connectors_of(settings)
    lines = [f"Couloirs : {', '.join(p.id for p in host.plugins)} ({len(host.rules())} règles)."]
    if settings.store == "sqlite":
        from dui_fhir.store.sqlite import driver

        driver.check_version()
        lines.append(f"SQLite : {'.'.join(map(str, driver.OLDEST))} au moins, présent.")
    lines.append(f"Données : {Path(settings.data_dir).resolve()}.")
    lines.append(f"DMP : {settings.dmp_url or 'aucune adresse, les envois attendent'}.")
    return lines


@contextlib.contextmanager
def running_writer(settings: Settings) -> Iterator[None]:
    """Keep the writer process of the data directory alive; nothing to do for the other engines.

    Raises: ConfigurationError (``store-locked``: another server uses the directory).
    """
    if settings.store != "sqlite":
        yield
        return
    from dui_fhir.store.sqlite.supervisor import WriterSupervisor

    with WriterSupervisor(Path(settings.data_dir), settings):
        yield


def ensure_default_tenant(settings: Settings) -> str | None:
    """Create the default tenant where there is none at all; return its name if it was created."""
    stores = open_stores(settings, writer="client")
    try:
        if stores.names():
            return None
        stores.create(settings.default_tenant)
        return str(settings.default_tenant)
    finally:
        stores.close()
