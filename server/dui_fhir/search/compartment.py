"""Compartment searches (``Patient/123/Observation``) as nodes. Source: FHIR R4, compartmentdefinition.html."""

from dui_fhir.definitions import compartment, compartments
from dui_fhir.domain.errors import NotFound
from dui_fhir.domain.query import AllOf, AnyOf, IdIn, Node, ReferenceIs, TypeIn


def compartment_node(owner: str, id: str, type: str | None = None) -> Node:
    """Return the node of the resources of ``type`` (None = all) in the compartment of ``owner``/``id``.

    The owner itself is in its compartment. Raises: NotFound (``search-no-compartment``) where R4 has none for these types.
    """
    if owner not in compartments():
        raise _none(owner, type)
    table = compartment(owner)
    if type is not None:
        node = _of_type(owner, id, type, table.get(type, ()))
        if node is None:
            raise _none(owner, type)
        return node
    nodes = {name: _of_type(owner, id, name, params) for name, params in {owner: (), **table}.items()}
    return AnyOf(tuple(AllOf((TypeIn((name,)), node)) for name, node in nodes.items() if node is not None))


def _of_type(owner: str, id: str, type: str, params: tuple[str, ...]) -> Node | None:
    nodes: list[Node] = [ReferenceIs(param, owner, id) for param in params]
    if type == owner:
        nodes.append(IdIn((id,)))
    if not nodes:
        return None
    return nodes[0] if len(nodes) == 1 else AnyOf(tuple(nodes))


def _none(owner: str, type: str | None) -> NotFound:
    return NotFound.of(
        "search-no-compartment",
        f"Pas de recherche de {type or 'ressources'} dans un dossier de type {owner}.",
        f"no compartment of {owner} for {type or 'any type'}",
    )
