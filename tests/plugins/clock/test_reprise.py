"""A structure whose files were imported: one task per rule for what was late before, tasks as usual for what follows."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from dui_fhir.clock_rules.reprise import DUE
from dui_fhir.domain import json
from dui_fhir.service import tenant_settings

Make = Callable[[], Any]
REPRISE = date(2026, 3, 16)
PEOPLE = 5


def set_reprise(it: Any, day: str, corridor: str = "pa", **more: Any) -> None:
    """Set the parameter as ``dui-fhir tenant parameter`` does."""
    values = {"commun.reprise_date": day, **more}
    lines = tuple(f"{name} {json.dumps(value).decode()}" for name, value in values.items())
    assert tenant_settings.save(it.store, it.engine.extractor, {f"parameters.{it.finess(corridor)}": lines})
    it.engine.standards.forget(it.name)


@pytest.fixture
def taken_over(tenant: Make) -> Any:
    """Five persons: the contract was due on 20 January for three of them, on 16 March for the others."""
    it = tenant()
    it.set(date(2026, 3, 10))
    for n in range(PEOPLE):
        it.put(
            it.person(id=f"p{n}"), it.stay("pa", "2026-01-05" if n < 3 else "2026-03-01", id=f"s{n}", person=f"p{n}")
        )
    return it


def of_rule(it: Any, rule: str, state: tuple[str, ...] = ("requested",)) -> list[dict[str, Any]]:
    return [t for t in it.tasks(state) if it.rule_of(t) == rule]


def people(task: dict[str, Any]) -> list[str]:
    return sorted(i["valueReference"]["reference"] for i in task.get("input", ()))


def contract(n: int) -> dict[str, Any]:
    system = "https://mos.esante.gouv.fr/NOS/TRE_R393-TypeContratSejour/FHIR/TRE-R393-TypeContratSejour"
    return {
        "resourceType": "Contract", "id": f"c{n}", "status": "offered", "type": {"coding": [{"system": system, "code": "CS"}]},
        "subject": [{"reference": f"Patient/p{n}"}], "issued": "2026-03-20",
    }  # fmt: skip


def test_reprise__delays_over_before_it__one_task_of_the_structure_that_lists_the_files(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    (task,) = of_rule(taken_over, "COM-11")
    assert people(task) == ["Patient/p0", "Patient/p1", "Patient/p2"]
    assert {e["valueDate"] for i in task["input"] for e in i["extension"] if e["url"] == DUE} == {"2026-01-20"}
    assert task["focus"] == {"reference": f"Organization/finess-{taken_over.finess('pa')}"}
    assert "for" not in task
    assert task["description"].endswith("3 dossiers déjà en retard à la reprise du 16/03/2026.")


@pytest.mark.parametrize(("days", "alone"), [(0, 0), (1, 2)])
def test_reprise__delay_that_ends_on_the_day_or_later__one_task_each(days: int, alone: int, taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE + timedelta(days=days))
    tasks = of_rule(taken_over, "COM-11")
    assert len([t for t in tasks if "input" not in t]) == alone
    assert len([t for t in tasks if "input" in t]) == 1


def test_reprise__day_after_the_last_delay__all_in_the_list(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-17")
    taken_over.day(date(2026, 3, 17))
    (task,) = of_rule(taken_over, "COM-11")
    assert len(people(task)) == PEOPLE


def test_reprise__again_the_same_day_and_the_next__nothing_more(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16")
    first = taken_over.day(REPRISE)
    again = taken_over.day(REPRISE)
    assert first.opened >= 1
    assert (again.opened, again.changed, again.closed) == (0, 0, 0)


def test_reprise__files_cured_one_by_one__list_shrinks_then_closes(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    taken_over.put(contract(0), contract(2))
    taken_over.day(REPRISE)
    (task,) = of_rule(taken_over, "COM-11")
    assert people(task) == ["Patient/p1"]
    assert "1 dossier déjà en retard" in task["description"]
    taken_over.put(contract(1))
    taken_over.day(REPRISE)
    assert of_rule(taken_over, "COM-11") == []
    (closed,) = of_rule(taken_over, "COM-11", ("completed",))
    assert closed["statusReason"]["coding"][0]["code"] == "dossier-regle"


def test_reprise__day_set_after_the_tasks_were_opened__they_leave_for_the_list(taken_over: Any) -> None:
    taken_over.day(REPRISE)
    assert len(of_rule(taken_over, "COM-11")) == 3
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    (task,) = of_rule(taken_over, "COM-11")
    assert len(people(task)) == 3
    left = of_rule(taken_over, "COM-11", ("cancelled",))
    assert [t["statusReason"]["coding"][0]["code"] for t in left] == ["suivi-autrement"] * 3


def test_reprise__day_taken_away__each_file_has_its_task_again(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    set_reprise(taken_over, "")
    taken_over.day(REPRISE)
    tasks = of_rule(taken_over, "COM-11")
    assert sorted(t["for"]["reference"] for t in tasks) == ["Patient/p0", "Patient/p1", "Patient/p2"]
    (left,) = of_rule(taken_over, "COM-11", ("cancelled",))
    assert left["statusReason"]["coding"][0]["code"] == "suivi-autrement"


@pytest.mark.parametrize("change", [{"status": "in-progress"}, {"owner": {"display": "Cheffe de service"}}])
def test_reprise__task_that_someone_has_begun__stays_his(change: dict[str, Any], taken_over: Any) -> None:
    taken_over.day(REPRISE)
    (task, *_) = of_rule(taken_over, "COM-11")
    taken_over.put({**task, **change})
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    grouped = next(t for t in of_rule(taken_over, "COM-11") if "input" in t)
    assert len(people(grouped)) == 2
    assert task["for"]["reference"] not in people(grouped)


def test_reprise__task_that_someone_gave_up__does_not_come_back_in_the_list(taken_over: Any) -> None:
    taken_over.day(REPRISE)
    (task, *_) = of_rule(taken_over, "COM-11")
    taken_over.put({**task, "status": "cancelled"})
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    (grouped,) = of_rule(taken_over, "COM-11")
    assert task["for"]["reference"] not in people(grouped)


def test_reprise__list_given_up__stands_until_another_file_joins(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    (task,) = of_rule(taken_over, "COM-11")
    taken_over.put({**task, "status": "cancelled"})
    taken_over.day(REPRISE)
    assert of_rule(taken_over, "COM-11") == []
    taken_over.put(taken_over.person(id="p9"), taken_over.stay("pa", "2026-02-01", id="s9", person="p9"))
    taken_over.day(REPRISE)
    (again,) = of_rule(taken_over, "COM-11")
    assert "Patient/p9" in people(again)


def test_reprise__urgent_rule__one_task_per_file(tenant: Make) -> None:
    it = tenant()
    it.set(date(2026, 3, 1))
    set_reprise(it, "2026-03-16", "pde")
    for n in range(2):
        concern = {
            "resourceType": "DocumentReference", "id": f"d{n}", "status": "current", "date": "2026-03-02T10:00:00Z",
            "subject": {"reference": f"Patient/p{n}"}, "content": [{"attachment": {"contentType": "text/plain"}}],
            "category": [{"coding": [{"system": "urn:dui-fhir:document", "code": "information-preoccupante"}]}],
        }  # fmt: skip
        it.put(it.person("2015-01-01", f"p{n}"), it.stay("pde", "2026-03-01", id=f"s{n}", person=f"p{n}"), concern)
    it.day(REPRISE)
    tasks = of_rule(it, "PDE-11")
    assert sorted(t["for"]["reference"] for t in tasks) == ["Patient/p0", "Patient/p1"]
    assert {t["priority"] for t in tasks} == {"urgent"}


def test_reprise__rule_fails_on_one_file__it_stays_in_the_list(
    taken_over: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    host = taken_over.engine.host
    rules = host.clock_rules

    def with_one_broken(corridors: Any) -> tuple[Any, ...]:
        def broken(dossier: Any) -> Any:
            if dossier.person == "Patient/p0":
                raise ValueError
            return sound.find(dossier)

        sound = next(r for r in rules(corridors) if r.id == "COM-11")
        return (type(sound)(id="COM-11", find=broken),)

    monkeypatch.setattr(host, "clock_rules", with_one_broken)
    taken_over.put(contract(1))
    with caplog.at_level("CRITICAL"):
        taken_over.day(REPRISE)
    (task,) = of_rule(taken_over, "COM-11")
    assert people(task) == ["Patient/p0", "Patient/p2"]


def test_reprise__day_of_one_structure__other_structures_as_usual(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16", "dom")
    taken_over.day(REPRISE)
    assert all("input" not in t for t in taken_over.tasks())


def test_reprise__file_archived_meanwhile__leaves_the_list(taken_over: Any) -> None:
    set_reprise(taken_over, "2026-03-16")
    taken_over.day(REPRISE)
    archived = taken_over.stay("pa", "2026-01-05", id="s0", person="p0")
    taken_over.put({**archived, "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "archive"}]}})
    taken_over.day(REPRISE)
    (task,) = of_rule(taken_over, "COM-11")
    assert people(task) == ["Patient/p1", "Patient/p2"]
