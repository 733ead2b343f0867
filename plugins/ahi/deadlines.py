"""Delays of the corridor AHI: AHI-04 (review of the situation), AHI-05 (prolongation)."""

from collections.abc import Iterator

from dui_fhir.api import ClockRule, Deadline, Dossier, day_of, last, moment, pending


def review(dossier: Dossier) -> Iterator[Deadline]:
    """AHI-04 (R345-4): the situation is reviewed every six months at least."""
    reviews = [moment(e) for e in dossier.of_kind("Encounter", "examen-situation")]
    known = last([dossier.admission, dossier.last_paper("examen-situation"), *reviews]) if dossier.current else None
    yield from pending(dossier.months_after(known, "ahi.examen_situation_mois"))


def prolongation(dossier: Dossier) -> Iterator[Deadline]:
    """AHI-05 (R345-4): a prolongation is asked for one month before the end of the decision."""
    ends = []
    for decision in dossier.of_kind("ServiceRequest", "prise-en-charge"):
        period = decision.get("occurrencePeriod", {})
        end = day_of(period.get("end"))
        if end is not None and decision.get("status") == "active":
            ends.append((end, day_of(period.get("start")), f"ServiceRequest/{decision['id']}"))
    if not ends or dossier.current is None:
        return
    end, start, about = max(ends, key=lambda e: e[0])
    asked = [moment(r) or day_of(r.get("authoredOn")) for r in dossier.of_kind("ServiceRequest", "prolongation")]
    done = any(a is not None and (start is None or a > start) for a in asked)
    yield from pending(dossier.months_before(end, "ahi.prolongation_avance_mois"), done=done, about=about)


RULES = (ClockRule(id="AHI-04", find=review), ClockRule(id="AHI-05", find=prolongation))
