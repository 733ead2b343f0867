"""SQLite: what was erased is not in the tenant's files any more, not even in free pages."""

from pathlib import Path

import pytest

from dui_fhir.domain.body import Body
from dui_fhir.domain.index import IndexValues, StringValue
from dui_fhir.domain.plan import Erase, Plan, Put
from dui_fhir.settings import load
from dui_fhir.store import open_stores

SECRET, WORD, TEXT = b"contenu-efface", b"nomindexe", b"motdutexte"


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_socket())


@pytest.mark.parametrize("size", [1, 3000])
def test_erase__sqlite_files__hold_nothing_of_body_nor_index(tmp_path: Path, size: int) -> None:
    stores = open_stores(load(environment={}, flags={"store": "sqlite", "data_dir": str(tmp_path)}), writer="own")
    try:
        store = stores.create("t")
        for number in range(20):
            kept = {"resourceType": "Patient", "id": f"k{number}", "x": "autre" * size}
            store.submit(Plan(operations=(Put(type="Patient", id=kept["id"], body=Body.of(kept)),)))
        index = IndexValues(
            strings=(StringValue("name", WORD.decode(), WORD.decode()),), text=TEXT.decode(), content=TEXT.decode()
        )
        for version in range(3):
            erased = {"resourceType": "Patient", "id": "a", "v": version, "x": SECRET.decode() * size}
            store.submit(Plan(operations=(Put(type="Patient", id="a", body=Body.of(erased), index=index),)))
        assert SECRET in _bytes(tmp_path)

        store.submit(Plan(operations=(Erase(type="Patient", id="a"),)))

        left = _bytes(tmp_path)
        assert [marker for marker in (SECRET, WORD, TEXT) if marker in left] == []
        assert b"autre" in left
    finally:
        stores.close()
