"""What a tenant has stored, followed through its history."""

from typing import Any

import pytest

from dui_fhir.domain.body import Body
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.plan import Delete, Plan, Put
from dui_fhir.ports import Store
from dui_fhir.store.memory import MemoryStores
from dui_fhir.terminology import Terminology, stored
from dui_fhir.terminology.stored import Stored

URL = "urn:liste"


@pytest.fixture
def store() -> Store:
    return MemoryStores().create("essai")


def _put(store: Store, id: str, *codes: str, kind: str = "CodeSystem", **more: Any) -> None:
    resource = {"resourceType": kind, "id": id, "url": URL, "content": "complete", **more}
    resource["concept"] = [{"code": code} for code in codes]
    body = Body.of(resource)
    store.submit(Plan(operations=(Put(type=kind, id=id, body=body, index=IndexValues(), method="PUT"),)))


def _codes(known: Stored) -> list[str]:
    return [code for code in ("a", "b", "c") if _has(known, code)]


def _has(known: Stored, code: str) -> bool:
    system = Terminology().over(known).registry.code_system(URL)
    return system is not None and code in system.concepts


def test_current__nothing_written_since__the_same_object(store: Store) -> None:
    empty = Stored(store).current()
    assert not empty
    _put(store, "1", "a")
    known = empty.current()
    assert known
    assert known.current() is known


def test_current__created_changed_deleted__each_is_seen(store: Store) -> None:
    known = Stored(store).current()
    _put(store, "1", "a")
    known = known.current()
    assert _codes(known) == ["a"]
    _put(store, "1", "b")
    known = known.current()
    assert _codes(known) == ["b"]
    store.submit(Plan(operations=(Delete(type="CodeSystem", id="1"),)))
    known = known.current()
    assert _codes(known) == []
    assert not known


def test_current__two_versions_and_a_change_of_url__each_where_it_is(store: Store) -> None:
    _put(store, "1", "a", version="1")
    _put(store, "2", "b", version="2")
    known = Stored(store).current()
    assert sorted(known.versions("CodeSystem", URL)) == ["1", "2"]
    _put(store, "2", "c", version="2", url="urn:autre")
    known = known.current()
    assert list(known.versions("CodeSystem", URL)) == ["1"]
    assert list(known.versions("CodeSystem", "urn:autre")) == ["2"]


def test_current__more_changes_than_a_page__none_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_PAGE", 3)
    _put(store, "0", "a", url="urn:0")
    known = Stored(store).current()
    for number in range(1, 11):
        _put(store, str(number), "a", url=f"urn:{number}")
    known = known.current()
    assert all(list(known.versions("CodeSystem", f"urn:{number}")) for number in range(11))
    assert all(list(Stored(store).current().versions("CodeSystem", f"urn:{n}")) for n in range(11))


def test_supplements__stored_supplement__completes_its_system(store: Store) -> None:
    _put(store, "1", "a")
    _put(store, "2", url="urn:supplement", content="supplement", supplements=f"{URL}|1")
    known = Stored(store).current()
    assert [s["url"] for s in known.supplements(URL)] == ["urn:supplement"]
