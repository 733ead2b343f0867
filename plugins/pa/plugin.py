"""What the corridor PA cannot say in JSON: AGGIR, PATHOS, the right of withdrawal."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from dui_fhir.api import (
    AGGIR_PA,
    AggirContradictory,
    AggirDeclared,
    AggirPartial,
    Change,
    ClockRule,
    Context,
    Issue,
    Resource,
    aggir_grid,
    evaluate_aggir,
    hookimpl,
    is_stay,
)

from . import deadlines, gmp, restrictions

EXIT_MODE = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-exit-mode-label"
PROFESSIONS = "TRE_G15-ProfessionSante"
DOCTOR = "10"


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def declare_indicators() -> list[dict[str, Any]]:
    return [{**gmp.GMP, "value": gmp.points}]


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    resource = change.after or {}
    if change.type == "QuestionnaireResponse" and resource.get("status") not in ("entered-in-error", "stopped"):
        return [*_aggir(resource, context), *_pathos(resource, change, context)]
    if change.type in ("Consent", "Contract") and resource:
        return list(restrictions.check(resource))
    if change.type == "Encounter":
        return list(_withdrawal(resource, context))
    return []


def _fault(rule: str, *expression: str, text: str = "", warn: bool = False) -> Issue:
    return Issue(
        severity="warning" if warn else "error", code="business-rule", id=rule, text=text, expression=tuple(expression)
    )


def _aggir(response: Resource, context: Context) -> Iterator[Issue]:
    if aggir_grid(response) is not AGGIR_PA:
        return
    found = evaluate_aggir(response, context.parameters["commun.aggir_modalites"])
    if isinstance(found, AggirContradictory):
        for fault in found.faults:
            if fault.kind == "result":
                yield _fault("PA-01", text=fault.text)
            elif fault.kind == "modality":
                yield _fault("PA-03", text=fault.text)
            else:
                yield _fault("PA-04", text=fault.text)
    elif isinstance(found, AggirDeclared):
        yield _fault("PA-13", "QuestionnaireResponse.item")
    elif isinstance(found, AggirPartial):
        labels = ", ".join(AGGIR_PA.labels(found.missing))
        text = f"Grille AGGIR incomplète, aucun GIR n'est calculé ; il manque : {labels}."
        yield _fault("PA-02", "QuestionnaireResponse.item", text=text)


def _pathos(response: Resource, change: Change, context: Context) -> Iterator[Issue]:
    asked = str(response.get("questionnaire", "")).partition("|")[0]
    if asked not in context.parameters.get("pa.pathos_questionnaires", ()):
        return
    author = _resource(response.get("author"), change, context)
    if author is not None and author["resourceType"] == "PractitionerRole":
        author = _resource(author.get("practitioner"), change, context)
    if author is None or not _is_doctor(author):
        # an author that is nowhere (D11) is not known to be no doctor
        unknown = author is None and bool(_target(response.get("author")))
        yield _fault("PA-10", "QuestionnaireResponse.author", warn=unknown)


def _is_doctor(practitioner: Resource) -> bool:
    codings = [c for q in practitioner.get("qualification", ()) for c in q.get("code", {}).get("coding", ())]
    return any(PROFESSIONS in str(c.get("system", "")) and c.get("code") == DOCTOR for c in codings)


def _withdrawal(encounter: Resource, context: Context) -> Iterator[Issue]:
    """L311-4-1 II: leaving within the delay after the signature of the contract costs no notice."""
    if not is_stay(encounter):
        return
    left = _day(encounter.get("period", {}).get("end"))
    labels = [e.get("valueString", "") for e in encounter.get("extension", ()) if e.get("url") == EXIT_MODE]
    if left is None or not any("rétractation" in str(label).casefold() for label in labels):
        return
    signed = _signed(encounter, context)
    if signed is not None and 0 <= (left - signed).days < int(context.parameters["pa.retractation_jours"]):
        yield _fault("PA-12", "Encounter.period.end")


def _signed(encounter: Resource, context: Context) -> date | None:
    """Return the day of the last signature of the person's last contract of stay."""
    subject = _target(encounter.get("subject"))
    if not subject:
        return None
    days = [
        _day(signature.get("when"))
        for contract in context.reader.search("Contract", [("subject", subject)])
        for signer in contract.get("signer", ())
        for signature in signer.get("signature", ())
    ]
    return max((d for d in days if d is not None), default=None)


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _target(element: Any) -> str:
    return str(element.get("reference", "")) if isinstance(element, dict) else ""


def _resource(element: Any, change: Change, context: Context) -> Resource | None:
    reference = _target(element)
    return (change.siblings.get(reference) or context.reader.read(reference)) if reference else None
