"""Keep a child process alive, and never outlive it nor be outlived."""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Self

RESPAWN_S = 1.0
STOP_S = 10.0


class Supervised:
    """A child relaunched a second after it dies, stopped with SIGTERM at exit.

    With ``stdin=PIPE`` the child can watch its standard input: it closes when this process dies, whatever killed it.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], stdin: int | IO[bytes] | None = None
    ) -> None:
        self._command, self._environment, self._stdin = list(command), dict(environment), stdin
        self._stopping = threading.Event()
        self._process = self._spawn()
        self._watch = threading.Thread(target=self._keep_alive, name="supervision", daemon=True)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watch.join()
        if self._process.stdin:
            self._process.stdin.close()

    @property
    def pid(self) -> int:
        """Process id of the present child."""
        return self._process.pid

    def relaunch(self, changes: Mapping[str, str]) -> None:
        """End the present child: another one takes its place, with these variables changed."""
        self._environment.update(changes)
        self._process.terminate()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, env=self._environment, stdin=self._stdin)

    def _keep_alive(self) -> None:
        while not self._stopping.is_set():
            self._process.wait()
            if self._stopping.is_set():
                return
            time.sleep(RESPAWN_S)
            if not self._stopping.is_set():
                if self._process.stdin:
                    self._process.stdin.close()
                self._process = self._spawn()
