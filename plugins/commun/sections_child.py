"""Sections of the *projet pour l'enfant* (CASF, D223-14 and D223-15): the child's circumstances, and the three domains of life.

What no resource holds is written on the CarePlan itself, in extensions ``urn:dui-fhir:extension:<section>`` (a text each).
"""

from collections.abc import Callable, Iterable, Mapping

from dui_fhir.api import LegalMeasure, Resource

from .document_blocks import Blocks, fields, note, sub, table, words
from .document_record import Record, name_of
from .document_text import concept, date, items, part, period, status, text
from .gatherer import reference_of
from .lenient import codes, extension_value, target
from .ppa_content import AIMS_AT, aims, plans_of_goal
from .reading import EXTENSION
from .sections_person import PARENTS, REPRESENTATIVES, measure_line, representatives

DOMAIN = "urn:dui-fhir:domaine"


def decision(record: Record) -> Blocks:
    """The decision that founds the accompaniment: date, place, authority, motives, content."""
    blocks: Blocks = []
    for measure in record.measures:
        blocks += sub(measure_line(measure) or "Mesure", _facts(measure))
    return blocks


def _facts(measure: LegalMeasure) -> Blocks:
    decided = date(measure.decided.isoformat()) if measure.decided else ""
    return fields(
        ("Cadre", measure.frame.capitalize()),
        ("Autorité", measure.authority),
        ("Décidée le", decided),
        ("À", measure.place),
        ("Motifs", measure.motives),
        ("Contenu et objectifs", measure.content),
    )


def authority(record: Record) -> Blocks:
    """Holders of parental authority, and the rights that the judge limited."""
    limited = {holder: right for m in record.measures for holder, right in m.restricted}
    blocks = representatives(record)
    names = {
        reference_of(r): concept(r.get("relationship"))
        for r in record.of("RelatedPerson")
        if codes(r.get("relationship")) & (PARENTS | REPRESENTATIVES)
    }
    rows = [[names.get(holder, "Titulaire"), right.replace("-", " ")] for holder, right in sorted(limited.items())]
    tables = [b for b in blocks if b["kind"] == "table"]
    return [*tables, *sub("Droits limités par le juge", table(("Titulaire", "Droit"), rows, (1, 1)))]


def place(record: Record) -> Blocks:
    """Where the child lives; never printed where the address is protected."""
    if record.protected:
        return note("Adresse protégée : le lieu de vie n’est pas imprimé.")
    return words(text(extension_value(record.target, f"{EXTENSION}lieu-de-vie")))


def referent(record: Record) -> Blocks:
    """Service and professional in charge."""
    author = record.gather.get(record.target.get("author")) or {}
    return fields(
        ("Référent", name_of(author, record.target.get("author"))),
        ("Période du projet", period(record.target.get("period"))),
    )


def domain(record: Record, code: str) -> Blocks:
    """One domain of life: evaluation, objectives, actions with their actors and dates."""
    said = text(extension_value(record.target, f"{EXTENSION}evaluation-{code}"))
    goals = [g for g in _goals(record) if code in codes(g.get("category"), DOMAIN)]
    rows = [row for goal in goals for row in _goal_rows(goal, record)]
    header = ("Objectif", "Action", "Qui", "Échéance", "État")
    return [
        *sub("Évaluation", words(said)),
        *sub("Objectifs et actions", table(header, rows, (2, 2, 1.4, 1.2, 1))),
    ]


def _goals(record: Record) -> list[Resource]:
    mine = reference_of(record.target)
    listed = {target(g) for g in items(record.target.get("goal"))}
    return [g for g in record.of("Goal") if mine in plans_of_goal(g) or reference_of(g) in listed]


def _goal_rows(goal: Resource, record: Record) -> Iterable[list[str]]:
    title = text(part(goal, "description", "text")) or concept(goal.get("description"))
    due = next((date(t.get("dueDate")) for t in items(goal.get("target")) if t.get("dueDate")), "")
    actions = [t for t in record.gather.search("Task", (AIMS_AT, reference_of(goal))) if reference_of(goal) in aims(t)]
    if not actions:
        yield [title, "", "", due, status(goal)]
    for number, action in enumerate(actions):
        owner = record.gather.get(action.get("owner")) or {}
        who = name_of(owner, action.get("owner"))
        end = date(part(action, "executionPeriod", "end")) or due
        yield [title if number == 0 else "", text(action.get("description")), who, end, status(action)]


SECTIONS: Mapping[str, Callable[[Record], Blocks]] = {
    "decision-mesure": decision,
    "autorite-parentale": authority,
    "lieu-de-vie": place,
    "referent": referent,
}
