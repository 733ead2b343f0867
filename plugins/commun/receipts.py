"""``Communication/[id]/$acknowledge``: who read a transmission, when, and which version.

A receipt is a Task of ours (decision D4): its focus is the version that was read, its owner the reader. Reading writes nothing
on the transmission itself; a correction makes a version that nobody has read yet. One receipt by reader and version.
"""

from typing import Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.api import Answer, BadRequest, NotFound, Operation, OperationRequest, Resource, instant, to_ms

from .definitions import operation_definition
from .people import Person, reader_of
from .reading import TAG

CODE: Final = {"system": "urn:dui-fhir:task", "code": "accuse-lecture", "display": "Accusé de lecture"}
_TAG: Final = {"system": TAG, "code": "accuse-lecture"}

DEFINITION: Final = operation_definition(
    "acknowledge", "CommunicationAcknowledge", "Accuser la lecture d’une transmission",
    "Enregistre qui a lu la transmission, quand, et dans quelle version. Demandé deux fois, rend le même accusé.",
    "Communication", level="instance", writes=True, returns="Task",
    inputs=[
        ("reader", "Reference", 0, "1", "Qui lit, si la requête ne nomme pas de professionnel."),
        ("version", "positiveInt", 0, "1", "Version lue ; la version courante si elle n’est pas dite."),
    ],
)  # fmt: skip


def operations() -> list[Operation]:
    """Return the operation of this module."""
    return [Operation(definition=DEFINITION, run=acknowledge)]


def acknowledge(request: OperationRequest) -> Answer:
    """Return the receipt. Raises: NotFound, BadRequest (``receipt-version``, ``reader-unknown``), Forbidden (``reader-other``)."""
    said = request.target
    if said is None:
        raise NotFound.of("transmission-unknown", "La transmission n’existe pas.")
    current = int(said["meta"]["versionId"])
    version = int(request.parameters.get("version") or current)
    if version > current:
        raise BadRequest.of(
            "receipt-version", f"La transmission n’a que {current} version(s).", "version is not there", ["version"]
        )
    reader = reader_of(request)
    receipt = _receipt(said, version, reader, instant(to_ms(request.context.now)))
    known = request.context.reader.read(f"Task/{receipt['id']}")
    return Answer(result=known) if known is not None else Answer(writes=[receipt], status=201)


def receipt_id(communication: str, version: int, reader: Person) -> str:
    """Return the id of the receipt of a version by a reader: the same each time."""
    return str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:accuse:{communication}|{version}|{reader.key}"))


def _receipt(said: Resource, version: int, reader: Person, now: str) -> Resource:
    receipt: Resource = {
        "resourceType": "Task",
        "id": receipt_id(said["id"], version, reader),
        "meta": {"tag": [_TAG]},
        "status": "completed",
        "intent": "order",
        "code": {"coding": [CODE]},
        "focus": {"reference": f"Communication/{said['id']}/_history/{version}"},
        "executionPeriod": {"end": now},
        "authoredOn": now,
        "owner": reader.reference,
    }
    for name, source in (("for", "subject"), ("encounter", "encounter")):
        if source in said:
            receipt[name] = said[source]
    return receipt
