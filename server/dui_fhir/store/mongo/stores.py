"""All tenants of a MongoDB deployment."""

import ipaddress
from itertools import count
from typing import Any

import mongoengine
from mongoengine.errors import NotUniqueError
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.issues import Issue
from dui_fhir.ports import Store
from dui_fhir.settings import Settings
from dui_fhir.store import tenants
from dui_fhir.store.mongo.documents import Document
from dui_fhir.store.mongo.faults import translated, unavailable
from dui_fhir.store.mongo.registry import database_name, tenants_of
from dui_fhir.store.mongo.store import Limits, MongoStore, prepare

DEPLOYMENT = "dui_fhir"
"""Database of the registry where the URL names none, and prefix of the tenants' databases."""
SELECTION_TIMEOUT_MS = 5000

_aliases = count()


class MongoStores:
    """See :class:`dui_fhir.ports.Stores`.

    Raises: ConfigurationError (``store-mongo-unreachable``; ``store-mongo-standalone``: transactions need a replica set or
    a sharded cluster).
    """

    def __init__(self, settings: Settings) -> None:
        self.url: str = settings.store
        url = self.url
        self._deployment: str = parse_uri(url)["database"] or DEPLOYMENT
        options: Any = {"serverSelectionTimeoutMS": SELECTION_TIMEOUT_MS, "appname": "dui-fhir", "tz_aware": True}
        self._client: MongoClient[Document] = MongoClient(url, **options)
        self._limits = Limits(read_s=settings.read_timeout_s, write_s=settings.store_timeout_s)
        self._stores: dict[str, MongoStore] = {}
        try:
            self._check_topology(url, allow_standalone=settings.mongo_allow_standalone)
        except ConfigurationError:
            self._client.close()
            raise
        self._alias = f"dui-fhir-{next(_aliases)}"
        mongoengine.connect(self._deployment, alias=self._alias, host=url, uuidRepresentation="standard", **options)
        self._tenants = tenants_of(self._alias)

    def _check_topology(self, url: str, *, allow_standalone: bool) -> None:
        try:
            hello = self._client.admin.command("hello")
        except PyMongoError as error:
            text = "Le serveur MongoDB ne répond pas."
            raise ConfigurationError.of("store-mongo-unreachable", text, type(error).__name__) from error
        if "setName" in hello or hello.get("msg") == "isdbgrid":
            return
        if allow_standalone and all(_is_loopback(host) for host, _ in parse_uri(url)["nodelist"]):
            return
        raise ConfigurationError.of(
            "store-mongo-standalone",
            "MongoDB doit être un replica set ou un cluster : lancez mongod avec --replSet, puis rs.initiate().",
            "standalone servers have no transactions",
        )

    def names(self) -> tuple[str, ...]:
        """See :class:`dui_fhir.ports.Stores`."""
        with translated():
            return tuple(sorted(tenant.name for tenant in self._tenants.objects()))

    def create(self, tenant: str) -> Store:
        """See :class:`dui_fhir.ports.Stores`."""
        entry = self._tenants(name=tenants.check_name(tenant), database=database_name(self._deployment, tenant))
        with translated():
            if self._tenants.objects(name=tenant).first() is not None:
                raise tenants.exists(tenant)
            prepare(self._client[entry.database])
            try:
                entry.save(force_insert=True)
            except NotUniqueError:
                raise tenants.exists(tenant) from None
        return self.open(tenant)

    def open(self, tenant: str) -> Store:
        """See :class:`dui_fhir.ports.Stores`."""
        found = self._stores.get(tenant)
        if found is None:
            with translated():
                entry = self._tenants.objects(name=tenant).first() if tenants.is_name(tenant) else None
            if entry is None:
                raise tenants.unknown(tenant)
            store = MongoStore(self._client[entry.database], SystemClock(), self._limits)
            found = self._stores.setdefault(tenant, store)
        return found

    def ready(self) -> tuple[Issue, ...]:
        """See :class:`dui_fhir.ports.Stores`."""
        try:
            self._client.admin.command("ping")
        except PyMongoError as error:
            return unavailable(error).issues
        return ()

    def close(self) -> None:
        """See :class:`dui_fhir.ports.Stores`."""
        mongoengine.disconnect(self._alias)
        self._client.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
