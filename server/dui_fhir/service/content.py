"""From the bytes of a request to one resource, with the limits that keep a server standing.

Source: FHIR R4, json.html; limits: docs/settings.md.
"""

import json as _json
import re
from base64 import b64encode
from difflib import get_close_matches
from typing import Any

from dui_fhir.definitions import resource_types
from dui_fhir.definitions.xml import from_xml
from dui_fhir.domain import json
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, NotFound, TooLarge, UnsupportedMedia
from dui_fhir.domain.reference import ID
from dui_fhir.service.engine import Call

JSON_MEDIA = ("application/fhir+json", "application/json", "text/json", "application/json+fhir", "")
XML_MEDIA = ("application/fhir+xml", "application/xml", "text/xml", "application/xml+fhir")
UNSTORED = frozenset({"Parameters", "OperationOutcome"})
"""Types that carry inputs and answers only (FHIR R4, parameters.html)."""
_CONTAINERS = frozenset((dict, list))
_KEY = re.compile(rb'"\s*:')
_CONTROL = re.compile(rb"\\u00(?:0[0-8bcefBCEF]|1[0-9a-fA-F])|\\[bf]")


def received(call: Call, type: str | None = None) -> Resource:
    """Return the resource of the request; of ``type`` where given.

    Raises: UnsupportedMedia, BadRequest (``core-json-…``, ``core-resource-type…``, ``core-id-invalid``), TooLarge.
    """
    if type == "Binary" and call.request.resource is None and call.request.media not in (*JSON_MEDIA, *XML_MEDIA):
        return _binary(call)
    return checked(document(call), type)


def _binary(call: Call) -> Resource:
    """Return what was sent in its own type as a Binary (FHIR R4, binary.html#rest)."""
    request = call.request
    if not request.body:
        raise BadRequest.of("core-body-missing", "Le corps de la requête est vide.", "empty body")
    named = {"id": call.names["id"]} if "id" in call.names else {}
    seen_by = {"securityContext": {"reference": request.security_context}} if request.security_context else {}
    data = b64encode(request.body).decode()
    return {"resourceType": "Binary", **named, "contentType": request.media, **seen_by, "data": data}


def document(call: Call) -> Any:
    """Return the JSON value of the request, whatever it is (a JSON Patch is a list)."""
    request = call.request
    if request.resource is not None:
        return request.resource
    if request.media in XML_MEDIA:
        return from_xml(request.body, depth_max=call.engine.settings.json_depth_max)
    if request.media not in (*JSON_MEDIA, "application/json-patch+json"):
        raise UnsupportedMedia.of(
            "core-media-unsupported",
            "Ce format de contenu n'est pas lu ici : envoyez application/fhir+json ou application/fhir+xml.",
            "content type not supported",
        )
    return parse(request.body, depth_max=call.engine.settings.json_depth_max)


def parse(body: bytes, *, depth_max: int) -> Any:
    """Parse one JSON text. Raises: BadRequest (with line and column), TooLarge (``core-json-too-deep``)."""
    if not body.strip():
        raise BadRequest.of("core-body-missing", "Le corps de la requête est vide.", "empty body")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        # parsers stop at a depth of their own
        raise _too_deep(depth_max) if _nesting(body) > depth_max else _syntax(error) from None
    keys, depth = _measured(value)
    if depth > depth_max:
        raise _too_deep(depth_max)
    _check_keys(body, value, keys)
    return value


def _too_deep(depth_max: int) -> TooLarge:
    return TooLarge.of(
        "core-json-too-deep", f"Le JSON a plus de {depth_max} niveaux d'imbrication.", f"limit {depth_max}"
    )


def _measured(value: Any) -> tuple[int, int]:
    """Return how many keys a parsed value has, and how deep it is."""
    keys = depth = 0
    level: list[Any] = [value] if value.__class__ in _CONTAINERS else []
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            if item.__class__ is dict:
                keys += len(item)
                item = item.values()
            below += [child for child in item if child.__class__ in _CONTAINERS]
        level = below
    return keys, depth


def _nesting(body: bytes) -> int:
    """Return the depth of nesting of a text that may not be JSON."""
    depth = deepest = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _syntax(error: Exception) -> BadRequest:
    line, column = getattr(error, "lineno", None), getattr(error, "colno", None)
    where = f" (ligne {line}, colonne {column})" if line else ""
    # the parser's message may quote the text received: only the position is shown
    diagnostics = f"JSON syntax error at line {line} column {column}" if line else "not a JSON text in UTF-8"
    return BadRequest.of("core-json-syntax", f"Le corps n'est pas du JSON valable{where}.", diagnostics)


def _check_keys(body: bytes, value: Any, keys: int) -> None:
    if len(_KEY.findall(body)) != keys:
        _json.loads(body, object_pairs_hook=_unique)  # a suspicion only: text may hold what looks like a key
    if _CONTROL.search(body) is not None and _has_control(value):
        raise BadRequest.of(
            "core-json-control-character",
            "Un texte contient un caractère de commande interdit par FHIR (seuls tabulation et fins de ligne sont permis).",
            "control character in a string",
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest.of(
            "core-json-duplicate-key",
            f"La propriété « {twice[:64]} » figure deux fois dans le même objet JSON.",
            "duplicate property in an object",
        )
    return found


def _has_control(value: Any) -> bool:
    if isinstance(value, str):
        return any(ord(c) < 32 and c not in "\t\r\n" for c in value)
    if isinstance(value, dict):
        return any(_has_control(k) or _has_control(v) for k, v in value.items())
    return isinstance(value, list) and any(_has_control(v) for v in value)


def checked(value: Any, type: str | None = None, path: str = "") -> Resource:
    """Check that a value is a resource of a known type (``type`` where given) whose ``id`` and ``meta`` have the right form.

    Raises: BadRequest (``core-resource-type``, ``core-resource-type-mismatch``, ``core-id-invalid``, ``core-meta-invalid``).
    """
    if not isinstance(value, dict):
        raise BadRequest.of(
            "core-resource-expected", "Un objet JSON est attendu.", "not a JSON object", [path] if path else ()
        )
    found = value.get("resourceType")
    if not isinstance(found, str) or found not in resource_types():
        raise _unknown_type(found, path)
    if type is not None and found != type:
        raise BadRequest.of(
            "core-resource-type-mismatch",
            f"L'adresse désigne le type {type}, le contenu est de type {found}.",
            f"URL says {type}, body says {found}",
            [f"{path}.resourceType" if path else f"{found}.resourceType"],
        )
    check_id(value.get("id"), path or found)
    if not isinstance(value.get("meta", {}), dict):
        raise BadRequest.of(
            "core-meta-invalid", "« meta » doit être un objet.", "meta is not an object", [f"{path or found}.meta"]
        )
    return value


def _unknown_type(found: Any, path: str) -> BadRequest:
    where = [f"{path}.resourceType" if path else "resourceType"]
    if not isinstance(found, str):
        return BadRequest.of("core-resource-type", "« resourceType » manque.", "resourceType is missing", where)
    return BadRequest.of(
        "core-resource-type",
        f"« {found[:64]} » n'est pas un type de ressource R4{nearest(found)}.",
        "unknown resourceType",
        where,
    )


def nearest(name: str) -> str:
    """Return `` ; le plus proche : X`` where a resource type looks like ``name``, else nothing."""
    close = get_close_matches(name, resource_types(), n=1, cutoff=0.6)
    return f" ; le plus proche : {close[0]}" if close else ""


def known_type(name: str) -> str:
    """Return ``name`` if it is an R4 resource type. Raises: NotFound (``core-type-unknown``) with the nearest name."""
    if name not in resource_types():
        raise NotFound.of(
            "core-type-unknown",
            f"« {name[:64]} » n'est pas un type de ressource R4{nearest(name)}.",
            "unknown resource type",
        )
    return name


def stored_type(name: str) -> str:
    """Return ``name`` if it is an R4 resource type that can be stored.

    Raises: NotFound (``core-type-unknown``; ``core-type-unstored``: R4 gives no endpoint to Parameters, nor this server to
    OperationOutcome).
    """
    if known_type(name) in UNSTORED:
        raise NotFound.of(
            "core-type-unstored", f"Une ressource {name} ne s'enregistre pas.", "no endpoint for this type"
        )
    return name


def check_id(id: Any, path: str = "Resource") -> None:
    """Check a logical id, if there is one. Raises: BadRequest (``core-id-invalid``)."""
    if id is not None and not (isinstance(id, str) and ID.fullmatch(id)):
        raise BadRequest.of(
            "core-id-invalid",
            "Un identifiant logique a de 1 à 64 caractères : lettres sans accent, chiffres, « - » et « . ».",
            "id does not match [A-Za-z0-9\\-.]{1,64}",
            [f"{path}.id"],
        )
