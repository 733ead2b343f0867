"""A GraphQL request: what is asked, and its answer. Source: FHIR R4, graphql.html#invoking."""

from typing import Any

from graphql import GraphQLError
from graphql.language import ast, parse

from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, TooLarge, UnsupportedMedia
from dui_fhir.service import content, parameters, read
from dui_fhir.service.engine import Call
from dui_fhir.service.graphql import values
from dui_fhir.service.graphql.execution import Execution
from dui_fhir.service.graphql.operation import DEFINITION
from dui_fhir.service.graphql.reading import Reading
from dui_fhir.service.message import ServiceResponse

GRAPHQL = "application/graphql"


def served(call: Call) -> ServiceResponse:
    """Return ``{"data": …}``.

    Raises: BadRequest (``core-graphql-invalid``, ``core-parameter-…``), TooLarge (``core-graphql-…``), NotFound, Gone, and those
    of the searches that the query makes.
    """
    query, name, variables = _asked(call)
    document = _parsed(query, int(call.engine.settings.graphql_tokens_max))
    chosen = _chosen(document, name)
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, ast.FragmentDefinitionNode)}
    execution = Execution(Reading(call), call.engine.settings, fragments, _with_defaults(chosen, variables))
    if "id" in call.names:
        found = read.present(call.store.read(content.known_type(call.type), call.id), call.type)
        data = execution.of_resource(found.resource(), chosen.selection_set)
    else:
        data = execution.of_system(chosen.selection_set)
    body = json.dumps({"data": data})
    if len(body) > call.engine.settings.graphql_bytes_max:
        raise TooLarge.of(
            "core-graphql-bytes",
            f"La réponse GraphQL dépasse {call.engine.settings.graphql_bytes_max} octets.",
            "setting graphql_bytes_max",
            code="too-costly",
        )
    return ServiceResponse(status=200, body=body, media="application/json")


def _asked(call: Call) -> tuple[str, str | None, dict[str, Any]]:
    """Return the query, the name of the operation wanted, and the variables."""
    request = call.request
    params = dict(request.params)
    given: dict[str, Any] = {"query": params.get("query"), "operationName": params.get("operationName")}
    if "variables" in params:
        given["variables"] = _json(call, params["variables"].encode())
    if request.method == "POST" and request.body.strip():
        given |= _of_body(call)
    unknown = set(params) - {"query", "operationName", "variables", "_format", "_pretty"}
    if unknown:
        raise BadRequest.of(
            "core-parameter-unknown",
            f"Paramètre inconnu de l'opération : {sorted(unknown)[0][:64]}.",
            "unknown parameter of $graphql",
        )
    query, variables = given.get("query"), given.get("variables") or {}
    if not isinstance(query, str) or not query.strip():
        raise BadRequest.of("core-parameter-missing", "Le paramètre query manque.", "no GraphQL query")
    if not isinstance(variables, dict):
        raise values.invalid("« variables » est un objet JSON.", "variables is not an object")
    return query, given.get("operationName"), variables


def _of_body(call: Call) -> dict[str, Any]:
    request = call.request
    if request.media == GRAPHQL:
        try:
            return {"query": request.body.decode("utf-8")}
        except UnicodeDecodeError:
            raise values.invalid("La requête GraphQL n'est pas en UTF-8.", "not UTF-8") from None
    if request.media not in content.JSON_MEDIA:
        raise UnsupportedMedia.of(
            "core-graphql-media", f"Une requête GraphQL se poste en {GRAPHQL} ou en application/json.", "content type"
        )
    found = _json(call, request.body)
    if not isinstance(found, dict):
        raise values.invalid("Le corps est un objet JSON avec « query ».", "body is not an object")
    if found.get("resourceType") == "Parameters":
        return _of_parameters(found)
    return found


def _of_parameters(resource: Resource) -> dict[str, Any]:
    return parameters.of_resource(DEFINITION, resource)


def _json(call: Call, text: bytes) -> Any:
    return content.parse(text, depth_max=call.engine.settings.json_depth_max)


def _parsed(query: str, tokens_max: int) -> ast.DocumentNode:
    try:
        return parse(query, no_location=True, max_tokens=tokens_max)
    except GraphQLError as error:
        if "tokens" in error.message:
            raise TooLarge.of(
                "core-graphql-tokens",
                f"La requête GraphQL a plus de {tokens_max} mots.",
                "setting graphql_tokens_max",
                code="too-costly",
            ) from None
        place = error.locations[0] if error.locations else None
        where = f" (ligne {place.line}, colonne {place.column})" if place else ""
        raise values.invalid(f"La requête GraphQL est mal écrite{where}.", "GraphQL syntax error") from None
    except RecursionError:
        raise values.invalid("La requête GraphQL est trop imbriquée.", "nesting") from None


def _chosen(document: ast.DocumentNode, name: str | None) -> ast.OperationDefinitionNode:
    found = [d for d in document.definitions if isinstance(d, ast.OperationDefinitionNode)]
    named = [d for d in found if name is None or (d.name and d.name.value == name)]
    if len(named) != 1:
        raise values.invalid(
            "Une requête GraphQL et une seule est attendue, ou son nom (operationName).", "operation name"
        )
    if named[0].operation.value != "query":
        raise values.invalid("GraphQL ne fait ici que lire (query).", "mutations and subscriptions are not offered")
    return named[0]


def _with_defaults(chosen: ast.OperationDefinitionNode, given: dict[str, Any]) -> dict[str, Any]:
    """Return the variables that the operation declares, defaults in. Raises: BadRequest for a missing or undeclared one."""
    declared = {d.variable.name.value: d for d in chosen.variable_definitions or ()}
    if set(given) - set(declared):
        raise values.invalid("Une variable donnée n'est pas déclarée par la requête.", "undeclared variable")
    found: dict[str, Any] = {}
    for name, definition in declared.items():
        if name in given:
            found[name] = given[name]
        elif definition.default_value is not None:
            found[name] = values.value(definition.default_value, {})
        elif isinstance(definition.type, ast.NonNullTypeNode):
            raise values.invalid("Une variable obligatoire n'a pas de valeur.", f"variable {name[:60]}")
        else:
            found[name] = None
    return found
