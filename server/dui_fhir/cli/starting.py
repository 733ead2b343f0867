"""What ``serve`` does before anything listens."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from dui_fhir.plugin_host import PluginHost
from dui_fhir.settings import Settings
from dui_fhir.store import open_stores


def check(settings: Settings) -> list[str]:
    """Load what ``serve`` would load, start nothing, write nothing.

    Returns: one French line per thing checked. Raises: ConfigurationError, with all faults of the plugins together.
    """
    host = checked(settings)
    lines = [f"Couloirs : {', '.join(p.id for p in host.plugins)} ({len(host.rules())} règles)."]
    if settings.store == "sqlite":
        from dui_fhir.store.sqlite import driver

        lines.append(f"SQLite : {'.'.join(map(str, driver.OLDEST))} au moins, présent.")
    lines.append(f"Données : {Path(settings.data_dir).resolve()}.")
    lines.append(f"DMP : {settings.dmp_url or 'aucune adresse, les envois attendent'}.")
    return lines


def checked(settings: Settings) -> PluginHost:
    """Return the plugins of a configuration fit to serve. Raises: ConfigurationError, as :func:`check`."""
    host = PluginHost.load(settings)
    if settings.dmp_url:
        from dui_fhir.administration import connectors_of

        connectors_of(settings)
    if settings.store == "sqlite":
        from dui_fhir.store.sqlite import driver

        driver.check_version()
    return host


@contextlib.contextmanager
def running_writer(settings: Settings) -> Iterator[Callable[[], None]]:
    """Keep the writer process of the data directory alive; nothing to do for the other engines.

    Yields: what waits until it answers, so that this process works meanwhile; it raises ConfigurationError
    (``store-locked``: another server uses the directory).
    """
    if settings.store != "sqlite":
        yield lambda: None
        return
    from dui_fhir.store.sqlite.supervisor import WriterSupervisor

    writer = WriterSupervisor(Path(settings.data_dir), settings)
    writer.launch()
    try:
        yield writer.wait
    finally:
        writer.stop()


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
