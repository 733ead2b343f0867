"""Local stand-ins of the national services, for the demonstration, the tests and the integrators' sandboxes.

To add a service: a package here with a ``create_app(folder) -> Flask``, and one line in ``SERVICES``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from flask import Flask

from dui_fhir.simulators.dmp import app as dmp
from dui_fhir.simulators.dmp.policy import Policy
from dui_fhir.simulators.insi import app as insi
from dui_fhir.simulators.serving import Server

SERVICES: Mapping[str, Callable[[Path, str], Flask]] = {
    "dmp": lambda folder, environment: dmp.create_app(folder, Policy(environment=environment)),
    "insi": lambda folder, environment: insi.create_app(folder),
}


@dataclass(frozen=True, slots=True)
class Simulators:
    """The running services; a context manager that stops them."""

    urls: Mapping[str, str]
    servers: tuple[Server, ...]

    def stop(self) -> None:
        """Stop every service."""
        for server in self.servers:
            server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_all(folder: Path, ports: Mapping[str, int] | None = None, *, environment: str = "test") -> Simulators:
    """Start every service on the loopback, in threads, and print nothing.

    Each keeps its state in ``folder/<service>``. A service without a port in ``ports``, or with 0, takes a free one.
    ``environment`` (``test``, ``production``, ``any``) says which INS roots the DMP accepts. In ``urls``, ``dmp`` is the
    base of the DMP's endpoints (the value of the setting ``dmp_url``), ``insi`` the endpoint of INSi, and ``<service>_pages``
    each one's page for people.

    Raises: ValueError (unknown service or environment), OSError (port taken).
    """
    ports = ports or {}
    if unknown := set(ports) - set(SERVICES):
        raise ValueError(f"unknown simulators: {', '.join(sorted(unknown))}")
    urls: dict[str, str] = {}
    servers: list[Server] = []
    try:
        for name, create in SERVICES.items():
            server = Server(create(folder / name, environment), ports.get(name, 0))
            servers.append(server)
            urls |= {name: server.url + _PATHS.get(name, ""), f"{name}_pages": server.url + "/"}
    except BaseException:
        for server in servers:
            server.stop()
        raise
    return Simulators(urls, tuple(servers))


_PATHS = {"dmp": dmp.BASE, "insi": insi.PATH}
