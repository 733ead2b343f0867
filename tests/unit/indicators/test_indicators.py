"""The usage indicators of the programme, by the test vectors of their definition, and what the corridors count."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dui_fhir.bulk.deferred import Deferred
from dui_fhir.bulk.folder import Folder
from dui_fhir.domain import aggir_response, json
from dui_fhir.domain.errors import BadRequest, NotFound
from dui_fhir.indicators.counting import Tally
from dui_fhir.indicators.definition import Indicator
from dui_fhir.indicators.evaluation import Result, grappe, indicator_named, masked
from dui_fhir.indicators.period import Period, last_months
from dui_fhir.indicators.report import proof_of, recomputed
from dui_fhir.service import router
from dui_fhir.service.sendings import server_call

EHPAD, CHRS, PJM, EHPAD_2, SAD = "330000001", "330000002", "330000003", "330000004", "330000005"
Report = dict[str, Any]
Counts = Callable[[Report], tuple[int, int]]
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def _target(report: Report) -> Any:
    found = [e for e in report["extension"] if e["url"].endswith(":cible")]
    return found[0]["extension"][1]["valueBoolean"] if found else None


def _absent(report: Report) -> str:
    return str(report["group"][0]["measureScore"]["extension"][0]["valueCode"])


def _parameters(report: Report) -> Any:
    (found,) = [e for e in report["extension"] if e["url"].endswith(":preuve")]
    return json.loads(next(p["valueString"].encode() for p in found["extension"] if p["url"] == "parametres"))


def _score(report: Report) -> float:
    return float(report["group"][0]["measureScore"]["value"])


@pytest.mark.parametrize(
    ("people", "messages", "score", "reached"), [(20, 13, 65, False), (20, 30, 150, True), (10, 7, 70, True)]
)
def test_esms_1__messages_over_persons__is_never_clamped(
    world: Any, count_of: Counts, people: int, messages: int, score: float, reached: bool
) -> None:
    persons = [world.admitted(f"p{n}") for n in range(people)]
    for n in range(messages):
        world.sent(f"m{n}", persons[n % people], code="mssante-submit")
    world.sent("failed", persons[0], code="mssante-submit", status="failed")
    world.sent("september", persons[0], code="mssante-submit", when="2026-09-30")

    report = world.reports()["ESMS-1"]

    assert count_of(report) == (messages, people)
    assert _score(report) == score
    assert _target(report) is reached


def test_esms_2__many_documents_for_one_person__count_once(world: Any, count_of: Counts) -> None:
    persons = [world.admitted(f"p{n}") for n in range(10)]
    for n in range(7):
        world.sent(f"d{n}", persons[n])
    for n in range(5):
        world.sent(f"more{n}", persons[0])

    report = world.reports()["ESMS-2"]

    assert count_of(report) == (7, 10)
    assert _target(report) is True


def test_esms_2__opposed_person__is_in_neither(world: Any, count_of: Counts) -> None:
    world.sent("d", world.admitted("kept"))
    person = world.admitted("opposed")
    world.sent("e", person)
    opposition = {"coding": [{"system": "urn:dui-fhir:consent", "code": "opposition-dmp"}]}
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
    world.put(
        {
            "resourceType": "Consent", "id": "c", "status": "active", "scope": scope, "category": [opposition],
            "patient": {"reference": person}, "policyRule": {"text": "opposition"},
        }
    )  # fmt: skip

    assert count_of(world.reports()["ESMS-2"]) == (1, 1)


def test_esms_3__written_in_the_month__by_index_and_by_history(world: Any, count_of: Counts) -> None:
    world.at("2026-09-01T08:00:00")
    silent, seen, later = (world.admitted(name) for name in ("silent", "seen", "later"))
    world.at("2026-10-31T22:59:59")  # one second before midnight in Paris
    world.event("e1", seen)
    world.event("e2", later, status="planned")
    world.sent("ours", silent)  # a task of ours is no use of the file
    world.at("2026-10-31T23:00:00")
    world.event("e3", silent)
    world.event("e2", later)  # a later version hides the one of October

    report = world.reports()["ESMS-3"]

    assert count_of(report) == (2, 3)
    assert count_of(world.reports(month="2026-11")["ESMS-3"]) == (2, 3)


def test_esms_4__project__active_and_begun_within_twelve_months(world: Any, count_of: Counts) -> None:
    fresh, old, none = (world.admitted(name) for name in ("fresh", "old", "none"))
    world.project("a", fresh, start="2025-11-01")
    world.project("b", old, start="2025-10-31")
    assert none

    assert count_of(world.reports()["ESMS-4"]) == (1, 3)


def test_esms_5__event__done_or_past_counts_and_cancelled_or_future_does_not(world: Any, count_of: Counts) -> None:
    states = {"done": "finished", "past": "planned", "gone": "cancelled"}
    for name, status in states.items():
        world.event(f"e-{name}", world.admitted(name), status=status)
    world.event("e-future", world.admitted("future"), status="planned", when="2026-10-28")

    assert count_of(world.reports()["ESMS-5"]) == (2, 4)


def test_indicator__nobody__has_no_rate_and_says_why(world: Any) -> None:
    report = world.reports()["ESMS-3"]

    assert _absent(report) == "not-a-number"
    assert "value" not in report["group"][0]["measureScore"]
    assert _target(report) is None


def test_indicator__ahi_structure__first_two_do_not_apply(world: Any) -> None:
    world.admitted("p", CHRS)
    found = world.reports(CHRS)

    assert [_absent(found[name]) for name in ("ESMS-1", "ESMS-2")] == ["not-applicable"] * 2
    assert _score(found["ESMS-3"]) == 100
    assert {"AHI-EXAMENS", "AHI-ORIENTATIONS"} <= found.keys()
    assert "GMP" not in found


def test_indicator__legal_protection_service__nobody_may_benefit_from_a_project(world: Any) -> None:
    world.sent("d", world.admitted("p", PJM))

    assert _absent(world.reports(PJM)["ESMS-2"]) == "not-a-number"


@pytest.mark.parametrize(
    "more",
    [
        {"meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "demo"}]}},
        {
            "extension": [
                {
                    "url": "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability",
                    "extension": [
                        {
                            "url": "identityStatus",
                            "valueCoding": {
                                "system": "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445", "code": "FICT",
                            },
                        }
                    ],
                }
            ]
        },
    ],
    ids=["demo", "fictitious"],
)  # fmt: skip
def test_population__person_who_is_none__never_counts(world: Any, count_of: Counts, more: Report) -> None:
    world.admitted("real")
    world.admitted("unreal", **more)

    assert count_of(world.reports()["ESMS-3"])[1] == 1


def test_population__merged_file__counts_once(world: Any, count_of: Counts) -> None:
    person = world.admitted("kept")
    world.admitted("merged", active=False, link=[{"other": {"reference": person}, "type": "replaced-by"}])

    assert count_of(world.reports()["ESMS-3"])[1] == 1


def test_population__bounds_of_a_stay__first_and_last_day_count(world: Any, count_of: Counts) -> None:
    world.admitted("left-first", end="2026-10-01")
    world.admitted("left-before", end="2026-09-30")
    world.admitted("came-last", start="2026-10-31")
    world.admitted("came-after", start="2026-11-01")

    assert count_of(world.reports()["ESMS-3"])[1] == 2


def test_target__just_below__is_not_reached(world: Any) -> None:
    esms = indicator_named(world.engine.host, "ESMS-1")
    result = Result(
        indicator=esms,
        structures=(EHPAD,),
        period=Period.month("2026-10"),
        numerator=Tally(value=1399, references=()),
        denominator=Tally(value=2000, references=()),
    )

    assert result.exact == Fraction(1399, 20)
    assert result.reached is False


def test_gmp__last_validated_complete_grid_of_each_resident__mean_points(world: Any, count_of: Counts) -> None:
    validation = {"url": "urn:dui-fhir:extension:validation-medecin", "valueDate": "2026-03-01"}
    declared = aggir_response.build("AAAAAAAA", subject="Patient/p", identifier="x/1-EVAL-1", declared=1)
    del declared["item"][0]["answer"][0]["item"]
    grids = {
        "old": ("CCCCCCCC", "2026-01-10", [validation]),  # GIR 1, replaced by the next
        "last": ("AAAAAAAA", "2026-04-01", [validation]),  # GIR 6: 70 points
        "draft": ("CCCCCCCC", "2026-06-01", []),  # not validated by a doctor
        "future": ("CCCCCCCC", "2026-11-01", [validation]),  # after the period
    }
    world.admitted("p")
    for id, (profile, day, extension) in grids.items():
        grid = aggir_response.build(profile, subject="Patient/p", identifier=f"x/1-EVAL-{id}")
        world.put({**grid, "id": id, "authored": day, **({"extension": extension} if extension else {})})
    world.admitted("q")
    world.put(
        {
            **declared,
            "id": "declared",
            "subject": {"reference": "Patient/q"},
            "authored": "2026-05-01",
            "extension": [validation],
        }
    )
    world.admitted("r")
    heavy = aggir_response.build("CCCCCCCC", subject="Patient/r", identifier="x/1-EVAL-r")
    world.put({**heavy, "id": "r", "authored": "2026-05-01", "extension": [validation]})

    report = world.reports()["GMP"]

    assert count_of(report) == (1070, 2)
    assert _score(report) == 535


def test_rate_of_a_delay__late_file__is_out_of_the_numerator(world: Any, count_of: Counts) -> None:
    world.admitted("late", start="2026-01-05")
    world.admitted("new", start="2026-10-30")
    world.at("2026-11-02T08:00:00")

    assert count_of(world.reports()["PA-DLU"]) == (1, 2)


def test_rate_of_a_delay__structure_with_its_own_delay__counts_by_it_and_says_so(world: Any, count_of: Counts) -> None:
    for number in (EHPAD, EHPAD_2):
        world.admitted(f"late-{number}", number, start="2026-10-20")
    world.at("2026-11-02T08:00:00")
    before = {number: world.reports(number)["PA-DLU"] for number in (EHPAD, EHPAD_2)}
    world.set("pa.dlu_redaction_jours", 30, EHPAD)
    world.set("pa.severity.PA-06", "error", EHPAD)  # takes no part in a count
    after = {number: world.reports(number)["PA-DLU"] for number in (EHPAD, EHPAD_2)}

    assert [count_of(before[n]) for n in (EHPAD, EHPAD_2)] == [(0, 1), (0, 1)]
    assert [count_of(after[n]) for n in (EHPAD, EHPAD_2)] == [(1, 1), (0, 1)]
    assert [_parameters(after[n]) for n in (EHPAD, EHPAD_2)] == [{"pa.dlu_redaction_jours": 30}, {}]
    assert proof_of(after[EHPAD_2]) == proof_of(before[EHPAD_2])

    asked = world.ask("Organization/$indicators", month="2026-10", measure="PA-DLU", structure=[EHPAD, EHPAD_2])
    whole = asked["entry"][0]["resource"]
    assert count_of(whole) == (1, 2)
    assert _parameters(whole) == {"pa.dlu_redaction_jours": {EHPAD: 30, EHPAD_2: None}}


def test_projects_of_the_year__tenant_that_asks_for_six_months__counts_by_them(world: Any, count_of: Counts) -> None:
    world.project("p", world.admitted("p"), start="2026-02-01")
    world.event("e", "Patient/p")
    before = world.reports()["ESMS-4"]
    world.set("commun.actualisation_mois", 6)
    after = world.reports()["ESMS-4"]

    assert [count_of(r) for r in (before, after)] == [(1, 1), (0, 1)]
    assert [_parameters(r) for r in (before, after)] == [{"commun.actualisation_mois": n} for n in (12, 6)]


def test_gmp__tenant_that_maps_the_answers_otherwise__counts_by_its_table(world: Any, count_of: Counts) -> None:
    validation = {"url": "urn:dui-fhir:extension:validation-medecin", "valueDate": "2026-03-01"}
    grid = aggir_response.build("AAAAAAAA", subject=world.admitted("p"), identifier="x/1-EVAL-1", adverbs=False)
    world.put({**grid, "id": "g", "authored": "2026-04-01", "extension": [validation]})
    world.set("commun.aggir_modalites", {"qf0": "C", "qf2": "B", "qf4": "A"}, EHPAD)

    assert count_of(world.reports()["GMP"]) == (1000, 1)


def _visit(world: Any, id: str, person: str, code: str, status: str = "finished", when: str = "2026-10-10") -> None:
    kind = {"coding": [{"system": "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis", "code": code}]}
    world.event(id, person, SAD, when=when, status=status, participant=[{"individual": {"display": "Fictif"}}],
                **({"type": [kind]} if code else {}))  # fmt: skip


def test_home__visits_of_care_and_of_nurses__per_person(world: Any, count_of: Counts) -> None:
    persons = [world.admitted(f"p{n}", SAD) for n in range(2)]
    for number, (code, status, when) in enumerate([
        ("MED-1296", "finished", "2026-10-10"), ("MED-1298", "finished", "2026-10-11"), ("MED-1299", "finished", "2026-10-12"),
        ("MED-1298", "cancelled", "2026-10-13"), ("MED-1298", "finished", "2026-09-30"), ("", "finished", "2026-10-14"),
    ]):  # fmt: skip
        _visit(world, f"v{number}", persons[number % 2], code, status, when)
    reports = world.reports(SAD)

    assert [count_of(reports[f"DOM-PASSAGES-{kind}"]) for kind in ("SOINS", "IDE")] == [(3, 2), (2, 2)]
    assert _score(reports["DOM-PASSAGES-SOINS"]) == 1.5


def test_home__share_of_the_heavily_dependent__last_grid_of_each_computed_or_declared(
    world: Any, count_of: Counts
) -> None:
    grids = {"a": "CCCCCCCC", "b": "AAAAAAAA", "c": "AACCBBCC"}
    for name, profile in grids.items():
        world.admitted(name, SAD)
        form = aggir_response.PH if name == "c" else aggir_response.PA
        made = aggir_response.build(profile, subject=f"Patient/{name}", identifier=f"x/1-EVAL-{name}", grid=form)
        world.put({**made, "id": f"g{name}", "authored": "2026-04-01"})
    older = aggir_response.build("CCCCCCCC", subject="Patient/b", identifier="x/1-EVAL-b0")
    declared = aggir_response.build("AAAAAAAA", subject=world.admitted("d", SAD), identifier="x/1-EVAL-d", declared=2)
    del declared["item"][0]["answer"][0]["item"]
    world.put({**older, "id": "gb0", "authored": "2025-04-01"}, {**declared, "id": "gd", "authored": "2026-04-01"})
    world.admitted("without", SAD)

    report = world.reports(SAD)["DOM-GIR"]
    assert count_of(report) == (3, 4)
    assert _score(report) == 75


# --------------------------------------------------------------------------------------------- reports and proofs


def test_report__lists__give_the_proof_again_and_a_changed_line_does_not(world: Any) -> None:
    world.sent("d", world.admitted("p"))
    world.admitted("q")

    report = world.reports(reportType="subject-list")["ESMS-2"]

    listed = {c["id"]: [e["item"]["reference"] for e in c.get("entry", ())] for c in report["contained"]}
    assert listed == {"denominator": ["Patient/p", "Patient/q"], "numerator": ["Patient/p"]}
    assert recomputed(report) == proof_of(report)
    assert recomputed(json.loads(json.dumps(report).replace(b"Patient/q", b"Patient/r"))) != proof_of(report)


def test_report__summary__names_nobody(world: Any) -> None:
    world.sent("d", world.admitted("p"))

    report = world.reports()["ESMS-2"]

    assert b"Patient" not in json.dumps(report)
    assert report["reporter"] == {"reference": f"Organization/finess-{EHPAD}"}
    assert report["period"] == {"start": "2026-10-01", "end": "2026-10-31"}
    assert recomputed(report) is None


def test_report__kept_then_late_data__new_report_and_the_first_stays(world: Any) -> None:
    world.sent("d", world.admitted("p"))
    path = f"Organization/finess-{EHPAD}/$indicators"
    asked = {"resourceType": "Parameters", "parameter": [
        {"name": "month", "valueString": "2026-10"},
        {"name": "keep", "valueBoolean": True}, {"name": "measure", "valueString": "ESMS-2"},
    ]}  # fmt: skip

    for _again in range(2):
        world.request("POST", path, resource=asked)
    assert _kept(world) == [(1, 1)]
    world.at("2026-11-03T10:00:00")
    world.admitted("late", start="2026-10-20")
    world.request("POST", path, resource=asked)

    assert sorted(_kept(world)) == [(1, 1), (1, 2)]
    first = next(e["resource"] for e in world.ask("MeasureReport")["entry"] if e["resource"]["date"] < "2026-11")
    assert first["group"][0]["measureScore"]["value"] == 100


def _kept(world: Any) -> list[tuple[int, int]]:
    found = [e["resource"] for e in world.ask("MeasureReport").get("entry", ())]
    return [tuple(p["count"] for p in reversed(r["group"][0]["population"])) for r in found]


def test_keep__by_get__is_refused(world: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        world.reports(keep="true")

    assert "par POST" in caught.value.issues[0].text


def test_grappe__two_structures__sums_and_one_line_each(world: Any, count_of: Counts) -> None:
    world.sent("d", world.admitted("p"))
    world.admitted("q", EHPAD_2)
    world.admitted("r", EHPAD_2)

    bundle = world.ask("Organization/$indicators", month="2026-10", structure=[EHPAD, EHPAD_2], measure="ESMS-2")

    (report,) = [e["resource"] for e in bundle["entry"]]
    assert count_of(report) == (1, 3)
    strata = report["group"][0]["stratifier"][0]["stratum"]
    assert [s["value"]["text"] for s in strata] == [EHPAD, EHPAD_2]
    assert [s["population"][0]["count"] for s in strata] == [1, 2]
    assert "reporter" not in report
    assert {i["value"].split("/")[0] for i in report["identifier"]} == {f"3{EHPAD}", f"3{EHPAD_2}"}


def test_grappe__structure_to_which_it_does_not_apply__is_left_out(world: Any, count_of: Counts) -> None:
    world.sent("d", world.admitted("p"))
    world.admitted("q", CHRS)

    bundle = world.ask("Organization/$indicators", month="2026-10", structure=[CHRS, EHPAD], measure="ESMS-2")

    assert count_of(bundle["entry"][0]["resource"]) == (1, 1)


def test_quarter__three_months_that_end_with_the_month(world: Any) -> None:
    assert world.reports(quarter="true")["ESMS-3"]["period"] == {"start": "2026-08-01", "end": "2026-10-31"}


def test_default_month__is_the_last_whole_one(world: Any) -> None:
    bundle = world.ask(f"Organization/finess-{EHPAD}/$indicators", measure="ESMS-3")

    assert bundle["entry"][0]["resource"]["period"]["end"] == "2026-09-30"


# ------------------------------------------------------------------------------------------------ evaluate-measure


def test_evaluate_measure__structure_and_period__is_the_same_report(world: Any) -> None:
    world.sent("d", world.admitted("p"))
    asked = {"periodStart": "2026-10-01", "periodEnd": "2026-10-31", "subject": f"Organization/finess-{EHPAD}"}

    report = world.ask("Measure/esms-2/$evaluate-measure", **asked)

    assert proof_of(report) == proof_of(world.reports()["ESMS-2"])
    assert world.ask("Measure/$evaluate-measure", measure="urn:dui-fhir:measure:ESMS-2", **asked)["id"] == report["id"]
    assert (
        world.ask(
            "Measure/$evaluate-measure", measure="ESMS-2", **{**asked, "periodStart": "2026-10", "periodEnd": "2026-10"}
        )["id"]
        == report["id"]
    )


def test_evaluate_measure__no_subject__all_structures_concerned(world: Any, count_of: Counts) -> None:
    for number in (EHPAD, EHPAD_2):
        world.admitted(f"p{number}", number)

    report = world.ask("Measure/gmp/$evaluate-measure", periodStart="2026-10-01", periodEnd="2026-10-31")

    assert [i["value"][1:10] for i in report["identifier"]] == [EHPAD, EHPAD_2]
    assert _absent(report) == "not-a-number"


@pytest.mark.parametrize(
    ("path", "params", "error"),
    [
        ("Measure/esms-9/$evaluate-measure", {}, NotFound),
        ("Measure/esms-1/$evaluate-measure", {"subject": "Organization/finess-339999999"}, NotFound),
        ("Measure/esms-1/$evaluate-measure", {"reportType": "subject"}, BadRequest),
        ("Measure/esms-1/$evaluate-measure", {"practitioner": "Practitioner/x"}, BadRequest),
        ("Measure/esms-1/$evaluate-measure", {"periodEnd": "2026-09-30"}, BadRequest),
        ("Measure/esms-1/$evaluate-measure", {"periodEnd": "octobre"}, BadRequest),
    ],
)
def test_evaluate_measure__wrong_input__is_refused(
    world: Any, path: str, params: Report, error: type[Exception]
) -> None:
    asked = {"periodStart": "2026-10-01", "periodEnd": "2026-10-31", **params}
    with pytest.raises(error):
        world.ask(path, **asked)


def test_measures__once_published__are_read_and_searched(world: Any) -> None:
    world.reports()

    measure = world.ask("Measure/esms-1")
    found = world.ask("Measure", url="urn:dui-fhir:measure:GMP")

    assert measure["title"] == "Taux d'utilisation de la MSSanté"
    assert "Cible : 70 %" in measure["description"]
    assert found["total"] == 1
    written = world.ask("Measure/esms-1/_history")["total"]
    world.reports()
    assert world.ask("Measure/esms-1/_history")["total"] == written == 1


@pytest.mark.parametrize("text", ["2026-13", "2026", "26-10", "2026-1", ""])
def test_month__not_one__is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        Period.month(text)


def test_last_months__around_a_year__oldest_first() -> None:
    from datetime import date

    assert last_months(date(2026, 2, 28), 3) == ("2025-11", "2025-12", "2026-01")


def test_masked__small_numbers__are_hidden_with_their_parts() -> None:
    indicator = Indicator(
        id="X", plugin="p", title="t", version="1", unit="%", source="s", status="jugement",
        numerator_text="n", denominator_text="d",
    )  # fmt: skip

    def part(finess: str, numerator: int, denominator: int) -> Result:
        return Result(
            indicator=indicator,
            structures=(finess,),
            period=Period.month("2026-10"),
            numerator=Tally(value=numerator, references=("Patient/p",)),
            denominator=Tally(value=denominator, references=("Patient/p",)),
        )

    shown = masked(grappe([part("330000001", 4, 50), part("330000002", 20, 50)]), 5)

    assert shown.exact == Fraction(24)
    assert shown.numerator == Tally(value=24, references=())
    assert [p.absent for p in shown.parts] == ["masked", ""]
    assert masked(part("330000001", 0, 3), 5).denominator is None


def test_rate_of_qualified_identities__counts_the_persons_of_the_structure(world: Any, count_of: Counts) -> None:
    world.admitted("p")
    world.admitted("elsewhere", EHPAD_2)

    assert count_of(world.reports()["IDV-QUAL"]) == (0, 1)


def test_indicators__asked_for_later__give_the_same_reports(world: Any, tmp_path: Path) -> None:
    world.sent("d", world.admitted("p"))
    later = Deferred()

    class Files(Folder):
        def append(self, state: Any, type: str, lines: Any, role: str = "output") -> None:
            kept.extend((type, json.loads(line)) for line in lines)

    kept: list[tuple[str, Report]] = []
    state = SimpleNamespace(position=None, outputs=[], counts={}, progress="")
    asked = server_call(world.engine, world.name, f"Organization/finess-{EHPAD}/$indicators")
    request = replace(asked.request, params=(("month", "2026-10"), ("measure", "ESMS-2")))
    call = replace(asked, request=request, dispatch=lambda request: router.dispatch(world.engine, request))

    folder = Files(tmp_path)
    folder.make({"method": "GET", "media": "", "conditions": {}, "prefer": {}, "request_key": ""})

    assert later.step(call, folder, state) is True

    ((type, report),) = kept
    assert type == "MeasureReport"
    assert proof_of(report) == proof_of(world.reports()["ESMS-2"])


def test_days_of_presence__two_stays_and_a_month_that_still_runs__each_day_once_up_to_today(
    world: Any, count_of: Counts
) -> None:
    world.admitted("p", start="2026-09-20", end="2026-10-03")
    world.put(
        {**world.ask(f"Encounter/p-{EHPAD}"), "id": "again", "period": {"start": "2026-10-03", "end": "2026-10-04"}}
    )
    world.admitted("q", start="2026-10-10")

    assert count_of(world.reports()["TDB-03"]) == (4 + 6, 2)
    assert count_of(world.reports(month="2026-09")["TDB-03"]) == (11, 1)


def test_length_of_stay__of_those_who_left(world: Any, count_of: Counts) -> None:
    world.admitted("left", start="2026-09-01", end="2026-10-01")
    world.admitted("here")

    assert count_of(world.reports()["TDB-04"]) == (30, 1)
