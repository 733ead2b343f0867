"""service/publication.py: what plugins ship never overwrites what somebody writes at the same time."""

from collections.abc import Sequence
from typing import Any

from dui_fhir.domain.body import Body
from dui_fhir.domain.plan import Plan, Put
from dui_fhir.search.extract import Extractor
from dui_fhir.service.publication import publish
from dui_fhir.store.memory import MemoryStores


def _form(title: str) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "id": "q", "status": "active", "title": title}


class _Overtaken:
    """A store where somebody else writes between what is read and what is submitted."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def read_many(self, keys: Sequence[tuple[str, str]]) -> Any:
        found = self._store.read_many(keys)
        self._store.submit(Plan(operations=(Put(type="Questionnaire", id="q", body=Body.of(_form("theirs"))),)))
        return found

    def submit(self, plan: Plan) -> Any:
        return self._store.submit(plan)


def _title(store: Any) -> str:
    return str(store.read("Questionnaire", "q").resource()["title"])


def test_publish__changed_resource__is_written_once() -> None:
    stores = MemoryStores()
    stores.create("demo")
    store = stores.open("demo")

    assert [publish(store, Extractor(), [_form(t)]) for t in ("one", "one", "two")] == [1, 0, 1]
    assert _title(store) == "two"


def test_publish__somebody_writes_it_meanwhile__their_version_stays() -> None:
    stores = MemoryStores()
    stores.create("demo")
    store = stores.open("demo")
    publish(store, Extractor(), [_form("ours")])

    assert publish(_Overtaken(store), Extractor(), [_form("ours, changed")]) == 0  # type: ignore[arg-type]
    assert _title(store) == "theirs"


def test_publish__somebody_makes_it_meanwhile__their_version_stays() -> None:
    stores = MemoryStores()
    stores.create("demo")
    store = stores.open("demo")

    assert publish(_Overtaken(store), Extractor(), [_form("ours")]) == 0  # type: ignore[arg-type]
    assert _title(store) == "theirs"
