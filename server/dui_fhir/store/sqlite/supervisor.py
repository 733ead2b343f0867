"""Keeping a writer process alive."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.settings import Settings
from dui_fhir.store.sqlite.client import WriterClient
from dui_fhir.store.sqlite.place import Place
from dui_fhir.store.sqlite.writer import EXIT_LOCKED, locked

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
RESPAWN_FIRST_S, RESPAWN_MAX_S = 0.05, 2.0
LIVED_LONG_S = 5.0

log = logging.getLogger(__name__)


class WriterSupervisor:
    """Starts the writer of a data directory, and starts it again when it dies; a context manager.

    The writer ends with the process that made it, whatever way that ends.
    """

    def __init__(self, data_dir: Path, settings: Settings) -> None:
        self._place = Place(data_dir)
        self._settings = settings
        self._client = WriterClient(self._place, START_TIMEOUT_S)
        self._stopping = threading.Event()
        self._spawned = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # the kernel ends the writer with the *thread* that spawned it, so one thread does it and stays
        self._thread = threading.Thread(target=self._keep_alive, name="writer-supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the present writer."""
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the writer and wait until it answers.

        Raises: as :meth:`wait`.
        """
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start the writer; :meth:`wait` or :meth:`stop` follows."""
        self._place.prepare()
        self._thread.start()

    def wait(self) -> None:
        """Wait until the writer answers.

        Raises: ConfigurationError (``store-locked``: another server uses the directory; ``store-writer``: it ended).
        """
        self._spawned.wait(START_TIMEOUT_S)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            process = self._process
            if process is not None and self._client.ping(0.5) == process.pid:
                return
            if process is None or process.poll() is not None:
                break
            time.sleep(0.01)
        code = self._process.poll() if self._process is not None else None
        self.stop()
        if code == EXIT_LOCKED:
            raise locked(self._place)
        text = "Le processus d'écriture n'a pas pu démarrer : voyez le journal."
        raise ConfigurationError.of("store-writer", text, f"writer exit code {code}")

    def stop(self) -> None:
        """End the writer: it finishes what it received."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(STOP_TIMEOUT_S)
        self._client.close()

    def _keep_alive(self) -> None:
        pause_s = RESPAWN_FIRST_S
        while not self._stopping.is_set():
            started = time.monotonic()
            self._process = self._spawn()
            self._spawned.set()
            code = self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > LIVED_LONG_S:
                pause_s = RESPAWN_FIRST_S
            log.warning("the writer process ended with code %s; starting it again", code)
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, RESPAWN_MAX_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "dui_fhir.store.sqlite.writer",
            "--data",
            str(self._place.data),
            "--with-parent",
        ]
        environment = {**os.environ, **self._settings.as_environment()}
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
