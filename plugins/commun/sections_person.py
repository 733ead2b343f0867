"""Sections on the person, those around, the stay and the protection: no text of a judgment, no amount of money."""

from collections.abc import Callable, Mapping
from typing import Final

from dui_fhir.api import LegalMeasure, Resource, age_at, day_of

from .document_blocks import Blocks, bullets, fields, note, sub, table, words
from .document_head import is_protected
from .document_record import Record, name_of, phone_of
from .document_text import address_lines, concept, date, human_name, items, orderly, part, period, status, text
from .lenient import codes
from .projects import is_project
from .sections_words import full

TRUSTED: Final = frozenset({"personne-confiance"})
REPRESENTATIVES: Final = frozenset({
    "TUTEUR", "CURATEUR", "MSVG", "tuteur", "curateur", "representant-legal", "mandataire", "habilitation-familiale",
    "titulaire-autorite-parentale", "administrateur-ad-hoc", "GUARD",
})  # fmt: skip
PARENTS: Final = frozenset({"MTH", "FTH", "PRN", "mere", "pere", "MERE", "PERE", "titulaire-autorite-parentale"})
HIDDEN: Final = "coordonnées protégées"
_MEASURES: Final[Mapping[str, str]] = {
    "placement": "Placement", "aemo": "Action éducative en milieu ouvert (AEMO)", "tutelle": "Tutelle",
    "curatelle-simple": "Curatelle simple", "curatelle-renforcee": "Curatelle renforcée", "curatelle": "Curatelle",
    "sauvegarde": "Sauvegarde de justice", "accueil-provisoire": "Accueil provisoire", "maj": "Mesure d’accompagnement judiciaire",
    "habilitation-familiale": "Habilitation familiale", "aed": "Aide éducative à domicile (AED)",
}  # fmt: skip
_SCOPES: Final = {"personne": "à la personne", "biens": "aux biens", "biens-et-personne": "aux biens et à la personne"}
_TEAM_MAX: Final = 30


def _related(record: Record) -> list[Resource]:
    """People around in use, the first to call first."""
    found = [r for r in record.of("RelatedPerson") if r.get("active", True) is not False]
    return sorted(found, key=lambda r: (_rank(r), name_of(r)))


def _rank(person: Resource) -> int:
    ranks = [t["rank"] for t in items(person.get("telecom")) if isinstance(t.get("rank"), int)]
    return min(ranks, default=99)


def _kind(person: Resource) -> str:
    return concept(person.get("relationship"))


def _line(person: Resource) -> list[str]:
    return [name_of(person), _kind(person), HIDDEN if is_protected(person) else phone_of(person)]


def contacts(record: Record) -> Blocks:
    """People to call, in order; a protected address or number never appears."""
    found = [r for r in _related(record) if not codes(r.get("relationship")) & TRUSTED]
    rows = [_line(r) for r in record.use(found)]
    for contact in items(record.patient.get("contact")):
        name = human_name(contact.get("name"))
        rows.append([name, concept(contact.get("relationship")), phone_of(contact)])
    kept = [r for r in rows if r[0] and not record.anonymous]
    return table(("Nom", "Lien", "Téléphone"), kept, (2, 1.6, 1.4))


def trusted(record: Record) -> Blocks:
    """Personne de confiance (L311-5-1), with the day of the act."""
    found = [r for r in _related(record) if codes(r.get("relationship")) & TRUSTED]
    rows = [[*_line(r), date(part(r, "period", "start"))] for r in record.use(found)]
    blocks = table(("Nom", "Qualité", "Téléphone", "Désignée le"), [r for r in rows if r[0]], (2, 1.6, 1.4, 1))
    return blocks or words(record.section_words("personne-confiance", "81338-6"))


def representatives(record: Record) -> Blocks:
    """Legal representatives, and the measures in force: type, scope, dates; never motives nor content."""
    kinds = REPRESENTATIVES if _is_adult(record) else REPRESENTATIVES | PARENTS
    found = [r for r in _related(record) if codes(r.get("relationship")) & kinds]
    rows = [_line(r) for r in record.use(found)]
    blocks = table(("Nom", "Qualité", "Téléphone"), [r for r in rows if r[0]], (2, 1.6, 1.4))
    return [*blocks, *bullets([measure_line(m) for m in record.measures])]


def _is_adult(record: Record) -> bool:
    """True for a person known to be of age: her parents no longer represent her."""
    born = day_of(record.patient.get("birthDate"))
    majority = int(record.context.parameters["commun.majorite_ans"])
    return born is not None and age_at(born, record.context.now.date()) >= majority


def measure_line(measure: LegalMeasure) -> str:
    """Return ``Tutelle aux biens et à la personne, du … au …``."""
    name = _MEASURES.get(measure.type, measure.type.replace("-", " ").capitalize())
    dates = period({
        "start": measure.start.isoformat() if measure.start else "",
        "end": measure.end.isoformat() if measure.end else "",
    })  # fmt: skip
    return ", ".join(w for w in (f"{name} {_SCOPES.get(measure.scope, '')}".strip(), dates) if w)


def stay(record: Record) -> Blocks:
    """The current stay: since when, which kind of reception, until when."""
    found = record.stay
    if found is None:
        return []
    kinds = concept(found.get("type")) or concept(found.get("serviceType"))
    return fields(
        ("Accueil", kinds),
        ("Depuis le", date(part(found, "period", "start"))),
        ("Jusqu’au", date(part(found, "period", "end"))),
        ("État", "Suspendu" if text(found.get("status")) in ("onhold", "onleave") else ""),
    )


def home(record: Record) -> Blocks:
    """Where the person lives; nothing where the address is protected or the person anonymous."""
    if record.anonymous:
        return []
    if record.protected:
        return note("Adresse protégée : elle n’est pas imprimée.")
    addresses = items(record.patient.get("address"))
    lines = address_lines(addresses[0]) if addresses else []
    return fields(("Adresse", "\n".join(lines)), ("Téléphone", phone_of(record.patient)))


def team(record: Record) -> Blocks:
    """Professionals of the active care teams."""
    rows: list[list[str]] = []
    for one in record.of("CareTeam"):
        if text(one.get("status")) not in ("", "active"):
            continue
        for member in items(one.get("participant")):
            found = record.gather.get(member.get("member")) or {}
            if found.get("resourceType") in ("Patient", "RelatedPerson"):
                continue
            name = name_of(found, member.get("member"))
            rows.append([name, concept(member.get("role")), phone_of(found)])
    unique = sorted({tuple(r) for r in rows if r[0]})[:_TEAM_MAX]
    return table(("Nom", "Fonction", "Téléphone"), [list(r) for r in unique], (2, 1.6, 1.4))


def rights(record: Record) -> Blocks:
    """Rights and when they end: kinds and dates, no amount."""
    found = [c for c in record.of("Coverage") if text(c.get("status")) == "active"]
    lines = [full(concept(c.get("type")), date(part(c, "period", "end")), "jusqu’au") for c in record.use(found)]
    return bullets(sorted(lines))


def project(record: Record) -> Blocks:
    """The project in force in a few lines: its dates, what it aims at, when it is looked at again."""
    plans = [p for p in record.of("CarePlan", ("status", "active,on-hold")) if is_project(orderly(p))]
    plan = max(plans, key=lambda p: (text(part(p, "period", "start")), text(p.get("id"))), default=None)
    if plan is None:
        return []
    list(record.use([plan]))
    goals = [
        g for g in record.of("Goal") if text(g.get("lifecycleStatus")) in ("accepted", "active", "planned", "proposed")
    ]
    lines = [text(part(g, "description", "text")) or concept(g.get("description")) for g in goals]
    head = fields(("Projet", text(plan.get("title"))), ("Période", period(plan.get("period"))), ("État", status(plan)))
    return [*head, *sub("Objectifs", bullets(lines))]


def booklet(record: Record) -> Blocks:
    """What is handed over on reception (L311-4), to be ticked (parameter ``commun.livret_pieces``)."""
    papers = [str(p) for p in record.context.parameters.get("commun.livret_pieces", ())]
    return [
        {**b, "form": True}
        for b in table(("Document remis", "Remis le", "Remis par"), [[p, "", ""] for p in papers], (3, 1, 1.6))
    ]


def motive(record: Record) -> Blocks:
    """Why the document is made: what the request says."""
    return words(record.given.get("motive", "")) or words(record.section_words("motif", "42349-1"))


SECTIONS: Mapping[str, Callable[[Record], Blocks]] = {
    "contacts": contacts,
    "personne-confiance": trusted,
    "representants": representatives,
    "sejour": stay,
    "domicile": home,
    "equipe": team,
    "droits": rights,
    "projet": project,
    "pieces-remises": booklet,
    "motif": motive,
}
