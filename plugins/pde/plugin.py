"""What the corridor PDE cannot say in JSON: the measure, its contract, who authorises an act, the delays."""

from collections.abc import Iterator

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

from . import authorisations, contracts, deadlines

_NAMES = (
    ("type", "son type"), ("decided", "la date de la décision"), ("authority", "l'autorité qui l'a prise"),
    ("place", "son lieu"), ("motives", "ses motifs"), ("content", "son contenu"),
)  # fmt: skip


@hookimpl
def declare_clock_rules() -> list[ClockRule]:
    return list(deadlines.RULES)


@hookimpl
def choose_profiles(resource: Resource, context: Context) -> list[str] | None:
    """D12: a person without identity is held to the minimal profile."""
    return [UNIDENTIFIED_PROFILE] if is_unidentified(resource) else None


@hookimpl
def check_resource(change: Change, context: Context) -> list[Issue]:
    if change.type == "Consent" and change.after:
        return list(authorisations.check(change.after, change, context))
    if change.type == "Contract" and change.after:
        return list(contracts.check(change.after, change, context))
    measure = LegalMeasure.of(change.after) if change.type == "Basic" and change.after else None
    return [*_decision(measure), *_length(measure, context)] if measure else []


def _decision(measure: LegalMeasure) -> Iterator[Issue]:
    """PDE-01 (D223-14): what the decision of an open measure says."""
    missing = [french for name, french in _NAMES if not getattr(measure, name)]
    if missing and measure.ended is None:
        text = f"La mesure doit citer la décision qui la fonde ; il manque : {', '.join(missing)}."
        yield _fault("PDE-01", text)


def _length(measure: LegalMeasure, context: Context) -> Iterator[Issue]:
    """PDE-02 (L223-5): an administrative measure lasts one year at most, each time."""
    last = measure.last_day_allowed(int(context.parameters["pde.mesure_administrative_ans"]))
    if measure.frame == "administratif" and measure.end and last and measure.end > last:
        yield _fault("PDE-02")


def _fault(rule: str, text: str = "") -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text=text, expression=("Basic.extension",))
