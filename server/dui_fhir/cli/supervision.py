"""Keep a child process alive, and never outlive it nor be outlived."""

import subprocess
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Self

RESPAWN_S = 1.0
STOP_S = 10.0


class Supervised:
    """A child launched ``launch_after_s`` from now, relaunched a second after it dies, stopped with SIGTERM at exit.

    With ``stdin=PIPE`` the child can watch its standard input: it closes when this process dies, whatever killed it.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        stdin: int | IO[bytes] | None = None,
        *,
        launch_after_s: float = 0.0,
    ) -> None:
        self._command, self._environment, self._stdin = list(command), dict(environment), stdin
        self._launch_after_s = launch_after_s
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._keep_alive, name="supervision", daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changing:
            self._stopping.set()  # no other child from now on
        if self._process is not None:
            _end(self._process)
        self._watch.join()

    @property
    def pid(self) -> int | None:
        """Process id of the present child."""
        return self._process.pid if self._process is not None else None

    def relaunch(self, changes: Mapping[str, str]) -> None:
        """End the present child: another one takes its place, with these variables changed."""
        with self._changing:
            self._environment.update(changes)
            if self._process is not None:
                self._process.terminate()

    def _spawn(self) -> "subprocess.Popen[bytes] | None":
        with self._changing:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(self._command, env=self._environment, stdin=self._stdin)
            return self._process

    def _keep_alive(self) -> None:
        self._stopping.wait(self._launch_after_s)
        while (process := self._spawn()) is not None:
            process.wait()
            if process.stdin:
                process.stdin.close()
            self._stopping.wait(RESPAWN_S)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
