"""Real processes: a server on a free port with a data folder of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

START_S = 30.0


class RunningServer:
    """``dui-fhir serve`` in its own process group, and a client for it."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        preexec: Callable[[], None] | None = None,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.arguments = arguments
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("DUI_FHIR_")},
            "DUI_FHIR_WORKER_EMBEDDED": "false",
            "DUI_FHIR_STORE_TIMEOUT_S": "10",
            **(environment or {}),
        }
        self.preexec = preexec
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def start(self) -> "RunningServer":
        command = [
            sys.executable,
            "-m",
            "dui_fhir.cli",
            "serve",
            "--port",
            str(self.port),
            "--data",
            str(self.data),
            *self.arguments,
        ]
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True, preexec_fn=self.preexec
            )
        self.wait_ready()
        return self

    def wait_ready(self, seconds: float = START_S) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            try:
                if self.client.get("/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log()}")

    def log(self) -> str:
        return (self.folder / "serve.log").read_text(errors="replace")

    def children(self, mark: str) -> list[int]:
        """Return the pids of this server's processes whose command line holds ``mark``."""
        assert self.process is not None
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                session = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3])
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, IndexError):
                continue
            if session == self.process.pid and mark in command:
                found.append(int(entry.name))
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(20)
        if number == signal.SIGKILL:
            self._kill_group()
        return code

    def _kill_group(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.client.close()
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(20)
            self._kill_group()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Return a maker of servers, all stopped at the end of the test."""
    made: list[RunningServer] = []

    def make(*arguments: str, **options: Any) -> RunningServer:
        server = RunningServer(tmp_path, *arguments, **options)
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="module")
def make_module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningServer]]:
    """Return a maker of servers, all stopped at the end of the file."""
    made: list[RunningServer] = []

    def make(*arguments: str, **options: Any) -> RunningServer:
        server = RunningServer(tmp_path_factory.mktemp("server"), *arguments, **options)
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()


@pytest.fixture
def server(make_server: Callable[..., RunningServer]) -> RunningServer:
    """Return a running server."""
    return make_server().start()


@pytest.fixture(scope="session")
def cli() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Return a function that runs ``dui-fhir …`` to its end."""

    def run(*arguments: str, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DUI_FHIR_")}
        return subprocess.run(
            [sys.executable, "-m", "dui_fhir.cli", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environment,
            check=False,
        )

    return run
