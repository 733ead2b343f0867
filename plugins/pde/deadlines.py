"""Delays of the corridor PDE: PDE-03, 06, 08 to 11, 18, 19."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from dui_fhir.api import (
    ClockRule,
    Deadline,
    Dossier,
    LegalMeasure,
    Resource,
    age_at,
    day_of,
    last,
    moment,
    pending,
    value,
)

EXTENSION: Final = "urn:dui-fhir:extension:"
REPORTS: Final = ("rapport-situation", "rapport-juge")
_RUNNING: Final = frozenset({"active", "on-hold", "completed"})


def _running(dossier: Dossier) -> Iterator[LegalMeasure]:
    return (m for m in dossier.measures if m.in_force(dossier.today))


def project_for_the_child(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-03 (D223-12): the PPE within three months of the beginning of the measure."""
    written = any(p.get("status") in _RUNNING for p in dossier.of_kind("CarePlan", "PPE")) or any(dossier.papers("ppe"))
    for measure in _running(dossier):
        due = dossier.months_after(measure.start or measure.decided, "pde.ppe_etablissement_mois")
        yield from pending(due, done=written, about=measure.reference)


def situation_report(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-06 (L223-5): a report every year; every six months for a child who was under three at the last one."""
    begun = min((d for m in _running(dossier) if (d := m.start or m.decided)), default=None)
    known = last([begun, dossier.last_paper(*REPORTS)]) if begun else None
    if known is not None:
        small = dossier.born is not None and age_at(dossier.born, known) < int(
            dossier.parameters["pde.petit_enfant_ans"]
        )
        yield from pending(
            dossier.months_after(known, "pde.rapport_petit_enfant_mois" if small else "pde.rapport_mois")
        )


def report_to_the_judge(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-08 (L223-5): the report reaches the judge, after the parents and the child were told of it."""
    if not any(m.frame == "judiciaire" for m in _running(dossier)):
        return
    for report in dossier.papers("rapport-situation"):
        about = f"{report['resourceType']}/{report['id']}"
        due = dossier.days_after(moment(report), "pde.rapport_transmission_jours")
        sent, told = _day(report, "transmission-juge"), _day(report, "porte-a-connaissance")
        yield from pending(due, done=sent is not None, about=about, key="juge", text="Rapport à transmettre au juge.")
        in_time = told is not None and (sent is None or told <= sent)
        text = "Rapport à porter d'abord à la connaissance des parents et du mineur."
        yield from pending(due, done=in_time, about=about, key="connaissance", text=text)


def health_check(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-09 (L223-1-1): health and prevention check-up at the entry."""
    seen = dossier.last_paper("68817-6")
    done = seen is not None and dossier.admission is not None and seen >= dossier.admission
    yield from pending(dossier.days_after(dossier.admission, "pde.bilan_sante_jours"), done=done)


def autonomy_interview(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-10 (L222-5-1): interview by the age of seventeen; who comes later has it as soon as possible."""
    born, came = dossier.born, dossier.admission
    if born is None or came is None or age_at(born, dossier.today) >= int(dossier.parameters["pde.majorite_ans"]):
        return
    birthday = dossier.years_after(born, "pde.entretien_autonomie_ans")
    late = birthday is not None and came > birthday
    due = dossier.days_after(came, "pde.entretien_autonomie_jours") if late else birthday
    done = any(dossier.of_kind("Encounter", "entretien-autonomie")) or any(dossier.papers("entretien-autonomie"))
    yield from pending(due, done=done)


def concern_sent(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-11 (L226-2-1): information préoccupante sent without delay to the CRIP."""
    yield from _sent(dossier, "information-preoccupante", "transmission-crip", "pde.ip_transmission_jours")


def copy_of_referral(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-19 (L226-4 II): a direct referral to the prosecutor is copied to the head of the department."""
    yield from _sent(dossier, "signalement", "copie-pcd", "pde.copie_pcd_jours")


def _sent(dossier: Dossier, kind: str, trace: str, parameter: str) -> Iterator[Deadline]:
    for document in dossier.papers(kind):
        about = f"{document['resourceType']}/{document['id']}"
        yield from pending(
            dossier.days_after(moment(document), parameter), done=_day(document, trace) is not None, about=about
        )


def young_adult(dossier: Dossier) -> Iterator[Deadline]:
    """PDE-18 (L222-5): past twenty-one no measure runs."""
    for measure in _running(dossier):
        yield from pending(dossier.years_after(dossier.born, "pde.jeune_majeur_ans"), about=measure.reference)


def _day(document: Resource, name: str) -> date | None:
    return day_of(value(document, f"{EXTENSION}{name}"))


RULES = (
    ClockRule(id="PDE-03", find=project_for_the_child),
    ClockRule(id="PDE-06", find=situation_report),
    ClockRule(id="PDE-08", find=report_to_the_judge),
    ClockRule(id="PDE-09", find=health_check),
    ClockRule(id="PDE-10", find=autonomy_interview),
    ClockRule(id="PDE-11", find=concern_sent),
    ClockRule(id="PDE-18", find=young_adult),
    ClockRule(id="PDE-19", find=copy_of_referral),
)
