"""patch: JSON Patch, XML Patch, or FHIRPath Patch in a Parameters resource. Source: FHIR R4, http.html#patch, fhirpatch.html."""

import base64
import binascii
from typing import Any

from dui_fhir.definitions.children import R4Shape
from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest, NotFound, UnsupportedMedia
from dui_fhir.domain.version import Version
from dui_fhir.service import answers, conditional, content, etag, read
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Conditions, ServiceResponse
from dui_fhir.service.patching import fhirpath_patch, json_patch, limits, xml_patch
from dui_fhir.service.write import commit

JSON_PATCH = ("application/json-patch+json",)
XML_PATCH = ("application/xml-patch+xml",)


def patch(call: Call) -> ServiceResponse:
    """Change parts of one resource.

    Raises: NotFound, Gone, BadRequest (``core-patch-invalid``), Unprocessable (``core-patch-failed``), UnsupportedMedia,
    PreconditionFailed, and those of a write.
    """
    content.known_type(call.type)
    document = received(call)

    conditions = call.request.conditions

    def build() -> Drafts:
        before = read.present(call.store.read(call.type, call.id), call.type)
        etag.check_given(conditions.if_match, before, required=call.engine.settings.if_match_required)
        return Drafts(drafts=[draft(call, before, document, conditions)])

    (stored,) = commit(call, build)
    return answers.written(call, stored)


def conditional_patch(call: Call) -> ServiceResponse:
    """Patch the one match of the criteria. Raises: NotFound where there is none, PreconditionFailed where several."""
    content.known_type(call.type)
    document = received(call)

    def build() -> Drafts:
        found = conditional.find_params(call, call.type, call.request.params)
        wanted = draft(call, match(found, call.type), document, call.request.conditions)
        return Drafts(drafts=[wanted], preconditions=[found.precondition])

    (stored,) = commit(call, build)
    return answers.written(call, stored)


def match(found: conditional.Found, type: str) -> Version:
    """Return the one match. Raises: NotFound (``core-no-match``)."""
    if found.version is None:
        raise NotFound.of("core-no-match", f"Aucune ressource {type} ne répond aux critères.", "no match to patch")
    return found.version


def received(call: Call) -> Any:
    """Return the patch document: a list (JSON Patch), bytes (XML Patch) or a Parameters resource.

    Raises: UnsupportedMedia, BadRequest.
    """
    request = call.request
    if request.resource is not None:
        return of_entry(call, request.resource)
    if request.media in XML_PATCH:
        return request.body
    if request.media not in (*content.JSON_MEDIA, *content.XML_MEDIA, *JSON_PATCH):
        raise UnsupportedMedia.of(
            "core-media-unsupported",
            "Une modification partielle s'écrit en JSON Patch (application/json-patch+json), XML Patch (application/xml-patch+xml)"
            " ou FHIRPath Patch (Parameters).",
            "content type not supported by PATCH",
        )
    document = content.document(call)
    if request.media in JSON_PATCH:
        return document
    return content.checked(document, "Parameters")


def of_entry(call: Call, resource: Resource, path: str = "") -> Any:
    """Return the patch document that an entry of a Bundle carries: Parameters, or a Binary holding a JSON or XML Patch."""
    if resource.get("resourceType") == "Parameters":
        return resource
    media = resource.get("contentType") if resource.get("resourceType") == "Binary" else None
    if media in (*JSON_PATCH, *XML_PATCH):
        try:
            text = base64.b64decode(str(resource.get("data", "")), validate=True)
        except binascii.Error:
            raise BadRequest.of(
                "core-patch-invalid", "Le Binary ne contient pas de base64 valable.", "not base64", [f"{path}.data"]
            ) from None
        return text if media in XML_PATCH else content.parse(text, depth_max=call.engine.settings.json_depth_max)
    raise UnsupportedMedia.of(
        "core-patch-media",
        "Une modification partielle s'écrit en JSON Patch ou XML Patch (dans un Binary) ou en FHIRPath Patch (Parameters).",
        "PATCH entry carries neither",
        [path] if path else [],
    )


def draft(call: Call, before: Version, document: Any, conditions: Conditions, path: str = "") -> Draft:
    """Return the draft of a patch.

    Raises: BadRequest (``core-patch-identity``) where it touches type or id, MethodNotAllowed (``core-patch-profile``).
    """
    etag.check_match(conditions.if_match, before)
    patched = _applied(call, before.resource(), document)
    if (patched.get("resourceType"), patched.get("id")) != (before.type, before.id):
        raise BadRequest.of(
            "core-patch-identity",
            "Une modification partielle ne change ni le type ni l'identifiant.",
            "patch changes resourceType or id",
        )
    limits.check(before.resource(), patched, path)
    resource = content.checked(patched, before.type, path)
    return Draft(type=before.type, id=before.id, resource=resource, before=before, method="PATCH", path=path)


def _applied(call: Call, original: Resource, document: Any) -> Resource:
    if isinstance(document, bytes):
        return xml_patch.apply(original, document, depth_max=call.engine.settings.json_depth_max)
    if isinstance(document, dict):
        return fhirpath_patch.apply(original, document, R4Shape())
    return json_patch.apply(original, document)
