"""``serve --reload-plugins``: a folder of corridors that changes is taken into service, or its fault is shown. For development.

What serves is never the folder itself: it is a copy that was checked. A process that starts, first or again, loads that copy,
whatever is being saved meanwhile.
"""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import click

from dui_fhir.plugin_host import Source
from dui_fhir.settings import Settings

POLL_S = 0.5
SETTLED_S = 0.3
"""An editor may write a file in several steps: nothing is read before this long without a change."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The corridors as they were at one moment. ``packages``: holds the installed ones, under the import names ``names``;
    ``folders``: the others."""

    place: Path
    names: tuple[str, ...]
    folders: tuple[Path, ...]

    @property
    def packages(self) -> Path:
        """A folder of import packages."""
        return self.place / "packages"

    def settings(self, settings: Settings) -> Settings:
        """Return the settings of a process that has entered the snapshot."""
        return settings.with_(plugin_folders=[str(folder) for folder in self.folders])

    def environment(self, settings: Settings) -> dict[str, str]:
        """Return the variables by which a process that starts loads this snapshot."""
        elsewhere = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        own = [part for part in elsewhere if not Path(part).is_relative_to(self.place.parent)]
        path = os.pathsep.join([str(self.packages), *own])
        return {**self.settings(settings).as_environment(), "PYTHONPATH": path}

    def enter(self, settings: Settings) -> None:
        """Make this process, and those it forks or spawns from now on, load this snapshot; modules loaded before are let go."""
        os.environ.update(self.environment(settings))
        sys.path[:] = [
            str(self.packages),
            *(part for part in sys.path if not Path(part).is_relative_to(self.place.parent)),
        ]
        for module in [m for m in sys.modules if m.partition(".")[0] in self.names]:
            del sys.modules[module]
        importlib.invalidate_caches()


class Snapshots:
    """Makes snapshots of some corridors below ``root``; keeps the last two: a process may still be starting from the one before."""

    def __init__(self, sources: Sequence[Source], root: Path) -> None:
        self._root, self._numbers = root, count(1)
        self._names = {top: _place(top) for source in sources if (top := (source.package or "").partition(".")[0])}
        self._bare = tuple(source.folder for source in sources if source.package is None)
        self._kept: list[Snapshot] = []
        self.watched = tuple(source.folder for source in sources)
        """The folders that people write in."""

    def take(self) -> Snapshot:
        """Copy what is there now. Raises: OSError (also ``shutil.Error``) where files go away meanwhile."""
        place = self._root / str(next(self._numbers))
        for name, folder in self._names.items():
            shutil.copytree(folder, place / "packages" / name, ignore=_LEFT_OUT)
        copies = []
        for number, folder in enumerate(self._bare):
            copies.append(place / "folders" / str(number) / folder.name)
            shutil.copytree(folder, copies[-1], ignore=_LEFT_OUT)
        return Snapshot(place=place, names=tuple(self._names), folders=tuple(copies))

    def keep(self, snapshot: Snapshot) -> None:
        """Note that a snapshot serves from now on."""
        self._kept.append(snapshot)
        while len(self._kept) > 2:
            drop(self._kept.pop(0))


def _place(name: str) -> Path:
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]).resolve()


def drop(snapshot: Snapshot) -> None:
    """Remove a snapshot that nobody reads."""
    shutil.rmtree(snapshot.place, ignore_errors=True)


class PluginWatch:
    """Watches folders; where something changed and the whole is sound, ``reload`` is called, else the state before stays."""

    def __init__(self, snapshots: Snapshots, settings: Settings, reload: Callable[[Snapshot], None]) -> None:
        self._snapshots, self._settings, self._reload = snapshots, settings, reload
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
        try:
            snapshot = self._snapshots.take()
        except OSError:
            return False  # files went away meanwhile: what is there now is another state, looked at next time
        faults = faults_of(snapshot, self._settings)
        if faults:
            drop(snapshot)
            click.echo("Couloirs changés, avec une faute : l'état d'avant reste en service.", err=True)
            click.echo(faults, err=True)
        else:
            self._snapshots.keep(snapshot)
            self._reload(snapshot)
            click.echo("Couloirs relus : le nouvel état est en service.")
        return True

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_S):
            self.look()

    def _state(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for folder in self._snapshots.watched:
            for file in folder.rglob("*"):
                if "__pycache__" in file.parts:
                    continue
                try:
                    status = file.stat()
                except FileNotFoundError:
                    continue  # removed meanwhile
                found[file] = (status.st_mtime_ns, status.st_size)
        return found


def faults_of(snapshot: Snapshot, settings: Settings) -> str:
    """Check a snapshot in a process of its own; return what is wrong, in French, empty where it is sound."""
    command = [sys.executable, "-m", "dui_fhir.cli", "check"]
    environment: Mapping[str, str] = {**os.environ, **snapshot.environment(settings)}
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return "" if checked.returncode == 0 else checked.stderr.rstrip() or "la vérification s'est arrêtée"


def ask_to_reload() -> None:
    """Ask the HTTP server in this process to replace its workers, one after the other."""
    os.kill(os.getpid(), signal.SIGHUP)
