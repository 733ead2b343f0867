"""validation/policy.py: what refuses a write, and what is told and stored."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from dui_fhir.validation.faults import Report
from dui_fhir.validation.library import Given, Library
from dui_fhir.validation.policy import Policy, WriteValidation, read_policy
from dui_fhir.validation.validator import Validator

URL = "https://example.org/StructureDefinition/named"
PROFILE = {
    "url": URL,
    "type": "Patient",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "differential": {"element": [{"path": "Patient.name", "min": 1}]},
}


def _severities(policy: Policy, resource: dict[str, Any], *, reprise: bool = False) -> list[tuple[str, str]]:
    checker = WriteValidation(Validator(Library([Given([PROFILE])])), policy)
    return [(i.id, i.severity) for i in checker.check(resource, SimpleNamespace(reprise=reprise))]


def _patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **more}


def test_check__structure__is_refused_by_default() -> None:
    assert _severities(Policy(), _patient(colour="x")) == [("validation-unknown-element", "error")]


def test_check__structure_that_warns__is_told() -> None:
    assert _severities(Policy(structure="warn"), _patient(colour="x")) == [("validation-unknown-element", "warning")]


def test_check__published_oddity__is_stored_with_a_warning() -> None:
    odd = _patient(contained=[{"resourceType": "Organization", "id": "o", "name": "N"}])

    assert _severities(Policy(), odd) == [("validation-dom-3", "warning")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), [("validation-missing", "warning")]),
        (Policy(declared="refuse"), [("validation-missing", "error")]),
        (Policy(profiles={URL: "refuse"}), [("validation-missing", "error")]),
        (Policy(declared="refuse", profiles={f"{URL}|1": "off"}), [("validation-missing", "error")]),
        (Policy(declared="off"), []),
    ],
)
def test_check__declared_profile__follows_its_mode(policy: Policy, expected: list[tuple[str, str]]) -> None:
    assert _severities(policy, _patient(active=True, meta={"profile": [URL]})) == expected


def test_check__chosen_profile__counts_undeclared() -> None:
    policy = Policy(declared="refuse", chosen={"Patient": (URL,)})

    assert _severities(policy, _patient(active=True)) == [("validation-missing", "error")]


def test_check__reprise__only_warns() -> None:
    policy = Policy(declared="refuse")

    found = _severities(policy, _patient(active=True, meta={"profile": [URL]}), reprise=True)

    assert found == [("validation-missing", "warning")]


def test_read__lines__give_modes_by_canonical() -> None:
    policy = read_policy("refuse", "warn", [f"refuse {URL}"])

    assert policy.mode(f"{URL}|2.0") == "refuse"
    assert policy.mode("https://example.org/other") == "warn"


@pytest.mark.parametrize("arguments", [("strict", "warn", []), ("refuse", "warn", ["refuse"]), ("refuse", "", [])])
def test_read__wrong_setting__is_told_in_french(arguments: tuple[str, str, list[str]]) -> None:
    with pytest.raises(ValueError, match="validation_"):
        read_policy(*arguments)


_TRIED = {
    "sound": _patient(name=[{"family": "A"}]),
    "wrong": _patient(name=[], colour="x", extension=[{"url": "urn:x:unknown", "valueString": "a"}]),
    "code not checked": _patient(communication=[{"language": {"coding": [{"system": "urn:x", "code": "y"}]}}]),
    "unknown profile": _patient(meta={"profile": ["urn:no-such-profile", URL]}),
}


@pytest.mark.parametrize("resource", _TRIED.values(), ids=_TRIED)
@pytest.mark.parametrize("mode", ["refuse", "warn", "off"])
def test_quiet__whatever_the_resource__tells_what_a_write_tells_of_the_whole(
    resource: dict[str, Any], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = read_policy("warn", mode, [], {"Patient": ("urn:another-unknown",)})
    quiet = WriteValidation(Validator(Library([Given([PROFILE])])), policy).check(resource)
    monkeypatch.setattr("dui_fhir.validation.validator.Report", partial(_loud, Report))
    assert WriteValidation(Validator(Library([Given([PROFILE])])), policy).check(resource) == quiet


def _loud(report: type[Report], *, terminology: Any, quiet: bool) -> Report:
    return report(terminology=terminology)
