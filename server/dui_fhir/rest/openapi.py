"""The OpenAPI 3.1 view of one tenant's endpoint, made from its CapabilityStatement and from the table of routes.

What the statement does not claim is not here, and what the router does not serve neither. Source: OpenAPI Specification 3.1.0;
FHIR R4, http.html.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from dui_fhir.definitions import SearchParameter, compartments
from dui_fhir.domain.change import Resource
from dui_fhir.domain.operation import Operation
from dui_fhir.rest import negotiation, openapi_schemas
from dui_fhir.rest.openapi_parameters import SHARED, search_parameter, shared
from dui_fhir.search.options import SearchOptions
from dui_fhir.search.parse import served_parameters
from dui_fhir.service.engine import Served
from dui_fhir.service.operation import serves
from dui_fhir.service.router import ROUTES, Route

Json = dict[str, Any]

SYSTEM_TAG = "Serveur"
_ALWAYS = frozenset({"Bundle", "OperationOutcome", "Parameters", "CapabilityStatement"})


@dataclass(frozen=True, kw_only=True)
class View:
    """What the document is made of. ``statement``: the CapabilityStatement; ``operations``: those of the engine;
    ``types``: the resource types to tell in full, None = all of the statement."""

    statement: Resource
    operations: Sequence[Operation | Served]
    options: SearchOptions
    base_url: str
    types: frozenset[str] | None = None

    @property
    def resources(self) -> dict[str, Json]:
        """What the statement claims, by type."""
        return {r["type"]: r for r in self.statement["rest"][0]["resource"]}

    @property
    def told(self) -> list[str]:
        """The types told in full, in the order of the statement."""
        return [t for t in self.resources if self.types is None or t in self.types]


def document(view: View) -> Json:
    """Return the document as JSON. Every type is a tag, whether it is told in full or not."""
    paths: dict[str, Json] = {}
    for operation in _operations(view):
        paths.setdefault(operation.path, {})[operation.method] = operation.content
    return {
        "openapi": "3.1.0",
        "info": _info(view),
        "servers": [{"url": view.base_url}],
        "tags": _tags(view),
        "paths": paths,
        "components": {
            "parameters": {**SHARED, **_criteria(view)},
            "responses": {
                **{name: _error(text) for name, text in _ERRORS.items()},
                **{f"resource-{type}": _answer("La ressource.", _resource(type)) for type in view.told},
            },
            "schemas": openapi_schemas.schemas([*view.told, *_ALWAYS]),
        },
    }


def _info(view: View) -> Json:
    return {
        "title": "dui-fhir : API FHIR R4 du dossier usager informatisé",
        "version": view.statement["software"]["version"],
        "summary": "FHIR R4 (4.0.1), en JSON et en XML.",
        "description": "Vue produite de la déclaration de capacités du serveur (GET /metadata), qui fait foi.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _criteria(view: View) -> dict[str, Json]:
    """Return the search parameters of what is told, each once."""
    return {
        _key(p, type): search_parameter(p, type, view.options)
        for type in (None, *view.told)
        for p in served_parameters(type, view.options)
    }


def _key(parameter: SearchParameter, type: str | None) -> str:
    common = type is None or type not in parameter.base
    return f"search-{'all' if common else type}-{parameter.code}"


def _searchable(view: View, type: str | None) -> list[Json]:
    """Return references to the search parameters of a type."""
    return shared(*(_key(p, type) for p in served_parameters(type, view.options)))


@cache
def labels() -> dict[str, tuple[str, str]]:
    """Return the French name of each resource type, and what it holds in a DUI (empty where it is not usual there)."""
    rows = orjson.loads(files("dui_fhir.rest").joinpath("static", "types.json").read_bytes())
    return {type: (label, usage) for type, (label, usage) in rows.items()}


def _tags(view: View) -> list[Json]:
    tags: list[Json] = [
        {"name": SYSTEM_TAG, "description": "Interactions de tout le serveur", "x-display-name": "Serveur"}
    ]
    for type in view.resources:
        label, usage = labels()[type]
        link = {"url": f"https://hl7.org/fhir/R4/{type.lower()}.html", "description": "Page de la spécification R4"}
        tags.append(
            {"name": type, "description": usage or label, "x-display-name": label, "x-usual": bool(usage), "externalDocs": link}
        )  # fmt: skip
    return tags


# the operations of OpenAPI: a path and a method


@dataclass(frozen=True, kw_only=True)
class _Operation:
    path: str
    method: str
    content: Json


def _operations(view: View) -> Iterator[_Operation]:
    for type in (None, *view.told):
        for route in ROUTES:
            if ("{type}" in route.pattern) == (type is not None):
                yield from _of_route(view, route, type)


def _of_route(view: View, route: Route, type: str | None) -> Iterator[_Operation]:
    path = "/" + route.pattern.replace("{type}", type or "")
    if route.interaction == "operation":
        for operation in view.operations:
            if _called(route, operation, type):
                called = path.replace("${operation}", f"${operation.definition['code']}")
                yield _made(route, type, called, _of_definition(view, route, operation.definition))
    elif _claimed(view, route, type):
        yield _made(route, type, path, _of_interaction(view, route, type))


def _called(route: Route, operation: Operation | Served, type: str | None) -> bool:
    level = "instance" if "{id}" in route.pattern else "type" if type else "system"
    methods = operation.methods if isinstance(operation, Served) else ("GET", "POST")
    by_get = operation.definition.get("affectsState", True) is False
    return serves(operation.definition, level, type) and route.method in methods and (route.method != "GET" or by_get)


def _claimed(view: View, route: Route, type: str | None) -> bool:
    """Tell whether the statement claims what a route serves."""
    rest = view.statement["rest"][0]
    if route.interaction == "capabilities":
        return True
    if type is None:
        return route.interaction in {i["code"] for i in rest["interaction"]}
    resource = view.resources[type]
    match route.interaction:
        case "search-compartment":
            return type in compartments()
        case "conditional-update":
            return bool(resource.get("conditionalUpdate"))
        case "conditional-delete":
            return resource.get("conditionalDelete") in ("single", "multiple")
        case "conditional-patch":
            return bool(resource.get("conditionalUpdate")) and _interacts(resource, "patch")
    return _interacts(resource, route.interaction)


def _interacts(resource: Json, code: str) -> bool:
    return code in {i["code"] for i in resource["interaction"]}


def _made(route: Route, type: str | None, path: str, content: Json) -> _Operation:
    name = path.strip("/").replace("/", "-").replace("$", "").translate({ord("{"): None, ord("}"): None}) or "base"
    parameters = [
        *shared(*(key for key in ("id", "vid", "member") if f"{{{key}}}" in route.pattern)),
        *content["parameters"],
    ]
    made = {
        "operationId": f"{route.method.lower()}-{name}",
        "tags": [type or SYSTEM_TAG],
        **content,
        "parameters": parameters,
        "x-fhir-interaction": route.interaction,
    }
    return _Operation(path=path, method=route.method.lower(), content=made)


def _of_interaction(view: View, route: Route, type: str | None) -> Json:
    build = _BUILDERS[route.interaction]
    return build(view, route, type)


def _content(schema: Json, *more: str) -> Json:
    return {media: {"schema": schema} for media in (negotiation.JSON, negotiation.XML, *more)}


def _answer(text: str, schema: Json | None = None, *more: str) -> Json:
    return {"description": text, "content": _content(schema, *more)} if schema else {"description": text}


def _error(text: str) -> Json:
    return {"description": text, "content": _content(openapi_schemas.reference("OperationOutcome"))}


_ERRORS = {
    "400": "Requête mal formée ou paramètre inconnu ; le texte dit lequel et propose le plus proche.",
    "401": "Personne n'est authentifié.",
    "403": "Cette personne ou cette application n'y est pas autorisée.",
    "404": "Rien sous cet identifiant, ou type, version, opération inconnus.",
    "406": "Aucun format commun.",
    "409": "Refusé par l'état du dossier.",
    "410": "Ressource supprimée.",
    "412": "La version attendue n'est plus en vigueur, ou plusieurs ressources répondent aux critères.",
    "413": "Corps trop grand ou trop profond.",
    "415": "Format de contenu non lu.",
    "422": "Compris, et refusé par une règle de structure ou du domaine.",
    "503": "Momentanément indisponible : réessayez après Retry-After.",
}


def _errors(*codes: str) -> Json:
    return {code: {"$ref": f"#/components/responses/{code}"} for code in (*codes, "401", "403", "503")}


_READ_ERRORS = ("400", "404", "406", "410")
_WRITE_ERRORS = ("400", "409", "412", "413", "415", "422")


def _resource(type: str | None) -> Json:
    return openapi_schemas.reference(type or openapi_schemas.ANY)


def _capabilities(view: View, route: Route, type: str | None) -> Json:
    return {
        "summary": "Déclaration de capacités",
        "description": "Ce que fait ce serveur, calculé de ce dont il est fait.",
        "parameters": shared("format", "pretty"),
        "responses": {"200": _answer("La déclaration.", _resource("CapabilityStatement")), **_errors("406")},
    }


def _read(view: View, route: Route, type: str | None) -> Json:
    version = route.interaction == "vread"
    more = () if version else ("if-none-match", "if-modified-since")
    media = ("*/*",) if type == "Binary" else ()
    responses = {
        "200": _answer("La ressource ; ETag porte sa version.", _resource(type), *media),
        **_errors(*_READ_ERRORS),
    }
    if not version:
        responses["304"] = _answer("Inchangée depuis la version déjà détenue.")
    return {
        "summary": "Lire une version" if version else "Lire",
        "description": "Rend une version passée ou présente." if version else "Rend la version en vigueur.",
        "parameters": shared("read-summary", "elements", "format", "pretty", *more),
        "responses": responses,
    }


def _search(view: View, route: Route, type: str | None) -> Json:
    if route.interaction == "search-compartment":
        parameters, searched = [], "dans le compartiment"
    else:
        parameters = _searchable(view, type)
        searched = "" if type else "dans tous les types"
    results = ["sort", "count", "total", "summary", "elements", "include", "revinclude", "format", "pretty", "handling"]
    made: Json = {
        "summary": f"Chercher {searched}".strip(),
        "description": "Rend un Bundle « searchset » ; le lien « next » mène à la page suivante.",
        "parameters": [*parameters, *shared(*(["type"] if type is None else []), *results)],
        "responses": {"200": _answer("Une page de résultats.", _resource("Bundle")), **_errors("400", "404", "406")},
    }
    if route.method == "POST":
        made |= {
            "summary": f"{made['summary']} (formulaire)",
            "description": "Mêmes paramètres qu'avec GET, dans le corps : rien de personnel dans l'adresse ni dans les journaux.",
            "parameters": shared("handling"),
            "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _FORM}}},
        }  # fmt: skip
        made["responses"] |= _errors("415")
    return made


_FORM = {"type": "object", "additionalProperties": {"type": "string"}}


def _history(view: View, route: Route, type: str | None) -> Json:
    return {
        "summary": "Historique",
        "description": "Les versions, de la plus récente à la plus ancienne ; « _since » donne les changements depuis un instant.",
        "parameters": shared("since", "at", "history-count", "format", "pretty"),
        "responses": {"200": _answer("Une page de versions.", _resource("Bundle")), **_errors("400", "404", "406")},
    }


def _body(type: str | None) -> Json:
    return {"required": True, "content": _content(_resource(type))}


def _write(view: View, route: Route, type: str | None) -> Json:
    summary, description, headers = _WRITES[route.interaction]
    conditional = route.interaction.startswith("conditional")
    responses = {"200": _written(type), **_errors(*_WRITE_ERRORS)}
    if "delete" in route.interaction:
        responses = {"204": _answer("Supprimée, ou il n'y avait rien."), **_errors("400", "409", "412")}
    elif "patch" not in route.interaction:
        responses["201"] = _written(type)
    if "patch" in route.interaction:
        responses |= _errors("404", "410")
    made: Json = {
        "summary": summary,
        "description": description,
        "parameters": [*(_searchable(view, type) if conditional else ()), *shared(*headers)],
        "responses": responses,
    }
    if "patch" in route.interaction:
        made["requestBody"] = _PATCHES
    elif "delete" not in route.interaction:
        made["requestBody"] = _body(type)
    return made


def _written(type: str | None) -> Json:
    return {"$ref": f"#/components/responses/resource-{type}"}


_PATCHES = {
    "required": True,
    "content": {
        "application/json-patch+json": {
            "schema": {"type": "array", "items": {"type": "object", "required": ["op", "path"]}}
        },
        "application/xml-patch+xml": {"schema": {"type": "string", "description": "RFC 5261 : <diff>…</diff>"}},
        **_content(openapi_schemas.reference("Parameters")),
    },
}
_WRITES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "create": ("Créer", "Le serveur donne l'identifiant.", ("if-none-exist", "prefer")),
    "update": ("Écrire", "Remplace la ressource, ou la crée sous cet identifiant.", ("if-match", "prefer")),
    "patch": ("Modifier une partie", "JSON Patch, XML Patch, ou FHIRPath Patch (Parameters).", ("if-match", "prefer")),
    "delete": ("Supprimer", "L'historique reste ; une nouvelle lecture rend 410.", ("if-match", "prefer")),
    "conditional-update": ("Écrire selon des critères", "Celle qui répond aux critères, ou une nouvelle.", ("if-match", "prefer")),
    "conditional-patch": ("Modifier selon des critères", "La seule qui répond aux critères.", ("if-match", "prefer")),
    "conditional-delete": ("Supprimer selon des critères", "La seule qui répond aux critères.", ("prefer",)),
}  # fmt: skip


def _transaction(view: View, route: Route, type: str | None) -> Json:
    return {
        "summary": "Transaction ou lot",
        "description": "Bundle « transaction » : tout est écrit ou rien. Bundle « batch » : chaque entrée pour elle-même.",
        "parameters": shared("prefer"),
        "requestBody": _body("Bundle"),
        "responses": {"200": _answer("Une réponse par entrée.", _resource("Bundle")), **_errors(*_WRITE_ERRORS)},
    }


_BUILDERS: dict[str, Callable[[View, Route, str | None], Json]] = {
    "capabilities": _capabilities,
    "read": _read,
    "vread": _read,
    "search-type": _search,
    "search-system": _search,
    "search-compartment": _search,
    "history-instance": _history,
    "history-type": _history,
    "history-system": _history,
    "transaction": _transaction,
    **{interaction: _write for interaction in _WRITES},
}


def _of_definition(view: View, route: Route, definition: Resource) -> Json:
    declared = definition.get("parameter", ())
    inputs = [p for p in declared if p["use"] == "in"]
    made: Json = {
        "summary": f"${definition['code']}" + (f" : {definition['title']}" if definition.get("title") else ""),
        "description": definition.get("description", f"Opération {definition['url']}."),
        "parameters": shared("format", "pretty"),
        "responses": {
            "200": _answer("Le résultat.", _result(declared)),
            "202": _answer("Travail long accepté, ou abandonné : Content-Location porte l'adresse de son suivi."),
            **_errors("400", "404", "406", "409", "410", "422"),
        },
        "x-fhir-operation": definition["url"],
        "x-fhir-parameters": [_told(p) for p in declared],
    }
    if route.method != "POST":
        made["parameters"] = [*(_input(p) for p in inputs if p.get("type") in _IN_URL), *made["parameters"]]
    else:
        made["requestBody"] = {"content": _content(openapi_schemas.reference("Parameters"))}
    return made


_IN_URL = frozenset({
    "string", "boolean", "integer", "decimal", "code", "uri", "url", "canonical", "id", "date", "dateTime", "instant", "time",
    "positiveInt", "unsignedInt", "base64Binary", "markdown",
})  # fmt: skip


def _input(parameter: Json) -> Json:
    one = openapi_schemas.reference("string") if parameter["type"] == "string" else {"type": "string"}
    return {
        "name": parameter["name"],
        "in": "query",
        "required": bool(parameter.get("min")),
        "description": parameter.get("documentation", f"De type {parameter['type']}."),
        "schema": one if parameter.get("max", "1") == "1" else {"type": "array", "items": one},
        "x-fhir-type": parameter["type"],
    }


def _told(parameter: Json) -> Json:
    kept = ("name", "use", "min", "max", "type", "documentation")
    return {key: parameter[key] for key in kept if key in parameter}


def _result(declared: Sequence[Json]) -> Json:
    """Return the schema of the answer: the one resource returned, else Parameters."""
    out = [p for p in declared if p["use"] == "out"]
    single = len(out) == 1 and out[0]["name"] == "return"
    type = out[0].get("type", "") if single else "Parameters"
    return openapi_schemas.reference(type if type in _ALWAYS else openapi_schemas.ANY)
