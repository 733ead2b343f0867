"""Steps of a file: which may follow which, and what their history may hold. Pure; `steps.py` asks, `transitions.py` moves.

The file of a person in a structure is an EpisodeOfCare (decision D1); its stays are Encounters, the request that opened it a
ServiceRequest. Source: FHIR R4, episodeofcare.html, encounter.html, request.html; steps: docs/fr/dossier.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from dui_fhir.api import Resource, add_days, day_of, interval

_ERROR: Final = "entered-in-error"

EPISODE: Final[Mapping[str, frozenset[str]]] = {
    "planned": frozenset({"waitlist", "active", "cancelled"}),
    "waitlist": frozenset({"planned", "active", "cancelled"}),
    "active": frozenset({"onhold", "finished"}),
    "onhold": frozenset({"active", "finished"}),
    # the person comes back: one file for one structure, as long as it is not archived
    "finished": frozenset({"planned", "waitlist", "active"}),
    "cancelled": frozenset(),
    _ERROR: frozenset(),
}
ENCOUNTER: Final[Mapping[str, frozenset[str]]] = {
    "planned": frozenset({"arrived", "triaged", "in-progress", "onleave", "finished", "cancelled"}),
    "arrived": frozenset({"triaged", "in-progress", "onleave", "finished", "cancelled"}),
    "triaged": frozenset({"in-progress", "onleave", "finished", "cancelled"}),
    "in-progress": frozenset({"onleave", "finished"}),
    "onleave": frozenset({"in-progress", "finished"}),
    # an exit written too soon is put right
    "finished": frozenset({"in-progress", "onleave"}),
    "cancelled": frozenset(),
    "unknown": frozenset({"planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled"}),
    _ERROR: frozenset(),
}
REQUEST: Final[Mapping[str, frozenset[str]]] = {
    "draft": frozenset({"active", "on-hold", "revoked"}),
    "active": frozenset({"on-hold", "revoked", "completed"}),
    "on-hold": frozenset({"active", "revoked", "completed"}),
    "unknown": frozenset({"draft", "active", "on-hold", "revoked", "completed"}),
    "revoked": frozenset(),
    "completed": frozenset(),
    _ERROR: frozenset(),
}
STEPS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "EpisodeOfCare": EPISODE,
    "Encounter": ENCOUNTER,
    "ServiceRequest": REQUEST,
}
FIRST: Final = frozenset({"planned", "waitlist", "active"})
"""Steps at which a file begins in the life of a structure; any other is one taken over."""
CLOSED: Final = frozenset({"finished", "cancelled", _ERROR})
PRESENT: Final = frozenset({"active", "onhold"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One step that the file went through; ``low`` and ``high`` in epoch milliseconds, None where not said."""

    status: str
    low: int | None
    high: int | None


def may_follow(type: str, before: str, after: str) -> bool:
    """True where a resource may go from one status to another; staying, and saying that it was an error, always may."""
    if before == after or after == _ERROR:
        return before != _ERROR or after == before
    return after in STEPS[type].get(before, frozenset())


def stages(resource: Resource) -> tuple[Stage, ...]:
    """Return ``statusHistory`` as written."""
    return tuple(_stage(entry) for entry in resource.get("statusHistory", ()))


def _stage(entry: Mapping[str, Any]) -> Stage:
    period = entry.get("period", {})
    return Stage(
        status=str(entry.get("status", "")), low=_bound(period.get("start"), 0), high=_bound(period.get("end"), 1)
    )


def _bound(text: Any, side: int) -> int | None:
    try:
        return interval(text)[side]
    except (TypeError, ValueError):
        return None


def erased(before: Resource, after: Resource) -> bool:
    """True where a step of the history is no longer there, or otherwise; the end of an open step may come."""
    kept = list(stages(after))
    for stage in stages(before):
        found = next((k for k in kept if _continues(stage, k)), None)
        if found is None:
            return True
        kept.remove(found)
    return False


def _continues(old: Stage, new: Stage) -> bool:
    return (old.status, old.low) == (new.status, new.low) and old.high in (None, new.high)


def disorder(resource: Resource) -> bool:
    """True where a step of the history ends before it begins, or two steps overlap by more than the day they share."""
    known = [s for s in stages(resource) if s.low is not None]
    if any(s.high is not None and s.low is not None and s.high < s.low for s in known):
        return True
    dated = sorted((s.low, s.high) for s in known if s.low is not None and s.high is not None)
    # a day written without its hour covers the whole day: the next step may begin on it
    return any(later[0] < _start_of_day(earlier[1]) for earlier, later in _pairs(dated))


def _pairs(dated: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    return zip(dated, dated[1:], strict=False)


_MS_OF_24_H: Final = 86_400_000


def _start_of_day(ms: int) -> int:
    return ms - ms % _MS_OF_24_H


def in_future(resource: Resource, today: date) -> bool:
    """True where a step that happened bears a day to come; one day is left for the time zones."""
    period = resource.get("period", {})
    limit = add_days(today, 1)
    dates = []
    if resource.get("status") in PRESENT | {"finished"}:
        dates.append(day_of(period.get("start")))
    if resource.get("status") == "finished":
        dates.append(day_of(period.get("end")))
    return any(d is not None and d > limit for d in dates)


def left_step_missing(before: Resource, after: Resource) -> bool:
    """True where the status changed and the step that was left is not in the history, with its end."""
    left = str(before.get("status", ""))
    if left == after.get("status"):
        return False
    ended = [s for s in stages(after) if s.status == left and s.high is not None]
    known = [s for s in stages(before) if s.status == left and s.high is not None]
    return len(ended) <= len(known)


def moved(resource: Resource, status: str, at: str, motive: str = "") -> Resource:
    """Return an EpisodeOfCare or an Encounter at another step since ``at`` (FHIR dateTime), the step left in its history."""
    entry: Resource = {"status": resource["status"], "period": {"end": at}}
    start = _since(resource)
    if start:
        entry["period"] = {"start": start, "end": at}
    if motive:
        entry["extension"] = [{"url": MOTIVE, "valueString": motive}]
    made = {**resource, "status": status, "statusHistory": [*_ended(resource), entry]}
    period = _period(resource, status, at)
    return {**made, "period": period} if period else {k: v for k, v in made.items() if k != "period"}


MOTIVE: Final = "urn:dui-fhir:extension:motif-etape"


def _ended(resource: Resource) -> list[Any]:
    """Return the history without an entry for the step that runs: it is written again, with its end."""
    return [e for e in resource.get("statusHistory", ()) if "end" in e.get("period", {})]


def _since(resource: Resource) -> str:
    """Return when the current step began: its own entry, the end of the one before it, else the start of the file."""
    history = resource.get("statusHistory", ())
    running = [e["period"]["start"] for e in history if "end" not in e["period"] and "start" in e["period"]]
    ends = [e["period"]["end"] for e in history if "end" in e["period"]]
    return str(
        next(iter(running), "") or max(ends, default="", key=_key) or resource.get("period", {}).get("start", "")
    )


def _key(text: str) -> int:
    return _bound(text, 0) or 0


def _period(resource: Resource, status: str, at: str) -> dict[str, Any]:
    period = dict(resource.get("period", {}))
    before = resource["status"]
    if status in ("active", "in-progress") and before in ("planned", "waitlist", "arrived", "triaged", "finished"):
        # the file keeps the first day of the first stay; a planned day gives way to the real one
        period = {"start": period["start"] if before == "finished" and "start" in period else at}
    if status in ("planned", "waitlist") and before == "finished":
        period.pop("end", None)
    if status in ("finished", "cancelled"):
        period["end"] = at
    return period
