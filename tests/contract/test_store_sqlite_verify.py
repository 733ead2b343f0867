"""Verification, backup and restore of SQLite files, each kind of damage made by hand."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain import json
from dui_fhir.domain.body import Body
from dui_fhir.domain.clock import SystemClock
from dui_fhir.domain.errors import Conflict, DuiError, NotFound, Unprocessable
from dui_fhir.domain.index import ReferenceValue
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Committed, Delete, Erase, Plan, Put
from dui_fhir.search.extract import extract
from dui_fhir.store.sqlite import driver, schema
from dui_fhir.store.sqlite.backup import backup
from dui_fhir.store.sqlite.committer import Committer
from dui_fhir.store.sqlite.restore import restore
from dui_fhir.store.sqlite.upgrade import upgrade
from dui_fhir.store.sqlite.verify import Recomputation, Report, verify


def _unique(resource: dict[str, Any]) -> tuple[str, ...]:
    return (f"ins|{resource['id']}",) if resource["resourceType"] == "Patient" else ()


AGAIN = Recomputation(index=extract, unique=_unique)


def _put(type: str, id: str, **content: Any) -> Put:
    resource = {"resourceType": type, "id": id, **content}
    return Put(type=type, id=id, body=Body.of(resource), index=extract(resource), unique=_unique(resource))


def _patient(id: str, family: str = "MARTIN") -> Put:
    return _put("Patient", id, name=[{"family": family}], birthDate="1941-05", gender="female")


def _observation(id: str, patient: str) -> Put:
    quantity = {"value": 61.5, "system": "http://unitsofmeasure.org", "code": "kg"}
    return _put("Observation", id, subject={"reference": f"Patient/{patient}"}, valueQuantity=quantity)


def _submit(path: Path, *plans: Plan) -> None:
    committer = Committer(path, "demo", SystemClock(), cache_mib=2)
    try:
        answers = committer.apply(list(plans))
        assert all(isinstance(answer, Committed) for answer in answers), answers
    finally:
        committer.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory whose tenant has histories, a deletion, an erasure and a job; not to be changed."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "tenants").mkdir(parents=True)
    file = folder / "tenants/demo.sqlite"
    schema.create(file)
    job = Job(id="j", kind="dmp", key="k", payload={}, task=None, stream="s")
    _submit(
        file,
        *(Plan(operations=(_patient(f"p{n}"), _observation(f"o{n}", f"p{n}"))) for n in range(6)),
        Plan(operations=(_patient("p0", "DURAND"), Delete(type="Observation", id="o1")), jobs=(job,)),
        Plan(operations=(Erase(type="Patient", id="p2"), Erase(type="Observation", id="o2"))),
        Plan(operations=(_patient("p2", "PETIT"),)),
    )
    return folder


@pytest.fixture
def data(model: Path, tmp_path: Path) -> Path:
    """Return a copy of the model."""
    return Path(shutil.copytree(model, tmp_path / "data"))


@pytest.fixture
def file(data: Path) -> Path:
    """Return the file of the tenant."""
    return data / "tenants/demo.sqlite"


@pytest.fixture
def damage(file: Path) -> Callable[..., None]:
    """Return a function that changes the file behind the store's back."""

    def change(statement: str, *values: Any) -> None:
        connection = driver.connect(file, read_only=False, cache_mib=2)
        try:
            assert connection.execute(statement, values).rowcount != 0
        finally:
            connection.close()

    return change


def _verified(file: Path, sample: int | None = None) -> Report:
    return verify(file, "demo", AGAIN, sample=sample)


def _checks(report: Report) -> set[str]:
    return {finding.check for finding in report.findings}


def test_verify__file_as_the_store_wrote_it__is_sound(file: Path) -> None:
    report = _verified(file)

    assert report.findings == []
    assert report.content is not None
    assert report.content.resources == {"Observation": 4, "Patient": 6}
    assert (report.examined, report.content.sequence, report.content.versions) == (10, 17, 15)


def test_verify__sample__examines_fewer_and_always_the_newest(file: Path, damage: Callable[..., None]) -> None:
    damage("DELETE FROM cell WHERE rid = (SELECT max(rid) FROM resource WHERE live)")

    report = _verified(file, sample=3)

    assert 0 < report.examined < 10
    assert "Observation/o5" in {finding.resource for finding in report.findings}


@pytest.mark.parametrize(
    ("check", "statement"),
    [
        ("history", "DELETE FROM version WHERE id = 'p0' AND version = 1"),
        ("history", "UPDATE version SET instant = 1 WHERE seq = 9"),
        ("history", "UPDATE version SET rid = 999, version = 7 WHERE id = 'p0' AND version = 1"),
        ("current", "UPDATE resource SET instant = instant + 1 WHERE id = 'p3'"),
        ("current", "UPDATE version SET body = NULL WHERE id = 'p3'"),
        ("counters", "UPDATE type SET live = live + 1 WHERE name = 'Patient'"),
        ("body", "UPDATE version SET body = CAST(replace(body, 'MARTIN', 'MARTEN') AS BLOB) WHERE id = 'p3'"),
        ("body", "UPDATE version SET body = CAST('{' AS BLOB) WHERE id = 'p3'"),
        ("body", "UPDATE version SET body = CAST('[]' AS BLOB) WHERE id = 'p0' AND version = 1"),
        ("rows", "DELETE FROM f_text WHERE id = 'p3'"),
        ("rows", "DELETE FROM f_range WHERE id = 'o3'"),
        ("rows", "DELETE FROM f_order WHERE id = 'p3'"),
        ("rows", "INSERT INTO f_text VALUES (1, 'zzz', 'p3', 0, 0, 4)"),
        ("rows", "INSERT INTO cell VALUES (999, 1, 0, 0, 'x', 0, NULL, NULL)"),
        ("rows", "UPDATE unique_key SET rid = 999 WHERE key = 'ins|p3'"),
        ("rows", "DELETE FROM words WHERE rowid = 1"),
        ("rows", "UPDATE job_stream SET open = 0"),
        ("index", "DELETE FROM cell WHERE rid = (SELECT rid FROM resource WHERE id = 'o3')"),
        ("unique", "DELETE FROM unique_key WHERE key = 'ins|p3'"),
    ],
)
def test_verify__one_thing_changed__is_found(
    check: str, statement: str, file: Path, damage: Callable[..., None]
) -> None:
    damage(statement)

    report = _verified(file)

    assert check in _checks(report)
    assert report.damaged or _checks(report) == {"index"}
    assert not any("MARTIN" in finding.text or "ins|" in finding.text for finding in report.findings)


def test_verify__other_parameters__differ_in_the_index_only(file: Path) -> None:
    def other(resource: dict[str, Any]) -> Any:
        return extract({k: v for k, v in resource.items() if k != "gender"})

    report = verify(file, "demo", Recomputation(index=other, unique=_unique), sample=None)

    assert _checks(report) == {"index"}
    assert not report.damaged
    assert report.findings[0].text.endswith(": gender.")


def test_verify__values_of_circumstances_and_local_urls__do_not_differ(file: Path) -> None:
    resource = {"resourceType": "Task", "id": "t", "for": {"reference": "http://here/fhir/Patient/p1"}}
    index = extract(resource, bases=("http://here/fhir",))
    links = (*index.references, ReferenceValue("_dui_patient", "Patient", "p1"))
    added = type(index)(references=links, content=index.content)
    _submit(file, Plan(operations=(Put(type="Task", id="t", body=Body.of(resource), index=added),)))

    assert _verified(file).findings == []


def test_verify__page_overwritten__is_told_as_damage(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(4096 * 5)
        stream.write(b"\xff" * 4096)

    report = _verified(file)

    assert _checks(report) == {"file"}
    assert report.damaged


def _backup(data: Path, destination: Path, *names: str) -> Any:
    return backup(data, destination, names=names, clock=SystemClock(), program="test")


def _restore(source: Path, data: Path, *, force: bool = False, names: tuple[str, ...] = ()) -> Any:
    return restore(source, data, names=names, force=force, again=AGAIN, clock=SystemClock())


def test_restore__backup__has_the_same_rows_and_goes_on(data: Path, tmp_path: Path) -> None:
    _backup(data, tmp_path / "saved")
    (done,) = _restore(tmp_path / "saved", tmp_path / "other")

    there = tmp_path / "other/tenants/demo.sqlite"
    assert done.report.findings == []
    assert _rows(there) == _rows(data / "tenants/demo.sqlite")
    assert oct(there.stat().st_mode & 0o777) == "0o600"
    _submit(there, Plan(operations=(_patient("p9"),)))
    assert _verified(there).findings == []


def _rows(file: Path) -> dict[str, list[Any]]:
    tables = ("version", "resource", "cell", "f_text", "f_range", "f_order", "unique_key", "job", "job_stream", "name")
    connection = driver.connect(file, read_only=True, cache_mib=2)
    try:
        return {t: sorted(connection.execute(f"SELECT * FROM {t}").fetchall(), key=repr) for t in tables}
    finally:
        connection.close()


def test_backup__one_tenant_of_two__holds_it_alone(data: Path, tmp_path: Path) -> None:
    schema.create(data / "tenants/zeta.sqlite")

    both, one = _backup(data, tmp_path / "both"), _backup(data, tmp_path / "one", "zeta")
    _restore(tmp_path / "both", tmp_path / "other", names=("zeta",))

    assert ([s.tenant for s in both.tenants], [s.tenant for s in one.tenants]) == (["demo", "zeta"], ["zeta"])
    assert [p.name for p in (tmp_path / "other/tenants").glob("*.sqlite")] == ["zeta.sqlite"]
    with pytest.raises(NotFound) as absent:
        _restore(tmp_path / "one", tmp_path / "other", names=("demo",))
    assert absent.value.issues[0].id == "store-backup-tenant"


def test_backup__folder_there_or_tenant_unknown__is_refused_and_leaves_nothing(data: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()

    with pytest.raises(Conflict) as there:
        _backup(data, tmp_path / "there")
    with pytest.raises(NotFound):
        _backup(data, tmp_path / "saved", "nobody")

    assert there.value.issues[0].id == "store-backup-exists"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "there"]


def test_backup__damaged_tenant__is_refused_and_leaves_nothing(data: Path, file: Path, tmp_path: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(4096 * 5)
        stream.write(b"\xff" * 4096)

    with pytest.raises(Unprocessable) as refused:
        _backup(data, tmp_path / "saved")

    assert refused.value.issues[0].id == "store-backup-damaged"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_restore__tenant_there__is_refused_then_kept_aside_with_force(data: Path, file: Path, tmp_path: Path) -> None:
    _backup(data, tmp_path / "saved")
    _submit(file, Plan(operations=(_patient("later"),)))

    with pytest.raises(Conflict) as refused:
        _restore(tmp_path / "saved", data)
    before = _rows(file)
    (done,) = _restore(tmp_path / "saved", data, force=True)

    assert refused.value.issues[0].id == "store-restore-exists"
    assert _rows(done.kept) == before
    assert not any("later" in row for row in _rows(file)["version"])
    assert [p.name for p in (data / "tenants").glob("*.sqlite")] == ["demo.sqlite"]


def test_restore__log_of_a_file_that_is_gone__never_meets_the_restored_one(
    data: Path, file: Path, tmp_path: Path
) -> None:
    _backup(data, tmp_path / "saved")
    log = file.with_name("demo.sqlite-wal")
    committer = Committer(file, "demo", SystemClock(), cache_mib=2)
    committer.apply([Plan(operations=(_patient("later"),))])
    left = log.read_bytes()
    committer.close()
    file.unlink()
    log.write_bytes(left)

    _restore(tmp_path / "saved", data)

    assert len(left) > 0
    assert _verified(file).findings == []
    assert not any("later" in row for row in _rows(file)["version"])


@pytest.mark.parametrize("fault", ["byte", "missing", "manifest", "outside"])
def test_restore__altered_backup__is_refused_and_changes_nothing(
    fault: str, data: Path, file: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "saved"
    _backup(data, saved)
    before = _rows(file)
    copy = saved / "tenants/demo.sqlite"
    if fault == "byte":
        content = bytearray(copy.read_bytes())
        content[-100] ^= 1
        copy.write_bytes(content)
    elif fault == "missing":
        copy.unlink()
    elif fault == "manifest":
        (saved / "manifest.json").write_text("{}")
    else:
        text = (saved / "manifest.json").read_text()
        (saved / "manifest.json").write_text(text.replace("tenants/demo.sqlite", "../data/tenants/demo.sqlite"))

    with pytest.raises(Unprocessable):
        _restore(saved, data, force=True)

    assert _rows(file) == before
    assert sorted(p.suffix for p in (data / "tenants").iterdir() if p.suffix not in (".sqlite-shm", ".sqlite-wal")) == [
        ".sqlite"
    ]


def _age(file: Path, version: int = 1) -> None:
    connection = driver.connect(file, read_only=False, cache_mib=2)
    try:
        if version < 2:
            connection.execute("DROP TABLE job_stream")
        connection.execute(f"PRAGMA user_version = {version}")
    finally:
        connection.close()


def test_restore__backup_of_an_earlier_schema__is_upgraded(data: Path, file: Path, tmp_path: Path) -> None:
    _age(file)
    _backup(data, tmp_path / "saved")

    (done,) = _restore(tmp_path / "saved", tmp_path / "other")

    assert done.upgraded == schema.VERSION - 1
    assert _verified(tmp_path / "other/tenants/demo.sqlite").findings == []


def test_upgrade__earlier_schema__is_saved_first_then_sound(data: Path, file: Path) -> None:
    _age(file)

    done = upgrade(data, clock=SystemClock(), program="test")
    again = upgrade(data, clock=SystemClock(), program="test")

    assert done.before == {"demo": 1}
    assert done.saved is not None
    assert json.loads((done.saved / "manifest.json").read_bytes())["tenants"][0]["content"]["schema_version"] == 1
    assert again.before == {}
    assert _verified(file).findings == []


@pytest.mark.parametrize(("version", "id"), [(99, "store-schema-new"), (0, "store-schema-unknown")])
def test_upgrade__schema_not_known__is_refused_before_any_other_is_touched(
    version: int, id: str, data: Path, file: Path
) -> None:
    _age(file)
    other = data / "tenants/zeta.sqlite"
    schema.create(other)
    _age(other, max(version, 2))
    if version == 0:
        _age(other, 0)

    with pytest.raises(DuiError) as refused:
        upgrade(data, clock=SystemClock(), program="test")

    assert refused.value.issues[0].id == id
    connection = driver.connect(file, read_only=True, cache_mib=2)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_backup__large_file_and_a_writer__is_one_moment(data: Path, file: Path, tmp_path: Path) -> None:
    """The writer goes on between two slices, and the copy has none of what it wrote after the first."""
    text = "x" * 100_000
    _submit(file, *(Plan(operations=(_put("Basic", f"b{n}", code={"text": text}),)) for n in range(60)))
    committer = Committer(file, "demo", SystemClock(), cache_mib=2)
    written = 0

    stop = threading.Event()

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            committer.apply([Plan(operations=(_patient(f"w{written}"), _observation(f"w{written}", f"w{written}")))])
            written += 1
            time.sleep(0.001)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        manifest = _backup(data, tmp_path / "saved")
    finally:
        stop.set()
        thread.join()
        committer.close()

    content = manifest.tenants[0].content
    assert 0 <= content.resources["Patient"] - 6 < written
    assert content.resources["Patient"] - 6 == content.resources["Observation"] - 4
    assert _verified(tmp_path / "saved/tenants/demo.sqlite").findings == []
