"""Sends notifications: one HTTP request per job, no redirect followed, nothing of an answer kept but its status.

At least once: a worker that dies between the answer and the settlement sends the same event again, under the same number. In
order: the outbox gives out one event of a subscription at a time.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx

from dui_fhir.domain import json
from dui_fhir.domain.dates import instant
from dui_fhir.domain.issues import Issue
from dui_fhir.domain.job import Job
from dui_fhir.domain.version import Version
from dui_fhir.ports import Clock, Delivered, Delivery, Reader, Rejected, RetryLater, Store, Stores
from dui_fhir.search.options import SearchOptions
from dui_fhir.settings import Settings
from dui_fhir.subscriptions import nde
from dui_fhir.subscriptions.endpoint import endpoint_fault
from dui_fhir.subscriptions.letters import first_sending
from dui_fhir.subscriptions.matching import KIND
from dui_fhir.subscriptions.notification import Event, Message, Subject, event_message, handshake
from dui_fhir.subscriptions.subscription import JSON_MEDIA, Channel, channel, period

ANSWER_BYTES_MAX: Final = 1 << 20
_GONE: Final = 410
_STATUS_AFTER: Final = {
    "subscription-gone": "off",
    "subscription-endpoint": "error",
    "subscription-no-manager": "error",
}
"""What becomes of a subscription whose event was refused for good; another refusal concerns that event alone."""


class Statuses(Protocol):
    """Gives a subscription its status."""

    def set(self, tenant: str, id: str, *, seen: int, status: str, error: str = "") -> bool:
        """Write the status where the subscription is still at version ``seen``; False where it is not any more."""


class SubscriptionConnector:
    """Implements :class:`dui_fhir.ports.Connector`."""

    kind = KIND

    def __init__(
        self,
        settings: Settings,
        *,
        stores: Stores,
        statuses: Statuses,
        clock: Clock,
        options: SearchOptions,
        client: httpx.Client | None = None,
    ) -> None:
        self._settings, self._stores, self._statuses = settings, stores, statuses
        self._clock, self._zone = clock, options.zone
        self._timeout_s = float(settings.subscription_timeout_s)
        self._client = client or httpx.Client(timeout=self._timeout_s, follow_redirects=False, trust_env=False)

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def deliver(self, tenant: str, job: Job, reader: Reader) -> Delivery:
        """Send what the job says: the handshake of a version of a subscription, or one event."""
        store = self._stores.open(tenant)
        found = store.read("Subscription", job.payload["subscription"])
        if found is None or found.deleted:
            return _rejected("subscription-deleted", "L'abonnement a été supprimé : rien n'est envoyé.")
        if "focus" in job.payload:
            return self._event(tenant, store, first_sending(job), found)
        return self._handshake(tenant, job, found)

    # handshake

    def _handshake(self, tenant: str, job: Job, found: Version) -> Delivery:
        subscription = found.resource()
        if subscription.get("status") != "requested" or found.version != job.payload["version"]:
            return Delivered(
                evidence={"superseded": True}
            )  # the version that replaced it has its own handshake, or none
        if period(subscription, self._zone)[1] < self._clock.now_ms():
            self._set(tenant, found, "off", "La date de fin de l'abonnement est passée.")
            return Delivered(evidence={"ended": True})
        outcome = self._acquaint(job, found, channel(subscription))
        if isinstance(outcome, Delivered):
            if not self._set(tenant, found, "active"):
                return Delivered(evidence={"superseded": True})
        elif isinstance(outcome, Rejected) or self._last(job):
            self._set(tenant, found, "error", _text(outcome))
        return outcome

    def _acquaint(self, job: Job, found: Version, wanted: Channel) -> Delivery:
        if wanted.type != "rest-hook":
            return self._manager_fault() or Delivered(evidence={"manager": True})
        subject = Subject(id=found.id, status="requested", base_url=job.payload["base"], last_number=0)
        message = handshake(subject, wanted, now_ms=self._clock.now_ms(), key=job.key)
        return self._endpoint_fault(wanted) or self._send(message)

    # events

    def _event(self, tenant: str, store: Store, job: Job, found: Version) -> Delivery:
        subscription = found.resource()
        status = str(subscription.get("status", ""))
        if status == "off":
            return _rejected("subscription-off", "L'abonnement est arrêté : l'évènement reste à relire par $events.")
        if status == "error":
            return _rejected(
                "subscription-error", "L'abonnement est en erreur : l'évènement reste à relire par $events."
            )
        subject = Subject(id=found.id, status=status, base_url=job.payload["base"], last_number=job.number)
        event = self._read(store, job)
        outcome = self._send_event(job, subscription, subject, event)
        if isinstance(outcome, Rejected) and outcome.issues[0].id in _STATUS_AFTER:
            self._set(tenant, found, _STATUS_AFTER[outcome.issues[0].id], _text(outcome))
        elif isinstance(outcome, RetryLater) and self._last(job):
            self._set(tenant, found, "error", _text(outcome))
        return outcome

    def _read(self, store: Store, job: Job) -> Event | None:
        """Return the event with the version that made it; without it where the resource is deleted by now, None where no
        trace of it is left."""
        type, _, id = job.payload["focus"].partition("/")
        version, current = store.read_version(type, id, job.payload["version"]), store.read(type, id)
        if version is None or version.deleted:
            return None
        return Event(
            number=job.number,
            focus=job.payload["focus"],
            instant_ms=version.instant_ms,
            method=version.method if version.version == 1 else "PUT",
            resource=version.resource() if current is not None and not current.deleted else None,
        )

    def _send_event(self, job: Job, subscription: dict[str, object], subject: Subject, event: Event | None) -> Delivery:
        if event is None:
            return _rejected("subscription-erased", "La version à notifier a été effacée.")
        wanted = channel(subscription)
        if wanted.type == "rest-hook":
            message = event_message(subject, wanted, event, now_ms=self._clock.now_ms(), key=job.key)
            return self._endpoint_fault(wanted) or self._send(message)
        if event.resource is None:
            return Delivered(evidence={"withdrawn": True})  # nobody is to be told of what was taken back
        request = nde.order(
            subscription, event.resource, url=subject.url, emitted=instant(event.instant_ms), key=job.key
        )
        return self._manager_fault() or self._send(self._order_message(request))

    def _order_message(self, request: dict[str, object]) -> Message:
        identifier = request["identifier"][0]  # type: ignore[index]
        # a repeated order is recognised by who honours conditional creates; the others see the same identifier twice
        condition = f"identifier={identifier['system']}|{identifier['value']}"
        return Message(
            method="POST",
            url=f"{str(self._settings.nde_notifications_url).rstrip('/')}/CommunicationRequest",
            headers=(("Content-Type", JSON_MEDIA[0]), ("If-None-Exist", condition)),
            body=json.dumps(request),
        )

    # sending

    def _send(self, message: Message) -> Delivery:
        deadline = time.monotonic() + self._timeout_s
        try:
            with self._answer(message) as response:
                status, after_s = response.status_code, _seconds(response.headers.get("retry-after", ""))
                if not _drained(response, deadline):
                    return _retry("subscription-slow", "La réponse à la notification est trop longue ou trop lente.")
        except httpx.InvalidURL:
            return _rejected("subscription-endpoint", "L'adresse de notification est mal formée.")
        except httpx.HTTPError as error:
            return _retry(
                "subscription-unreachable", "L'adresse de notification est injoignable.", type(error).__name__
            )
        if 200 <= status < 300:
            return Delivered(evidence={"status": status})
        if status == _GONE:
            return _rejected(
                "subscription-gone", "L'adresse de notification n'existe plus (410) : l'abonnement est arrêté."
            )
        return _retry("subscription-http", f"L'adresse de notification répond {status}.", f"HTTP {status}", after_s)

    @contextmanager
    def _answer(self, message: Message) -> Iterator[httpx.Response]:
        with self._client.stream(
            message.method, message.url, content=message.body, headers=list(message.headers)
        ) as response:
            yield response

    def _endpoint_fault(self, wanted: Channel) -> Delivery | None:
        fault = endpoint_fault(wanted.endpoint, self._settings.subscription_hosts)
        return (
            None if fault is None else _rejected("subscription-endpoint", f"Adresse de notification refusée : {fault}.")
        )

    def _manager_fault(self) -> Delivery | None:
        url = str(self._settings.nde_notifications_url)
        if not url:
            return _rejected("subscription-no-manager", "Aucun gestionnaire de notifications n'est configuré.")
        # the operator's own choice needs no list of hosts, only a channel that nobody reads
        fault = endpoint_fault(url, [urlsplit(url).hostname or ""])
        return (
            None if fault is None else _rejected("subscription-no-manager", f"Gestionnaire de notifications : {fault}.")
        )

    def _last(self, job: Job) -> bool:
        return job.attempts >= int(self._settings.job_attempts_max)

    def _set(self, tenant: str, found: Version, status: str, error: str = "") -> bool:
        return self._statuses.set(tenant, found.id, seen=found.version, status=status, error=error)


def _drained(response: httpx.Response, deadline: float) -> bool:
    """Read the answer away, so that the connection may serve again; False where it is too long or too slow."""
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > ANSWER_BYTES_MAX or time.monotonic() > deadline:
            return False
    return True


def _seconds(text: str) -> float | None:
    return float(text) if text.isdigit() and len(text) < 6 else None


def _text(outcome: Delivery) -> str:
    if isinstance(outcome, RetryLater):
        return outcome.issue.text
    return outcome.issues[0].text if isinstance(outcome, Rejected) else ""


def _rejected(id: str, text: str) -> Rejected:
    return Rejected(issues=(_issue(id, text),))


def _retry(id: str, text: str, diagnostics: str = "", after_s: float | None = None) -> RetryLater:
    return RetryLater(issue=_issue(id, text, diagnostics), after_s=after_s)


def _issue(id: str, text: str, diagnostics: str = "") -> Issue:
    return Issue(severity="error", code="processing", id=id, text=text, diagnostics=diagnostics)
