"""The writer process: killed, refused, without space, left over from a crash."""

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dui_fhir.domain.body import Body
from dui_fhir.domain.errors import ConfigurationError, DuiError, NotFound, Unavailable
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.index import IndexValues, TokenValue
from dui_fhir.domain.plan import Committed, Plan, Put
from dui_fhir.domain.query import Query, TokenIs
from dui_fhir.settings import Settings, load
from dui_fhir.store.sqlite import driver, handles, schema, wire
from dui_fhir.store.sqlite.place import Place
from dui_fhir.store.sqlite.stores import SqliteStores
from dui_fhir.store.sqlite.supervisor import WriterSupervisor

pytestmark = pytest.mark.e2e


def _settings(folder: Path, **flags) -> Settings:
    return load(environment={}, flags={"data_dir": str(folder), "store_timeout_s": 10.0, **flags})


def _put(type, id, plan, text="x"):
    index = IndexValues(tokens=(TokenValue("plan", None, plan),))
    return Put(
        type=type, id=id, body=Body.of({"resourceType": type, "id": id, "plan": plan, "text": text}), index=index
    )


def _plan(name, **options):
    return Plan(operations=(_put("Patient", f"p-{name}", name), _put("Observation", f"o-{name}", name)), **options)


def _id(error):
    return error.value.issues[0].id


class Client(threading.Thread):
    """Submits plans until told to stop; remembers what was acknowledged and what became of the others."""

    def __init__(self, store, name, *, keyed):
        super().__init__()
        self.store, self.prefix, self.keyed = store, name, keyed
        self.acknowledged, self.unknown, self.refused = [], [], []
        self.stopping = threading.Event()

    def run(self):
        n = 0
        while not self.stopping.is_set():
            n += 1
            name = f"{self.prefix}-{n}"
            try:
                answer = self.store.submit(_plan(name, request_key=name if self.keyed else None))
                assert isinstance(answer, Committed)
                self.acknowledged.append(name)
            except Unavailable as error:
                kept = self.unknown if error.issues[0].id == "store-outcome-unknown" else self.refused
                kept.append(name)


def test_writer__killed_during_a_stream__loses_nothing_acknowledged_and_leaves_no_part(tmp_path):
    settings = _settings(tmp_path)
    with WriterSupervisor(tmp_path, settings) as supervisor:
        stores = SqliteStores(settings, writer="client")
        store = stores.create("demo")
        clients = [Client(store, f"c{n}", keyed=n % 2 == 0) for n in range(6)]
        for client in clients:
            client.start()
        pids = set()
        for kill in range(1, 6):
            _wait_for(lambda kill=kill: sum(len(c.acknowledged) for c in clients) > 40 * kill)
            pids.add(supervisor.pid)
            os.kill(supervisor.pid, signal.SIGKILL)
            _wait_for(lambda: supervisor.pid not in pids)
        _wait_for(lambda: stores.ready() == ())
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join()
        assert len(pids) == 5
        acknowledged = [name for client in clients for name in client.acknowledged]
        assert len(acknowledged) > 50
        # a keyed request is asked again until its outcome is known
        assert not [name for client in clients if client.keyed for name in client.unknown + client.refused]
        for name in acknowledged:
            assert store.read("Patient", f"p-{name}").version == 1
            assert store.read("Observation", f"o-{name}").version == 1
        _check_whole(store)
        stores.close()


def _wait_for(condition, limit_s=20.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _check_whole(store):
    """Both resources of a plan are there or none, found by search as by history."""
    by_type = {"Patient": set(), "Observation": set()}
    before = None
    while True:
        page = store.history(before=before, limit=500)
        for version in page.versions:
            by_type[version.type].add(version.id[2:])
        before = page.next
        if before is None:
            break
    assert by_type["Patient"] == by_type["Observation"]
    assert store.count(Query(types=("Patient",))) == len(by_type["Patient"])
    for name in sorted(by_type["Patient"])[:20]:
        found = store.search(Query(types=("Patient", "Observation"), where=TokenIs("plan", None, name))).matches
        assert [v.id for v in found] == [f"o-{name}", f"p-{name}"]
    sequences = [v.sequence for v in store.history(limit=1000).versions]
    assert sequences == list(range(sequences[0], sequences[0] - len(sequences), -1))


def test_request__whose_answer_was_lost__is_applied_once(tmp_path):
    settings = _settings(tmp_path)
    with WriterSupervisor(tmp_path, settings) as supervisor:
        stores = SqliteStores(settings, writer="client")
        store = stores.create("demo")
        os.kill(supervisor.pid, signal.SIGSTOP)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(store.submit(_plan("a", request_key="a"))))
        asking.start()
        time.sleep(0.3)
        os.kill(supervisor.pid, signal.SIGKILL)
        asking.join(10)
        assert isinstance(answers[0], Committed)
        assert store.history(total=True).total == 2
        stores.close()


def test_request__without_key_and_lost__has_an_unknown_outcome(tmp_path):
    settings = _settings(tmp_path)
    with WriterSupervisor(tmp_path, settings) as supervisor:
        stores = SqliteStores(settings, writer="client")
        store = stores.create("demo")
        os.kill(supervisor.pid, signal.SIGSTOP)
        timer = threading.Timer(0.3, os.kill, (supervisor.pid, signal.SIGKILL))
        timer.start()
        with pytest.raises(Unavailable) as error:
            store.submit(_plan("a"))
        assert _id(error) == "store-outcome-unknown"
        stores.close()


def test_request__no_writer__is_unavailable_and_not_sent(tmp_path):
    settings = _settings(tmp_path)
    owner = SqliteStores(settings, writer="own")
    owner.create("demo")
    owner.close()
    stores = SqliteStores(settings.with_(store_timeout_s=0.2), writer="client")
    with pytest.raises(Unavailable) as error:
        stores.open("demo").submit(_plan("a"))
    assert _id(error) == "store-unavailable"
    assert stores.ready()[0].id == "store-unavailable"
    assert stores.open("demo").history().versions == ()
    stores.close()


def test_second_writer__same_directory__is_refused_with_one_sentence(tmp_path):
    settings = _settings(tmp_path)
    with WriterSupervisor(tmp_path, settings):
        with pytest.raises(ConfigurationError) as error:
            WriterSupervisor(tmp_path, settings).start()
        assert _id(error) == "store-locked"
        assert error.value.issues[0].text.startswith("Un autre serveur utilise déjà le dossier")
        shared = SqliteStores(settings, writer="own")
        shared.create("demo")
        shared.close()
        again = SqliteStores(settings, writer="client")
        assert again.ready() == ()
        again.close()


def test_stale_socket__of_a_killed_writer__does_not_hinder(tmp_path):
    settings = _settings(tmp_path)
    place = Place(tmp_path)
    place.prepare()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(place.socket()))
    left.close()
    stores = SqliteStores(settings, writer="own")
    stores.create("demo")
    stores.close()
    assert not place.socket().exists()


def test_data_directory__path_too_long_for_a_socket__works(tmp_path):
    folder = tmp_path / ("d" * 100)
    stores = SqliteStores(_settings(folder), writer="own")
    store = stores.create("demo")
    assert isinstance(store.submit(_plan("a")), Committed)
    elsewhere = Place(folder).socket()
    assert elsewhere.parent != folder
    stores.close()
    assert not elsewhere.parent.exists()


def test_files__of_a_tenant__are_for_their_owner_only(tmp_path):
    folder = tmp_path / "data"
    stores = SqliteStores(_settings(folder), writer="own")
    store = stores.create("demo")
    store.submit(_plan("a"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert {"demo.sqlite", "demo.sqlite-wal", "writer.sock", "writer.lock"} <= set(modes)
    stores.close()


def test_file_too_large__nothing_is_half_applied_and_service_recovers(tmp_path):
    """A limit on the size of the writer's files makes its commit fail; a full disk proper is the test after this one."""
    settings = _settings(tmp_path)
    with WriterSupervisor(tmp_path, settings) as supervisor:
        stores = SqliteStores(settings, writer="client")
        store = stores.create("demo")
        store.submit(_plan("before"))
        _, hard = resource.prlimit(supervisor.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(supervisor.pid, resource.RLIMIT_FSIZE, (2_000_000, hard))
        large = _put("Binary", "large", "large", text="x" * 4_000_000)
        with pytest.raises(Unavailable) as error:
            store.submit(Plan(operations=(_put("Patient", "p-part", "part"), large)))
        assert _id(error) in ("store-unavailable", "store-outcome-unknown")
        assert store.read("Patient", "p-part") is None
        answer = store.submit(Plan(operations=(_put("Patient", "p-part", "part"), large), request_key="again"))
        assert isinstance(answer, Committed)
        assert store.read("Patient", "p-before").version == 1
        assert store.read("Patient", "p-part").version == 1
        stores.close()


def test_committer__connection__waits_for_the_disk_at_each_commit(tmp_path):
    from dui_fhir.domain.clock import SystemClock
    from dui_fhir.store.sqlite.committer import Committer

    path = tmp_path / "demo.sqlite"
    schema.create(path)
    committer = Committer(path, "demo", SystemClock())
    # no killed process shows it: only a power cut loses what the system holds
    assert committer._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert committer._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    committer.close()


def test_max_page_count__reached__answers_disk_full(tmp_path):
    from dui_fhir.domain.clock import SystemClock
    from dui_fhir.store.sqlite.committer import Committer

    path = tmp_path / "demo.sqlite"
    schema.create(path)
    committer = Committer(path, "demo", SystemClock())
    committer._connection.execute("PRAGMA max_page_count = 60")
    large = _put("Binary", "large", "large", text="x" * 1_000_000)
    first, second = committer.apply([_plan("a"), Plan(operations=(large,))])
    assert isinstance(first, Committed)  # the group was undone, and what fits applied again
    assert second.issues[0].id == "store-disk-full"
    committer._connection.execute("PRAGMA max_page_count = 100000")
    answers = committer.apply([_plan("b"), Plan(operations=(large,))])
    assert all(isinstance(answer, Committed) for answer in answers)
    assert [w.version for answer in answers for w in answer.written] == [1, 1, 1]
    committer.close()


def test_writer__when_its_parent_is_killed__ends_and_frees_the_directory(tmp_path):
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom dui_fhir.settings import load\n"
        "from dui_fhir.store.sqlite.supervisor import WriterSupervisor\n"
        "s = WriterSupervisor(Path(sys.argv[1]), load(environment={})).__enter__()\n"
        "print(s.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    writer = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _wait_for(lambda: not _alive(writer))
    with WriterSupervisor(tmp_path, _settings(tmp_path)) as supervisor:
        assert supervisor.pid != writer


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_fork__of_a_process_that_read__reads_and_writes_too(tmp_path):
    stores = SqliteStores(_settings(tmp_path), writer="own")
    store = stores.create("demo")
    store.submit(_plan("a"))
    assert store.read("Patient", "p-a") is not None
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.submit(_plan("b"))
            os.write(write, b"ok" if store.read("Patient", "p-b") is not None else b"no")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 10) == b"ok"
    os.close(read)
    assert store.read("Patient", "p-b").version == 1
    stores.close()


def test_old_and_new_schemas__are_refused_by_name(tmp_path):
    stores = SqliteStores(_settings(tmp_path), writer="own")
    path = Place(tmp_path).file("demo")
    for version, id in ((schema.VERSION - 1, "store-schema-old"), (schema.VERSION + 1, "store-schema-new")):
        path.unlink(missing_ok=True)
        schema.create(path)
        connection = driver.connect(path, read_only=False, cache_mib=1)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        with pytest.raises(ConfigurationError) as error:
            stores.open("demo").read("Patient", "a")
        assert _id(error) == id
        with pytest.raises(ConfigurationError) as error:
            stores.open("demo").submit(_plan("a"))
        assert _id(error) == id
    stores.close()


def test_read__that_costs_too_much__is_stopped(tmp_path):
    stores = SqliteStores(_settings(tmp_path), writer="own")
    store = stores.create("demo")
    for _ in range(4):
        store.submit(Plan(operations=tuple(_put("Patient", new_id(), "x") for _ in range(1000))))
    stores.close()
    hurried = SqliteStores(_settings(tmp_path, read_timeout_s=0.000001), writer="own")
    with pytest.raises(Unavailable) as error:
        hurried.open("demo").search(Query(types=("Patient",), where=TokenIs("plan", None, "x"), total="accurate"))
    assert _id(error) == "store-too-costly"
    hurried.close()


def test_writer__given_nonsense__goes_on(tmp_path):
    settings = _settings(tmp_path)
    with WriterSupervisor(tmp_path, settings) as supervisor:
        stores = SqliteStores(settings, writer="client")
        store = stores.create("demo")
        before = supervisor.pid
        for data in (b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", wire.pack(["submit", "demo", "no plan"])):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(Place(tmp_path).socket()))
                connection.sendall(data)
                connection.settimeout(5)
                connection.recv(100)
        with pytest.raises(DuiError) as error:
            store.submit(Plan(operations=(replace(_put("Patient", "a", "x"), index=IndexValues(tokens=((1, 2),))),)))
        assert _id(error) == "store-plan"
        assert isinstance(store.submit(_plan("a")), Committed)
        assert supervisor.pid == before
        stores.close()


def test_writer__more_tenants_than_may_be_open__serves_all(tmp_path):
    settings = _settings(tmp_path, tenants_open_max=2)
    stores = SqliteStores(settings, writer="own")
    opened = [stores.create(f"t{n}") for n in range(5)]
    for turn in range(2):
        for n, store in enumerate(opened):
            store.submit(_plan(f"{n}-{turn}"))
            assert store.read("Patient", f"p-{n}-{turn}").version == 1
    stores.close()


def test_limit_of_open_files__too_low__is_told(monkeypatch):
    monkeypatch.setattr(handles.resource, "getrlimit", lambda _: (256, 512))
    with pytest.raises(ConfigurationError) as error:
        handles.ensure(128)
    assert _id(error) == "store-file-handles"


def test_open__tenant_removed_from_disk__is_unknown(tmp_path):
    stores = SqliteStores(_settings(tmp_path), writer="own")
    with pytest.raises(NotFound):
        stores.open("demo")
    stores.close()
