"""Which changes are to be told to whom: jobs for the outbox, added in the transaction that makes the changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dui_fhir.domain.change import Resource
from dui_fhir.domain.ids import new_id
from dui_fhir.domain.index import IndexValues
from dui_fhir.domain.job import Job
from dui_fhir.subscriptions.criteria import entry_of
from dui_fhir.subscriptions.subscription import Watched

KIND: Final = "subscription"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A version that the transaction makes: ``version`` is the number it will have."""

    version: int
    resource: Resource
    index: IndexValues


def jobs_for(made: Sequence[Made], active: Iterable[Watched], *, base_url: str, now_ms: int) -> tuple[Job, ...]:
    """Return one job per version and subscription that it concerns, in the order of the versions.

    The writer numbers them within the stream of their subscription: that is the number of the event. ``base_url``: FHIR base
    under which the subscriber finds the resources.
    """
    watching = tuple(active)
    return tuple(
        event_job(watched.id, version, base_url=base_url)
        for version in made
        for entry in (entry_of(version.resource, version.index),)
        for watched in watching
        if watched.wants(version.resource, entry, now_ms)
    )


def event_job(subscription: str, made: Made, *, base_url: str) -> Job:
    """Return the job that tells a subscription of a version; its key is made once for the two."""
    focus = f"{made.resource['resourceType']}/{made.resource['id']}"
    payload = {"subscription": subscription, "focus": focus, "version": made.version, "base": base_url}
    return _job(f"{KIND}|{subscription}|{focus}/{made.version}", payload, stream=stream(subscription))


def handshake_job(subscription: str, version: int, *, base_url: str) -> Job:
    """Return the job that makes acquaintance with the endpoint of a version of a subscription."""
    payload = {"subscription": subscription, "version": version, "base": base_url}
    return _job(f"{KIND}|{subscription}|handshake/{version}", payload, stream="")


def stream(subscription: str) -> str:
    """Return the stream of the outbox in which a subscription's events are numbered."""
    return f"{KIND}|{subscription}"


def _job(key: str, payload: dict[str, Any], *, stream: str) -> Job:
    return Job(id=new_id(), kind=KIND, key=key, payload=payload, stream=stream)
