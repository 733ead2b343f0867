"""Rules on the steps of a file: COM-48 to COM-56."""

from collections.abc import Iterator

from dui_fhir.api import Change, Context, Issue, Resource, add_days, day_of, is_stay

from .identities import fault
from .lifecycle import CLOSED, FIRST, PRESENT, disorder, erased, in_future, left_step_missing, may_follow, stages
from .reading import EXTENSION, codes, extension_value, related, target
from .stays import OPEN

ADMISSION_REQUEST = "urn:dui-fhir:demande"
ORIGIN = f"{EXTENSION}dossier-origine"
_NAMES = {
    "planned": "pré-admission", "waitlist": "liste d’attente", "active": "actif", "onhold": "suspendu", "finished": "sorti",
    "cancelled": "sans suite", "entered-in-error": "saisi par erreur", "arrived": "arrivé", "triaged": "accueilli",
    "in-progress": "en cours", "onleave": "absent", "draft": "ébauche", "on-hold": "en attente", "revoked": "refusée",
    "completed": "aboutie", "unknown": "inconnu",
}  # fmt: skip


def name_of(status: str, context: Context) -> str:
    """Return what a step is called: as the corridor of the structure does (parameter ``etapes``), else as everyone."""
    for corridor in sorted(context.corridors - {"commun"}):
        own = context.parameters.get(f"{corridor}.etapes", {})
        if status in own:
            return str(own[status])
    return _NAMES.get(status, status)


def check_episode(change: Change, context: Context) -> Iterator[Issue]:
    """Check an EpisodeOfCare being written."""
    episode: Resource = change.after or {}
    yield from _transition(change, context)
    if change.before is None:
        yield from _taken_over(episode)
    else:
        yield from _history(change.before, episode)
    yield from _dates(episode, context)
    yield from _completeness(episode)
    yield from _lateness(change, context)
    yield from _after_death(episode, change, context)
    if episode.get("status") not in CLOSED:
        yield from _only_one(episode, change, context)
    elif change.before is not None:
        yield from _open_stays(change, context)


def check_encounter(change: Change, context: Context) -> Iterator[Issue]:
    """Check the step of a stay being written, beside that of its file."""
    encounter: Resource = change.after or {}
    yield from _transition(change, context)
    if encounter.get("status") not in OPEN or not encounter.get("episodeOfCare") or not is_stay(encounter):
        return
    for reference in map(target, encounter["episodeOfCare"]):
        episode = related(reference, change, context)
        if episode is not None and episode.get("status") not in PRESENT:
            text = f"Le séjour est ouvert alors que le dossier est « {name_of(str(episode['status']), context)} »."
            yield fault("COM-54", "Encounter.status", text=text)


def check_request(change: Change, context: Context) -> Iterator[Issue]:
    """Check a request for admission being written."""
    request: Resource = change.after or {}
    if not codes(request.get("category"), ADMISSION_REQUEST):
        return
    yield from _transition(change, context)
    if request.get("status") == "revoked" and not _motive(request):
        yield fault("COM-53", "ServiceRequest.status", text="La demande est refusée sans que le motif soit dit.")


def _transition(change: Change, context: Context) -> Iterator[Issue]:
    """COM-48: a step follows those that may precede it."""
    before, after = (str((r or {}).get("status", "")) for r in (change.before, change.after))
    if change.before is not None and not may_follow(change.type, before, after):
        text = f"De « {name_of(before, context)} », on ne passe pas à « {name_of(after, context)} »."
        yield fault("COM-48", f"{change.type}.status", text=text)


def _history(before: Resource, after: Resource) -> Iterator[Issue]:
    """COM-49: what was is not rewritten. COM-50: what is left is kept."""
    if erased(before, after):
        yield fault("COM-49", "EpisodeOfCare.statusHistory")
    if left_step_missing(before, after):
        yield fault("COM-50", "EpisodeOfCare.statusHistory")


def _dates(episode: Resource, context: Context) -> Iterator[Issue]:
    if disorder(episode):
        text = "Deux étapes du dossier se chevauchent, ou l’une finit avant de commencer."
        yield fault("COM-49", "EpisodeOfCare.statusHistory", text=text)
    if in_future(episode, context.now.date()):
        text = "Une étape déjà commencée porte une date à venir : laissez l’étape prévue jusque-là."
        yield fault("COM-49", "EpisodeOfCare.period", text=text)


def _completeness(episode: Resource) -> Iterator[Issue]:
    """COM-53: a day for what began or ended, a motive for what comes to nothing."""
    status, period = episode.get("status"), episode.get("period", {})
    if status in PRESENT and "start" not in period:
        yield fault("COM-53", "EpisodeOfCare.period", text="La date d’admission manque.")
    if status == "finished" and "end" not in period:
        yield fault("COM-53", "EpisodeOfCare.period", text="La date de sortie manque.")
    if status == "cancelled" and not _motive(episode):
        yield fault("COM-53", "EpisodeOfCare.extension", text="Le motif du refus ou du désistement manque.")


def _motive(resource: Resource) -> bool:
    if extension_value(resource, f"{EXTENSION}motif-refus") or extension_value(resource, f"{EXTENSION}motif-etape"):
        return True
    return any(extension_value(e, f"{EXTENSION}motif-etape") for e in resource.get("statusHistory", ()))


def _taken_over(episode: Resource) -> Iterator[Issue]:
    """COM-52: a file that begins late in its life was kept elsewhere (D7, D8): stored, its past is asked for."""
    if episode.get("status") not in FIRST | {"cancelled", "entered-in-error"} and not stages(episode):
        yield fault("COM-52", "EpisodeOfCare.statusHistory")


def _lateness(change: Change, context: Context) -> Iterator[Issue]:
    """COM-56: an admission or an exit told long after its day is stored, and said to be late (D7)."""
    episode, before = change.after or {}, change.before or {}
    side = {"active": "start", "finished": "end"}.get(str(episode.get("status")))
    if side is None or episode.get("status") == before.get("status"):
        return
    at = day_of(episode.get("period", {}).get(side))
    limit = add_days(context.now.date(), -int(context.parameters["commun.saisie_tardive_jours"]))
    if at is not None and at < limit:
        yield fault("COM-56", f"EpisodeOfCare.period.{side}")


def _only_one(episode: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """COM-51: one file of a person in a structure (D1)."""
    if (
        change.before is not None
        and change.before.get("status") not in CLOSED
        and _place(change.before) == _place(episode)
    ):
        return
    mine, place = f"EpisodeOfCare/{change.id}", _place(episode)
    if not all(place):
        return
    written = {r: s for r, s in change.siblings.items() if r.startswith("EpisodeOfCare/") and r != mine}
    stored = context.reader.search("EpisodeOfCare", [("patient", place[0])])
    others = [*written.values(), *(e for e in stored if f"EpisodeOfCare/{e['id']}" not in {mine, *written})]
    if any(other.get("status") not in CLOSED and _place(other) == place for other in others):
        yield fault("COM-51", "EpisodeOfCare.managingOrganization")


def _place(episode: Resource) -> tuple[str, str]:
    return target(episode.get("patient")), target(episode.get("managingOrganization"))


def _open_stays(change: Change, context: Context) -> Iterator[Issue]:
    """COM-54: no stay remains open in a file that is closed."""
    reference = f"EpisodeOfCare/{change.id}"
    written = {r: s for r, s in change.siblings.items() if r.startswith("Encounter/")}
    stored = context.reader.search("Encounter", [("episode-of-care", reference)])
    stays = [*written.values(), *(s for s in stored if f"Encounter/{s['id']}" not in written)]
    mine = [s for s in stays if reference in map(target, s.get("episodeOfCare", ()))]
    if any(is_stay(s) and s.get("status") in OPEN for s in mine):
        yield fault("COM-54", "EpisodeOfCare.status")


def _after_death(episode: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """COM-55: no admission and no return after the death of the person."""
    if episode.get("status") in CLOSED or (change.before or {}).get("status") == episode.get("status"):
        return
    patient = related(target(episode.get("patient")), change, context) or {}
    died, start = day_of(patient.get("deceasedDateTime")), day_of(episode.get("period", {}).get("start"))
    dead = patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient
    # an admission that took place before the death may still be told
    to_come = episode.get("status") not in PRESENT
    if dead and (to_come or (died is not None and start is not None and start > died)):
        yield fault("COM-55", "EpisodeOfCare.status")
