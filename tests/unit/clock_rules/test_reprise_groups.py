"""Putting together what was late before the reprise: nothing lost, nothing said twice."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.clock_rules import reprise
from dui_fhir.clock_rules.tasks import OPEN, Finding, changes

NOW = "2026-03-16T08:00:00.000Z"
TITLES = {"COM-11": "Contrat non remis.", "PDE-11": "Information non transmise."}
DAYS = st.sampled_from([None, date(2026, 3, 1), date(2026, 3, 16)])

FINDINGS = st.builds(
    lambda rule, finess, person, key, due: Finding(
        rule=rule, file=f"{finess}/{person}", person=f"Patient/{person}" if person else "", about="Encounter/s",
        text=TITLES[rule], due=due, key=key, urgent=rule == "PDE-11",
    ),
    rule=st.sampled_from(sorted(TITLES)),
    finess=st.sampled_from(["010000001", "010000002", ""]),
    person=st.sampled_from(["p", "q", ""]),
    key=st.sampled_from(["", "2025"]),
    due=st.sampled_from([date(2026, 1, 1), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 15)]),
)  # fmt: skip
LATE = st.lists(FINDINGS, max_size=8, unique_by=lambda f: f.task_id)


def days_of(first: date | None, second: date | None) -> dict[str, date]:
    return {f: d for f, d in (("010000001", first), ("010000002", second)) if d is not None}


def shown(held: dict[str, Any]) -> list[str]:
    """Ids of the delays that open tasks say, alone or in a list."""
    open_tasks = [t for t in held.values() if t["status"] in OPEN]
    return sorted(i for t in open_tasks for i in ([x["id"] for x in t["input"]] if "input" in t else [t["id"]]))


@given(passes=st.lists(st.tuples(LATE, DAYS, DAYS), min_size=1, max_size=5))
def test_take__any_passes_and_days__each_delay_is_said_once_and_again_changes_nothing(passes: list[Any]) -> None:
    held: dict[str, Any] = {}
    for late, first, second in passes:
        days = days_of(first, second)
        for again in (False, True):
            taken = reprise.take(late, held, days, TITLES)
            written = list(changes(taken.findings, held, now=NOW, moved=taken.moved))
            assert not (again and written)
            held |= {t["id"]: t for t in written}
        assert shown(held) == sorted(f.task_id for f in late)


@given(late=LATE, first=DAYS, second=DAYS)
def test_take__any_findings__lists_hold_what_was_due_before_the_day_and_is_not_urgent(
    late: list[Finding], first: date | None, second: date | None
) -> None:
    days = days_of(first, second)
    listed = {i["id"] for f in reprise.take(late, {}, days, TITLES).findings for i in f.inputs}
    expected = {
        f.task_id for f in late if f.person and not f.urgent and f.due < days.get(f.file.partition("/")[0], date.min)
    }
    assert listed == expected
