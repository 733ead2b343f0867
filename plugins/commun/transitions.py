"""``EpisodeOfCare/[id]/$change-status`` and ``$transfer``: a file moves, with its stays, and its history is written.

Both only make the resources: the rules on steps (COM-48 and following) judge what comes out, as any write.
"""

from collections.abc import Iterator
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.api import (
    Answer,
    BadRequest,
    Context,
    NotFound,
    Operation,
    OperationRequest,
    Resource,
    instant,
    interval,
    is_stay,
    to_ms,
)

from .definitions import operation_definition
from .lifecycle import EPISODE, may_follow, moved
from .reading import target
from .steps import ORIGIN

_STAYS: Final = {"onhold": "onleave", "active": "in-progress", "finished": "finished"}
"""What becomes of the open stays of a file, by its new step."""

CHANGE: Final = operation_definition(
    "change-status", "DossierChangeStatus", "Changer l’étape d’un dossier",
    "Passe le dossier à une autre étape à une date ; l’étape quittée reste dans l’historique. Les séjours ouverts suivent "
    "(suspendu : absent ; actif : en cours ; sorti : terminé).",
    "EpisodeOfCare", level="instance", writes=True, returns="EpisodeOfCare",
    inputs=[
        ("status", "code", 1, "1", "Nouvelle étape : planned, waitlist, active, onhold, finished ou cancelled."),
        ("date", "dateTime", 0, "1", "Quand l’étape a commencé ; maintenant si la date n’est pas dite."),
        ("reason", "string", 0, "1", "Motif, gardé avec l’étape quittée."),
    ],
)  # fmt: skip
TRANSFER: Final = operation_definition(
    "transfer", "DossierTransfer", "Transférer vers une autre structure de l’organisme",
    "Clôt le dossier et ouvre, dans l’autre structure, un dossier en pré-admission qui cite celui-ci. Demandé deux fois, "
    "rend le même dossier.",
    "EpisodeOfCare", level="instance", writes=True, returns="EpisodeOfCare",
    inputs=[
        ("organization", "Reference", 1, "1", "La structure qui accueille (Organization du même organisme)."),
        ("date", "dateTime", 0, "1", "Jour de la sortie ; maintenant si la date n’est pas dite."),
        ("reason", "string", 0, "1", "Motif du transfert."),
    ],
)  # fmt: skip


def operations() -> list[Operation]:
    """Return the operations of this module."""
    return [Operation(definition=CHANGE, run=change_status), Operation(definition=TRANSFER, run=transfer)]


def change_status(request: OperationRequest) -> Answer:
    """Return the file at its new step, and its stays. Asked again at the step where it is: nothing is written.

    Raises: BadRequest (``dossier-status``: no such step, ``dossier-date``). What may not follow is refused by COM-48.
    """
    episode, inputs = _target(request), request.parameters
    status = str(inputs["status"])
    if status not in EPISODE or status == "entered-in-error":
        raise BadRequest.of(
            "dossier-status",
            "Cette étape n’existe pas ; étapes : planned, waitlist, active, onhold, finished, cancelled.",
            "unknown status",
            ["status"],
        )
    if episode.get("status") == status:
        return Answer(result=episode)
    return Answer(writes=_all(episode, status, _at(inputs, request.context), str(inputs.get("reason", "")), request))


def transfer(request: OperationRequest) -> Answer:
    """Return the new file in the other structure, first, then the closed one and its stays.

    Raises: NotFound (``transfer-organization``), BadRequest (``transfer-same``, ``transfer-not-open``, ``dossier-date``).
    """
    episode, context = _target(request), request.context
    place = target(request.parameters["organization"])
    if not place.startswith("Organization/") or context.reader.read(place) is None:
        raise NotFound.of(
            "transfer-organization", "La structure d’accueil n’existe pas dans cet organisme.", "organization"
        )
    key = f"urn:dui-fhir:transfer:{episode['id']}|{place}"
    made = context.reader.read(f"EpisodeOfCare/{uuid5(NAMESPACE_URL, _occurrence(key, episode))}")
    if made is not None:
        return Answer(result=made)
    if place == target(episode.get("managingOrganization")):
        raise BadRequest.of("transfer-same", "Le dossier est déjà dans cette structure.", "same organization")
    if not may_follow("EpisodeOfCare", str(episode["status"]), "finished") or episode["status"] == "finished":
        raise BadRequest.of(
            "transfer-not-open", "Seul un dossier actif ou suspendu se transfère.", f"status is {episode['status']}"
        )
    at, reason = _at(request.parameters, context), str(request.parameters.get("reason", ""))
    closed = _all(episode, "finished", at, reason, request)
    new_key = _occurrence(key, closed[0])
    return Answer(writes=[_received(episode, place, str(uuid5(NAMESPACE_URL, new_key)), at), *closed])


def _occurrence(key: str, episode: Resource) -> str:
    """Name one transfer: a person may leave the same structure for the same other one several times."""
    exits = sum(e.get("status") in ("active", "onhold") for e in episode.get("statusHistory", ()))
    return f"{key}|{exits}"


def _received(episode: Resource, place: str, id: str, at: str) -> Resource:
    return {
        "resourceType": "EpisodeOfCare",
        "id": id,
        "extension": [{"url": ORIGIN, "valueReference": {"reference": f"EpisodeOfCare/{episode['id']}"}}],
        "status": "planned",
        "patient": episode["patient"],
        "managingOrganization": {"reference": place},
        "period": {"start": at},
    }


def _target(request: OperationRequest) -> Resource:
    if request.target is None:
        raise NotFound.of("dossier-unknown", "Le dossier n’existe pas.")
    return request.target


def _at(inputs: dict[str, Any], context: Context) -> str:
    given = str(inputs.get("date", ""))
    if not given:
        return instant(to_ms(context.now))
    try:
        interval(given)
    except ValueError as error:
        raise BadRequest.of(
            "dossier-date", "La date n’est pas une date.", "date is no FHIR dateTime", ["date"]
        ) from error
    return given


def _all(episode: Resource, status: str, at: str, reason: str, request: OperationRequest) -> list[Resource]:
    return [moved(episode, status, at, reason), *_stays(episode, status, at, request.context)]


def _stays(episode: Resource, status: str, at: str, context: Context) -> Iterator[Resource]:
    """Yield the stays of the file that follow it: those that run, or are suspended with it."""
    wanted = _STAYS.get(status)
    if wanted is None:
        return
    running = ("onleave",) if status == "active" else ("arrived", "triaged", "in-progress", "onleave")
    found = context.reader.search("Encounter", [("episode-of-care", f"EpisodeOfCare/{episode['id']}")])
    for stay in found:
        if is_stay(stay) and stay.get("status") in running and stay["status"] != wanted:
            yield moved(stay, wanted, at)
