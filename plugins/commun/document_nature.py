"""Is a resource of the nature of the document asked for? A child's project laid out as a plain project would leave by the DMP."""

from collections.abc import Callable, Mapping
from typing import Final

from dui_fhir.api import Context, DocumentKind, Resource, Unprocessable

from .document_text import text
from .lenient import codes

CHILD_PROJECT: Final = "ppe"
_CONTRACTS: Final = {"contrat-sejour": "DIPC", "dipc": "CS"}
"""Contract kinds, and the type (TRE_R393) that they are not."""


def check_nature(kind: DocumentKind, resource: Resource, context: Context) -> None:
    """Raises: Unprocessable (``document-kind-other``) where the resource is of another nature than the document."""
    check = _CHECKS.get(text(resource.get("resourceType")))
    if check is not None and not check(kind, resource, context):
        raise Unprocessable.of(
            "document-kind-other",
            f"Cette ressource n'est pas de la nature du document demandé ({kind.title}).",
            "category, type or questionnaire of the resource is another one",
        )


def _plan(kind: DocumentKind, plan: Resource, context: Context) -> bool:
    of_a_child = "PPE" in codes(plan.get("category"), "urn:dui-fhir:projet")
    return of_a_child == (kind.id == CHILD_PROJECT)


def _composition(kind: DocumentKind, composition: Resource, context: Context) -> bool:
    if kind.category is not None:
        return kind.category["code"] in codes(composition.get("category"))
    return kind.type["code"] in codes(composition.get("type"))


def _contract(kind: DocumentKind, contract: Resource, context: Context) -> bool:
    return _CONTRACTS.get(kind.id, "") not in codes(contract.get("type"))


def _response(kind: DocumentKind, response: Resource, context: Context) -> bool:
    """Parameter ``<plugin>.<kind>_questionnaires``: the questionnaires of a grid; none said, any."""
    name = f"{kind.key.replace('/', '.').replace('-', '_')}_questionnaires"
    known = context.parameters.get(name)
    return known is None or text(response.get("questionnaire")).partition("|")[0] in known


_CHECKS: Final[Mapping[str, Callable[[DocumentKind, Resource, Context], bool]]] = {
    "CarePlan": _plan,
    "Composition": _composition,
    "Contract": _contract,
    "QuestionnaireResponse": _response,
}
