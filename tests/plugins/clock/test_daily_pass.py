"""The daily pass over a tenant: opens, corrects, closes; never twice."""

import logging
import threading
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from dui_fhir.clock_rules import Watch, passing, run_day
from dui_fhir.clock_rules import watch as watch_module
from dui_fhir.domain.dossier import ClockRule

Make = Callable[[], Any]
ADMISSION = date(2026, 1, 31)
FIFTEENTH = ADMISSION + timedelta(days=15)


@pytest.fixture
def admitted(tenant: Make) -> Any:
    it = tenant()
    it.set(ADMISSION)
    it.put(it.person(), it.stay("pa", "2026-01-31"))
    return it


def _contract(**more: Any) -> dict[str, Any]:
    system = "https://mos.esante.gouv.fr/NOS/TRE_R393-TypeContratSejour/FHIR/TRE-R393-TypeContratSejour"
    return {
        "resourceType": "Contract",
        "id": "c",
        "status": "offered",
        "type": {"coding": [{"system": system, "code": "CS"}]},
        "subject": [{"reference": "Patient/p"}],
        "issued": "2026-02-10",
    } | more


@pytest.mark.parametrize(("days", "expected"), [(-1, []), (0, []), (1, ["COM-11"])])
def test_com_11__day_before_on_and_after__task_the_day_after(days: int, expected: list[str], admitted: Any) -> None:
    admitted.put({"resourceType": "Composition", "id": "dlu", "status": "final", "title": "DLU", "date": "2026-02-01",
                  "type": {"coding": [{"system": "http://loinc.org", "code": "74207-2"}]}, "author": [{"display": "Médecin"}],
                  "subject": {"reference": "Patient/p"}})  # fmt: skip
    report = admitted.day(FIFTEENTH + timedelta(days=days))
    assert [r for r in admitted.rules("pa") if r == "COM-11"] == expected
    assert report.failed == []


def test_task__late__says_rule_person_stay_and_date(admitted: Any) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    (task,) = [t for t in admitted.tasks() if admitted.rule_of(t) == "COM-11"]
    assert task["for"] == {"reference": "Patient/p"}
    assert task["focus"] == {"reference": "Encounter/s"}
    assert task["restriction"]["period"]["end"] == "2026-02-15"
    assert task["meta"]["tag"][0]["code"] == "work-list"
    assert "contrat" in task["description"].casefold()


def test_pass__again_the_same_day_and_the_next__nothing_more(admitted: Any) -> None:
    first = admitted.day(FIFTEENTH + timedelta(days=1))
    again = admitted.day(FIFTEENTH + timedelta(days=1))
    next_day = admitted.day(FIFTEENTH + timedelta(days=2))
    assert first.opened >= 1
    assert [(r.opened, r.changed, r.closed) for r in (again, next_day)] == [(0, 0, 0), (0, 0, 0)]
    assert len({t["id"] for t in admitted.tasks()}) == len(admitted.tasks())


def test_task__done_afterwards__closed_the_next_day(admitted: Any) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    admitted.put(_contract())
    admitted.day(FIFTEENTH + timedelta(days=2))
    assert "COM-11" not in admitted.rules()
    (closed,) = [t for t in admitted.tasks(["completed"]) if admitted.rule_of(t) == "COM-11"]
    assert closed["statusReason"]["coding"][0]["code"] == "dossier-regle"


def test_task__late_again__the_same_task_opened_again(admitted: Any) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    (task,) = [t for t in admitted.tasks() if admitted.rule_of(t) == "COM-11"]
    admitted.put(_contract())
    admitted.day(FIFTEENTH + timedelta(days=2))
    admitted.delete("Contract/c")
    admitted.day(FIFTEENTH + timedelta(days=3))
    (again,) = [t for t in admitted.tasks() if admitted.rule_of(t) == "COM-11"]
    assert (again["id"], again["authoredOn"]) == (task["id"], task["authoredOn"])


@pytest.mark.parametrize(("status", "expected"), [("cancelled", 0), ("rejected", 0), ("completed", 1)])
def test_task__closed_by_a_person_while_late__given_up_stands_done_does_not(
    status: str, expected: int, admitted: Any
) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    (task,) = [t for t in admitted.tasks() if admitted.rule_of(t) == "COM-11"]
    admitted.put({**task, "status": status})
    admitted.day(FIFTEENTH + timedelta(days=2))
    assert admitted.rules().count("COM-11") == expected


def test_task__stay_written_meanwhile__not_closed_by_the_write(admitted: Any) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    admitted.put({**admitted.stay("pa", "2026-01-31"), "priority": {"text": "sans effet"}})
    assert "COM-11" in admitted.rules()


def test_task__admission_corrected__due_date_follows(admitted: Any) -> None:
    admitted.day(FIFTEENTH + timedelta(days=5))
    admitted.put(admitted.stay("pa", "2026-02-01"))
    report = admitted.day(FIFTEENTH + timedelta(days=6))
    (task,) = [t for t in admitted.tasks() if admitted.rule_of(t) == "COM-11"]
    assert task["restriction"]["period"]["end"] == "2026-02-16"
    assert report.changed >= 1


def test_file__archived__its_tasks_are_closed(admitted: Any) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    archived = admitted.stay("pa", "2026-01-31")
    archived["meta"] = {"tag": [{"system": "urn:dui-fhir:tag", "code": "archive"}]}
    admitted.put(archived)
    report = admitted.day(FIFTEENTH + timedelta(days=2))
    assert (report.files, admitted.tasks()) == (0, [])


def test_rules__of_another_corridor__do_not_run(admitted: Any) -> None:
    admitted.day(date(2027, 6, 1))
    assert {r.partition("-")[0] for r in admitted.rules("pa")} == {"COM", "PA"}


def test_dom_07__several_persons_in_a_ssiad__one_task_of_the_structure_until_it_is_updated(tenant: Make) -> None:
    it = tenant()
    it.set(date(2025, 6, 1))
    for n in range(3):
        it.put(it.person(id=f"p{n}"), it.stay("dom", "2025-01-10", id=f"s{n}", person=f"p{n}"))
    it.day(date(2025, 6, 30))
    assert "DOM-07" not in it.rules()
    it.day(date(2025, 7, 1))
    (task,) = [t for t in it.tasks() if it.rule_of(t) == "DOM-07"]
    assert task["focus"] == {"reference": f"Organization/finess-{it.finess('dom')}"}
    assert "for" not in task
    it.register("dom", "209")
    it.day(date(2025, 7, 2))
    assert "DOM-07" not in it.rules()


def test_file__stay_of_no_declared_structure__trunk_only(tenant: Make) -> None:
    it = tenant()
    other = {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": "1020000001"}
    it.put({"resourceType": "Organization", "id": "finess-020000001", "name": "Ailleurs", "identifier": [other]})
    it.put(it.person(), it.stay("pa", "2026-01-31", number="020000001"))
    it.day(date(2027, 6, 1))
    assert {r.partition("-")[0] for r in it.rules() if r != "DOM-06"} == {"COM"}


def test_rule__that_raises__others_still_run_and_its_tasks_stay(
    admitted: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    rules = admitted.engine.host.clock_rules

    def broken(_: Any) -> list[Any]:
        raise ValueError("nom d'une personne")

    def with_one_broken(corridors: Any) -> tuple[ClockRule, ...]:
        return tuple(ClockRule(id=r.id, find=broken) if r.id == "COM-11" else r for r in rules(corridors))

    monkeypatch.setattr(admitted.engine.host, "clock_rules", with_one_broken)
    with caplog.at_level(logging.CRITICAL):
        report = admitted.day(ADMISSION + timedelta(days=40))
    assert [rule for rule, _ in report.failed] == ["COM-11"]
    assert {"COM-11", "COM-12"} <= set(admitted.rules())
    assert "nom d'une personne" not in caplog.text
    assert "1 contrôles en panne" in report.line("t")


def test_rule__of_a_corridor_no_longer_there__its_tasks_stay(admitted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    admitted.day(FIFTEENTH + timedelta(days=1))
    host = admitted.engine.host
    rules, clock_rules = host.rules, host.clock_rules
    monkeypatch.setattr(host, "rules", lambda: tuple(r for r in rules() if r.id != "COM-11"))
    monkeypatch.setattr(host, "clock_rules", lambda c: tuple(r for r in clock_rules(c) if r.id != "COM-11"))
    admitted.day(FIFTEENTH + timedelta(days=2))
    assert "COM-11" in admitted.rules()


def test_many_files__several_batches__one_task_each(tenant: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "BATCH", 2)
    it = tenant()
    for n in range(5):
        it.put(it.person(id=f"p{n}"), it.stay("pa", "2026-01-31", id=f"s{n}", person=f"p{n}"))
    it.day(FIFTEENTH + timedelta(days=1))
    assert it.rules("pa").count("COM-11") == 5


def test_watch__same_day__each_tenant_once(admitted: Any) -> None:
    admitted.set(FIFTEENTH + timedelta(days=1))
    watch = Watch(admitted.engine)
    assert watch.tick()[admitted.name].opened >= 1
    assert watch.tick() == {}
    admitted.set(FIFTEENTH + timedelta(days=2))
    assert watch.tick()[admitted.name].opened == 0


def test_watch__told_to_stop__ends_between_two_files_and_the_day_is_not_done(admitted: Any) -> None:
    admitted.set(FIFTEENTH + timedelta(days=1))
    stopped = run_day(admitted.engine, admitted.name, FIFTEENTH + timedelta(days=1), stopped=lambda: True)
    assert (stopped.finished, admitted.tasks()) == (False, [])
    watch, stop = Watch(admitted.engine), threading.Event()
    stop.set()
    assert watch.tick(stop) == {}
    watch.run_forever(stop)
    assert watch.tick()[admitted.name].opened >= 1


def test_watch__one_tenant_fails__others_have_their_pass_and_it_is_tried_again(
    tenant: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = tenant(), tenant()
    sound.set(FIFTEENTH)
    whole = watch_module.run_day

    def failing(engine: Any, name: str, day: date, **more: Any) -> Any:
        if name == broken.name:
            raise ValueError("nom d'une personne")
        return whole(engine, name, day, **more)

    watch = Watch(sound.engine)
    with monkeypatch.context() as patch:
        patch.setattr(watch_module, "run_day", failing)
        reports = watch.tick()
    assert sound.name in reports
    assert broken.name not in reports
    assert "nom d'une personne" not in caplog.text
    assert list(watch.tick()) == [broken.name]


def test_run_day__unknown_tenant__not_found(engine: Any) -> None:
    from dui_fhir.domain.errors import NotFound

    with pytest.raises(NotFound):
        run_day(engine, "personne", date(2026, 1, 1))
