"""JSON Patch (RFC 6902), by the ``jsonpatch`` library; only the faults are ours."""

from typing import Any

import jsonpatch
import jsonpointer

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, Unprocessable


def apply(resource: Resource, patch: Any) -> Resource:
    """Return a new resource; the one given is not changed.

    Raises: BadRequest (``core-patch-invalid``: no JSON Patch), Unprocessable (``core-patch-failed``: a path that is not
    there, a ``test`` that does not hold).
    """
    if not isinstance(patch, list) or not all(isinstance(step, dict) for step in patch):
        raise BadRequest.of(
            "core-patch-invalid", "Un JSON Patch est une liste d'opérations.", "patch document is not an array"
        )
    try:
        patched = jsonpatch.JsonPatch(patch).apply(resource)
    except jsonpatch.InvalidJsonPatch as error:
        raise BadRequest.of(
            "core-patch-invalid", "Ce JSON Patch n'est pas valable (RFC 6902).", _kind(error)
        ) from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, KeyError, IndexError, TypeError) as error:
        raise Unprocessable.of(
            "core-patch-failed", "Une opération du JSON Patch ne s'applique pas à cette ressource.", _kind(error)
        ) from error
    if not isinstance(patched, dict):
        raise Unprocessable.of("core-patch-failed", "Le JSON Patch remplace la ressource par autre chose qu'un objet.")
    return patched


def _kind(error: Exception) -> str:
    # the library's messages quote values of the resource: only the kind of fault may leave
    return type(error).__name__
