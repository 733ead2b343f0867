"""Delays of the corridor PJM, all counted from the measure: PJM-03, 04, 05, 07, 08, 10, 15."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from dui_fhir.api import (
    ClockRule,
    Deadline,
    Dossier,
    LegalMeasure,
    Resource,
    add_months,
    day_of,
    last,
    moment,
    pending,
    value,
)

RECEIPT: Final = "urn:dui-fhir:extension:recepisse"
HANDED_OVER: Final = "urn:dui-fhir:extension:remise"
SENT: Final = "urn:dui-fhir:extension:transmission"


def _running(dossier: Dossier) -> Iterator[LegalMeasure]:
    return (m for m in dossier.measures if m.in_force(dossier.today))


def _managed(dossier: Dossier, measure: LegalMeasure) -> bool:
    return measure.type in dossier.parameters["pjm.mesures_de_gestion"]


def renewal(dossier: Dossier) -> Iterator[Deadline]:
    """PJM-03: the request for renewal, some months before the end of the measure."""
    for measure in _running(dossier):
        begun = measure.start or measure.decided
        asked = [moment(p) for p in dossier.papers("requete-renouvellement")]
        done = any(a is not None and begun is not None and a > begun for a in asked)
        due = dossier.months_before(measure.end, "pjm.renouvellement_avance_mois")
        yield from pending(due, done=done, about=measure.reference)


def notice(dossier: Dossier) -> Iterator[Deadline]:
    """PJM-04 (D471-7): notice and charter handed over at once, with a receipt."""
    given = list(dossier.papers("notice-information"))
    receipt = any(value(n, RECEIPT) is not None or n.get("authenticator") for n in given)
    text = "Récépissé de la notice d'information à recueillir." if given else ""
    for measure in _running(dossier):
        due = dossier.days_after(measure.notified, "pjm.notice_jours")
        yield from pending(due, done=bool(given) and receipt, about=measure.reference, text=text)


def protection_document(dossier: Dossier) -> Iterator[Deadline]:
    """PJM-05 (D471-8 V): the DIPM handed over within three months of the notification."""
    written = list(dossier.papers("dipm"))
    handed = any(value(d, HANDED_OVER) is not None or value(d, RECEIPT) is not None for d in written)
    text = (
        "DIPM établi : sa remise à la personne est à faire, ou à noter." if written else "DIPM à établir et à remettre."
    )
    for measure in _running(dossier):
        due = dossier.months_after(measure.notified, "pjm.dipm_mois")
        yield from pending(due, done=handed, about=measure.reference, text=text)


def amendment(dossier: Dossier) -> Iterator[Deadline]:
    """PJM-07 (D471-8 V): an amendment within a year of the notification, then at each anniversary of the judgment."""
    amended = dossier.last_paper("avenant-dipm")
    for measure in _running(dossier):
        first = dossier.years_after(measure.notified, "pjm.dipm_avenant_ans")
        due = first if amended is None else _anniversary(dossier, measure, amended)
        yield from pending(due, about=measure.reference)


def _anniversary(dossier: Dossier, measure: LegalMeasure, amended: date) -> date | None:
    """Return the first anniversary not yet served: an amendment shortly before one serves it."""
    served = dossier.months_after(amended, "pjm.avenant_avance_mois")
    if measure.decided is None or served is None:
        return None
    years = max(served.year - measure.decided.year, 1)
    anniversary = add_months(measure.decided, 12 * years)
    return anniversary if anniversary > served else add_months(measure.decided, 12 * (years + 1))


def inventory(dossier: Dossier) -> Iterator[Deadline]:
    """PJM-08 (art. 503): movables within three months; the rest, with the budget, within six."""
    movables = any(dossier.papers("inventaire", "inventaire-meubles"))
    rest = any(dossier.papers("inventaire")) and any(dossier.papers("budget"))
    for measure in _running(dossier):
        if not _managed(dossier, measure):
            continue
        begun, about = measure.start or measure.decided, measure.reference
        due = dossier.months_after(begun, "pjm.inventaire_meubles_mois")
        yield from pending(
            due, done=movables, about=about, key="meubles", text="Inventaire des meubles à transmettre au juge."
        )
        due = dossier.months_after(begun, "pjm.inventaire_reste_mois")
        yield from pending(
            due, done=rest, about=about, key="reste", text="Inventaire complet et budget à transmettre au juge."
        )


def accounts(dossier: Dossier) -> Iterator[Deadline]:
    """PJM-10 (art. 510): the account of a year before 30 June of the next; the last one within three months of the end."""
    written = {_year(p.get("context", p), moment(p)): p for p in sorted(dossier.papers("compte-gestion"), key=_is_sent)}
    for measure in dossier.measures:
        begun, end = measure.start or measure.decided, last([measure.ended]) or measure.end
        if begun is None or not _managed(dossier, measure):
            continue
        over = end is not None and end < dossier.today
        # an account may be asked for as long as the file is kept
        first = max(begun.year, dossier.today.year - int(dossier.parameters["pjm.conservation_ans"]))
        years = range(first, min(dossier.today.year, end.year if end else dossier.today.year))
        for year in years:
            due = day_of(f"{year + 1}-{dossier.parameters['pjm.compte_echeance']}")
            account = written.get(year)
            rest = "à transmettre" if account is None else "établi : sa transmission est à faire, ou à noter"
            done = account is not None and _is_sent(account)
            yield from pending(
                due, done=done, about=measure.reference, key=str(year), text=f"Compte de gestion de {year} {rest}."
            )
        if over:
            due = dossier.months_after(end, "pjm.compte_final_mois")
            final = any(_is_sent(paper) for paper in dossier.papers("compte-final"))
            yield from pending(
                due, done=final, about=measure.reference, key="final", text="Dernier compte à transmettre."
            )


def _is_sent(account: Resource) -> bool:
    return value(account, SENT) is not None


def _year(holder: dict[str, object], written: date | None) -> int | None:
    """Return the year an account is about: the one its period ends in, else the year before it was written."""
    period = holder.get("period")
    end = day_of(period.get("end")) if isinstance(period, dict) else None
    if end is not None:
        return end.year
    return written.year - 1 if written else None


def retention(dossier: Dossier) -> Iterator[Deadline]:
    """PJM-15 (art. 515): five years after the end of the last measure, destruction or archiving is proposed."""
    ends = [m.ended or m.end for m in dossier.measures]
    if ends and None not in ends:
        text = "Durée de conservation écoulée : archivage ou destruction à décider."
        yield from pending(dossier.years_after(last(ends), "pjm.conservation_ans"), text=text)


RULES = (
    ClockRule(id="PJM-03", find=renewal),
    ClockRule(id="PJM-04", find=notice),
    ClockRule(id="PJM-05", find=protection_document),
    ClockRule(id="PJM-07", find=amendment),
    ClockRule(id="PJM-08", find=inventory),
    ClockRule(id="PJM-10", find=accounts),
    ClockRule(id="PJM-15", find=retention),
)
