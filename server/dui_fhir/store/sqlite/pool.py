"""Read connections of one process: few per tenant, checked out for one read, closed when many tenants are open."""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dui_fhir.domain.errors import Unavailable
from dui_fhir.store.sqlite import driver, schema
from dui_fhir.store.sqlite.dictionary import Dictionary
from dui_fhir.store.sqlite.driver import Connection

CONNECTIONS_PER_TENANT = 4
PROGRESS_STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock: about a millisecond."""

_graveyard: list[Connection] = []
"""Connections inherited through a fork: neither used nor closed, as SQLite asks (howtocorrupt.html#fork)."""


class Reading:
    """One connection, with the limit of the read in progress."""

    def __init__(self, path: Path, tenant: str, cache_mib: int) -> None:
        self.connection = driver.connect(path, read_only=True, cache_mib=cache_mib)
        self.deadline = float("inf")
        schema.check(self.connection, tenant)
        self.connection.set_progress_handler(self._too_long, PROGRESS_STEPS)

    def _too_long(self) -> int:
        return int(time.monotonic() > self.deadline)


class TenantReaders:
    """The read connections of one tenant."""

    def __init__(self, path: Path, tenant: str, *, timeout_s: float, cache_mib: int) -> None:
        self._path = path
        self._tenant = tenant
        self._timeout_s = timeout_s
        self._cache_mib = cache_mib
        self.dictionary = Dictionary()
        self._free = threading.Semaphore(CONNECTIONS_PER_TENANT)
        self._idle: list[Reading] = []

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection inside one read transaction: all reads see the same moment.

        Raises: Unavailable (``store-too-costly``, ``store-unavailable``).
        """
        with self.single() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    @contextmanager
    def single(self) -> Iterator[Connection]:
        """Give a connection for one statement. Raises: as :meth:`transaction`."""
        deadline = time.monotonic() + self._timeout_s
        if not self._free.acquire(timeout=self._timeout_s):
            raise Unavailable.of(
                "store-unavailable", "Trop de lectures sont en cours : recommencez.", "no read connection free"
            )
        try:
            reading = self._checkout()
            reading.deadline = deadline
            yield reading.connection
            self._idle.append(reading)
        except driver.DatabaseError as error:
            raise driver.unavailable(error) from error
        finally:
            self._free.release()

    def _checkout(self) -> Reading:
        with suppress(IndexError):
            return self._idle.pop()
        return Reading(self._path, self._tenant, self._cache_mib)

    def close(self) -> None:
        """Close the idle connections; those in use are closed by whoever drops them."""
        while self._idle:
            self._idle.pop().connection.close()

    def abandon(self) -> None:
        """Forget connections that belong to the parent process."""
        _graveyard.extend(self._idle)
        self._idle = []


class Readers:
    """The open tenants of this process, the one not used for longest closed first."""

    def __init__(self, *, open_max: int, timeout_s: float, cache_mib: int) -> None:
        self._open_max = open_max
        self._timeout_s = timeout_s
        self._cache_mib = cache_mib
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, TenantReaders] = OrderedDict()
        self._pid = os.getpid()

    def of(self, path: Path, tenant: str) -> TenantReaders:
        """Return the readers of a tenant."""
        if self._pid != os.getpid():
            self._after_fork()
        with self._lock:
            found = self._opened.get(tenant)
            if found is None:
                found = TenantReaders(path, tenant, timeout_s=self._timeout_s, cache_mib=self._cache_mib)
                self._opened[tenant] = found
                if len(self._opened) > self._open_max:
                    self._opened.popitem(last=False)[1].close()
            else:
                self._opened.move_to_end(tenant)
            return found

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        for readers in self._opened.values():
            readers.abandon()
        self._opened = OrderedDict()
        self._pid = os.getpid()

    def close(self) -> None:
        """Close everything that is idle."""
        with self._lock:
            for readers in self._opened.values():
                readers.close()
            self._opened.clear()
