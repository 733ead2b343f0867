"""``Subscription/$status`` and ``Subscription/[id]/$events``: how a subscription fares, and what a subscriber missed.

Source: Subscriptions R5 Backport 1.1.0, OperationDefinitions backport-subscription-status and backport-subscription-events. The
events are the jobs of the outbox, kept with their number and the state of their delivery: ``failed`` is a dead letter.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from dui_fhir.domain.change import Resource
from dui_fhir.domain.context import Reader
from dui_fhir.domain.dates import to_ms
from dui_fhir.domain.errors import BadRequest, NotFound, Unprocessable
from dui_fhir.domain.job import Job
from dui_fhir.domain.operation import Answer, Operation, OperationRequest
from dui_fhir.ports import Store, Stores
from dui_fhir.subscriptions.letters import letter
from dui_fhir.subscriptions.matching import stream
from dui_fhir.subscriptions.notification import Event, Subject, notification, status_parameters
from dui_fhir.subscriptions.subscription import CONTENTS, Content, channel

EVENTS_MAX: Final = 1000
"""Events in one answer of ``$events``."""
DEAD_LETTERS_SHOWN: Final = 10
SUBSCRIPTIONS_MAX: Final = 1000
_OPERATIONS: Final = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition"


def _input(name: str, type: str, maximum: str, documentation: str) -> dict[str, Any]:
    return {"name": name, "use": "in", "min": 0, "max": maximum, "type": type, "documentation": documentation}


_OUT: Final = {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Bundle"}
STATUS: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-subscription-status",
    "url": f"{_OPERATIONS}/backport-subscription-status",
    "name": "SubscriptionStatus",
    "title": "État des abonnements",
    "status": "active",
    "kind": "operation",
    "affectsState": False,
    "code": "status",
    "description": "Rend l'état d'abonnements : statut, nombre d'évènements, derniers envois abandonnés.",
    "resource": ["Subscription"],
    "system": False,
    "type": True,
    "instance": True,
    "parameter": [
        _input("id", "id", "*", "Abonnements voulus ; tous sans ce paramètre."),
        _input("status", "code", "*", "Statuts voulus ; tous sans ce paramètre."),
        _OUT,
    ],
}
EVENTS: Final[Resource] = {
    "resourceType": "OperationDefinition",
    "id": "dui-subscription-events",
    "url": f"{_OPERATIONS}/backport-subscription-events",
    "name": "SubscriptionEvents",
    "title": "Évènements d'un abonnement",
    "status": "active",
    "kind": "operation",
    "affectsState": False,
    "code": "events",
    "description": "Rend les évènements d'un abonnement entre deux numéros, envoyés ou non, avec l'état de leur envoi.",
    "resource": ["Subscription"],
    "system": False,
    "type": False,
    "instance": True,
    "parameter": [
        _input("eventsSinceNumber", "string", "1", "Premier numéro voulu, compris."),
        _input("eventsUntilNumber", "string", "1", "Dernier numéro voulu, compris."),
        _input("content", "code", "1", "empty, id-only ou full-resource ; sinon celui de l'abonnement."),
        _OUT,
    ],
}


def operations(stores: Stores) -> tuple[Operation, ...]:
    """Return both operations, over the outboxes of the tenants."""
    return (
        Operation(definition=STATUS, run=lambda request: status(request, stores)),
        Operation(definition=EVENTS, run=lambda request: events(request, stores)),
    )


# $status


def status(request: OperationRequest, stores: Stores) -> Answer:
    """Return a searchset of one Parameters per subscription. Raises: NotFound (``subscription-unknown``), Unprocessable
    (``subscription-status-many``: more than :data:`SUBSCRIPTIONS_MAX` ids)."""
    store = stores.open(request.context.tenant)
    found = [request.target] if request.target is not None else _wanted(request)
    entries = [{"resource": _status(store, subscription), "search": {"mode": "match"}} for subscription in found]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return Answer(result={**bundle, "entry": entries} if entries else bundle)


def _wanted(request: OperationRequest) -> list[Resource]:
    ids, statuses = request.parameters.get("id", []), set(request.parameters.get("status", []))
    reader = request.context.reader
    found = _by_id(reader, ids) if ids else reader.search("Subscription", [])
    return [s for s in found if not statuses or s.get("status") in statuses]


def _by_id(reader: Reader, ids: Sequence[str]) -> list[Resource]:
    if len(ids) > SUBSCRIPTIONS_MAX:
        raise Unprocessable.of(
            "subscription-status-many",
            f"$status répond de {SUBSCRIPTIONS_MAX} abonnements au plus à la fois.",
            f"{len(ids)} ids",
            code="too-costly",
        )
    found = {id: reader.read(f"Subscription/{id}") for id in ids}
    unknown = [id for id, subscription in found.items() if subscription is None]
    if unknown:
        raise NotFound.of(
            "subscription-unknown", f"{len(unknown)} des abonnements demandés n'existent pas.", "no such subscription"
        )
    return [subscription for subscription in found.values() if subscription is not None]


def _status(store: Store, subscription: Resource) -> Resource:
    name = stream(subscription["id"])
    failed = store.jobs(stream=name, state="failed", limit=DEAD_LETTERS_SHOWN)
    dead = [job for job in failed if letter(store, job).state != "done"]
    errors = [subscription["error"]] if subscription.get("error") else []
    errors += [f"Évènement {job.number} non remis ({job.error}) : à relire par $events." for job in reversed(dead)]
    return status_parameters(_subject(store, subscription), "query-status", (), errors)


def _subject(store: Store, subscription: Resource) -> Subject:
    last = store.jobs(stream=stream(subscription["id"]), limit=1)
    return Subject(
        id=subscription["id"],
        status=str(subscription.get("status", "")),
        base_url=str(last[0].payload["base"]) if last else "",
        last_number=last[0].number if last else 0,
    )


# $events


def events(request: OperationRequest, stores: Stores) -> Answer:
    """Return the events as a notification Bundle, by number.

    Raises: BadRequest (``subscription-event-number``, ``subscription-content``), Unprocessable
    (``subscription-events-range``: more than :data:`EVENTS_MAX`).
    """
    assert request.target is not None
    store = stores.open(request.context.tenant)
    subject, content = _subject(store, request.target), _content(request)
    low, high = _bounds(request, subject.last_number)
    jobs = store.jobs(stream=stream(subject.id), numbers=(low, high), limit=EVENTS_MAX) if low <= high else ()
    found = list(_events(store, request.context.reader, jobs, full=content == "full-resource"))
    bundle = notification(
        subject,
        "query-event",
        found,
        content,
        now_ms=to_ms(request.context.now),
        key=f"{subject.id}|{low}|{high}|{request.context.now.isoformat()}",
    )
    return Answer(result=bundle)


def _content(request: OperationRequest) -> Content:
    wanted = request.parameters.get("content")
    if wanted is None:
        own = channel(request.target or {}).content
        return own if own in CONTENTS else "id-only"
    if wanted not in CONTENTS:
        raise BadRequest.of(
            "subscription-content", "content vaut empty, id-only ou full-resource.", "unknown content", ["content"]
        )
    return cast(Content, wanted)


def _bounds(request: OperationRequest, last: int) -> tuple[int, int]:
    low = max(1, _number(request, "eventsSinceNumber", max(1, last - EVENTS_MAX + 1)))
    high = min(last, _number(request, "eventsUntilNumber", last))
    if high - low >= EVENTS_MAX:
        raise Unprocessable.of(
            "subscription-events-range",
            f"Demandez au plus {EVENTS_MAX} évènements à la fois (eventsSinceNumber, eventsUntilNumber).",
            f"range over {EVENTS_MAX}",
            code="too-costly",
        )
    return low, high


def _number(request: OperationRequest, name: str, default: int) -> int:
    text = request.parameters.get(name)
    if text is None:
        return default
    if not str(text).isascii() or not str(text).isdigit() or len(str(text)) > 15:
        raise BadRequest.of(
            "subscription-event-number", f"{name} est le numéro d'un évènement.", "not a number", [name], code="value"
        )
    return int(text)


def _events(store: Store, reader: Reader, jobs: Sequence[Job], *, full: bool) -> Iterator[Event]:
    for job in reversed(jobs):
        focus, version = job.payload["focus"], job.payload["version"]
        type, _, id = focus.partition("/")
        made = store.read_version(type, id, version)
        if made is None:
            continue  # erased: its number stays free
        yield Event(
            number=job.number,
            focus=focus,
            instant_ms=made.instant_ms,
            method=made.method if version == 1 else "PUT",
            # as the caller may read it now, not as it was
            resource=reader.read(focus) if full else None,
            state=letter(store, job).state if job.state == "failed" else job.state,
        )
