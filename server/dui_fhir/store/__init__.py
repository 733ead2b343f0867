"""The stores: one port (:class:`dui_fhir.ports.Store`), three adapters, one contract suite (docs/stores.md)."""

from typing import Literal

from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.ports import Stores
from dui_fhir.settings import Settings

Writer = Literal["client", "own"]


def open_stores(settings: Settings, *, writer: Writer = "own") -> Stores:
    """Return the stores that ``settings.store`` names: ``sqlite``, ``memory``, or a ``mongodb://`` URL.

    ``writer`` concerns SQLite: ``client`` talks to a running writer process, ``own`` starts one where none runs.
    Raises: ConfigurationError (``store-unknown``, and those of each adapter).
    """
    if settings.store == "memory":
        from dui_fhir.store.memory import MemoryStores

        return MemoryStores()
    if settings.store == "sqlite":
        from dui_fhir.store.sqlite.stores import SqliteStores

        return SqliteStores(settings, writer=writer)
    if settings.store.startswith(("mongodb://", "mongodb+srv://")):
        from dui_fhir.store.mongo.stores import MongoStores

        return MongoStores(settings)
    raise ConfigurationError.of(
        "store-unknown",
        f"Moteur de stockage inconnu : « {settings.store} » (attendu : sqlite, memory ou une URL mongodb://…).",
        "setting store",
    )
