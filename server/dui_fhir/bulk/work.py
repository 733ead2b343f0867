"""What the kinds of work have in common: a request that outlives its caller, and steps."""

from dataclasses import asdict, fields
from typing import Any, Protocol

from dui_fhir.bulk.folder import Folder, State
from dui_fhir.domain.actor import Actor
from dui_fhir.service import router
from dui_fhir.service.engine import Call, Engine
from dui_fhir.service.message import ServiceRequest


class Work(Protocol):
    """One kind of work."""

    def step(self, call: Call, folder: Folder, state: State) -> bool:
        """Do one slice and note it in ``state``; True where nothing is left. Raises: DuiError, which ends the work."""


def remembered(call: Call, kind: str, **others: Any) -> dict[str, Any]:
    """Return what has to be kept of a request to go on with it later."""
    request = call.request
    return {
        "kind": kind,
        "tenant": request.tenant,
        "path": request.path,
        "base_url": request.base_url,
        "params": [list(pair) for pair in request.params],
        "names": dict(call.names),
        "actor": asdict(request.actor),
        "asked_ms": call.engine.clock.now_ms(),
        **others,
    }


def actor_of(kept: dict[str, Any]) -> Actor:
    """Return who asked."""
    known = {f.name: f for f in fields(Actor)}
    return Actor(**{n: _typed(v, known[n].default) for n, v in kept["actor"].items() if n in known})


def _typed(value: Any, default: Any) -> Any:
    if not isinstance(value, list):
        return value
    return frozenset(value) if isinstance(default, frozenset) else tuple(value)


def call_of(engine: Engine, kept: dict[str, Any]) -> Call:
    """Return the request as a call of the actor who made it."""
    request = ServiceRequest(
        tenant=kept["tenant"],
        method="GET",
        path=kept["path"],
        base_url=kept["base_url"],
        params=tuple((name, value) for name, value in kept["params"]),
        actor=actor_of(kept),
    )
    return Call(
        engine=engine, request=request, dispatch=lambda inner: router.dispatch(engine, inner), names=kept["names"]
    )
