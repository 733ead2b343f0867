"""Which resources an export takes: by type, a query node. Source: Bulk Data Access 2.0.0, export."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from dui_fhir.definitions import compartment, resource_types
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import EVERYTHING, AllOf, AnyOf, Chain, IdIn, LastUpdatedIs, Node
from dui_fhir.domain.reference import Reference, walk
from dui_fhir.search.parse import RESULTS
from dui_fhir.service import content
from dui_fhir.service.engine import Call
from dui_fhir.service.incomplete import relied_on
from dui_fhir.service.operations.record import OWNER_PARAM
from dui_fhir.service.visibility import Visibility

UNSTORED = frozenset({"Parameters", "OperationOutcome"})


def nodes(call: Call, level: str, inputs: Mapping[str, Any], group: Resource | None = None) -> dict[str, Node]:
    """Return what is exported at ``level`` (``system``, ``Patient``, ``Group``), by type.

    Raises: BadRequest (``core-export-type``, ``core-export-filter``, ``search-…``), NotFound (``core-type-unknown``).
    """
    within = _within(level, group)
    chosen = _types(inputs.get("_type", ()), within)
    filters = _filters(call, inputs.get("_typeFilter", ()), chosen)
    visibility = Visibility(call)
    found: dict[str, Node] = {}
    for type in chosen:
        limits = (*_kept(within[type]), *_kept(filters.get(type, EVERYTHING)), *visibility.of(type))
        found[type] = AllOf(limits)
    return found


def _kept(node: Node) -> tuple[Node, ...]:
    return () if node == EVERYTHING else (node,)


def updated(since_ms: int | None) -> tuple[Node, ...]:
    """Return the condition of ``_since``."""
    return () if since_ms is None else (LastUpdatedIs("ge", since_ms, since_ms),)


def _within(level: str, group: Resource | None) -> dict[str, Node]:
    if level == "system":
        return {type: EVERYTHING for type in resource_types() - UNSTORED}
    people: Node = EVERYTHING if group is None else IdIn(_members(group))
    table = {type: params for type, params in compartment("Patient").items() if params}
    found: dict[str, Node] = {
        type: AnyOf(tuple(Chain(p, ("Patient",), people) for p in (OWNER_PARAM, *table.get(type, ()))))
        for type in {*table, "Binary", "QuestionnaireResponse"}
    }
    # others than the person concerned come only as members of the group
    found["Patient"] = people
    return found


def _members(group: Resource) -> tuple[str, ...]:
    active = [m for m in group.get("member", ()) if isinstance(m, dict) and not m.get("inactive", False)]
    targets = [Reference.parse(e["reference"]) for m in active for _, e in walk(m.get("entity"))]
    return tuple(sorted({t.id for t in targets if t is not None and t.base is None and t.type == "Patient"}))


def _types(given: Iterable[str], within: Mapping[str, Node]) -> list[str]:
    asked = [content.known_type(t.strip()) for text in given for t in text.split(",") if t.strip()]
    outside = sorted(set(asked) - set(within))
    if outside:
        raise BadRequest.of(
            "core-export-type",
            f"Le type {outside[0]} n'appartient à aucun dossier de personne : exportez-le au niveau du système.",
            "type outside the patient compartment",
        )
    return sorted(set(asked) or set(within))


def _filters(call: Call, given: Iterable[str], chosen: Iterable[str]) -> dict[str, Node]:
    """Return the filters of ``_typeFilter``: those of one type are alternatives."""
    by_type: dict[str, list[Node]] = {}
    for text in given:
        type, _, query = text.partition("?")
        params = parse_qsl(query, keep_blank_values=True)
        if type not in set(chosen) or not params or {n.partition(":")[0] for n, _ in params} & RESULTS:
            raise BadRequest.of(
                "core-export-filter",
                "_typeFilter s'écrit Type?critères, pour un type exporté, sans tri ni pagination.",
                "_typeFilter is not a search of an exported type",
            )
        by_type.setdefault(type, []).append(relied_on(call, type, tuple(params)).query.where)
    return {type: some[0] if len(some) == 1 else AnyOf(tuple(some)) for type, some in by_type.items()}
