"""The OperationDefinitions of what this server offers, readable like any resource. Source: FHIR R4, operationdefinition.html.

They are what inputs are checked against, so what is read is what holds. One that the tenant stores under the same id comes first.
"""

from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse

TYPE = "OperationDefinition"


def read(call: Call) -> ServiceResponse | None:
    """Return the definition of an operation offered here, by its id; None where there is none.

    It has no version: it changes with the server, not by writes.
    """
    found = next((o.definition for o in call.engine.operations if o.definition.get("id") == call.id), None)
    return None if found is None else ServiceResponse(status=200, body=json.dumps(shown(found)))


def shown(definition: Resource) -> Resource:
    """Return a definition with what R4 asks of a resource; the tables of R4 leave out what the server has no use for."""
    name = "".join(part.capitalize() for part in definition["id"].split("-"))
    first = {"resourceType": TYPE, "id": definition["id"], "name": name, "status": "active", "kind": "operation"}
    levels = {level: bool(definition.get(level, False)) for level in ("system", "type", "instance")}
    return {**first, **definition, **levels}
