"""AGGIR and the situation of a person in a nursing service at home: what the published questionnaires exclude (SSIAD)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dui_fhir.api import (
    AggirContradictory,
    AggirDeclared,
    Context,
    Issue,
    Resource,
    aggir_grid,
    answers,
    evaluate_aggir,
)

MODALITIES: Final = "commun.aggir_modalites"
SITUATION: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-situation-ssiad"
NONE_OF_THEM: Final = "aucun-motif"
REASONS: Final = (
    "incontinence", "incontinence-fec", "obesite", "trouble-cognitif", "trouble-personnalite", "soins-ide", "prise-charge-ide",
)  # fmt: skip


def check(response: Resource, context: Context) -> Iterator[Issue]:
    """Yield what is wrong with an evaluation of this corridor; nothing for another questionnaire."""
    yield from _aggir(response, context)
    if str(response.get("questionnaire", "")).partition("|")[0] == SITUATION:
        yield from _situation(answers(response))


def _aggir(response: Resource, context: Context) -> Iterator[Issue]:
    grid = aggir_grid(response)
    if grid is None:
        return
    found = evaluate_aggir(response, context.parameters[MODALITIES])
    if isinstance(found, AggirContradictory):
        for fault in found.faults:
            if fault.kind == "result":
                yield _fault("DOM-12", text=fault.text)
            else:
                yield _fault("DOM-13", text=fault.text)
    elif isinstance(found, AggirDeclared):
        yield _fault("DOM-16")
    answered = answers(response)
    given = [f for f in grid.fields if f.link_id in answered]
    # a result alone is a declared GIR, another matter (decision D9)
    if given and len(given) < len(grid.fields):
        yield _fault("DOM-09", text=f"Grille AGGIR SSIAD : {len(given)} champs renseignés sur {len(grid.fields)}.")


def _situation(given: Mapping[str, list[dict[str, Any]]]) -> Iterator[Issue]:
    said = {link: [a.get("valueBoolean") for a in given.get(link, ())] for link in (*REASONS, NONE_OF_THEM)}
    none = True in said[NONE_OF_THEM]
    if none and any(True in said[link] for link in REASONS):
        yield _fault("DOM-14")
    elif not none:
        missing = [link for link in REASONS if not said[link]]
        if missing:
            yield _fault(
                "DOM-15", text=f"Situation SSIAD : {len(REASONS) - len(missing)} motifs renseignés sur {len(REASONS)}."
            )


def _fault(rule: str, text: str = "") -> Issue:
    return Issue(severity="error", code="business-rule", id=rule, text=text, expression=("QuestionnaireResponse.item",))
