"""capabilities: what this server does, computed from what it is made of. Source: FHIR R4, capabilitystatement.html."""

from typing import Any

from dui_fhir import __version__
from dui_fhir.definitions import resource_types
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant
from dui_fhir.search.parse import served_parameters
from dui_fhir.service import content
from dui_fhir.service.engine import Call
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.operation import serves

_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_SYSTEM = ("transaction", "batch", "search-system", "history-system")


def capabilities(call: Call) -> ServiceResponse:
    """Return the CapabilityStatement of the tenant's endpoint. Raises: NotFound (``tenant-unknown``)."""
    _ = call.store  # a tenant that does not exist declares nothing
    return ServiceResponse(status=200, body=statement(call))


def statement(call: Call) -> Resource:
    """Return the CapabilityStatement as JSON."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(call.engine.clock.now_ms())[:10],
        "kind": "instance",
        "software": {"name": "dui-fhir", "version": __version__},
        "implementation": {"description": "Dossier usager informatisé (DUI)", "url": call.request.base_url},
        "fhirVersion": "4.0.1",
        "format": ["json", "xml", "application/fhir+json", "application/fhir+xml"],
        "patchFormat": ["application/json-patch+json", "application/xml-patch+xml", "application/fhir+json"],
        "rest": [_rest(call)],
    }


def _rest(call: Call) -> dict[str, Any]:
    rest: dict[str, Any] = {
        "mode": "server",
        "resource": [_resource(call, type) for type in sorted(resource_types() - content.UNSTORED)],
        "interaction": [{"code": code} for code in _SYSTEM],
        "searchParam": [_parameter(p) for p in served_parameters(None, call.options)],
    }
    operations = _operations(call, "system", None)
    return {**rest, "operation": operations} if operations else rest


def _resource(call: Call, type: str) -> dict[str, Any]:
    parameters = served_parameters(type, call.options)
    resource: dict[str, Any] = {
        "type": type,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type}",
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "multiple" if call.engine.settings.conditional_delete == "multiple" else "single",
        "referencePolicy": ["literal", "logical", "local"],
        "searchInclude": ["*", *(f"{type}:{p.code}" for p in parameters if p.type == "reference")],
        "searchParam": [_parameter(p) for p in parameters],
    }
    operations = [*_operations(call, "type", type), *_operations(call, "instance", type)]
    unique = list({o["name"]: o for o in operations}.values())
    return {**resource, "operation": unique} if unique else resource


def _parameter(parameter: Any) -> dict[str, Any]:
    found = {"name": parameter.code, "type": parameter.type}
    return {**found, "definition": parameter.url} if parameter.url else found


def _operations(call: Call, level: str, type: str | None) -> list[dict[str, Any]]:
    return [
        {"name": o.definition["code"], "definition": o.definition["url"]}
        for o in call.engine.operations
        if serves(o.definition, level, type)
    ]
