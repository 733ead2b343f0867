"""The shared notebook (volet Cahier de liaison, ANS 3.0.0) and internal transmissions: publishing is explicit (decision D27).

``Communication/[id]/$liaison-note`` makes or corrects the note of a transmission; ``DocumentReference/[id]/$transmission`` brings a
note received into the transmissions of the structure. Asked twice, each gives the same resource.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.api import Answer, Context, NotFound, Operation, OperationRequest, Resource, Unprocessable, instant, to_ms

from .definitions import operation_definition
from .reading import profiles, target
from .transmissions import CATEGORY

CDL: Final = "https://interop.esante.gouv.fr/ig/fhir/cdl/StructureDefinition"
NOTE: Final = "cdl-document-reference"
_URGENT: Final = ("urgent", "asap", "stat")

PUBLISH: Final = operation_definition(
    "liaison-note", "CommunicationLiaisonNote", "Publier une transmission au cahier de liaison",
    "Écrit la note (DocumentReference du volet CDL) de cette transmission ; après une correction, en écrit la version suivante.",
    "Communication", level="instance", writes=True, returns="DocumentReference",
    inputs=[("type", "Coding", 0, "1", "Type de note (TRE_R234-TypeNote) ; celui du paramètre cdl_type_note sinon.")],
)  # fmt: skip
RECEIVE: Final = operation_definition(
    "transmission", "LiaisonNoteTransmission", "Reprendre une note du cahier de liaison en transmission",
    "Écrit la transmission (Communication) d’une note reçue, qui cite la note.",
    "DocumentReference", level="instance", writes=True, returns="Communication", inputs=[],
)  # fmt: skip


def operations() -> list[Operation]:
    """Return the operations of this module."""
    return [Operation(definition=PUBLISH, run=publish), Operation(definition=RECEIVE, run=receive)]


def publish(request: OperationRequest) -> Answer:
    """Return the note of a transmission. Raises: NotFound, Unprocessable (``liaison-incomplete``)."""
    said = request.target
    if said is None:
        raise NotFound.of("transmission-unknown", "La transmission n’existe pas.")
    missing = [french for french, there in _needed(said) if not there]
    if missing:
        raise Unprocessable.of(
            "liaison-incomplete",
            f"Pour le cahier de liaison, il manque à la transmission : {', '.join(missing)}.",
            "communication lacks what the CDL profile asks",
        )
    note = _note(said, request.parameters.get("type"), request.context)
    stored = request.context.reader.read(f"DocumentReference/{note['id']}")
    if stored is None:
        return Answer(writes=[note], status=201)
    if {k: v for k, v in stored.items() if k != "meta"} == {k: v for k, v in note.items() if k != "meta"}:
        return Answer(result=stored)
    return Answer(writes=[{**note, "meta": {**stored["meta"], "profile": note["meta"]["profile"]}}])


def _needed(said: Resource) -> Iterator[tuple[str, bool]]:
    yield "la personne", target(said.get("subject")).startswith("Patient/")
    yield "l’auteur", bool(said.get("sender"))
    yield "la date", "sent" in said
    yield "un contenu", any(True for _ in _contents(said))


def _note(said: Resource, type: Any, context: Context) -> Resource:
    id = str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:note:{said['id']}"))
    withdrawn = said.get("status") == "entered-in-error"
    note: Resource = {
        "resourceType": "DocumentReference",
        "id": id,
        "meta": {"profile": [f"{CDL}/{NOTE}"]},
        "extension": [{"url": f"{CDL}/cdl-ext-is-emergency", "valueBoolean": said.get("priority") in _URGENT}],
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{id}"},
        "status": "entered-in-error" if withdrawn else "current",
        "type": {"coding": [type or context.parameters["commun.cdl_type_note"]]},
        "subject": said["subject"],
        "date": _instant(said["sent"]),
        "author": [said["sender"]],
        "content": [{"attachment": a} for a in _contents(said)],
        "context": {"related": [{"reference": f"Communication/{said['id']}"}]},
    }
    answered = [_published(target(r), context) for r in said.get("inResponseTo", ())]
    links = [{"code": "appends", "target": {"reference": f"DocumentReference/{n}"}} for n in answered if n]
    if links:
        note["relatesTo"] = links
    if isinstance(said.get("encounter"), dict):
        note["context"]["encounter"] = [said["encounter"]]
    return note


def _instant(text: str) -> str:
    """Return a dateTime as the instant that DocumentReference.date asks: a day alone begins at midnight UTC."""
    return text if "T" in text else f"{text[:10]}T00:00:00Z"


def _published(reference: str, context: Context) -> str:
    """Return the id of the note of another transmission, where it was published."""
    kind, _, id = reference.partition("/")
    note = str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:note:{id}"))
    return note if kind == "Communication" and context.reader.read(f"DocumentReference/{note}") else ""


def _contents(said: Resource) -> Iterator[dict[str, Any]]:
    for payload in said.get("payload", ()):
        if "contentString" in payload:
            data = b64encode(str(payload["contentString"]).encode()).decode()
            yield {"contentType": "text/plain", "language": "fr", "data": data}
        elif "contentAttachment" in payload:
            yield payload["contentAttachment"]


def receive(request: OperationRequest) -> Answer:
    """Return the transmission of a note. Raises: NotFound, Unprocessable (``liaison-not-a-note``)."""
    note = request.target
    if note is None:
        raise NotFound.of("liaison-unknown", "La note n’existe pas.")
    if NOTE not in profiles(note):
        raise Unprocessable.of(
            "liaison-not-a-note",
            "Ce document n’est pas une note du cahier de liaison.",
            "profile is not cdl-document-reference",
        )
    id = str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:transmission:{note['id']}"))
    known = request.context.reader.read(f"Communication/{id}")
    return Answer(result=known) if known is not None else Answer(writes=[_said(note, id, request.context)], status=201)


def _said(note: Resource, id: str, context: Context) -> Resource:
    urgent = any(
        e.get("valueBoolean") for e in note.get("extension", ()) if e.get("url", "").endswith("cdl-ext-is-emergency")
    )
    codings = [{"system": CATEGORY, "code": code} for code in ("transmission", "note-liaison")]
    return {
        "resourceType": "Communication",
        "id": id,
        "status": "completed",
        "category": [{"coding": [coding]} for coding in codings],
        "priority": "urgent" if urgent else "routine",
        "subject": note["subject"],
        "about": [{"reference": f"DocumentReference/{note['id']}"}],
        "sent": note.get("date") or instant(to_ms(context.now)),
        "received": instant(to_ms(context.now)),
        "sender": note["author"][0],
        "payload": [_payload(content.get("attachment", {})) for content in note.get("content", ())],
    }


def _payload(attachment: dict[str, Any]) -> dict[str, Any]:
    if str(attachment.get("contentType", "")).startswith("text/plain") and attachment.get("data"):
        try:
            return {"contentString": b64decode(attachment["data"], validate=True).decode()}
        except (NotBase64, UnicodeDecodeError):
            return {"contentAttachment": attachment}
    return {"contentAttachment": attachment}
