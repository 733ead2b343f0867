"""Health and safety sections: DLU, transfer and liaison sheets, summary (PA-08; HAS, DLU; decision D21).

Each function gives the parts of a section from the structured file; where it holds nothing, the words of the person's newest
Composition of the kind are taken, so that a doctor may write *aucune* where nothing is coded.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from dui_fhir.api import Resource

from .document_blocks import Blocks, bullets, table, words
from .document_record import ABSENT, Record, name_of
from .document_text import concept, date, items, part, text
from .lenient import codes
from .sections_evaluation import newest
from .sections_words import dosage, full, quantity

ALERT: Final = "urn:dui-fhir:alerte"
"""Codes of Flag: ``chute``, ``fausse-route``, ``isolement``, ``soins-palliatifs``… and whatever a structure adds."""
SECTION: Final = "urn:dui-fhir:section"
_OVER: Final = frozenset({"inactive", "resolved", "remission"})
_REFUTED: Final = frozenset({"refuted", "entered-in-error"})
_NO_ALLERGY: Final = frozenset({"no-known-allergies", "716186003"})
_NO_TREATMENT: Final = frozenset({"no-known-medications", "no-known-medication"})
_UNKNOWN: Final = frozenset({"no-allergy-info", "no-medication-info", "no-problem-info"})
_CRITICALITY: Final = {"high": "risque élevé", "low": "risque faible", "unable-to-assess": ""}
_VITALS: Final[Mapping[str, str]] = {
    "29463-7": "Poids", "8302-2": "Taille", "85354-9": "Tension artérielle", "8867-4": "Pouls", "8310-5": "Température",
    "59408-5": "Saturation en oxygène", "2708-6": "Saturation en oxygène", "9279-1": "Fréquence respiratoire",
    "2339-0": "Glycémie", "14743-9": "Glycémie capillaire", "72514-3": "Douleur",
}  # fmt: skip
DIRECTIVES: Final = frozenset({"acd", "42348-3", "75320-2", "EXPPAT_3", "directives-anticipees"})


def _else(blocks: Blocks, record: Record, *sections: str) -> Blocks:
    return blocks or words(record.section_words(*sections))


def allergies(record: Record) -> Blocks:
    """Allergies and intolerances; *aucune allergie connue* where the file says so."""
    found = list(_standing(record.of("AllergyIntolerance")))
    rows = [_allergy(a) for a in record.use(a for a in found if not _says(a, _NO_ALLERGY | _UNKNOWN))]
    header = ("Substance", "Réaction", "Gravité", "Depuis")
    blocks = table(header, sorted(r for r in rows if r[0]), (2, 2, 1.2, 1))
    if not blocks and any(_says(a, _NO_ALLERGY) for a in record.use(found)):
        return words("Aucune allergie connue.")
    return _else(blocks, record, "48765-2", "allergies")


def _allergy(allergy: Resource) -> list[str]:
    reactions = [concept(r.get("manifestation")) for r in items(allergy.get("reaction"))]
    since = date(allergy.get("onsetDateTime")) or date(allergy.get("recordedDate"))
    gravity = _CRITICALITY.get(text(allergy.get("criticality")), "")
    return [concept(allergy.get("code")), ", ".join(r for r in reactions if r), gravity, since]


def _standing(resources: Iterable[Resource]) -> Iterator[Resource]:
    for resource in resources:
        over = codes(resource.get("clinicalStatus")) & _OVER or codes(resource.get("verificationStatus")) & _REFUTED
        if not over:
            yield resource


def _says(resource: Resource, wanted: frozenset[str]) -> bool:
    concepts = [resource.get("code"), resource.get("medicationCodeableConcept")]
    found = {c for each in concepts for c in codes(each)}
    absent = {c for each in concepts for c in codes(each, ABSENT)}
    return bool(found & wanted) or bool(absent & wanted)


def treatments(record: Record) -> Blocks:
    """Current medication, one line each: orders in force, then statements; *aucun traitement* where the file says so."""
    orders = [r for r in record.of("MedicationRequest", ("status", "active")) if r.get("intent") != "proposal"]
    stated = record.of("MedicationStatement", ("status", "active"))
    found = [*orders, *stated]
    rows = [_treatment(m, record) for m in record.use(m for m in found if not _says(m, _NO_TREATMENT | _UNKNOWN))]
    blocks = table(("Médicament", "Posologie", "Depuis"), sorted(_once(rows)), (2.2, 3, 1))
    if not blocks and any(_says(m, _NO_TREATMENT) for m in record.use(found)):
        return words("Aucun traitement médicamenteux.")
    return _else(blocks, record, "10160-0", "traitements")


def _once(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """A drug both ordered and stated with the same dose is one line."""
    known: set[tuple[str, str]] = set()
    for row in rows:
        key = (row[0].casefold(), row[1].casefold())
        if row[0] and key not in known:
            known.add(key)
            yield row


def _treatment(medication: Resource, record: Record) -> list[str]:
    referred = record.gather.get(medication.get("medicationReference"))
    name = concept(medication.get("medicationCodeableConcept")) or concept((referred or {}).get("code"))
    name = name or text(part(medication, "medicationReference", "display"))
    lines = items(medication.get("dosageInstruction")) or items(medication.get("dosage"))
    since = date(medication.get("authoredOn")) or date(part(medication, "effectivePeriod", "start"))
    since = since or date(medication.get("effectiveDateTime"))
    return [name, " ; ".join(w for line in lines if (w := dosage(line))), since]


def history(record: Record) -> Blocks:
    """Conditions: those that last first."""
    found = [c for c in record.of("Condition") if not codes(c.get("verificationStatus")) & _REFUTED]
    found = sorted(found, key=lambda c: (_is_over(c), concept(c.get("code"))))
    rows = [_condition(c) for c in record.use(found)]
    blocks = table(("Pathologie, antécédent", "Depuis", "État"), [r for r in rows if r[0]], (3, 1, 1))
    return _else(blocks, record, "11348-0", "11450-4", "antecedents")


def _is_over(condition: Resource) -> bool:
    return bool(codes(condition.get("clinicalStatus")) & _OVER)


def _condition(condition: Resource) -> list[str]:
    since = date(condition.get("onsetDateTime")) or text(condition.get("onsetString"))
    since = since or date(condition.get("recordedDate"))
    return [concept(condition.get("code")), since, "Passé" if _is_over(condition) else "Actuel"]


def risks(record: Record) -> Blocks:
    """Safety alerts in force: falls, choking, isolation and what a structure adds (D21)."""
    active = [f for f in record.of("Flag") if text(f.get("status")) == "active"]
    found = [f for f in active if "soins-palliatifs" not in codes(f.get("code"), ALERT)]
    lines = [full(concept(f.get("code")), date(part(f, "period", "start")), "depuis le") for f in record.use(found)]
    return _else(bullets(sorted(lines)), record, "risques")


def palliative(record: Record) -> Blocks:
    """Palliative care: a Flag, else what the doctor wrote."""
    found = [f for f in record.of("Flag") if "soins-palliatifs" in codes(f.get("code"), ALERT)]
    current = [f for f in record.use(found) if text(f.get("status")) == "active"]
    if current:
        start = date(part(current[0], "period", "start"))
        return words(f"Oui, depuis le {start}" if start else "Oui")
    return words("Non") if found else words(record.section_words("soins-palliatifs"))


def directives(record: Record) -> Blocks:
    """Advance directives: that they exist, from when, and where they are; never their text."""
    consents = [
        c for c in record.of("Consent") if codes(c.get("category")) & DIRECTIVES or codes(c.get("scope")) & {"adr"}
    ]
    papers = [d for d in record.of("DocumentReference", ("status", "current")) if codes(d.get("type")) & DIRECTIVES]
    lines = [_directive(r) for r in record.use([*consents, *papers]) if text(r.get("status")) in ("active", "current")]
    return _else(bullets(sorted(lines)), record, "42348-3", "directives")


def _directive(resource: Resource) -> str:
    day = date(resource.get("dateTime")) or date(resource.get("date"))
    where = "document au dossier" if resource.get("resourceType") == "DocumentReference" else "consignées au dossier"
    return full(f"Directives anticipées : {where}", day, "du")


def autonomy(record: Record) -> Blocks:
    """Functional state: newest result of each grid, and what was written."""
    written = record.section_words("etat-fonctionnel", "47420-5")
    return [*newest(record), *words(written)]


def mental_state(record: Record) -> Blocks:
    """Psychic and cognitive state, as written."""
    return words(record.section_words("etat-psychique", "10190-7"))


def vitals(record: Record) -> Blocks:
    """Newest value of each vital sign of the last months."""
    wanted = ",".join(f"http://loinc.org|{c}" for c in _VITALS)
    found = record.of(
        "Observation",
        ("code", wanted),
        ("date", record.since(int(record.context.parameters["commun.documents_constantes_jours"]))),
    )
    latest: dict[str, Resource] = {}
    for observation in sorted(found, key=_day):
        for code in codes(observation.get("code")) & set(_VITALS):
            latest[_VITALS[code]] = observation
    rows = [[label, quantity(o), date(_day(o))] for label, o in sorted(latest.items())]
    list(record.use(latest.values()))
    return _else(table(("Constante", "Valeur", "Date"), [r for r in rows if r[1]]), record, "8716-3", "constantes")


def _day(observation: Resource) -> str:
    return text(observation.get("effectiveDateTime")) or text(part(observation, "effectivePeriod", "start"))


def vaccinations(record: Record) -> Blocks:
    """Vaccines given."""
    found = [i for i in record.of("Immunization") if text(i.get("status")) == "completed"]
    rows = [[concept(i.get("vaccineCode")), date(i.get("occurrenceDateTime"))] for i in record.use(found)]
    return _else(table(("Vaccin", "Date"), sorted(r for r in rows if r[0]), (3, 1)), record, "11369-6", "vaccinations")


def devices(record: Record) -> Blocks:
    """Devices and technical aids."""
    found = [d for d in record.of("Device") if text(d.get("status")) in ("", "active")]
    lines = [concept(d.get("type")) or _device_name(d) for d in record.use(found)]
    return _else(bullets(sorted(lines)), record, "46264-8", "dispositifs")


def _device_name(device: Resource) -> str:
    return next((text(n.get("name")) for n in items(device.get("deviceName"))), "")


def doctor(record: Record) -> Blocks:
    """Usual doctor, as the Patient names him."""
    lines = []
    for reference in items(record.patient.get("generalPractitioner")):
        found = record.gather.get(reference) or {}
        name = name_of(found, reference)
        phones = [text(t.get("value")) for t in items(found.get("telecom")) if t.get("system") == "phone"]
        lines.append(" – ".join(w for w in (name, *phones[:1]) if w))
    return bullets(lines)


def annexes(record: Record) -> Blocks:
    """Check-list of the health documents to take along, by type (parameter ``commun.dlu_annexes_types``)."""
    wanted = set(record.context.parameters.get("commun.dlu_annexes_types", ()))
    found = [d for d in record.of("DocumentReference", ("status", "current")) if codes(d.get("type")) & wanted]
    lines = [full(text(d.get("description")) or concept(d.get("type")), date(d.get("date")), "du") for d in found]
    return _else(bullets(sorted(lines)), record, "annexes")


SECTIONS: Mapping[str, Callable[[Record], Blocks]] = {
    "allergies": allergies,
    "traitements": treatments,
    "antecedents": history,
    "risques": risks,
    "soins-palliatifs": palliative,
    "directives": directives,
    "etat-fonctionnel": autonomy,
    "etat-psychique": mental_state,
    "constantes": vitals,
    "vaccinations": vaccinations,
    "dispositifs": devices,
    "medecin-traitant": doctor,
    "annexes": annexes,
}
