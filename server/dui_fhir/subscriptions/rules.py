"""What a Subscription must be to be accepted, and who may give it which status.

The client asks (``requested``) or stops (``off``); the server answers (``active``, ``error``). Source: FHIR R4,
subscription.html and valueset-subscription-status.html.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dui_fhir.domain.change import Resource
from dui_fhir.domain.errors import BadRequest
from dui_fhir.domain.issues import Issue
from dui_fhir.search.options import SearchOptions
from dui_fhir.settings import Settings
from dui_fhir.subscriptions import nde
from dui_fhir.subscriptions.criteria import compile_criteria
from dui_fhir.subscriptions.endpoint import endpoint_fault, read_header
from dui_fhir.subscriptions.subscription import (
    CONTENTS,
    JSON_MEDIA,
    XML_MEDIA,
    Channel,
    channel,
    header_lines,
    payload_codes,
)

_BY_CLIENT = ("requested", "off")
_BY_MANAGER = ("email", "sms")
"""Channels that only the manager of notifications of the volet NdE has."""


def check(after: Resource, before: Resource | None, settings: Settings, options: SearchOptions) -> tuple[Issue, ...]:
    """Return what is wrong with a subscription written by a client; all faults together.

    A subscription that is off is not judged: it may always be stopped.
    """
    status = tuple(_status(after, before))
    if after.get("status") == "off":
        return status
    about = nde.interest(after)
    return (*status, *_criteria(after, options), *_channel(after, about, settings), *_subject(about))


def _status(after: Resource, before: Resource | None) -> Iterator[Issue]:
    status = after.get("status")
    if status in _BY_CLIENT:
        return
    same = before is not None and all(after.get(k) == before.get(k) for k in ("status", "criteria", "channel"))
    if not same:
        yield _issue(
            "subscription-status",
            "Un abonnement se demande avec status=requested et s'arrête avec status=off ; le serveur l'active lui-même.",
            "only the server makes a subscription active or in error",
            "status",
            code="business-rule",
        )


def _criteria(after: Resource, options: SearchOptions) -> tuple[Issue, ...]:
    try:
        compile_criteria(str(after.get("criteria", "")), options)
    except BadRequest as error:
        return tuple(replace(issue, expression=("Subscription.criteria",)) for issue in error.issues)
    return ()


def _channel(after: Resource, about: nde.Interest | None, settings: Settings) -> Iterator[Issue]:
    wanted = channel(after)
    if wanted.type in _BY_MANAGER and about is not None:
        yield from _manager(settings)
        return
    if wanted.type != "rest-hook":
        yield _issue(
            "subscription-channel",
            "Ce serveur n'a que le canal « rest-hook » ; le courriel et le SMS sont réservés aux abonnements du volet NdE.",
            "channel type not supported",
            "channel.type",
            code="not-supported",
        )
        return
    fault = endpoint_fault(wanted.endpoint, settings.subscription_hosts)
    if fault is not None:
        yield _issue(
            "subscription-endpoint",
            f"L'adresse de notification n'est pas admise : {fault}.",
            "endpoint refused",
            "channel.endpoint",
        )
    yield from _payload(after, wanted)
    for line in header_lines(after):
        if read_header(line) is None:
            yield _issue(
                "subscription-header",
                "Un en-tête de l'abonnement n'est pas admis : écrivez « Nom: valeur », sans en-tête de connexion.",
                "header refused",
                "channel.header",
            )


def _payload(after: Resource, wanted: Channel) -> Iterator[Issue]:
    if wanted.media not in (*JSON_MEDIA, *XML_MEDIA):
        yield _issue(
            "subscription-payload",
            "Le contenu des notifications est en application/fhir+json ou application/fhir+xml.",
            "payload media type not supported",
            "channel.payload",
            code="not-supported",
        )
    if any(code not in CONTENTS for code in payload_codes(after)):
        yield _issue(
            "subscription-payload",
            "L'extension backport-payload-content vaut empty, id-only ou full-resource.",
            "payload content not supported",
            "channel.payload",
        )


def _manager(settings: Settings) -> Iterator[Issue]:
    if not settings.nde_notifications_url:
        yield _issue(
            "subscription-no-manager",
            "Aucun gestionnaire de notifications n'est configuré (réglage nde_notifications_url) : l'abonnement ne sera pas servi.",
            "no manager of notifications",
            "channel.type",
            severity="warning",
        )


def _subject(about: nde.Interest | None) -> Iterator[Issue]:
    if about is None:
        return
    if not about.subjects:
        yield _issue(
            "subscription-subject",
            "La personne de l'abonnement n'a pas d'identifiant : aucun évènement ne pourra lui être attribué sans risque de"
            " confusion.",
            "subject without identifier",
            "extension",
            severity="warning",
        )
    if not about.emitters:
        yield _issue(
            "subscription-emitter",
            "Le déclarant de l'abonnement n'a pas d'identifiant : les évènements de tous les déclarants seront notifiés.",
            "declarant without identifier",
            "extension",
            severity="warning",
        )


def _issue(
    id: str, text: str, diagnostics: str, element: str, *, code: str = "value", severity: Any = "error"
) -> Issue:
    return Issue(
        severity=severity,
        code=code,
        id=id,
        text=text,
        diagnostics=diagnostics,
        expression=(f"Subscription.{element}",),
    )
