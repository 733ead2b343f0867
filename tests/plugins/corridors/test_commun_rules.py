"""Rules of the trunk that an example in JSON does not show whole: dates, drafts, reprise, what is read from the store."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dui_fhir_plugins.commun import signing
from hypothesis import given
from hypothesis import strategies as st

from dui_fhir.domain import calendar
from dui_fhir.domain.actor import Actor
from dui_fhir.domain.change import Change
from dui_fhir.domain.context import Context
from dui_fhir.domain.issues import Issue
from dui_fhir.plugin_host import PluginHost

EXAMPLES = Path(__file__).parents[3] / "plugins/commun/examples"
Write = Callable[..., tuple[Issue, ...]]


def first(name: str) -> dict[str, Any]:
    content = json.loads((EXAMPLES / name).read_text())
    resource: dict[str, Any] = content["entry"][0]["resource"] if content["resourceType"] == "Bundle" else content
    return resource


def stay(id: str, **more: Any) -> dict[str, Any]:
    return first("valid/sejour.json") | {"id": id} | more


def refused(issues: tuple[Issue, ...]) -> set[str]:
    return {i.id for i in issues if i.blocking}


# dates


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)), (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 1, 15), 2, date(2026, 3, 15)), (date(2024, 2, 29), 60, date(2029, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)), (date(2026, 1, 5), 0, date(2026, 1, 5)),
    ],
)  # fmt: skip
def test_add_months__end_of_month__last_day(start: date, months: int, expected: date) -> None:
    assert calendar.add_months(start, months) == expected


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(0, 240))
def test_add_months__any_date__right_month(start: date, months: int) -> None:
    later = calendar.add_months(start, months)
    assert (later.year * 12 + later.month) - (start.year * 12 + start.month) == months
    assert later.day <= start.day


@pytest.mark.parametrize("text", ["2026", "2026-02", "2026-02-30", "", None, 5])
def test_day__partial_or_no_date__none(text: object) -> None:
    assert calendar.day_of(text) is None


@pytest.mark.parametrize(("end", "refusal"), [("2026-03-05", {"COM-15"}), ("2026-03-06", set()), ("2026-03", set())])
def test_com_15__planned_end__two_months_inclusive(end: str, refusal: set[str], write: Write) -> None:
    contract = first("valid/contrat-sejour-long.json")
    assert refused(write({**contract, "applies": {"start": "2026-01-05", "end": end}})) == refusal


def test_com_15__end_planned_by_the_stay__read(write: Write) -> None:
    planned = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate"
    short = stay("s", extension=[{"url": planned, "valueDateTime": "2026-02-01"}])
    contract = {**first("valid/contrat-sejour-long.json"), "topicReference": {"reference": "Encounter/s"}}
    del contract["applies"]
    assert refused(write(contract, stored=[short])) == {"COM-15"}
    assert refused(write(contract)) == set()


# stays


def test_com_10__open_stay_in_the_store__refused_in_service_and_reported_in_reprise(write: Write) -> None:
    assert refused(write(stay("s2"), stored=[stay("s1")])) == {"COM-10"}
    issues = write(stay("s2"), stored=[stay("s1")], reprise=True)
    assert [(i.id, i.severity) for i in issues if i.id == "COM-10"] == [("COM-10", "warning")]


def test_com_10__end_before_start__refused_even_in_reprise(write: Write) -> None:
    wrong = stay("s", status="finished", period={"start": "2026-01-05", "end": "2026-01-04"})
    assert refused(write(wrong, reprise=True)) == {"COM-10"}


@pytest.mark.parametrize(
    "other",
    [
        stay("s1", status="finished"), stay("s1", period={"start": "2025-01-01", "end": "2025-06-01"}),
        stay("s1", serviceProvider={"reference": "Organization/autre"}), stay("s1", subject={"reference": "Patient/autre"}),
    ],
    ids=["finished", "ended", "elsewhere", "somebody else"],
)  # fmt: skip
def test_com_10__no_second_open_stay_there__accepted(other: dict[str, Any], write: Write) -> None:
    assert refused(write(stay("s2"), stored=[other])) == set()


def test_com_10__update_of_a_stay_already_open__not_judged_again(write: Write) -> None:
    assert refused(write(stay("s2"), before=stay("s2"), stored=[stay("s1"), stay("s2")])) == set()


def test_com_10__partial_dates_that_overlap__accepted(write: Write) -> None:
    assert refused(write(stay("s", status="finished", period={"start": "2026-01-05", "end": "2026"}))) == set()


def test_com_09__structure_outside_finess__accepted_in_ahi_only(write: Write) -> None:
    outside = stay("s")
    del outside["serviceProvider"]
    assert refused(write(outside)) == {"COM-09"}
    assert refused(write(outside, active=("ahi",))) == set()


# drafts and reprise


def test_com_18__draft_then_active_then_reprise__warning_error_warning(write: Write) -> None:
    plan = first("invalid/COM-18-projet-actif-sans-accord.json")
    answers = [
        [(i.id, i.severity) for i in write(p, **k) if i.id == "COM-18"]
        for p, k in ((plan | {"status": "draft"}, {}), (plan, {}), (plan, {"reprise": True}))
    ]
    assert answers == [[("COM-18", "warning")], [("COM-18", "error")], [("COM-18", "warning")]]


def test_com_18__severity_set_by_the_structure__applied(write: Write) -> None:
    plan = first("invalid/COM-18-projet-actif-sans-accord.json")
    assert refused(write(plan, parameters={"commun.severity.COM-18": "warning"})) == set()


# identity


def test_com_04__trait_changed_with_a_newer_answer_of_insi__accepted(write: Write) -> None:
    before = first("valid/patient-qualifie.json")
    after = json.loads(json.dumps(before).replace("1936-06-21", "1936-06-22"))
    assert refused(write(after, before=before)) == {"COM-04"}
    asked_again = json.loads(json.dumps(after).replace("2026-01-10", "2026-01-14"))
    assert refused(write(asked_again, before=before)) == set()


def test_com_04__other_elements_changed__accepted(write: Write) -> None:
    before = first("valid/patient-qualifie.json")
    assert refused(write({**before, "telecom": [{"system": "phone", "value": "0"}]}, before=before)) == set()


# received, signed, archived


def test_com_27__tag_removed_with_the_content_changed__refused(write: Write) -> None:
    received = first("invalid/COM-27-contenu-change.json")
    before = json.loads(json.dumps(received).replace("YXV0cmU=", "Y29udGVudQ=="))
    stripped = {k: v for k, v in received.items() if k != "meta"}
    assert refused(write(stripped, before=before)) == {"COM-27"}


def test_com_27__received_binary__content_kept(write: Write) -> None:
    before = {
        "resourceType": "Binary",
        "id": "b",
        "contentType": "application/pdf",
        "data": "AA==",
        "meta": {"tag": [{"system": "urn:dui-fhir:tag", "code": "recu-dmp"}]},
    }
    assert refused(write({**before, "data": "AQ=="}, before=before)) == {"COM-27"}
    assert refused(write({**before, "language": "fr"}, before=before)) == set()


def test_com_30__archived__archivist_only(
    write: Write, corridors: PluginHost, context_of: Callable[..., Context]
) -> None:
    archived = stay("s", status="finished", meta={"tag": [{"system": "urn:dui-fhir:tag", "code": "archive"}]})
    note = {
        "resourceType": "Communication",
        "id": "c",
        "status": "completed",
        "encounter": {"reference": "Encounter/s"},
    }
    assert refused(write(note, stored=[archived])) == {"COM-30"}
    archivist = {"actor": Actor(professional="3010000000/9"), "parameters": {"commun.archivistes": ["3010000000/9"]}}
    assert refused(write(note, stored=[archived], **archivist)) == set()
    delete = Change(interaction="delete", type="Encounter", id="s", before=archived)
    assert refused(corridors.check(delete, context_of(archived))) == {"COM-30"}


# signing


@pytest.mark.parametrize(
    ("number", "right"),
    [("10002918950", True), ("10002918951", False), ("1000291895", False), ("1000291895X", False), ("", False)],
)
def test_rpps_key__luhn_over_eleven_digits__checked(number: str, right: bool) -> None:
    assert signing.rpps_key_is_right(number) is right


@given(st.from_regex(r"[0-9]{10}", fullmatch=True))
def test_rpps_key__ten_digits__exactly_one_key(start: str) -> None:
    assert sum(signing.rpps_key_is_right(start + str(key)) for key in range(10)) == 1


def test_com_37__nurse_without_rpps__does_not_sign(write: Write) -> None:
    signed = first("valid/signature-rpps.json")
    profession = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
    nurse = {
        "resourceType": "Practitioner",
        "id": "pr",
        "qualification": [{"code": {"coding": [{"system": profession, "code": "60"}]}}],
    }
    assert refused(write(signed, nurse)) == {"COM-37"}
    assert refused(write({**signed, "docStatus": "preliminary"}, nurse)) == set()


def test_com_37__signature_already_stored__not_judged_again(write: Write) -> None:
    signed = first("invalid/COM-37-cle-rpps-fausse.json")
    wrong = {
        "resourceType": "Practitioner",
        "id": "pr",
        "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": "10002918951"}],
    }
    assert refused(write({**signed, "description": "Classé"}, before=signed, stored=[wrong])) == set()


@pytest.mark.parametrize("resource", ["Provenance", "Composition"])
def test_com_37__provenance_and_composition__signers_checked(resource: str, write: Write) -> None:
    wrong = {
        "resourceType": "Practitioner",
        "id": "pr",
        "identifier": [{"system": "https://rpps.esante.gouv.fr", "value": "10002918951"}],
    }
    role = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/pr"}}
    signer = {"reference": "PractitionerRole/r"}
    bodies: dict[str, dict[str, Any]] = {
        "Provenance": {"signature": [{"who": signer}]},
        "Composition": {"status": "final", "attester": [{"mode": "legal", "party": signer}]},
    }
    assert refused(write({"resourceType": resource, "id": "x", **bodies[resource]}, wrong, role)) == {"COM-37"}
