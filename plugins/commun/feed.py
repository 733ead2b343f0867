"""``Communication/$feed``: what was said, corrected or withdrawn since I last looked, for me and for my roles.

Where the reader got to is kept in a Basic of ours, one for each reader, moved by the same call. A change committed while the
feed was read might bear an earlier instant: the next feed begins a little before (parameter), twice rather than never.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from dui_fhir.api import (
    OBJECT_SYSTEM,
    Answer,
    BadRequest,
    Context,
    Issue,
    Operation,
    OperationRequest,
    Resource,
    Unprocessable,
    instant,
    interval,
    outcome,
    to_ms,
)

from .definitions import operation_definition, searchset
from .people import Person, reader_of
from .reading import EXTENSION, extension_value, target
from .receipts import receipt_id
from .transmissions import roles

MARK: Final = f"{EXTENSION}lu-jusqu-a"
_OLDEST: Final = 40
"""Times that the window is halved before giving up: less than a second of a year."""

DEFINITION: Final = operation_definition(
    "feed", "CommunicationFeed", "Transmissions depuis ma dernière connexion",
    "Les transmissions nouvelles, corrigées ou retirées depuis le dernier appel de ce lecteur (ou depuis since), la plus "
    "récente d’abord, avec ses accusés de lecture. Sans since, l’appel retient jusqu’où le lecteur a lu.",
    "Communication", level="type", writes=True, returns="Bundle",
    inputs=[
        ("reader", "Reference", 0, "1", "Qui lit, si la requête ne nomme pas de professionnel."),
        ("role", "code", 0, "*", "Rôles du lecteur : ce qui vise d’autres rôles est laissé de côté. Sans rôle : tout."),
        ("patient", "Reference", 0, "1", "Une seule personne."),
        ("since", "instant", 0, "1", "Depuis quand ; alors, le point de lecture ne bouge pas."),
        ("unread", "boolean", 0, "1", "Vrai : seulement ce dont je n’ai pas accusé la lecture."),
    ],
)  # fmt: skip


def operations() -> list[Operation]:
    """Return the operation of this module."""
    return [Operation(definition=DEFINITION, run=feed)]


def feed(request: OperationRequest) -> Answer:
    """Return the feed, and what is to be remembered. Raises: BadRequest (``feed-since``, ``reader-unknown``), Forbidden."""
    reader, context, inputs = reader_of(request), request.context, request.parameters
    mark = context.reader.read(f"Basic/{mark_id(reader)}")
    given = inputs.get("since")
    since = _instant(given) if given else _since(mark, context)
    person = target(inputs.get("patient"))
    found, from_ms = _changed(since, person, context)
    wanted = [c for c in found if _meant(c, reader, _list(inputs.get("role")))]
    receipts = {c["id"]: _receipt(c, reader, context) for c in wanted}
    if inputs.get("unread"):
        wanted = [c for c in wanted if receipts[c["id"]] is None]
    issues = [_shortened(from_ms)] if from_ms > since else []
    bundle = _bundle(wanted, [r for c in wanted if (r := receipts[c["id"]])], issues)
    # a feed of one person leaves the reader where he was for the others
    moves = not given and not person
    return Answer(result=bundle, writes=[_mark(reader, mark, context)] if moves else [])


def mark_id(reader: Person) -> str:
    """Return the id of where a reader got to."""
    return str(uuid5(NAMESPACE_URL, f"urn:dui-fhir:fil:{reader.key}"))


def _mark(reader: Person, before: Resource | None, context: Context) -> Resource:
    made = {
        "resourceType": "Basic",
        "id": mark_id(reader),
        "code": {"coding": [{"system": OBJECT_SYSTEM, "code": "point-de-lecture"}]},
        "subject": reader.reference,
        "extension": [{"url": MARK, "valueInstant": instant(to_ms(context.now))}],
    }
    return {**made, "meta": before["meta"]} if before else made


def _since(mark: Resource | None, context: Context) -> int:
    """Return where the reader got to, a little before; at the first time, some days ago."""
    said = extension_value(mark, MARK)
    if said:
        return _instant(said) - 1000 * int(context.parameters["commun.fil_recouvrement_s"])
    return to_ms(context.now - timedelta(days=int(context.parameters["commun.fil_premiere_fois_jours"])))


def _instant(text: Any) -> int:
    try:
        return interval(str(text))[0]
    except ValueError as error:
        raise BadRequest.of("feed-since", "since est un instant.", "since is no instant", ["since"]) from error


def _changed(since: int, person: str, context: Context) -> tuple[list[Resource], int]:
    """Return what changed since, the most recent first, and since when: later where there was too much for one answer."""
    now, start = to_ms(context.now), since
    criteria = [("subject", person)] if person else []
    for _ in range(_OLDEST):
        try:
            found = context.reader.search("Communication", [("_lastUpdated", f"ge{instant(start)}"), *criteria])
        except Unprocessable:
            start = now - (now - start) // 2
            continue
        return sorted(found, key=lambda c: (str(c["meta"].get("lastUpdated", "")), c["id"]), reverse=True), start
    raise Unprocessable.of(
        "feed-too-many", "Trop de transmissions au même instant pour un fil.", "too many matches", code="too-costly"
    )


def _meant(said: Resource, reader: Person, mine: Sequence[str]) -> bool:
    """True where a transmission is for the reader: named, or by role, or for all."""
    named = {target(r) for r in said.get("recipient", ())} - {""}
    if named & reader.names or target(said.get("sender")) in reader.names:
        return True
    if reader.key.startswith(("Patient/", "RelatedPerson/")):
        return False  # the person and those around read what was sent to them, not what the team says
    if not mine:
        return True
    wanted = roles(said)
    people = {n for n in named if n.startswith(("Practitioner/", "PractitionerRole/"))}
    return bool(wanted & set(mine)) if wanted else not people


def _receipt(said: Resource, reader: Person, context: Context) -> Resource | None:
    return context.reader.read(f"Task/{receipt_id(said['id'], int(said['meta']['versionId']), reader)}")


def _shortened(from_ms: int) -> Issue:
    text = (
        f"Trop de transmissions : celles d’avant le {_day(from_ms)} ne sont pas ici ; cherchez-les (GET Communication)."
    )
    return Issue(severity="warning", code="incomplete", id="feed-shortened", text=text)


def _day(ms: int) -> str:
    text = instant(ms)
    return f"{datetime.fromisoformat(text[:10]):%d/%m/%Y} à {text[11:16]} UTC"


def _bundle(said: Iterable[Resource], receipts: Iterable[Resource], issues: Sequence[Issue]) -> Resource:
    entries = [{"resource": r, "search": {"mode": "match"}} for r in said]
    total = len(entries)
    entries += [{"resource": r, "search": {"mode": "include"}} for r in receipts]
    if issues:
        entries.append({"resource": outcome(issues), "search": {"mode": "outcome"}})
    return searchset(entries, total)


def _list(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list) else [str(value)] if value else []
