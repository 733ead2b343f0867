"""The ports over SQLite: writes go to the writer process, reads to the tenant's file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Plan, Result
from dui_fhir.domain.query import Query
from dui_fhir.domain.version import Version
from dui_fhir.ports import HistoryPage, SearchPage, Statement, Store
from dui_fhir.settings import Settings
from dui_fhir.store import tenants
from dui_fhir.store.decision import Key, check
from dui_fhir.store.sqlite import driver, handles, jobs, reading, wire
from dui_fhir.store.sqlite.client import WriterClient
from dui_fhir.store.sqlite.explain import explain
from dui_fhir.store.sqlite.place import Place
from dui_fhir.store.sqlite.pool import Readers, TenantReaders
from dui_fhir.store.sqlite.supervisor import WriterSupervisor

PING_TIMEOUT_S = 1.0


class SqliteStore:
    """One tenant."""

    def __init__(self, tenant: str, path: Path, readers: Readers, client: WriterClient) -> None:
        self._tenant = tenant
        self._path = path
        self._all = readers
        self._client = client

    @property
    def _readers(self) -> TenantReaders:
        return self._all.of(self._path, self._tenant)

    def submit(self, plan: Plan) -> Result:
        """See :class:`dui_fhir.ports.Store`."""
        check(plan)
        repeatable = plan.request_key is not None
        answer = self._client.call("submit", self._tenant, wire.encode_plan(plan), repeatable=repeatable)
        return wire.decode_result(answer)

    def read(self, type: str, id: str) -> Version | None:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.single() as connection:
            return reading.read(connection, type, id)

    def read_many(self, keys: Iterable[Key]) -> dict[Key, Version]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.transaction() as connection:
            return reading.read_many(connection, keys)

    def read_version(self, type: str, id: str, version: int) -> Version | None:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.single() as connection:
            return reading.read_version(connection, type, id, version)

    def history(
        self,
        *,
        type: str | None = None,
        id: str | None = None,
        since_ms: int | None = None,
        at: tuple[int, int] | None = None,
        before: int | None = None,
        limit: int = 50,
        total: bool = False,
    ) -> HistoryPage:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.transaction() as connection:
            return reading.history(
                connection, type=type, id=id, since_ms=since_ms, at=at, before=before, limit=limit, total=total
            )

    def search(self, query: Query) -> SearchPage:
        """See :class:`dui_fhir.ports.Store`."""
        readers = self._readers
        with readers.transaction() as connection:
            return reading.search(connection, readers.dictionary, query)

    def count(self, query: Query) -> int:
        """See :class:`dui_fhir.ports.Store`."""
        readers = self._readers
        with readers.transaction() as connection:
            return reading.count(connection, readers.dictionary, query)

    def explain(self, query: Query) -> tuple[Statement, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        readers = self._readers
        with readers.transaction() as connection:
            return explain(connection, readers.dictionary, query)

    def types(self) -> tuple[str, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.transaction() as connection:
            return reading.live_types(connection)

    def targets(self, sources: Sequence[Key], param: str | None, types: Sequence[str] = ()) -> tuple[Key, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.transaction() as connection:
            return reading.targets(connection, sources, param, types)

    def claim_jobs(self, *, kinds: Sequence[str], limit: int, lease_s: float) -> tuple[Job, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        # asked again after a lost writer: jobs leased by a lost answer come back when their lease expires
        answer = self._client.call("claim", self._tenant, tuple(kinds), limit, lease_s, repeatable=True)
        claimed: tuple[Job, ...] = wire.decode(answer)
        return claimed

    def jobs(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        stream: str | None = None,
        numbers: tuple[int, int] | None = None,
        limit: int = 100,
    ) -> tuple[Job, ...]:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.single() as connection:
            return jobs.list_jobs(connection, kind=kind, state=state, stream=stream, numbers=numbers, limit=limit)

    def job(self, key: str) -> Job | None:
        """See :class:`dui_fhir.ports.Store`."""
        with self._readers.single() as connection:
            return jobs.read_job(connection, "key", key)


class SqliteStores:
    """All tenants of a data directory.

    ``writer``: ``client`` uses the writer that ``serve`` keeps alive; ``own`` starts one where none answers, and ends it
    at :meth:`close`.
    """

    def __init__(self, settings: Settings, *, writer: Literal["client", "own"]) -> None:
        driver.check_version()
        handles.ensure(settings.tenants_open_max)
        self._place = Place(Path(settings.data_dir))
        self._stores: dict[str, SqliteStore] = {}
        self._client = WriterClient(self._place, settings.store_timeout_s)
        self._readers = Readers(
            open_max=settings.tenants_open_max,
            timeout_s=settings.read_timeout_s,
            cache_mib=settings.store_cache_mib,
        )
        self._supervisor = self._own_writer(settings) if writer == "own" else None

    def _own_writer(self, settings: Settings) -> WriterSupervisor | None:
        if self._client.ping(PING_TIMEOUT_S) is not None:
            return None
        supervisor = WriterSupervisor(self._place.data, settings)
        try:
            supervisor.start()
        except ConfigurationError:
            # another process may have started one meanwhile
            if self._client.ping(PING_TIMEOUT_S) is not None:
                return None
            raise
        return supervisor

    def names(self) -> tuple[str, ...]:
        """See :class:`dui_fhir.ports.Stores`."""
        return self._place.names()

    def create(self, tenant: str) -> Store:
        """See :class:`dui_fhir.ports.Stores`."""
        self._client.call("create", tenants.check_name(tenant), repeatable=True)
        return self.open(tenant)

    def open(self, tenant: str) -> Store:
        """See :class:`dui_fhir.ports.Stores`."""
        known = self._stores.get(tenant)
        if known is not None:
            return known
        if not tenants.is_name(tenant) or not self._place.file(tenant).exists():
            raise tenants.unknown(tenant)
        # every request asks: the name and the file are looked at once
        store = self._stores[tenant] = SqliteStore(tenant, self._place.file(tenant), self._readers, self._client)
        return store

    def ready(self) -> tuple[Issue, ...]:
        """See :class:`dui_fhir.ports.Stores`."""
        if self._client.ping(PING_TIMEOUT_S) is not None:
            return ()
        text = "Le processus d'écriture ne répond pas."
        return (Issue(severity="error", code="transient", id="store-unavailable", text=text, diagnostics="no writer"),)

    def close(self) -> None:
        """See :class:`dui_fhir.ports.Stores`."""
        self._readers.close()
        self._client.close()
        if self._supervisor is not None:
            self._supervisor.stop()
