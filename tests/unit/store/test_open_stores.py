"""The choice of an engine."""

import pytest

from dui_fhir.domain.clock import FixedClock
from dui_fhir.domain.errors import ConfigurationError
from dui_fhir.domain.plan import Plan
from dui_fhir.settings import load
from dui_fhir.store import open_stores
from dui_fhir.store.memory import MemoryStores


def test_open_stores__memory__is_a_memory_store():
    assert isinstance(open_stores(load(environment={}, flags={"store": "memory"})), MemoryStores)


def test_open_stores__unknown_engine__is_refused():
    with pytest.raises(ConfigurationError) as error:
        open_stores(load(environment={}, flags={"store": "postgres"}))
    assert error.value.issues[0].id == "store-unknown"


def test_submit__clock_goes_back__instants_do_not():
    clock = FixedClock(1000)
    store = MemoryStores(clock).create("demo")
    assert store.submit(Plan()).instant_ms == 1000
    clock.ms = 500
    assert store.submit(Plan()).instant_ms == 1000
