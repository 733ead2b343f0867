"""Written forms of identifiers and dates, and the independence of the simulators."""

import ast
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dui_fhir.simulators
from dui_fhir.simulators.dmp import forms


@given(
    moment=st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2100, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_to_utc__any_offset__is_the_same_instant(moment, minutes):
    local = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))

    assert forms.to_utc(local.strftime("%Y%m%d%H%M%S%z")[:19]) == local.astimezone(UTC).strftime("%Y%m%d%H%M%S")


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("20260101003000+0100", "20251231233000"),
        ("202601010030+0100", "202512312330"),
        ("20260101", "20260101"),
        ("20260101003000.123+0000", "20260101003000"),
        ("20261301003000+0100", ""),
        ("2026-01-01", ""),
        ("", ""),
    ],
)
def test_to_utc__special_forms__keep_their_precision(written, utc):
    assert forms.to_utc(written) == utc


@pytest.mark.parametrize("value", ["259118414600153", "180032B02040123", "297022A02077878"])
def test_ins__published_forms__match(value):
    assert forms.INS.fullmatch(value)


@pytest.mark.parametrize("value", ["25911841460015", "2591184146001533", "18003 2B0204012", "180032C02040123"])
def test_ins__other_forms__do_not_match(value):
    assert not forms.INS.fullmatch(value)


@pytest.mark.parametrize(
    "value",
    [
        "899700000012^M^A^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        "3350000000/12^M^A^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^EI",
        "3350000000/dui^^DUI^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI",
        "259118414600153^E^J^^^^^^&1.2.250.1.213.1.4.10&ISO^L^^^NH",
        "00B2800585^O^S^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
    ],
)
def test_person__admitted_forms__have_no_fault(value):
    assert forms.person_fault(value) == ""


@pytest.mark.parametrize(
    "value",
    [
        "899700000012^M^A",
        "99700000012^M^A^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS",
        "899700000012^M^A^^^^^^&1.2.250.1.71.4.2.2&ISO^D^^^IDNPS",
        "dui^^DUI^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI",
        "2591^E^J^^^^^^&1.2.250.1.213.1.4.10&ISO^L^^^NH",
    ],
)
def test_person__other_forms__have_a_reason(value):
    assert forms.person_fault(value)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("1.2.250.1.999.1", True),
        ("1.2.3^ab", True),
        ("1.2." + "9" * 70, False),
        ("1.02.3", False),
        ("urn:oid:1.2", False),
    ],
)
def test_unique_id__oid_of_64_characters__is_the_limit(value, right):
    assert bool(forms.UNIQUE_ID.fullmatch(value)) is right


def test_simulators__imports__are_their_own():
    folder = Path(dui_fhir.simulators.__file__).parent
    imported = {
        module
        for file in folder.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for module in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else
            [a.name for a in node.names] if isinstance(node, ast.Import) else []
        )
    }  # fmt: skip

    assert [m for m in imported if m.startswith("dui_fhir") and not m.startswith("dui_fhir.simulators")] == []


def test_provide__same_document_from_several_threads__is_stored_once(dmp):
    outcomes: list[object] = []
    threads = [threading.Thread(target=lambda: outcomes.append(dmp.provide())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("Success") == 1
    assert outcomes.count(["XDSDuplicateUniqueIdInRegistry"]) == 5
    assert len(dmp.received()) == 1
