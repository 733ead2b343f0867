"""A file of an earlier schema, brought to the present one step by step."""

from pathlib import Path

import pytest

from dui_fhir.store.sqlite import driver, schema


def _first_schema(path: Path) -> None:
    path.touch()
    connection = driver.connect(path, read_only=False, cache_mib=2)
    for statement in schema.TABLES:
        if "job_stream" not in statement:
            connection.execute(statement)
    connection.execute(
        "INSERT INTO job VALUES (1, 'i', 'dmp', 'k', '{}', NULL, 0, 0, 'waiting', NULL, 0, '')",
    )
    connection.execute("PRAGMA user_version = 1")
    connection.close()


def test_migrate__first_schema__passes_the_check_and_keeps_its_jobs(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    _first_schema(path)

    assert schema.migrate(path) == schema.VERSION - 1

    connection = driver.connect(path, read_only=False, cache_mib=2)
    try:
        schema.check(connection, "t")
        assert connection.execute("SELECT key FROM job").fetchall() == [("k",)]
    finally:
        connection.close()


def test_migrate__present_schema__changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    schema.create(path)

    assert schema.migrate(path) == 0


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_migrations__each_earlier_version__has_a_step(version: int) -> None:
    assert version in schema.MIGRATIONS
