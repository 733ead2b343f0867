"""Start and stop what is measured: the server, and the bare application beside it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import sqlcipher3

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def process(command: list[str], environment: dict[str, str], url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until ``url`` answers; stop it at the end."""
    with log.open("wb") as stream:
        running = subprocess.Popen(command, env={**os.environ, **environment}, stdout=stream, stderr=stream, cwd=ROOT)
        try:
            wait(url, running)
            yield running
        finally:
            running.terminate()
            running.wait(20)


def wait(url: str, running: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Wait until ``url`` answers. Raises: RuntimeError."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if running.poll() is not None:
            raise RuntimeError(f"{running.args!r} ended with {running.returncode}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer")


@contextlib.contextmanager
def dui(folder: Path, workers: int, threads: int = 4, **settings: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run ``dui-fhir serve`` on a fresh data folder; yields (port, process)."""
    port = free_port()
    environment = {
        "DUI_FHIR_THREADS": str(threads),
        "DUI_FHIR_WORKER_EMBEDDED": "false",
        "DUI_FHIR_LOG_LEVEL": "WARNING",
        **{f"DUI_FHIR_{k.upper()}": v for k, v in settings.items()},
    }
    command = [
        sys.executable,
        "-m",
        "dui_fhir.cli",
        "serve",
        "--port",
        str(port),
        "--data",
        str(folder / "data"),
        "--workers",
        str(workers),
    ]
    with process(command, environment, f"http://127.0.0.1:{port}/health/ready", folder / "serve.log") as running:
        yield port, running


@contextlib.contextmanager
def bare(folder: Path, bodies: dict[str, bytes], workers: int, threads: int = 4) -> Iterator[int]:
    """Run the bare application over these bodies; yields its port."""
    file = folder / "bare.sqlite"
    connection = sqlcipher3.connect(str(file))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE body (key TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID")
    connection.executemany("INSERT INTO body VALUES (?, ?)", bodies.items())
    connection.commit()
    connection.close()
    port = free_port()
    first = next(iter(bodies))
    command = _granian("bench.bare:app", port, workers, threads)
    with process(command, {"BARE_DB": str(file)}, f"http://127.0.0.1:{port}/{first}", folder / "bare.log"):
        yield port


@contextlib.contextmanager
def bare_store(folder: Path, workers: int, threads: int = 4) -> Iterator[int]:
    """Run the application that only hands plans to the store, with a writer of its own; yields its port."""
    from dui_fhir.settings import load as settings
    from dui_fhir.store.sqlite.stores import SqliteStores

    port, data = free_port(), folder / "data"
    stores = SqliteStores(settings(environment={}, flags={"data_dir": str(data)}), writer="own")
    try:
        stores.create("bench")
        command = _granian("bench.bare_store:app", port, workers, threads)
        with process(command, {"BARE_DATA": str(data)}, f"http://127.0.0.1:{port}/", folder / "bare.log"):
            yield port
    finally:
        stores.close()


def _granian(application: str, port: int, workers: int, threads: int) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "granian",
        application,
        "--interface",
        "wsgi",
        "--http",
        "1",
        "--no-ws",
        "--no-log",
    ]
    return [*command, "--port", str(port), "--workers", str(workers), "--blocking-threads", str(threads)]
