"""Which resources an export takes: by type, a query node. Source: Bulk Data Access 2.0.0, export."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from dui_fhir.definitions import compartment, resource_types
from dui_fhir.definitions.children import children
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.query import EVERYTHING, AllOf, AnyOf, Chain, IdIn, LastUpdatedIs, Node
from dui_fhir.domain.reference import Reference, walk
from dui_fhir.search.parse import RESULTS
from dui_fhir.service import content, projection
from dui_fhir.service.engine import Call
from dui_fhir.service.incomplete import relied_on
from dui_fhir.service.operations.record import OWNER_PARAM
from dui_fhir.service.visibility import Visibility

UNSTORED = frozenset({"Parameters", "OperationOutcome"})


def nodes(call: Call, level: str, inputs: Mapping[str, Any], group: Resource | None = None) -> dict[str, Node]:
    """Return what is exported at ``level`` (``system``, ``Patient``, ``Group``), by type.

    Raises: BadRequest (``core-export-type``, ``core-export-filter``, ``search-…``), NotFound (``core-type-unknown``).
    """
    within = _within(level, group, _patients(inputs))
    chosen = _types(inputs.get("_type", ()), within)
    _check_elements(inputs, chosen)
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


def part_of(inputs: Mapping[str, Any], type: str) -> projection.Wanted:
    """Return what of a resource ``_elements`` asks for: ``Type.element`` of that type only, ``element`` of all."""
    named = [_element(text) for text in _elements(inputs)]
    return projection.Wanted(elements=tuple(name for of, name in named if of in ("", type)))


def _elements(inputs: Mapping[str, Any]) -> list[str]:
    return [text.strip() for given in inputs.get("_elements", ()) for text in given.split(",") if text.strip()]


def _element(text: str) -> tuple[str, str]:
    type, dot, name = text.partition(".")
    return (type, name) if dot else ("", type)


def _check_elements(inputs: Mapping[str, Any], chosen: Iterable[str]) -> None:
    types = set(chosen)
    for text in _elements(inputs):
        of, name = _element(text)
        if not any(name in children(type) for type in (types & {of} if of else types)):
            raise BadRequest.of(
                "core-export-elements",
                f"« {text[:64]} » n'est pas un élément des types exportés : _elements s'écrit élément ou Type.élément.",
                "_elements names no top-level element of an exported type",
            )


def _patients(inputs: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the ids of ``patient``; None where it is not given."""
    if "patient" not in inputs:
        return None
    given = [v.get("reference") if isinstance(v, dict) else v for v in inputs["patient"]]
    found = [Reference.parse(str(text)) for text in given]
    ids = [t.id for t in found if t is not None and t.base is None and t.type == "Patient"]
    if len(ids) != len(given):
        raise BadRequest.of(
            "core-export-patient", "« patient » s'écrit Patient/id, une fois par personne.", "not a local Patient"
        )
    return tuple(sorted(set(ids)))


def _people(group: Resource | None, patients: tuple[str, ...] | None) -> Node:
    """Return whose files are exported. Raises: BadRequest (``core-export-patient``) for somebody outside the group."""
    if group is None:
        return EVERYTHING if patients is None else IdIn(patients)
    members = _members(group)
    if not set(patients or ()) <= set(members):
        raise BadRequest.of(
            "core-export-patient", "Une personne demandée n'est pas du groupe.", "patient outside the group"
        )
    return IdIn(members if patients is None else patients)


def _within(level: str, group: Resource | None, patients: tuple[str, ...] | None = None) -> dict[str, Node]:
    if level == "system":
        return {type: EVERYTHING for type in resource_types() - UNSTORED}
    people = _people(group, patients)
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
