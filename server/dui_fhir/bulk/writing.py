"""A write, or an operation, answered later (``Prefer: respond-async``): done once, its answer kept as if it had been given at once.

A batch or a transaction keeps its own response Bundle. Anything else, and whatever failed, becomes a ``batch-response`` of one
entry, so that the status, the version and the remarks are there too. Source: FHIR R4, async.html and http.html#async.

The request's own key goes to the writer: work done again after a crash finds there what it wrote the first time.
"""

from dataclasses import asdict, replace
from typing import Any

from dui_fhir.bulk.folder import Folder, State
from dui_fhir.domain import json
from dui_fhir.domain.errors import DuiError, Unavailable
from dui_fhir.domain.issues import outcome
from dui_fhir.domain.plan import Committed, Plan, VersionIs, Written
from dui_fhir.service import bundles
from dui_fhir.service.bundle.responses import failed, succeeded
from dui_fhir.service.engine import Call
from dui_fhir.service.message import Conditions, Prefer, ServiceRequest, ServiceResponse

INTERACTIONS = frozenset({
    "create", "update", "conditional-update", "patch", "conditional-patch", "delete", "conditional-delete", "transaction",
})  # fmt: skip
"""The interactions put off here; ``transaction`` is any Bundle posted to the base."""
AT_ONCE = frozenset({"export", "import", "async-status", "async-file", "graphql", "calendar-link"})
"""Operations never put off: those that are work of their own, that do not answer in FHIR, or whose answer is shown once."""
MAX_VERSION = 2**31 - 1


def kept_of(request: ServiceRequest) -> dict[str, Any]:
    """Return what a request with a body needs beside what all work keeps; the body is a file of the folder."""
    return {
        "method": request.method,
        "media": request.media,
        "security_context": request.security_context,
        "conditions": asdict(request.conditions),
        "prefer": {"answer": request.prefer.answer, "handling": request.prefer.handling},
        "request_key": request.request_key,
    }


class Writing:
    """See the module. One step does it all."""

    def step(self, call: Call, folder: Folder, state: State) -> bool:
        """See :class:`dui_fhir.bulk.work.Work`. Raises: Unavailable: later, with the same key."""
        again, state.position = state.position is not None, {"begun": True}
        folder.save(state)
        request = asked(call, folder)
        shaped = replace(call, request=request)
        try:
            answer = _whole(shaped, call.dispatch(request))
        except Unavailable:
            raise
        except DuiError as error:
            # a condition that held the first time may not hold after the write that it allowed
            done = _done_before(shaped) if again else None
            answer = done or _single(shaped, failed(error.status, outcome(error.issues)))
        folder.keep_answer(answer)
        state.progress = "1 réponse"
        return True


def asked(call: Call, folder: Folder) -> ServiceRequest:
    """Return the request as it came, under a key of its own: written twice, it is written once."""
    kept = folder.request()
    return replace(
        call.request,
        method=kept["method"],
        media=kept["media"],
        security_context=kept.get("security_context", ""),
        body=folder.body.read_bytes(),
        conditions=Conditions(**kept["conditions"]),
        prefer=Prefer(**kept["prefer"]),
        request_key=kept["request_key"] or f"async|{folder.path.name}",
    )


def _whole(call: Call, response: ServiceResponse) -> bytes:
    """Return the Bundle of a batch or transaction as it is, and that of one entry for the rest."""
    if call.request.path == "" and response.body is not None:
        return response.body if isinstance(response.body, bytes) else json.dumps(response.body)
    prefer = call.request.prefer
    if not prefer.answer:
        # an entry shows what was written only where the client prefers so; a write of its own does by default
        call = replace(call, request=replace(call.request, prefer=replace(prefer, answer="representation")))
    return _single(call, succeeded(call, response))


def _done_before(call: Call) -> bytes | None:
    """Return the answer of what was written before a crash kept its own from being saved; None where nothing was.

    The writer answers a key it knows without looking at the plan; one it does not know meets a condition that never holds.
    """
    never = VersionIs(type="Basic", id="-", version=MAX_VERSION)
    found = call.store.submit(Plan(preconditions=(never,), request_key=call.request.request_key))
    if not isinstance(found, Committed):
        return None
    entries = [_written(call, written) for written in found.written]
    return bundles.bundle("batch-response", entries, links={}, now_ms=call.engine.clock.now_ms())


def _written(call: Call, written: Written) -> bytes:
    stored = call.store.read_version(written.type, written.id, written.version)
    response = ServiceResponse(
        status=201 if written.created else 204 if stored is None or stored.deleted else 200,
        body=None if stored is None or stored.deleted else stored.body,
        version=written.version,
        instant_ms=written.instant_ms,
        location=f"{written.type}/{written.id}/_history/{written.version}",
    )
    return succeeded(call, response)


def _single(call: Call, entry: bytes) -> bytes:
    return bundles.bundle("batch-response", [entry], links={}, now_ms=call.engine.clock.now_ms())
