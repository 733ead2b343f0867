"""``_list``: the members of a List. Source: FHIR R4, search.html#list."""

from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import Has, IdIn, Node
from dui_fhir.domain.reference import ID
from dui_fhir.search import faults


def list_node(value: str) -> Node:
    """Return the node of the members of some Lists (comma: of any of them).

    Raises: BadRequest (``search-list-functional`` for ``$current-…``, which nobody keeps here; ``search-value``).
    """
    ids = [part.removeprefix("List/") for part in value.split(",")]
    if any(id.startswith("$") for id in ids):
        raise BadRequest.of(
            "search-list-functional",
            "Les listes fonctionnelles ($current-…) ne sont pas tenues ici : donnez l'identifiant d'une List, ou des critères.",
            "functional lists are not supported",
            code="not-supported",
        )
    if not all(ID.fullmatch(id) for id in ids):
        raise faults.value("_list", "l'identifiant d'une List est attendu", "not a List id")
    return Has("List", "item", IdIn(tuple(ids)))
