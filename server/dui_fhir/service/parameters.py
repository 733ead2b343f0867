"""The inputs of an operation, checked against its definition. Source: FHIR R4, operations.html#executing."""

from collections.abc import Iterable, Sequence
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, MethodNotAllowed
from dui_fhir.domain.issues import Issue
from dui_fhir.service import content
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Params

_IGNORED = frozenset({"_format", "_pretty", "_summary", "_elements"})
_NUMBERS = {"integer": int, "positiveInt": int, "unsignedInt": int, "decimal": float}


def of_call(call: Call, definition: Resource) -> dict[str, Any]:
    """Return the inputs of a call: those of its Parameters, or of its URL where there is no body.

    Raises: BadRequest (``core-parameter-…``), MethodNotAllowed (``core-operation-get``).
    """
    request = call.request
    if request.method == "GET":
        if definition.get("affectsState", True):
            raise MethodNotAllowed.of(
                "core-operation-get", "Cette opération modifie des données : appelez-la par POST.", "affectsState"
            )
        return of_query(definition, request.params)
    if request.resource is None and not request.body.strip():
        return of_query(definition, request.params)
    return of_resource(definition, content.received(call))


def of_query(definition: Resource, params: Params) -> dict[str, Any]:
    """Return the inputs given in the URL: primitives only. Raises: BadRequest with all faults."""
    declared = _declared(definition)
    given = [
        (name, _converted(declared.get(name), name, text))
        for name, text in params
        if name in declared or name not in _IGNORED
    ]
    return _checked(declared.values(), given, "")


def of_resource(definition: Resource, resource: Resource) -> dict[str, Any]:
    """Return the inputs of a Parameters, or of the one resource that an operation with a single such input may receive bare.

    Raises: BadRequest (``core-parameter-…``) with all faults.
    """
    declared = _declared(definition)
    if resource["resourceType"] == "Parameters":
        return _checked(declared.values(), _pairs(resource.get("parameter"), declared, "Parameters"), "Parameters")
    taking = [p for p in declared.values() if p.get("type") in ("Resource", resource["resourceType"])]
    if len(taking) != 1:
        raise BadRequest.of(
            "core-parameters-expected",
            "Cette opération attend une ressource Parameters.",
            "body is not a Parameters resource",
        )
    return _checked(declared.values(), [(taking[0]["name"], resource)], "")


def _declared(definition: Resource) -> dict[str, dict[str, Any]]:
    return {p["name"]: p for p in definition.get("parameter", ()) if p.get("use") == "in"}


def _pairs(given: Any, declared: dict[str, dict[str, Any]], where: str) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for index, item in enumerate(given if isinstance(given, list) else ()):
        path = f"{where}.parameter[{index}]" if where == "Parameters" else f"{where}.part[{index}]"
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise BadRequest.of("core-parameter-name", "Un paramètre n'a pas de nom.", "parameter without name", [path])
        pairs.append((item["name"], _value(item, declared.get(item["name"]), path)))
    return pairs


def _value(item: dict[str, Any], declared: dict[str, Any] | None, path: str) -> Any:
    if "resource" in item:
        return item["resource"]
    if "part" in item:
        parts = {p["name"]: p for p in (declared or {}).get("part", ())}
        return _checked(parts.values(), _pairs(item["part"], parts, path), path)
    keys = [key for key in item if key.startswith("value")]
    if len(keys) != 1:
        raise BadRequest.of(
            "core-parameter-value",
            f"Le paramètre {item['name'][:64]} a une valeur et une seule.",
            "value[x] missing or repeated",
            [path],
        )
    wanted = (declared or {}).get("type")
    if wanted and keys[0] != f"value{wanted[:1].upper()}{wanted[1:]}" and not _close(keys[0], wanted):
        raise BadRequest.of(
            "core-parameter-type",
            f"Le paramètre {item['name'][:64]} est de type {wanted}.",
            f"expected value of type {wanted}",
            [path],
        )
    return item[keys[0]]


def _close(key: str, wanted: str) -> bool:
    """Tell whether a key stands for a type: clients write valueString where the definition says code or uri, and a day is a
    dateTime too."""
    if (key, wanted) == ("valueDate", "dateTime"):
        return True
    texts = {"String", "Code", "Uri", "Url", "Canonical", "Id", "Markdown"}
    return key.removeprefix("value") in texts and f"{wanted[:1].upper()}{wanted[1:]}" in texts


def _converted(declared: dict[str, Any] | None, name: str, text: str) -> Any:
    kind = (declared or {}).get("type", "string")
    try:
        if kind == "boolean":
            return {"true": True, "false": False}[text]
        return _NUMBERS[kind](text) if kind in _NUMBERS else text
    except (KeyError, ValueError):
        raise BadRequest.of(
            "core-parameter-type", f"Le paramètre {name[:64]} est de type {kind}.", f"expected a value of type {kind}"
        ) from None


def _checked(declared: Iterable[dict[str, Any]], given: Sequence[tuple[str, Any]], where: str) -> dict[str, Any]:
    known = {p["name"]: p for p in declared}
    issues = [
        _issue("core-parameter-unknown", f"Paramètre inconnu de l'opération : {name[:64]}.", where)
        for name, _ in given
        if name not in known
    ]
    found: dict[str, Any] = {}
    for name, definition in known.items():
        values = [value for given_name, value in given if given_name == name]
        if len(values) < int(definition.get("min", 0)):
            issues.append(_issue("core-parameter-missing", f"Le paramètre {name} manque.", where))
        if definition.get("max", "1") != "1":
            if values:
                found[name] = values
        elif len(values) > 1:
            issues.append(_issue("core-parameter-repeated", f"Le paramètre {name} est répété.", where))
        elif values:
            found[name] = values[0]
    if issues:
        raise BadRequest(issues)
    return found


def _issue(id: str, text: str, where: str) -> Issue:
    return Issue(
        severity="error",
        code="invalid",
        id=id,
        text=text,
        diagnostics="operation input",
        expression=(where,) if where else (),
    )
