"""``serve --reload-plugins``: a folder of corridors that changes is taken into service, or its fault is shown. For development."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import click

POLL_S = 0.5
SETTLED_S = 0.3
"""An editor may write a file in several steps: nothing is read before this long without a change."""


class PluginWatch:
    """Watches folders; where something changed and the whole is sound, ``reload`` is called, else the state before stays."""

    def __init__(self, folders: Sequence[Path], environment: Mapping[str, str], reload: Callable[[], None]) -> None:
        self._folders, self._environment, self._reload = tuple(folders), dict(environment), reload
        self._seen = self._state()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="plugin-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def look(self) -> bool:
        """Take what changed into service; return whether something had changed."""
        if self._state() == self._seen:
            return False
        while (now := self._state()) != self._seen:
            self._seen = now
            if self._stopping.wait(SETTLED_S):
                return False
        checked = subprocess.run(
            [sys.executable, "-m", "dui_fhir.cli", "check"], env=self._environment, capture_output=True, text=True, check=False
        )  # fmt: skip
        if checked.returncode == 0:
            self._reload()
            click.echo("Couloirs relus : le nouvel état est en service.")
        else:
            click.echo("Couloirs changés, avec une faute : l'état d'avant reste en service.", err=True)
            click.echo(checked.stderr.rstrip(), err=True)
        return True

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_S):
            self.look()

    def _state(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for folder in self._folders:
            for file in folder.rglob("*"):
                if "__pycache__" in file.parts:
                    continue
                try:
                    status = file.stat()
                except FileNotFoundError:
                    continue  # removed meanwhile
                found[file] = (status.st_mtime_ns, status.st_size)
        return found


def ask_to_reload() -> None:
    """Ask the HTTP server in this process to replace its workers, one after the other."""
    os.kill(os.getpid(), signal.SIGHUP)
