"""The share of the persons at home who are in GIR 1 or 2, by the last validated grid of each."""

from collections.abc import Mapping
from typing import Any, Final

from dui_fhir.api import AGGIR_PA, AGGIR_PH, AggirComplete, AggirDeclared, Resource, evaluate_aggir

HEAVY: Final = frozenset({1, 2})
_LAST: Final = {
    "resource": "QuestionnaireResponse",
    "search": f"status=completed,amended&questionnaire={AGGIR_PA.questionnaire},{AGGIR_PH.questionnaire}",
    "date": "authored",
    "ever": True,
}
SHARE: Final = {
    "id": "DOM-GIR",
    "title": "Part des personnes en GIR 1 ou 2",
    "version": "1",
    "numerator": "Personnes dont la dernière grille validée donne un GIR 1 ou 2",
    "denominator": "Personnes qui ont une grille AGGIR validée, des personnes âgées ou handicapées",
    "unit": "%",
    "note": "Le GIR est calculé de la grille, ou déclaré sans elle.",
    "source": "CASF-R314-138",
    "status": "jugement",
    "calculation": {
        "numerator": {"count": "points", "of": _LAST, "last_of_person": True},
        "denominator": {"count": "resources", "of": _LAST, "last_of_person": True},
    },
}


def heavy(response: Resource, parameters: Mapping[str, Any]) -> float | None:
    """Return 1 for a GIR 1 or 2, 0 for another, None where the grid gives none."""
    found = evaluate_aggir(response, parameters["commun.aggir_modalites"])
    return float(found.gir in HEAVY) if isinstance(found, AggirComplete | AggirDeclared) else None
