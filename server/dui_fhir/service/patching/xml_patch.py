"""XML Patch (RFC 5261) of a resource, over its XML form. Source: FHIR R4, http.html#patch."""

from dui_fhir.definitions import xml, xml_patch
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, Unprocessable


def apply(resource: Resource, patch: bytes, *, depth_max: int) -> Resource:
    """Return a new resource; the one given is not changed.

    Raises: BadRequest (``core-xml-invalid``, ``core-patch-invalid``, ``core-patch-path``), Unprocessable
    (``core-patch-failed``; also where what comes out is no FHIR any more).
    """
    diff = xml.tree(patch)
    try:
        before = xml.to_tree(resource)
    except ValueError as error:
        raise Unprocessable.of(
            "core-patch-failed", "Cette ressource n'a pas de forme XML : modifiez-la en JSON.", type(error).__name__
        ) from error
    after = xml_patch.patched(before, diff)
    try:
        return xml.from_tree(after, depth_max=depth_max)
    except BadRequest as error:
        raise Unprocessable.of(
            "core-patch-failed", "Après ce XML Patch, la ressource n'est plus du FHIR.", error.issues[0].diagnostics
        ) from error
