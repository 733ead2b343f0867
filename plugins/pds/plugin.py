"""What the corridor PDS cannot say in JSON: injonction thérapeutique, sendings, the delay of LHSS."""

from collections.abc import Iterator
from typing import Any

from dui_fhir.api import (
    UNIDENTIFIED_PROFILE,
    Change,
    ClockRule,
    Context,
    Issue,
    LegalMeasure,
    Resource,
    hookimpl,
    is_unidentified,
)

from . import deadlines, substitution

TAG = "urn:dui-fhir:tag"
LABEL = "urn:dui-fhir:label"
PROFESSIONS = "TRE_G15-ProfessionSante"
DOCTOR = "10"
DLU = ("http://loinc.org", "74207-2")
INJUNCTION = "injonction-therapeutique"


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def choose_profiles(resource: Resource, context: Context) -> list[str] | None:
    """D12: a person without identity is held to the minimal profile."""
    return [UNIDENTIFIED_PROFILE] if is_unidentified(resource) else None


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    if change.type == "MedicationRequest" and change.after:
        return list(substitution.check(change.after, change, context))
    measure = LegalMeasure.of(change.after) if change.type == "Basic" and change.after else None
    return list(_injunction(measure)) if measure else []


@hookimpl
def check_sending(document: Resource, channel: str, context: Context) -> list[Issue]:
    if channel == "mssante" and not _has(document.get("type", {}).get("coding"), *DLU):
        return []
    return [*_anonymous(document, context), *_consumption(document, channel, context)]


def _injunction(measure: LegalMeasure) -> Iterator[Issue]:
    """PDS-08 (L3413-1): an injonction thérapeutique names its authority and its dates."""
    if measure.type == INJUNCTION and not (measure.authority and measure.decided and measure.start):
        yield _fault("PDS-08", "Basic.extension")


def _anonymous(document: Resource, context: Context) -> Iterator[Issue]:
    """PDS-02: nothing leaves about a person received anonymously, whatever identity the file holds (D12, D14)."""
    person = context.reader.read(_target(document.get("subject"))) or {}
    if _has(person.get("meta", {}).get("tag"), TAG, "anonyme"):
        yield _fault("PDS-02", "DocumentReference.subject")


def _consumption(document: Resource, channel: str, context: Context) -> Iterator[Issue]:
    """PDS-07: consumption data reach the DMP only in a document that a doctor wrote or validated."""
    labels = [c for label in document.get("securityLabel", ()) for c in label.get("coding", ())]
    if channel == "dmp" and _has(labels, LABEL, "consommation") and not _by_a_doctor(document, context):
        yield _fault("PDS-07", "DocumentReference.securityLabel")


def _by_a_doctor(document: Resource, context: Context) -> bool:
    signers = [*document.get("author", ()), document.get("authenticator")]
    people = (context.reader.read(_target(s)) or {} for s in signers if s)
    qualifications = [q for p in people for q in p.get("qualification", ())]
    codings = [c for q in qualifications for c in q.get("code", {}).get("coding", ())]
    return any(PROFESSIONS in str(c.get("system", "")) and c.get("code") == DOCTOR for c in codings)


def _has(codings: Any, system: str, code: str) -> bool:
    return any(c.get("system") == system and c.get("code") == code for c in codings or ())


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""


def _fault(rule: str, path: str) -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text="", expression=(path,))
