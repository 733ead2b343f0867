"""Is this report what was handed over, and do the data still say the same?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dui_fhir.domain.errors import NotFound
from dui_fhir.indicators.operations import results_of, structure_named
from dui_fhir.indicators.period import Period
from dui_fhir.indicators.report import finess_of_report, proof_of, recomputed
from dui_fhir.service.engine import Call


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """``sound``: nothing contradicts the proof. ``sentence``: French, for people."""

    sound: bool
    sentence: str


def verdicts(call: Call, given: Mapping[str, Any]) -> Iterator[Verdict]:
    """Yield one verdict per MeasureReport of a resource or of a Bundle. Raises: BadRequest (``indicator-report``)."""
    resources = [e.get("resource", {}) for e in given.get("entry", ())] if "entry" in given else [given]
    for report in resources:
        yield _verdict(call, report)


def _verdict(call: Call, report: Mapping[str, Any]) -> Verdict:
    proof, again = proof_of(report), recomputed(report)
    name = str(report.get("measure", "")).rpartition(":")[2]
    label = f"{name} {proof[:12]}…"
    if again is not None and again != proof:
        return Verdict(sound=False, sentence=f"{label} : FAUX, les listes du rapport ne donnent pas son empreinte.")
    seen = "listes conformes à l'empreinte" if again is not None else "rapport sans listes"
    present = _of_data(call, report)
    if present is None:
        return Verdict(
            sound=again is not None, sentence=f"{label} : {seen} ; les données ne sont pas dans cet organisme."
        )
    if present == proof:
        return Verdict(sound=True, sentence=f"{label} : {seen} ; les données donnent encore la même empreinte.")
    kept = _is_kept(call, proof)
    told = "ce rapport avait été gardé" if kept else "aucun rapport gardé n'a cette empreinte"
    text = f"{label} : {seen} ; les données ou les paramètres ont changé depuis ({told})."
    return Verdict(sound=again is not None or kept, sentence=text)


def _of_data(call: Call, report: Mapping[str, Any]) -> str | None:
    """Return the proof that the present data give; None where the structures or the indicator are not known here."""
    try:
        structures = [structure_named(call, finess) for finess in finess_of_report(report)]
        period = Period.between(str(report["period"]["start"]), str(report["period"]["end"]))
        found = results_of(call, structures, period, [str(report["measure"])])
    except NotFound:
        return None
    return found[0].hash if found else None


def _is_kept(call: Call, proof: str) -> bool:
    version = call.store.read("MeasureReport", f"ind-{proof[:48]}")
    return version is not None and not version.deleted
