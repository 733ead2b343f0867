"""``$graphql``: of the system, and of one resource. Source: FHIR R4, graphql.html#invoking."""

from dui_fhir.domain.change import Resource
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse

DEFINITION: Resource = {
    "resourceType": "OperationDefinition",
    "id": "Resource-graphql",
    "url": "http://hl7.org/fhir/OperationDefinition/Resource-graphql",
    "name": "Graphql",
    "status": "active",
    "kind": "operation",
    "affectsState": False,
    "code": "graphql",
    "resource": ["Resource"],
    "system": True,
    "type": False,
    "instance": True,
    "parameter": [
        {"name": "query", "use": "in", "min": 1, "max": "1", "type": "string"},
        {"name": "result", "use": "out", "min": 1, "max": "1", "type": "Binary"},
    ],
}


def operation() -> Served:
    """Return the operation."""
    return Served(definition=DEFINITION, serve=_served)


def _served(call: Call) -> ServiceResponse:
    # the parser is a large package: a server that is asked no GraphQL does not load it
    from dui_fhir.service.graphql.query import served

    return served(call)
