"""Operations (``$name``), driven by their definitions. Source: FHIR R4, operations.html."""

from base64 import b64decode
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Context, DocumentKind
from dui_fhir.domain.errors import MethodNotAllowed, NotAcceptable, NotFound
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.issues import Issue, outcome
from dui_fhir.domain.operation import Answer, Operation, OperationRequest
from dui_fhir.domain.version import Version
from dui_fhir.service import content, parameters, read, structures
from dui_fhir.service.bundle.rewriting import Names
from dui_fhir.service.contexts import Contexts
from dui_fhir.service.drafts import Draft, Drafts
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.lookup import Lookup
from dui_fhir.service.message import ServiceResponse
from dui_fhir.service.reader import TrackingReader
from dui_fhir.service.write import Stored, commit


def operation(call: Call) -> ServiceResponse:
    """Run an operation and write what it answers, in one store transaction on the versions it read.

    Raises: NotFound (``core-operation-unknown``), MethodNotAllowed (``core-operation-get``), BadRequest
    (``core-parameter-…``), what the operation raises, and those of a write.
    """
    found = find(call)
    methods = found.methods if isinstance(found, Served) else ("GET", "POST")
    if call.request.method not in methods:
        raise MethodNotAllowed.of(
            "core-method", f"Méthode non permise à cette adresse ; permises : {', '.join(methods)}.", "operation"
        )
    _check_media(call, found.definition)
    if isinstance(found, Served):
        return found.serve(call)
    inputs = parameters.of_call(call, found.definition)
    answers: list[Answer] = []

    def build() -> Drafts:
        reader = TrackingReader(call.store, call.options)
        answer = found.run(_request(call, inputs, reader))
        answers[:] = [answer]
        return Drafts(
            drafts=_drafts(call, answer),
            preconditions=reader.preconditions() if answer.writes or answer.jobs else (),
            jobs=answer.jobs,
        )

    stored = commit(call, build)
    return _response(call, answers[0], stored)


def _check_media(call: Call, definition: Resource) -> None:
    outputs = {p.get("type") for p in definition.get("parameter", ()) if p.get("use") == "out"}
    if call.request.accept and "Binary" not in outputs:
        raise NotAcceptable.of(
            "core-format-unsupported",
            "Cette opération répond en application/fhir+json ou application/fhir+xml.",
            "the operation has no Binary output",
        )


def find(call: Call) -> Operation | Served:
    """Return the operation that a call names, as offered at its level. Raises: NotFound (``core-operation-unknown``)."""
    code, type = call.names["operation"], call.names.get("type")
    if type is not None:
        content.known_type(type)
    level = "instance" if "id" in call.names else "type" if type else "system"
    offered = [o for o in call.engine.operations if serves(o.definition, level, type)]
    for candidate in offered:
        if candidate.definition["code"] == code:
            return candidate
    close = get_close_matches(code, [o.definition["code"] for o in offered], n=1, cutoff=0.6)
    hint = f" ; la plus proche : ${close[0]}" if close else ""
    raise NotFound.of(
        "core-operation-unknown",
        f"L'opération ${code[:64]} n'existe pas ici{hint}.",
        f"no such operation at {level} level",
    )


def serves(definition: Resource, level: str, type: str | None) -> bool:
    """Tell whether an operation is offered at a level (``system``, ``type``, ``instance``) on a type."""
    if not definition.get(level, False):
        return False
    return level == "system" or bool({type, "Resource"} & set(definition.get("resource", ())))


def _request(call: Call, inputs: dict[str, Any], reader: TrackingReader) -> OperationRequest:
    contexts = Contexts(call, reader)
    target = _target(call, reader) if "id" in call.names else None
    structure = None
    if target is not None:
        structure, _ = structures.resolve(target, call.request.actor, contexts.structures, Lookup(call.store, {}))
    else:
        structure = next((s for s in contexts.structures if s.finess == call.request.actor.structure), None)
    context = contexts.of(structure)
    return OperationRequest(
        context=context,
        documents=_documents(call, context),
        media=call.request.accept,
        renderer=call.engine.renderer,
        parameters=inputs,
        type=call.names.get("type"),
        target=target,
    )


def _documents(call: Call, context: Context) -> dict[str, DocumentKind]:
    """Return the document types in force; where two corridors have one, the first of the settings wins."""
    found = reversed(call.engine.host.documents(context.corridors))
    return {document.id: document.as_kind() for document in found}


def _target(call: Call, reader: TrackingReader) -> Resource:
    found = read.present(call.store.read(call.type, call.id), call.type)
    reader.note(call.type, call.id, found)
    return found.resource()


def _drafts(call: Call, answer: Answer) -> list[Draft]:
    """Return the drafts of the answer's resources, their placeholders replaced by the ids they get."""
    urls: Sequence[str | None] = answer.urls or [None] * len(answer.writes)
    named = [{**resource, "id": resource.get("id") or new_id()} for resource in answer.writes]
    targets = {url: f"{r['resourceType']}/{r['id']}" for url, r in zip(urls, named, strict=True) if url}
    names = Names(targets=targets, criteria={}, base_url=call.request.base_url)
    return [
        _draft(call, original, names.rewrite(resource, None, False))
        for original, resource in zip(answer.writes, named, strict=True)
    ]


def _draft(call: Call, original: Resource, resource: Resource) -> Draft:
    type, id = resource["resourceType"], resource["id"]
    version = original.get("meta", {}).get("versionId")
    before: Version | None = None
    if original.get("id") and version:
        # the version it was made from: where that is no longer current, the writer refuses and the operation runs again
        before = call.store.read_version(type, id, int(version))
    method = "PUT" if original.get("id") else "POST"
    return Draft(type=type, id=id, resource=resource, before=before, method="PUT" if method == "PUT" else "POST")


def _response(call: Call, answer: Answer, stored: tuple[Stored, ...]) -> ServiceResponse:
    remarks = (*answer.issues, *(issue for one in stored for issue in one.issues))
    issues = tuple(dict.fromkeys(remarks))
    first = stored[0] if stored else None
    if answer.result is not None and call.request.accept and answer.result["resourceType"] == "Binary":
        return _printed(answer, issues)
    if answer.result is not None:
        return ServiceResponse(status=answer.status, body=answer.result, issues=issues)
    if first is None:
        return ServiceResponse(status=answer.status, body=outcome(issues))
    done = first.written
    return ServiceResponse(
        status=answer.status, body=first.body, version=done.version, instant_ms=done.instant_ms, issues=issues
    )


def _printed(answer: Answer, issues: tuple[Issue, ...]) -> ServiceResponse:
    """Return a Binary in its own type, to be shown or printed by a browser."""
    binary = answer.result or {}
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "inline"}
    return ServiceResponse(
        status=answer.status,
        body=b64decode(binary["data"]),
        media=str(binary["contentType"]),
        issues=issues,
        headers=headers,
    )
