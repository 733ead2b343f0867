"""Proofs of interventions sent by télégestion: COM-84 to 89 (COM-90 and 91 are written in JSON).

A proof is an Observation of ours, of an intervention (``preuve-intervention``) or of its annulment (``annulation-preuve``, whose
``focus`` is the proof). Never changed nor deleted: what was wrong is annulled, with its reason, by a new fact. The Encounter
keeps its own life. Times: ``effective[x]`` when it took place, ``issued`` when the terminal sent it, ``meta.lastUpdated`` when it
arrived.
"""

from collections.abc import Iterator
from typing import Any, Final

from dui_fhir.api import Change, Context, Issue, Resource, interval, to_ms

from .identities import fault
from .reading import codes, related, target

SYSTEM: Final = "urn:dui-fhir:observation"
PROOF: Final = "preuve-intervention"
ANNULMENT: Final = "annulation-preuve"
_OURS: Final = frozenset({PROOF, ANNULMENT})


def check(change: Change, context: Context) -> Iterator[Issue]:
    """Check an Observation being written."""
    observation: Resource = change.after or {}
    if change.before is not None:
        yield from _kept(change)
    kind = codes(observation.get("code"), SYSTEM)
    if change.before is None and kind & _OURS:
        yield from _once(observation, change, context)
    if PROOF in kind:
        yield from _times(observation, change, context)
    if ANNULMENT in kind:
        yield from _annulled(observation, change, context)


def check_delete(change: Change, context: Context) -> Iterator[Issue]:
    """COM-86: a proof is not erased."""
    if change.type == "Observation" and codes((change.before or {}).get("code"), SYSTEM) & _OURS:
        yield fault("COM-86", "Observation")


def check_encounter(change: Change, context: Context) -> Iterator[Issue]:
    """COM-89: an intervention corrected after the fact is compared with its proofs."""
    before, after = change.before or {}, change.after or {}
    if after.get("status") != "finished" or before.get("period") == after.get("period") or not before:
        return
    for proof in _proofs_of(f"Encounter/{change.id}", context):
        if _differs(proof, after, context):
            yield fault("COM-89", "Encounter.period")
            return


def _kept(change: Change) -> Iterator[Issue]:
    before, after = change.before or {}, change.after or {}
    if codes(before.get("code"), SYSTEM) & _OURS and _content(before) != _content(after):
        yield fault("COM-86", "Observation")


def _content(resource: Resource) -> Any:
    return {name: value for name, value in resource.items() if name not in ("meta", "text")}


def _once(observation: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """COM-88: one proof by identifier; ``If-None-Exist`` answers the one that is there."""
    named = {(i.get("system"), i.get("value")) for i in observation.get("identifier", ()) if i.get("value")}
    criteria = ",".join(sorted(f"{system or ''}|{value}" for system, value in named))
    written = [s for r, s in change.siblings.items() if r.startswith("Observation/") and s.get("id") != change.id]
    stored = context.reader.search("Observation", [("identifier", criteria)]) if criteria else []
    others = [o for o in [*written, *stored] if o.get("id") != change.id and codes(o.get("code"), SYSTEM) & _OURS]
    if any(named & {(i.get("system"), i.get("value")) for i in o.get("identifier", ())} for o in others):
        yield fault("COM-88", "Observation.identifier")


def _times(proof: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """COM-85: what arrives late is stored, and said to be; what has not taken place is not proved."""
    low, high = bounds(proof)
    now = to_ms(context.now)
    if low is None or high is None:
        return
    margin = int(context.parameters["commun.preuve_avance_minutes"]) * 60_000
    if high < low or high > now + margin:
        text = "La preuve porte des heures impossibles : fin avant le début, ou à venir."
        yield fault("COM-84", "Observation.effective[x]", text=text)
    if now - high > int(context.parameters["commun.preuve_retard_heures"]) * 3_600_000:
        yield fault("COM-85", "Observation.effective[x]")
    encounter = related(target(proof.get("encounter")), change, context)
    if encounter is not None and encounter.get("status") == "finished" and _differs(proof, encounter, context):
        yield fault("COM-89", "Observation.effective[x]")


def bounds(proof: Resource) -> tuple[int | None, int | None]:
    """Return when the intervention began and ended, in epoch milliseconds; a badge alone gives the same instant twice."""
    period = proof.get("effectivePeriod") or {}
    start, end = (
        (_ms(period.get("start")), _ms(period.get("end"))) if period else (_ms(proof.get("effectiveDateTime")),) * 2
    )
    return start, end


def _ms(text: Any) -> int | None:
    try:
        return interval(text)[0]
    except (TypeError, ValueError):
        return None


def _differs(proof: Resource, encounter: Resource, context: Context) -> bool:
    """True where the intervention does not begin or end as proved, beyond the margin; what is not said differs from nothing."""
    margin = int(context.parameters["commun.preuve_ecart_minutes"]) * 60_000
    period = encounter.get("period", {})
    proved, said = (proof.get("effectivePeriod") or {}), (_ms(period.get("start")), _ms(period.get("end")))
    pairs = zip((_ms(proved.get("start")), _ms(proved.get("end"))), said, strict=True)
    return any(a is not None and b is not None and abs(a - b) > margin for a, b in pairs)


def _annulled(annulment: Resource, change: Change, context: Context) -> Iterator[Issue]:
    """COM-87: an annulment names a proof of the same person."""
    named = [related(target(f), change, context) for f in annulment.get("focus", ())]
    proofs = [p for p in named if p is not None and PROOF in codes(p.get("code"), SYSTEM)]
    if len(proofs) != len(named) or any(target(p.get("subject")) != target(annulment.get("subject")) for p in proofs):
        yield fault("COM-87", "Observation.focus")


def _proofs_of(encounter: str, context: Context) -> Iterator[Resource]:
    """Yield the proofs of an intervention that no other fact annulled."""
    for proof in context.reader.search("Observation", [("encounter", encounter), ("code", f"{SYSTEM}|{PROOF}")]):
        facts = context.reader.search("Observation", [("focus", f"Observation/{proof['id']}")])
        if not any(ANNULMENT in codes(f.get("code"), SYSTEM) for f in facts):
            yield proof
