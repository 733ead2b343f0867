"""Sections of a contract of stay, a DIPC and its annexes (CASF, D311 III, V, VI, VIII), and of a consent.

A clause is a ``Contract.term`` whose ``type`` is a code of ``urn:dui-fhir:clause``; its words are ``offer.text``, else ``text``. A
price is an ``asset.valuedItem`` of a term.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from dui_fhir.api import Resource

from .document_blocks import Blocks, bullets, fields, note, sub, table, words
from .document_head import NAMELESS
from .document_record import Record, name_of
from .document_text import concept, date, items, part, period, text
from .lenient import codes, extension_value
from .sections_person import project
from .sections_words import number

CLAUSE: Final = "urn:dui-fhir:clause"
NOT_CONCERNED: Final = "Sans objet dans cette structure."
_NOT_CONTRACTUAL: Final = (
    "Annexe indicative, sans valeur contractuelle : elle est mise à jour à chaque changement de tarif et au moins chaque année "
    "(CASF, D311 VIII)."
)


def clause(record: Record, code: str) -> Blocks:
    """Return the words of the clauses of one code."""
    said = [_said(term) for term in _terms(record) if code in codes(term.get("type"), CLAUSE)]
    return words("\n".join(s for s in said if s))


def _terms(record: Record) -> list[Resource]:
    terms = items(record.target.get("term")) if record.target.get("resourceType") == "Contract" else []
    return [t for term in terms for t in (term, *items(term.get("group")))]


def _said(term: Mapping[str, Any]) -> str:
    return text(part(term, "offer", "text")) or text(term.get("text"))


def parties(record: Record) -> Blocks:
    """Who contracts and who takes part (D311 III: the DIPC names them): ``offer.party`` of a draft, ``signer`` once signed."""
    offered = [p for term in _terms(record) for p in items(part(term, "offer", "party"))]
    named = [(_party(r, record), concept(p.get("role"))) for p in offered for r in items(p.get("reference"))]
    signed = [(_party(s.get("party"), record), concept(s.get("type"))) for s in items(record.target.get("signer"))]
    rows = [[name, role] for name, role in dict.fromkeys([*named, *signed]) if name]
    return table(("Nom", "Qualité"), rows, (2, 2))


def _party(reference: Any, record: Record) -> str:
    party = record.gather.get(reference) or {}
    if party.get("resourceType") == "Patient" and record.anonymous:
        return NAMELESS
    return name_of(party, reference)


def duration(record: Record) -> Blocks:
    """Dates: when it applies, when it was handed over, when signed."""
    contract = record.target
    signed = sorted(
        {day for s in items(contract.get("signer")) for g in items(s.get("signature")) if (day := date(g.get("when")))}
    )
    return fields(
        ("Nature", concept(contract.get("type"))),
        ("Période", period(contract.get("applies"))),
        ("Remis le", date(contract.get("issued"))),
        ("Signé le", ", ".join(signed)),
    )


def goals(record: Record) -> Blocks:
    """Objectives of the accompaniment: the clause, else those of the project in force."""
    return clause(record, "objectifs") or project(record)


def contribution(record: Record) -> Blocks:
    """Financial contribution or billing conditions, absence and hospitalisation included."""
    return [
        *clause(record, "participation-financiere"),
        *sub("En cas d’absence ou d’hospitalisation", clause(record, "absence-hospitalisation")),
    ]


def l111_3_1(record: Record) -> Blocks:
    """Conditions of L111-3-1 in a CHRS or CADA contract (D311 V 5°)."""
    said = extension_value(record.target, "urn:dui-fhir:extension:mention-l111-3-1")
    if isinstance(said, bool):
        said = "Mention portée au contrat." if said else ""
    blocks = clause(record, "mention-l111-3-1") or words(text(said))
    category = record.context.structure.category if record.context.structure else ""
    due = category in record.context.parameters.get("commun.mention_l111_3_1_categories", ())
    return blocks if blocks or due else words(NOT_CONCERNED)


def withdrawal(record: Record) -> Blocks:
    """Right of withdrawal (L311-4-1 II), in the corridors that have one: parameter ``<corridor>.retractation_jours``."""
    parameters = record.context.parameters
    days = [parameters.get(f"{c}.retractation_jours") for c in sorted(record.context.corridors)]
    delay = next((int(d) for d in days if d is not None), 0)
    if not delay:
        return words(NOT_CONCERNED)
    return words(
        f"La personne, ou son représentant légal, peut se rétracter par écrit dans les {delay} jours qui suivent la signature "
        "du contrat, ou l’admission si elle est postérieure, sans préavis (CASF, L311-4-1 II)."
    )


def prices(record: Record) -> Blocks:
    """Price annex (D311 VIII): service, price, unit, from when."""
    rows = [_price(item) for term in _terms(record) for item in _valued(term)]
    blocks = table(("Prestation", "Tarif", "Par", "À compter du"), [r for r in rows if r[0]], (3, 1, 1.2, 1))
    return [*blocks, *note(_NOT_CONTRACTUAL)]


def _valued(term: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for asset in items(term.get("asset")):
        yield from items(asset.get("valuedItem"))


def _price(item: Mapping[str, Any]) -> list[str]:
    named = concept(item.get("entityCodeableConcept")) or text(part(item, "entityReference", "display"))
    amount = part(item, "unitPrice", "value")
    currency = text(part(item, "unitPrice", "currency")) or "EUR"
    price = f"{_money(amount)} {'€' if currency == 'EUR' else currency}" if text(amount) else ""
    unit = text(part(item, "quantity", "unit")) or text(item.get("payment"))
    return [named, price, unit, date(item.get("effectiveTime"))]


def _money(amount: Any) -> str:
    whole, _, cents = text(amount).partition(".")
    return f"{whole},{cents.ljust(2, '0')}" if cents else number(whole)


def supporting(record: Record) -> Blocks:
    """Papers joined to the contract."""
    lines = []
    for reference in items(record.target.get("supportingInfo")):
        found = record.gather.get(reference) or {}
        lines.append(text(found.get("description")) or concept(found.get("type")) or text(reference.get("display")))
    return bullets(lines)


# --- consent


def what(record: Record) -> Blocks:
    """What the person agrees to."""
    consent = record.target
    provision = consent.get("provision")
    purposes = ", ".join(w for p in items(part(provision, "purpose")) if (w := concept(p)))
    data = [concept(c) for c in items(part(provision, "class"))] + [concept(c) for c in items(part(provision, "code"))]
    return fields(
        ("Objet", concept(consent.get("category")) or concept(consent.get("scope"))),
        ("Pour", purposes),
        ("Informations concernées", ", ".join(w for w in data if w)),
        ("Période", period(part(provision, "period"))),
        ("Précisions", _policy(consent)),
    )


def _policy(consent: Mapping[str, Any]) -> str:
    said = extension_value(consent, "urn:dui-fhir:extension:precisions")
    return text(said) or concept(consent.get("policyRule"))


def recipients(record: Record) -> Blocks:
    """With whom the information is shared."""
    lines = []
    for actor in items(part(record.target, "provision", "actor")):
        found = record.gather.get(actor.get("reference")) or {}
        name = name_of(found, actor.get("reference"))
        lines.append(" – ".join(w for w in (name, concept(actor.get("role"))) if w))
    return bullets(lines)


def answer(record: Record) -> Blocks:
    """What the person said, and when."""
    consent = record.target
    said = {"active": "Accord donné", "rejected": "Refus", "inactive": "Accord retiré", "proposed": "Accord demandé"}
    permits = text(part(consent, "provision", "type"))
    state = (
        "Opposition"
        if permits == "deny" and consent.get("status") == "active"
        else said.get(text(consent.get("status")), "")
    )
    return fields(("Réponse", state), ("Date", date(consent.get("dateTime"))))


SECTIONS: Mapping[str, Callable[[Record], Blocks]] = {
    "parties": parties,
    "duree": duration,
    "objectifs-contrat": goals,
    "participation-financiere": contribution,
    "mention-l111-3-1": l111_3_1,
    "retractation": withdrawal,
    "tarifs": prices,
    "pieces-jointes": supporting,
    "objet-consentement": what,
    "destinataires": recipients,
    "reponse": answer,
}
