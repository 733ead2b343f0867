"""COM-92: the file of a person who died is closed within a delay."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

DIED = "2026-02-10"


@pytest.fixture
def resident(tenant: Callable[[], Any]) -> Any:
    it = tenant()
    it.set(date(2026, 1, 31))
    it.put(it.person(), it.stay("pa", "2026-01-31"))
    return it


def dies(it: Any, **how: Any) -> None:
    it.put({**it.person(), **(how or {"deceasedDateTime": DIED})})


@pytest.mark.parametrize(("day", "late"), [(12, False), (13, False), (14, True)])
def test_com_92__day_before_on_and_after__task_the_day_after(day: int, late: bool, resident: Any) -> None:
    it = resident
    dies(it)
    report = it.day(date(2026, 2, day))
    assert ("COM-92" in it.rules("pa")) is late
    assert report.failed == []


def test_com_92__stay_closed__the_task_closes(resident: Any) -> None:
    it = resident
    dies(it)
    it.day(date(2026, 2, 14))
    it.put(it.stay("pa", "2026-01-31", DIED))
    it.day(date(2026, 2, 15))
    assert "COM-92" not in it.rules("pa")


def test_com_92__alive_or_died_on_an_unknown_day__nothing(resident: Any) -> None:
    it = resident
    it.day(date(2026, 3, 1))
    dies(it, deceasedBoolean=True)
    it.day(date(2026, 3, 2))
    assert "COM-92" not in it.rules("pa")
