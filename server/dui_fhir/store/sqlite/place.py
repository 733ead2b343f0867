"""Where things are in a data directory: tenants' files, the writer's lock and its socket."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from dui_fhir.domain.errors import ConfigurationError

SOCKET_PATH_BYTES_MAX = 104
"""Kernels allow 104 to 108 bytes for the path of a UNIX socket, its final zero included."""


class Place:
    """One data directory, readable by its owner only."""

    def __init__(self, data: Path) -> None:
        self.data = data.absolute()
        self.tenants = self.data / "tenants"
        self.lock = self.data / "writer.lock"
        self._socket = self.data / "writer.sock"
        self._elsewhere = self.data / "writer.path"

    def prepare(self) -> None:
        """Make the directories. Raises: ConfigurationError (``store-data-dir``)."""
        try:
            for folder in (self.data, self.tenants):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not os.access(folder, os.W_OK):
                    raise PermissionError(errno.EACCES, "not writable")
        except OSError as error:
            text = f"Le dossier des données « {self.data} » ne peut pas être utilisé : il faut pouvoir y écrire."
            raise ConfigurationError.of("store-data-dir", text, f"{type(error).__name__}: {error.strerror}") from error

    def file(self, tenant: str) -> Path:
        """Return the file of a tenant whose name was checked."""
        return self.tenants / f"{tenant}.sqlite"

    def names(self) -> tuple[str, ...]:
        """Return the tenants, sorted."""
        return tuple(sorted(path.stem for path in self.tenants.glob("*.sqlite")))

    def socket(self) -> Path:
        """Return where the writer listens now."""
        try:
            return Path(self._elsewhere.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self._socket

    def new_socket(self) -> Path:
        """Return a path to listen on, where no stale socket is left; only the holder of the lock may ask."""
        self.remove_socket()
        if len(os.fsencode(self._socket)) < SOCKET_PATH_BYTES_MAX:
            return self._socket
        path = Path(tempfile.mkdtemp(prefix="dui-")) / "w"
        self._elsewhere.write_text(str(path), encoding="utf-8")
        return path

    def remove_socket(self) -> None:
        """Forget where a writer listened."""
        path = self.socket()
        path.unlink(missing_ok=True)
        if path != self._socket:
            shutil.rmtree(path.parent, ignore_errors=True)
            self._elsewhere.unlink(missing_ok=True)
