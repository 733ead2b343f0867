"""The folder of one piece of work: the request, the state, the files. Readable by its owner only: these are health data.

Order of writing: lines, fsync, then the state that counts them. What a file holds beyond the state was never counted: it is cut
off before the next line is added.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from dui_fhir.domain import json
from dui_fhir.domain.errors import NotFound
from dui_fhir.domain.reference import ID

Role = Literal["output", "error", "deleted"]
FILE_BYTES_MAX = 100_000_000
"""A file that reaches this size is closed and another one is begun."""


@dataclass(kw_only=True)
class Output:
    """One ndjson file: ``name``, the type of its resources, what of it is counted."""

    name: str
    type: str
    role: Role = "output"
    count: int = 0
    bytes: int = 0


@dataclass(kw_only=True)
class State:
    """How far the work is. ``position`` is the work's own; None = not begun. ``stalled``: attempts since the last progress."""

    phase: Literal["working", "done", "failed"] = "working"
    position: dict[str, Any] | None = None
    outputs: list[Output] = field(default_factory=list)
    progress: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    outcome: dict[str, Any] | None = None
    stalled: int = 0
    finished_ms: int = 0

    @classmethod
    def of(cls, data: dict[str, Any]) -> "State":
        """Return the state that :meth:`as_json` wrote."""
        return cls(**{**data, "outputs": [Output(**output) for output in data["outputs"]]})


class Folder:
    """See the module. ``path`` need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def tenant(self) -> str:
        """Whose work it is."""
        return self.path.parent.name

    @property
    def unfinished(self) -> bool:
        """Tell whether somebody still has to look at it."""
        return self.cancelled or (self.there and self.state().phase == "working")

    @property
    def there(self) -> bool:
        """Tell whether the work is known and not cancelled."""
        return (self.path / "state.json").exists() and not self.cancelled

    def make(self, request: dict[str, Any], body: Iterable[bytes] = ()) -> None:
        """Write what was sent with the request, piece by piece; then the request and the first state."""
        for folder in (self.path.parent.parent, self.path.parent, self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(self.body, body)
        _write(self.path / "request.json", [json.dumps(request)])
        self.save(State())

    def request(self) -> dict[str, Any]:
        """Return what is asked."""
        found: dict[str, Any] = json.loads((self.path / "request.json").read_bytes())
        return found

    @property
    def body(self) -> Path:
        """What was sent with the request."""
        return self.path / "body"

    @property
    def answer(self) -> Path:
        """The answer itself, of work that has one instead of files."""
        return self.path / "answer.json"

    def keep_answer(self, answer: bytes) -> None:
        """Write the answer, whole, on disk."""
        _write(self.answer, [answer])

    def state(self) -> State:
        """Return the last state saved."""
        return State.of(json.loads((self.path / "state.json").read_bytes()))

    def save(self, state: State) -> None:
        """Replace the state, whole, on disk."""
        _write(self.path / "state.json", [json.dumps(asdict(state))])

    def append(self, state: State, type: str, lines: Iterable[bytes], role: Role = "output") -> None:
        """Add lines to the last file of a type, on disk; they count once ``state`` is saved."""
        data = [line + b"\n" for line in lines]
        if not data:
            return
        output = self._open(state, type, role)
        descriptor = os.open(self.path / output.name, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, output.bytes)
            os.lseek(descriptor, 0, os.SEEK_END)
            with os.fdopen(os.dup(descriptor), "wb") as stream:
                stream.writelines(data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        output.count += len(data)
        output.bytes += sum(map(len, data))

    def _open(self, state: State, type: str, role: Role) -> Output:
        mine = [output for output in state.outputs if (output.type, output.role) == (type, role)]
        if not mine or mine[-1].bytes >= FILE_BYTES_MAX:
            prefix = "" if role == "output" else f"{role}."
            mine.append(Output(name=f"{prefix}{type}.{len(mine) + 1:04d}.ndjson", type=type, role=role))
            state.outputs.append(mine[-1])
        return mine[-1]

    def file(self, name: str) -> Path:
        """Return a finished file. Raises: NotFound for a name that is not one of the outputs."""
        state = self.state()
        if state.phase != "done" or name not in {output.name for output in state.outputs}:
            raise NotFound.of("core-bulk-file", "Ce fichier n'existe pas ou n'est pas prêt.", "no such output file")
        return self.path / name

    # the end

    @property
    def cancelled(self) -> bool:
        """Tell whether somebody gave the work up."""
        return (self.path / "cancelled").exists()

    def cancel(self) -> None:
        """Give the work up: whoever works on it sees that at its next slice."""
        _write(self.path / "cancelled", ())

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Keep other processes of this machine off; yields False where one of them holds the folder."""
        with (self.path / "lock").open("ab") as stream:
            os.chmod(stream.name, 0o600)
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


class Folders:
    """All the work of a deployment: ``<root>/<tenant>/<id>``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, tenant: str, id: str) -> Folder:
        """Return the folder of one work. Raises: NotFound (``core-bulk-unknown``) for what cannot be an id."""
        if not ID.fullmatch(id) or id.startswith("."):
            raise unknown()
        return Folder(self._root / tenant / id)

    def known(self, tenant: str, id: str) -> Folder:
        """Return the folder of work that is there. Raises: NotFound (``core-bulk-unknown``)."""
        found = self.of(tenant, id)
        if not found.there:
            raise unknown()
        return found

    def unfinished(self, tenant: str) -> int:
        """Return how much work of a tenant waits or is in hand."""
        return sum(folder.unfinished for folder in self.all() if folder.tenant == tenant)

    def all(self) -> list[Folder]:
        """Return every folder."""
        return [Folder(path) for path in sorted(self._root.glob("*/*")) if path.is_dir()]


def unknown() -> NotFound:
    """Return the error for work that nobody asked for, that was cancelled, or whose files have gone."""
    return NotFound.of(
        "core-bulk-unknown", "Ce travail n'existe pas, a été abandonné ou ses fichiers ont expiré.", "no such work"
    )


def _write(path: Path, content: Iterable[bytes]) -> None:
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.writelines(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
