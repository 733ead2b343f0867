"""``SearchParameter/$index-status``: how far the indexing of added search parameters is."""

from typing import Any, Final

from dui_fhir.domain.change import Resource
from dui_fhir.service import parameters
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.reindex import Progress, progress

DEFINITION: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-index-status",
    "url": "urn:dui-fhir:operation:index-status",
    "name": "IndexStatus",
    "title": "Avancement de l'indexation des paramètres de recherche ajoutés",
    "status": "active",
    "kind": "operation",
    "affectsState": False,
    "code": "index-status",
    "description": "Rend un paramètre « base » par type de ressource dont l'indexation n'est pas finie.",
    "resource": ["SearchParameter"],
    "system": False,
    "type": True,
    "instance": False,
    "parameter": [
        {"name": "complete", "use": "out", "min": 1, "max": "1", "type": "boolean"},
        {
            "name": "base", "use": "out", "min": 0, "max": "*",
            "part": [
                {"name": "type", "use": "out", "min": 1, "max": "1", "type": "code"},
                {"name": "code", "use": "out", "min": 1, "max": "*", "type": "code"},
                {"name": "done", "use": "out", "min": 1, "max": "1", "type": "integer"},
                {"name": "total", "use": "out", "min": 1, "max": "1", "type": "integer"},
                {"name": "percent", "use": "out", "min": 1, "max": "1", "type": "integer"},
                {"name": "state", "use": "out", "min": 1, "max": "1", "type": "code"},
            ],
        },
    ],
}  # fmt: skip


def operation() -> Served:
    """Return the operation."""
    return Served(definition=DEFINITION, serve=_serve)


def _serve(call: Call) -> ServiceResponse:
    parameters.of_call(call, DEFINITION)
    tuned = call.engine.tunings.fresh(call.request.tenant, call.store)
    found = list(progress(tuned, call.store))
    content = [{"name": "complete", "valueBoolean": not found}, *map(_base, found)]
    return ServiceResponse(status=200, body={"resourceType": "Parameters", "parameter": content})


def _base(of: Progress) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "type", "valueCode": of.base}]
    parts += [{"name": "code", "valueCode": code} for code in of.codes]
    parts += [
        {"name": name, "valueInteger": value}
        for name, value in (("done", of.done), ("total", of.total), ("percent", of.percent))
    ]
    return {"name": "base", "part": [*parts, {"name": "state", "valueCode": of.state}]}
