"""What a write makes known in its own transaction: to subscribers, and to the processes that must search and index otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dui_fhir.domain import marker
from dui_fhir.domain.body import Body
from dui_fhir.domain.change import Change
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.plan import Operation, Precondition, Put
from dui_fhir.service import adding
from dui_fhir.service.drafts import Draft
from dui_fhir.service.engine import Call
from dui_fhir.service.tenant_settings import is_settings
from dui_fhir.subscriptions import rules
from dui_fhir.subscriptions.matching import Made, handshake_job, jobs_for
from dui_fhir.subscriptions.register import Known

CONFIGURING = frozenset({"Subscription", "SearchParameter"})
"""Types whose resources decide what every write must do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notices:
    """What the plan gets besides: the marker where the tenant's configuration changes, its version, and jobs."""

    operations: tuple[Operation, ...]
    preconditions: tuple[Precondition, ...]
    jobs: tuple[Job, ...]


def issues(call: Call, change: Change, *, by_server: bool) -> tuple[Issue, ...]:
    """Return what is wrong with a subscription or a search parameter that a client writes."""
    if by_server:
        return ()
    if marker.is_marker(change.type, change.id) or is_settings(change.type, change.id):
        return (_reserved(change),)
    if change.type == "SearchParameter":
        return adding.issues(call, change)
    if change.type != "Subscription" or change.after is None:
        return ()
    found = rules.check(change.after, change.before, call.engine.settings, call.options)
    return tuple(_placed(issue, change) for issue in found)


def _placed(issue: Issue, change: Change) -> Issue:
    if not change.path:
        return issue
    return replace(issue, expression=tuple(change.path + e.removeprefix("Subscription") for e in issue.expression))


def _reserved(change: Change) -> Issue:
    return Issue(
        severity="error",
        code="business-rule",
        id="subscription-marker",
        text="Cette ressource est tenue par le serveur.",
        diagnostics="reserved resource",
        expression=(change.path or change.type,),
    )


def notices(call: Call, written: Sequence[tuple[Draft, Operation]]) -> Notices:
    """Return what the writes of a plan make known."""
    known, tuned = _known(call), call.tuned
    ours = [draft for draft, _ in written if draft.type == "Subscription"]
    made = (
        [_made(draft, put) for draft, put in written if isinstance(put, Put) and _changes(draft, put)]
        if known.active
        else []
    )
    now_ms, base_url = call.engine.clock.now_ms(), call.request.base_url
    handshakes = tuple(handshake_job(d.id, _next(d), base_url=base_url) for d in ours if _asks(d))
    adopted = adding.adopted(call, [draft for draft, _ in written])
    marks = ours or adopted.changes
    return Notices(
        operations=(adding.mark(call, adopted.state),) if marks else (),
        preconditions=(*dict.fromkeys((known.precondition, tuned.precondition)), *adopted.preconditions),
        jobs=(*handshakes, *adopted.jobs, *jobs_for(made, known.active, base_url=base_url, now_ms=now_ms)),
    )


def _known(call: Call) -> Known:
    tenant = call.request.tenant
    return call.engine.subscriptions.of(
        tenant, call.store, call.options, lambda: call.engine.standards.of(tenant, fresh=True).terminology
    )


def _made(draft: Draft, put: Put) -> Made:
    assert draft.resource is not None
    return Made(version=_next(draft), resource=draft.resource, index=put.index)


def _next(draft: Draft) -> int:
    """Return the version that the write makes: the writer refuses it where another one came first."""
    return 1 if draft.before is None else draft.before.version + 1


def _changes(draft: Draft, put: Put) -> bool:
    """Tell whether the writer will make a version: an equal content makes none."""
    before = draft.before
    if before is None or before.body is None:
        return True
    return Body.stored(before.body, before.version, before.instant_ms) != put.body


def _asks(draft: Draft) -> bool:
    return draft.resource is not None and draft.resource.get("status") == "requested"
