"""The operations on terminology, ready to be registered. Source: FHIR R4, terminology-service.html."""

from collections.abc import Callable, Mapping
from typing import Any

from dui_fhir.definitions import operation_definitions
from dui_fhir.domain.operation import Answer, Operation, OperationRequest
from dui_fhir.terminology import requests
from dui_fhir.terminology.engine import Terminology
from dui_fhir.terminology.expand import CODES_MAX
from dui_fhir.terminology.languages import covers
from dui_fhir.terminology.messages import Text

_ADDED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "ValueSet-expand": (
        ("property", "string", "*"),
        ("useSupplement", "canonical", "*"),
        ("default-valueset-version", "canonical", "*"),
        ("tx-resource", "Resource", "*"),
    ),
    "ValueSet-validate-code": (
        ("inferSystem", "boolean", "1"),
        ("activeOnly", "boolean", "1"),
        ("lenient-display-validation", "boolean", "1"),
        ("valueset-membership-only", "boolean", "1"),
        ("system-version", "canonical", "*"),
        ("check-system-version", "canonical", "*"),
        ("force-system-version", "canonical", "*"),
        ("default-valueset-version", "canonical", "*"),
        ("useSupplement", "canonical", "*"),
        ("tx-resource", "Resource", "*"),
    ),
    "CodeSystem-validate-code": (("useSupplement", "canonical", "*"), ("lenient-display-validation", "boolean", "1")),
    "CodeSystem-lookup": (("useSupplement", "canonical", "*"),),
    "CodeSystem-subsumes": (),
    "ConceptMap-translate": (),
}
"""Parameters taken besides those of R4: of R5, and of the terminology ecosystem."""
_JUDGED = (
    ("code", "code", "1"),
    ("system", "uri", "1"),
    ("version", "string", "1"),
    ("normalized-code", "code", "1"),
    ("codeableConcept", "CodeableConcept", "1"),
    ("inactive", "boolean", "1"),
    ("status", "code", "1"),
    ("x-unknown-system", "canonical", "*"),
    ("x-caused-by-unknown-system", "canonical", "*"),
    ("issues", "OperationOutcome", "1"),
)
_RETURNED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "ValueSet-validate-code": _JUDGED,
    "CodeSystem-validate-code": _JUDGED,
    "CodeSystem-lookup": (
        ("code", "code", "1"),
        ("system", "uri", "1"),
        ("abstract", "boolean", "1"),
        ("definition", "string", "1"),
        ("used-supplement", "canonical", "*"),
    ),
}
"""Parameters answered besides those of R4, of the same origin."""
TX_RESOURCES_MAX = 50


def definition(id: str) -> dict[str, Any]:
    """Return the OperationDefinition of R4, completed by the parameters that this server takes and answers besides."""
    found = operation_definitions()[id]
    added = [
        {"name": name, "use": use, "min": 0, "max": maximum, "type": type_}
        for use, rows in (("in", _ADDED[id]), ("out", _RETURNED.get(id, ())))
        for name, type_, maximum in rows
    ]
    return {**found, "affectsState": False, "parameter": [*found.get("parameter", ()), *added]}


def operations(of: Callable[[OperationRequest], Terminology], codes_max: int = CODES_MAX) -> list[Operation]:
    """Return ``$expand``, ``$validate-code`` (twice), ``$lookup``, ``$subsumes`` and ``$translate``.

    ``of`` finds the terminology of a request, by its tenant (``request.context.tenant``): what it has stored included.
    """

    def expand(request: OperationRequest) -> dict[str, Any]:
        now = request.context.now.isoformat(timespec="milliseconds")
        return requests.expand(of(request).registry, _checked(request), now, request.target, codes_max)

    def in_set(request: OperationRequest) -> dict[str, Any]:
        given = _checked(request)
        return requests.validate_in_set(of(request).registry, given, _text(given), request.target)

    def in_system(request: OperationRequest) -> dict[str, Any]:
        given = _checked(request)
        return requests.validate_in_system(of(request).registry, given, _text(given), request.target)

    def describe(request: OperationRequest) -> dict[str, Any]:
        return requests.describe(of(request).registry, _checked(request))

    def compare(request: OperationRequest) -> dict[str, Any]:
        return requests.compare(of(request).registry, _checked(request), request.target)

    def convert(request: OperationRequest) -> dict[str, Any]:
        return requests.convert(of(request).registry, _checked(request), request.target)

    functions: Mapping[str, Callable[[OperationRequest], dict[str, Any]]] = {
        "ValueSet-expand": expand,
        "ValueSet-validate-code": in_set,
        "CodeSystem-validate-code": in_system,
        "CodeSystem-lookup": describe,
        "CodeSystem-subsumes": compare,
        "ConceptMap-translate": convert,
    }
    return [Operation(definition=definition(id), run=_answering(function)) for id, function in functions.items()]


def _answering(function: Callable[[OperationRequest], dict[str, Any]]) -> Callable[[OperationRequest], Answer]:
    def run(request: OperationRequest) -> Answer:
        return Answer(result=function(request))

    return run


def _checked(request: OperationRequest) -> Mapping[str, Any]:
    """Return the parameters, those that may be repeated as lists and bounded."""
    found: dict[str, Any] = dict(request.parameters)
    for name in ("tx-resource", "useSupplement", "property", "designation"):
        if name in found and not isinstance(found[name], list):
            found[name] = [found[name]]
    found["tx-resource"] = [r for r in found.get("tx-resource", ()) if isinstance(r.get("url"), str)][:TX_RESOURCES_MAX]
    return found


def _text(given: Mapping[str, Any]) -> Text:
    """Sentences are in French, unless the displays are asked in English."""
    asked = requests.languages(given).ranges
    return "en" if asked and covers("en", asked[0]) else "fr"
