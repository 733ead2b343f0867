"""``QuestionnaireResponse/[id]/$gir``: the GIR of an AGGIR grid, as the server computes it from the answers.

Grids of older and of disabled people (TDDUI). Nothing is written: the response keeps the result that its author sent, and the
rules of the corridors refuse one that the answers deny.
"""

from typing import Any, Final

from dui_fhir.api import (
    GIR_POINTS,
    AggirComplete,
    AggirContradictory,
    AggirDeclared,
    Answer,
    BadRequest,
    NotFound,
    Operation,
    OperationRequest,
    aggir_grid,
    evaluate_aggir,
)

from .definitions import operation_definition

MODALITIES: Final = "commun.aggir_modalites"
DEFINITION: Final = operation_definition(
    "gir", "QuestionnaireResponseGir", "GIR d’une grille AGGIR",
    "Le GIR que donnent les réponses, le rang et le profil des huit variables ; à défaut, ce qui manque ou se contredit.",
    "QuestionnaireResponse", level="instance", writes=False, returns="Parameters", inputs=[],
)  # fmt: skip


def operations() -> list[Operation]:
    """Return the operation of this module."""
    return [Operation(definition=DEFINITION, run=gir)]


def gir(request: OperationRequest) -> Answer:
    """Return a Parameters: ``basis`` (``computed``, ``declared``, ``incomplete``, ``contradictory``), then what is known.

    ``gir``, ``rank``, ``profile`` (in the order of annexe 2-2), ``points`` of the GMP; ``missing`` and ``fault`` repeat.
    Raises: NotFound, BadRequest (``evaluation-not-aggir``) where the response is to another questionnaire.
    """
    response = request.target
    if response is None:
        raise NotFound.of("evaluation-unknown", "L’évaluation n’existe pas.", "no such response")
    grid = aggir_grid(response)
    if grid is None:
        raise BadRequest.of(
            "evaluation-not-aggir",
            "Cette évaluation n’est pas une grille AGGIR du transfert de données.",
            "not an AGGIR questionnaire",
            ["QuestionnaireResponse.questionnaire"],
        )
    found = evaluate_aggir(response, request.context.parameters[MODALITIES])
    told: list[tuple[str, str, Any]]
    if isinstance(found, AggirComplete):
        told = [("basis", "Code", "computed"), ("gir", "Integer", found.gir), ("rank", "Integer", found.rank)]
        told += [("profile", "String", found.profile), ("points", "Integer", GIR_POINTS[found.gir])]
    elif isinstance(found, AggirDeclared):
        told = [("basis", "Code", "declared"), ("gir", "Integer", found.gir)]
    elif isinstance(found, AggirContradictory):
        told = [("basis", "Code", "contradictory"), *(("fault", "String", fault.text) for fault in found.faults)]
    else:
        told = [
            ("basis", "Code", "incomplete"),
            *(("missing", "String", label) for label in grid.labels(found.missing)),
        ]
    parameter = [{"name": name, f"value{type}": value} for name, type, value in told]
    return Answer(result={"resourceType": "Parameters", "parameter": parameter})
