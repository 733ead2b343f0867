"""Delays of the corridor PH: PH-02 (end of orientation), PH-03 (Creton), PH-04, PH-06 (parents), PH-11 (follow-up)."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from dui_fhir.api import ClockRule, Deadline, Dossier, Resource, age_at, day_of, last, moment, pending, value

DECISION: Final = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-decision"


def orientation_ends(dossier: Dossier) -> Iterator[Deadline]:
    """PH-02 (D312-59-15): no stay beyond the end of the decision; in an ITEP, a report four months before it."""
    ends = [day_of(value(right, "dateEcheance")) for right in _rights(dossier)]
    if dossier.current is None or not ends or None in ends:
        return  # without a decision PH-01 speaks; a right without an end does not expire
    end = last(ends)
    opened = last(day_of(value(right, "dateOuverture")) for right in _rights(dossier))
    reported = dossier.last_paper("bilan-orientation")
    done = reported is not None and (opened is None or reported > opened)
    if dossier.category in dossier.parameters["ph.bilan_orientation_categories"]:
        text = "Bilan à établir avant la fin de la décision d'orientation."
        yield from pending(dossier.months_before(end, "ph.bilan_orientation_mois"), done=done, key="bilan", text=text)
    yield from pending(end, key="fin", text="La décision d'orientation a pris fin et le séjour continue.")


def _rights(dossier: Dossier) -> Iterator[Resource]:
    for request in dossier.resources("ServiceRequest"):
        yield from _rights_about(f"ServiceRequest/{request['id']}", dossier)
    yield from _rights_about(dossier.person, dossier)


def _rights_about(subject: str, dossier: Dossier) -> Iterator[Resource]:
    for decision in dossier.reader.search("Basic", [("subject", subject)]):
        for extension in decision.get("extension", ()):
            if extension.get("url") == DECISION:
                yield from (e for e in extension.get("extension", ()) if e.get("url") == "droitPrestation")


def creton(dossier: Dossier) -> Iterator[Deadline]:
    """PH-03: past twenty, a place in a structure for children asks for the Creton amendment."""
    if dossier.current is None or not _orientation_bound(dossier):
        return
    kept = any(value(right, "creton") is True for right in _rights(dossier))
    yield from pending(dossier.years_after(dossier.born, "ph.creton_ans"), done=kept)


def urgent_treatment(dossier: Dossier) -> Iterator[Deadline]:
    """PH-04 (D312-37 2°): the parents' written authorisation for urgent treatment."""
    if not _minor(dossier):
        return
    given = any(c.get("status") == "active" for c in dossier.of_kind("Consent", "autorisation-soins-urgents"))
    done = given or any(dossier.papers("AUTORIS-SOINS"))
    yield from pending(dossier.days_after(dossier.admission, "ph.autorisation_soins_jours"), done=done)


def parents_informed(dossier: Dossier) -> Iterator[Deadline]:
    """PH-06 (D312-14): information every six months, pluridisciplinary report every year."""
    if not _minor(dossier):
        return
    told = last([dossier.admission, *(moment(c) for c in dossier.of_kind("Communication", "information-parents"))])
    yield from pending(
        dossier.months_after(told, "ph.semestre_information_mois"),
        key="information",
        text="Information des parents à donner.",
    )
    reported = last([dossier.admission, dossier.last_paper("bilan-pluridisciplinaire")])
    yield from pending(
        dossier.months_after(reported, "ph.bilan_pluridisciplinaire_mois"),
        key="bilan",
        text="Bilan pluridisciplinaire à établir.",
    )


def follow_up(dossier: Dossier) -> Iterator[Deadline]:
    """PH-11 (D312-37 7°): what became of the child is known for three years after the exit."""
    left = dossier.exit
    if left is None or not _orientation_bound(dossier):
        return
    notes = [moment(n) for n in dossier.papers("note-suivi")]
    notes += [moment(c) for c in dossier.of_kind("Communication", "suivi-sortie")]
    done = any(n is not None and n > left for n in notes)
    yield from pending(dossier.years_after(left, "ph.suivi_sortie_ans"), done=done)


def _for_children(dossier: Dossier) -> bool:
    return dossier.category in dossier.parameters["ph.categories_enfants"]


def _orientation_bound(dossier: Dossier) -> bool:
    """True in a structure for children that is entered on a decision: neither CMPP nor CAMSP keeps a place past an age."""
    return _for_children(dossier) and dossier.category not in dossier.parameters["ph.categories_acces_direct"]


def _minor(dossier: Dossier) -> bool:
    """True while a child is there: an unknown date of birth leaves it to the category."""
    if dossier.current is None or not _for_children(dossier):
        return False
    born: date | None = dossier.born
    return born is None or age_at(born, dossier.today) < int(dossier.parameters["ph.majorite_ans"])


RULES = (
    ClockRule(id="PH-02", find=orientation_ends),
    ClockRule(id="PH-03", find=creton),
    ClockRule(id="PH-04", find=urgent_treatment),
    ClockRule(id="PH-06", find=parents_informed),
    ClockRule(id="PH-11", find=follow_up),
)
