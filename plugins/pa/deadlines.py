"""Delays of the corridor PA: PA-05 (doctor's validation), PA-07 (DLU), PA-11 (falls)."""

from collections.abc import Iterator
from typing import Final

from dui_fhir.api import (
    AGGIR_PA,
    AggirComplete,
    AggirDeclared,
    ClockRule,
    Deadline,
    Dossier,
    Resource,
    aggir_grid,
    evaluate_aggir,
    moment,
    pending,
    value,
)

VALIDATION: Final = "urn:dui-fhir:extension:validation-medecin"
DLU: Final = "74207-2"
DEPENDENT: Final = frozenset({1, 2})
_FINAL: Final = frozenset({"completed", "amended"})


def aggir_validated(dossier: Dossier) -> Iterator[Deadline]:
    """PA-05 (D312-158 4°, R314-170): the evaluation that counts in the GMP is validated by a doctor."""
    response = _last_aggir(dossier)
    if response is not None and dossier.current is not None:
        yield from pending(
            dossier.days_after(moment(response), "pa.aggir_validation_jours"),
            done=value(response, VALIDATION) is not None,
            about=f"QuestionnaireResponse/{response['id']}",
        )


def emergency_sheet(dossier: Dossier) -> Iterator[Deadline]:
    """PA-07 (HAS): a DLU for every resident, kept up to date."""
    if dossier.current is None:
        return
    written = dossier.last_paper(DLU)
    if written is None:
        due = dossier.days_after(dossier.admission, "pa.dlu_redaction_jours")
        yield from pending(due, text="Document de liaison d'urgence (DLU) à rédiger.")
    else:
        due = dossier.months_after(written, "pa.dlu_actualisation_mois")
        yield from pending(due, text="Document de liaison d'urgence (DLU) à actualiser.")


def falls(dossier: Dossier) -> Iterator[Deadline]:
    """PA-11: GIR 1 or 2 with neither an evaluation of falls nor a plan for transfers."""
    response = _last_aggir(dossier)
    if response is None or dossier.current is None:
        return
    found = evaluate_aggir(response, dossier.parameters["commun.aggir_modalites"])
    gir = found.gir if isinstance(found, AggirComplete | AggirDeclared) else None
    if gir not in DEPENDENT:
        return
    known = set(dossier.parameters["pa.chutes_questionnaires"])
    evaluated = any(
        str(r.get("questionnaire", "")).partition("|")[0] in known and r.get("status") in _FINAL
        for r in dossier.resources("QuestionnaireResponse")
    )
    done = evaluated or any(dossier.of_kind("CarePlan", "plan-transfert"))
    yield from pending(dossier.days_after(moment(response), "pa.chutes_evaluation_jours"), done=done)


def _last_aggir(dossier: Dossier) -> Resource | None:
    grids = [
        r
        for r in dossier.resources("QuestionnaireResponse")
        if aggir_grid(r) is AGGIR_PA and r.get("status") in _FINAL and moment(r)
    ]
    return max(grids, key=lambda r: (str(moment(r)), str(r["id"])), default=None)


RULES = (
    ClockRule(id="PA-05", find=aggir_validated),
    ClockRule(id="PA-07", find=emergency_sheet),
    ClockRule(id="PA-11", find=falls),
)
