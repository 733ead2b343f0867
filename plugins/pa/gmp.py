"""The GMP as an indicator: points of the last complete and validated AGGIR of each resident (annexe 3-6, R314-170)."""

from collections.abc import Mapping
from typing import Any, Final

from dui_fhir.api import AGGIR_PA, GIR_POINTS, AggirComplete, Resource, evaluate_aggir, value

from .deadlines import VALIDATION

_LAST: Final = {
    "resource": "QuestionnaireResponse",
    "search": f"status=completed,amended&questionnaire={AGGIR_PA.questionnaire}",
    "date": "authored",
    "ever": True,
}
GMP: Final = {
    "id": "GMP",
    "title": "GIR moyen pondéré",
    "version": "1",
    "numerator": "Points GIR (1000, 840, 660, 420, 250, 70) de la dernière évaluation complète et validée de chaque résident",
    "denominator": "Résidents qui ont une telle évaluation",
    "unit": "points",
    "note": "Un GIR déclaré sans grille n'entre pas dans le calcul (D9), ni une évaluation qu'un médecin n'a pas validée.",
    "source": "CASF-ANNEXE-3-6",
    "status": "officiel",
    "calculation": {
        "numerator": {"count": "points", "of": _LAST, "last_of_person": True},
        "denominator": {"count": "resources", "of": _LAST, "last_of_person": True},
    },
}


def points(response: Resource, parameters: Mapping[str, Any]) -> float | None:
    """Return the points of an evaluation; None for one that does not enter the GMP."""
    if value(response, VALIDATION) is None:
        return None
    found = evaluate_aggir(response, parameters["commun.aggir_modalites"])
    return GIR_POINTS[found.gir] if isinstance(found, AggirComplete) else None
