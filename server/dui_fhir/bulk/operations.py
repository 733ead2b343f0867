"""``$export``, ``$import``, requests put off (``Prefer: respond-async``), and where a client asks how its work goes.

Source: FHIR R4, async.html; Bulk Data Access 2.0.0, export. A kick-off answers 202 with ``Content-Location``; that URL answers 202
while the work lasts, then 200 with the manifest, or for a write with its answer; DELETE gives the work up. Only who asked may see
it.
"""

from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dui_fhir.bulk import selection, sources, writing
from dui_fhir.bulk.deferred import INTERACTIONS, OPERATIONS
from dui_fhir.bulk.folder import Folder, Folders, Output, State, unknown
from dui_fhir.bulk.runner import KIND
from dui_fhir.bulk.work import actor_of, remembered
from dui_fhir.domain.change import Resource
from dui_fhir.domain.dates import instant, interval
from dui_fhir.domain.errors import BadRequest, DuiError, Unavailable, UnsupportedMedia
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.issues import outcome
from dui_fhir.domain.job import Job, JobSettlement
from dui_fhir.domain.plan import Committed, Plan
from dui_fhir.service import content, operation, parameters, read
from dui_fhir.service.engine import Call, Served
from dui_fhir.service.message import ServiceResponse

NDJSON = "application/fhir+ndjson"
NDJSON_MEDIA = (NDJSON, "application/ndjson", "application/x-ndjson", "ndjson")
MANIFEST_MEDIA = (*content.JSON_MEDIA[:-1], *content.XML_MEDIA)
RETRY_AFTER_S = 1
Level = Literal["system", "Patient", "Group"]

_FAMILY = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"


def operations(folders: Folders) -> tuple[Served, ...]:
    """Return the operations of bulk data; their work lives in ``folders``."""
    return (
        _export(folders, "system", "export"),
        _export(folders, "Patient", "patient-export"),
        _export(folders, "Group", "group-export"),
        Served(definition=_IMPORT, serve=lambda call: _import(call, folders)),
        Served(definition=_STATUS, serve=lambda call: _status(call, folders), methods=("GET", "DELETE")),
        Served(definition=_FILE, serve=lambda call: _file(call, folders)),
    )


def deferral(folders: Folders) -> Callable[[Call, str], ServiceResponse | None]:
    """Return what puts a request off for a client that prefers so; None where the request is answered at once anyway."""

    def defer(call: Call, interaction: str) -> ServiceResponse | None:
        kind = _kind(call, interaction)
        if kind is None:
            return None
        request = call.request
        return _accepted(call, folders, remembered(call, kind, **writing.kept_of(request)), [request.body])

    return defer


def _kind(call: Call, interaction: str) -> Literal["write", "deferred"] | None:
    """Return how a request is done later: for its answer, or for files; None for one answered at once.

    Raises: NotFound (``core-operation-unknown``): what does not exist is said at once.
    """
    if interaction in writing.INTERACTIONS:
        return "write"
    if interaction in INTERACTIONS:
        return "deferred"
    name, method = call.names.get("operation"), call.request.method
    if interaction != "operation" or name in writing.AT_ONCE:
        return None
    operation.find(call)
    if name in OPERATIONS:
        return "deferred"
    return "write" if method == "POST" else None


# definitions


def _in(name: str, type: str, max: str = "1", min: int = 0) -> dict[str, Any]:
    return {"name": name, "use": "in", "min": min, "max": max, "type": type}


def _definition(code: str, **others: Any) -> Resource:
    return {
        "resourceType": "OperationDefinition",
        "id": f"dui-{code}",
        "url": f"urn:dui-fhir:operation:{code}",
        "name": "".join(part.capitalize() for part in code.split("-")),
        "status": "active",
        "kind": "operation",
        "code": code,
        "system": True,
        "type": False,
        "instance": False,
        **others,
    }


_EXPORT_INPUTS = (
    _in("_outputFormat", "string"),
    _in("_since", "instant"),
    _in("_type", "string", "*"),
    _in("_typeFilter", "string", "*"),
    _in("_elements", "string", "*"),
)
_ASSOCIATED = "includeAssociatedData"
_IMPORT = _definition(
    "import",
    affectsState=True,
    parameter=[
        _in("inputFormat", "code"),
        _in("inputSource", "uri"),
        {
            "name": "input",
            "use": "in",
            "min": 0,
            "max": "*",
            "part": [_in("type", "code", min=1), _in("url", "url", min=1)],
        },
    ],
)
_STATUS = _definition("async-status", affectsState=False, parameter=[_in("job", "id", min=1)])
_FILE = _definition("async-file", affectsState=False, parameter=[_in("job", "id", min=1), _in("file", "string", min=1)])


def _export(folders: Folders, level: Level, id: str) -> Served:
    levels = {"system": level == "system", "type": level == "Patient", "instance": level == "Group"}
    resource = {} if level == "system" else {"resource": [level]}
    inputs = [*_EXPORT_INPUTS, *([] if level == "system" else [_in("patient", "Reference", "*")])]
    definition = _definition(
        "export", id=id, url=f"{_FAMILY}/{id}", affectsState=False, parameter=inputs, **levels, **resource
    )
    return Served(definition=definition, serve=lambda call: _kick_off(call, folders, definition, level))


# kick-off


def _kick_off(call: Call, folders: Folders, definition: Resource, level: Level) -> ServiceResponse:
    """Accept an export. Raises: BadRequest (``core-export-…``, ``core-parameter-…``), NotFound."""
    inputs = parameters.of_call(call, _but_associated(definition))
    if _ASSOCIATED in inputs:
        raise BadRequest.of(
            "core-export-associated",
            "includeAssociatedData n'est pas offert : ajoutez à _type les types voulus (Provenance, AuditEvent…).",
            "includeAssociatedData not supported",
            code="not-supported",
        )
    if inputs.get("_outputFormat", NDJSON).replace(" ", "+") not in NDJSON_MEDIA:
        raise BadRequest.of("core-export-format", f"L'export se fait en {NDJSON}.", "_outputFormat not supported")
    group = read.present(call.store.read("Group", call.id), "Group").resource() if level == "Group" else None
    selection.nodes(call, level, inputs, group)
    return _accepted(
        call, folders, remembered(call, "export", level=level, inputs=inputs, since_ms=_since_ms(call, inputs))
    )


def _but_associated(definition: Resource) -> Resource:
    """Return the definition with the input that is known but not offered, so that it is refused by its own name."""
    return {**definition, "parameter": [*definition["parameter"], _in(_ASSOCIATED, "code", "*")]}


def _since_ms(call: Call, inputs: dict[str, Any]) -> int | None:
    text = inputs.get("_since")
    if text is None:
        return None
    try:
        # a "+" of an offset that the client did not encode arrives as a space
        return interval(str(text).replace(" ", "+"), ZoneInfo(call.engine.settings.time_zone))[0]
    except ValueError:
        raise BadRequest.of(
            "core-parameter-type", "Le paramètre _since est un instant FHIR.", "not an instant"
        ) from None


def _import(call: Call, folders: Folders) -> ServiceResponse:
    """Accept an import: the body is ndjson, or a Parameters that says where it is.

    Raises: UnsupportedMedia (``core-import-media``), BadRequest, and what :func:`dui_fhir.bulk.sources.collected` raises.
    """
    if call.request.media in MANIFEST_MEDIA:
        inputs, parts = parameters.of_call(call, _IMPORT), list[dict[str, Any]]()
        # the parts are known once the body is there, and the folder writes the request after it
        pieces = sources.collected(call, inputs, NDJSON_MEDIA, parts)
        return _accepted(call, folders, remembered(call, "import", parts=parts), pieces)
    if call.request.media not in NDJSON_MEDIA:
        raise UnsupportedMedia.of(
            "core-import-media", f"L'import attend un corps {NDJSON}.", "content type not supported"
        )
    if not call.request.body.strip():
        raise BadRequest.of("core-body-missing", "Le corps de la requête est vide.", "empty body")
    return _accepted(call, folders, remembered(call, "import"), [call.request.body])


def _accepted(call: Call, folders: Folders, request: dict[str, Any], body: Iterable[bytes] = ()) -> ServiceResponse:
    """Keep the request, then the job that makes somebody do it; a folder without a job is swept away one day."""
    if folders.unfinished(call.request.tenant) >= call.engine.settings.bulk_jobs_max:
        raise Unavailable.of(
            "core-bulk-busy",
            "Trop d'exports ou d'imports attendent déjà : réessayez plus tard.",
            "setting bulk_jobs_max",
        )
    id = new_id()
    folder = folders.of(call.request.tenant, id)
    try:
        folder.make(request, body)
    except DuiError:
        folder.remove()
        raise
    except OSError as error:
        folder.remove()
        raise Unavailable.of("core-bulk-disk", "Le disque n'accepte pas ce travail.", type(error).__name__) from error
    job = Job(id=id, kind=KIND, key=f"{KIND}|{id}", payload={"folder": id})
    result = call.store.submit(Plan(jobs=(job,), request_key=id))
    if not isinstance(result, Committed):
        folder.remove()
        raise Unavailable.of("core-bulk-refused", "Le travail n'a pas pu être enregistré.", result.reason)
    url = f"{call.request.base_url}/$async-status?{urlencode({'job': id})}"
    return ServiceResponse(status=202, headers={"Content-Location": url})


# status and files


def _status(call: Call, folders: Folders) -> ServiceResponse:
    """Tell how the work goes, or give it up (DELETE). Raises: NotFound (``core-bulk-unknown``)."""
    # a DELETE carries its input in the URL, as a GET does
    inputs = parameters.of_query(_STATUS, call.request.params)
    folder = _mine(call, folders, inputs["job"])
    if call.request.method == "DELETE":
        return _given_up(call, folder, inputs["job"])
    state = folder.state()
    if state.phase == "working":
        headers = {"X-Progress": state.progress.encode("ascii", "replace").decode(), "Retry-After": str(RETRY_AFTER_S)}
        return ServiceResponse(status=202, headers={k: v for k, v in headers.items() if v})
    if state.phase == "failed":
        return ServiceResponse(status=500, body=state.outcome or outcome(()))
    expires_ms = state.finished_ms + int(call.engine.settings.bulk_keep_h * 3_600_000)
    headers = {"Expires": formatdate(expires_ms // 1000, usegmt=True)}
    if folder.answer.exists():
        return ServiceResponse(status=200, body=folder.answer.read_bytes(), headers=headers)
    manifest = _manifest(call, folder.request(), state, inputs["job"])
    return ServiceResponse(status=200, body=manifest, media="application/json", headers=headers)


def _mine(call: Call, folders: Folders, id: str) -> Folder:
    folder = folders.known(call.request.tenant, id)
    if actor_of(folder.request()) != call.request.actor:
        raise unknown()
    return folder


def _given_up(call: Call, folder: Folder, id: str) -> ServiceResponse:
    folder.cancel()
    # refused where somebody is at work: that one sees the mark at its next slice
    call.store.submit(Plan(settlements=(JobSettlement(job=id, lease="", state="cancelled"),)))
    return ServiceResponse(status=202)


def _manifest(call: Call, request: dict[str, Any], state: State, id: str) -> dict[str, Any]:
    query = urlencode([tuple(pair) for pair in request["params"]])
    asked = f"{request['base_url']}/{request['path']}"
    return {
        "transactionTime": instant(request["asked_ms"]),
        "request": f"{asked}?{query}" if query else asked,
        "requiresAccessToken": call.engine.settings.auth != "none",
        "output": [_described(call, o, id) for o in state.outputs if o.role == "output"],
        "deleted": [_described(call, o, id) for o in state.outputs if o.role == "deleted"],
        "error": [_described(call, o, id) for o in state.outputs if o.role == "error"],
        "extension": {"urn:dui-fhir:counts": state.counts},
    }


def _described(call: Call, output: Output, id: str) -> dict[str, Any]:
    query = urlencode({"job": id, "file": output.name})
    url = f"{call.request.base_url}/$async-file?{query}"
    return {"type": output.type, "url": url, "count": output.count}


def _file(call: Call, folders: Folders) -> ServiceResponse:
    """Return one file, streamed. Raises: NotFound (``core-bulk-unknown``, ``core-bulk-file``)."""
    inputs = parameters.of_call(call, _FILE)
    path = _mine(call, folders, inputs["job"]).file(inputs["file"])
    return ServiceResponse(status=200, file=path, media=NDJSON, headers={"Cache-Control": "private, no-store"})
