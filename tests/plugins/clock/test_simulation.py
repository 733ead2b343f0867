"""One file per corridor, day by day over fourteen months: each delay opens and closes its task at the right date.

A story is what people write, by day; the timeline is what the work-list shows: rule, first day open, first day closed.
"""

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from dui_fhir.domain.dossier import Dossier
from dui_fhir.domain.structure import Structure
from dui_fhir.plugin_kit.reader import ExampleReader

Resource = dict[str, Any]
Make = Callable[[], Any]
PERSON = {"reference": "Patient/p"}
EXT = "urn:dui-fhir:extension:"
TYPES = "https://mos.esante.gouv.fr/NOS/TRE_R393-TypeContratSejour/FHIR/TRE-R393-TypeContratSejour"
START = date(2026, 1, 31)
END = date(2027, 3, 31)


def contract(day: str, code: str = "CS", id: str = "c", status: str = "offered", **more: Any) -> Resource:
    kind = {"coding": [{"system": TYPES, "code": code}]}
    made = {"resourceType": "Contract", "id": id, "status": status, "type": kind, "subject": [PERSON], "issued": day}
    return {**made, **more}


def signed(day: str) -> dict[str, Any]:
    mark = {"type": [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}],
            "when": f"{day}T10:00:00+01:00", "who": {"display": "La directrice"}}  # fmt: skip
    role = {"system": "http://terminology.hl7.org/CodeSystem/contractsignertypecodes", "code": "GRANTEE"}
    return {"signer": [{"type": role, "party": {"display": "La directrice"}, "signature": [mark]}]}


def document(kind: str, day: str, id: str = "", type: str = "28653-4", **more: Any) -> Resource:
    made = {
        "resourceType": "DocumentReference", "id": id or f"{kind}-{day}", "status": "current",
        "date": f"{day}T10:00:00+01:00", "subject": PERSON,
        "type": {"coding": [{"system": "http://loinc.org", "code": type}]},
        "category": [{"coding": [{"system": "urn:dui-fhir:document", "code": kind}]}],
        "content": [{"attachment": {"contentType": "application/pdf", "url": "Binary/b"}}],
    }  # fmt: skip
    return {**made, **more}


def message(kind: str, day: str, **more: Any) -> Resource:
    category = [{"coding": [{"system": "urn:dui-fhir:communication", "code": kind}]}]
    made = {"resourceType": "Communication", "id": f"{kind}-{day}", "status": "completed", "category": category,
            "subject": PERSON, "sent": f"{day}T10:00:00+01:00"}  # fmt: skip
    return {**made, **more}


def measure(id: str = "m", **facts: Any) -> Resource:
    parts: list[Resource] = []
    for name, value in facts.items():
        key = "valueDate" if name in DATES else "valueString"
        parts.append({"url": name, key: value})
    return {"resourceType": "Basic", "id": id, "subject": PERSON,
            "code": {"coding": [{"system": "urn:dui-fhir:objet", "code": "mesure"}]},
            "extension": [{"url": f"{EXT}mesure", "extension": parts}]}  # fmt: skip


DATES = {"dateDecision", "debut", "fin", "mainlevee", "notification"}
JUDGE = {
    "cadre": "judiciaire",
    "autorite": "Juge fictif",
    "lieuDecision": "Tribunal",
    "motifs": "Fictifs",
    "contenu": "Fictif",
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """``written``: (day, what is written: resources, or something done to the tenant). ``timeline``: (rule, first day its
    task is open, first day it is closed, "" = still open at the end)."""

    corridor: str
    born: str
    written: list[tuple[str, list[Any]]]
    timeline: list[tuple[str, str, str]]
    stay: tuple[str, str] = ("2026-01-31", "")


ON_TIME: list[tuple[str, list[Any]]] = [
    ("2026-02-10", [contract("2026-02-10")]),
    ("2026-02-27", [contract("2026-02-10", status="executed", **signed("2026-02-27"))]),
    ("2026-07-20", [contract("2026-07-20", id="av", status="amended", **signed("2026-07-20"))]),
    ("2026-12-01", [message("acces-dossier", "2026-12-01")]),
]
"""A file in order: contract handed over, signed, amended, read by the person in time: no task of the trunk."""


def aggir(day: str, **more: Any) -> Resource:
    url = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire/tddui-questionnaire-aggir-pa-ssiad"
    gir_2 = {"system": "https://smt.esante.gouv.fr/fhir/CodeSystem/terminologie-cisis", "code": "MED-340"}
    made = {"resourceType": "QuestionnaireResponse", "id": "aggir", "status": "completed", "questionnaire": url,
            "subject": PERSON, "authored": f"{day}T10:00:00+01:00",
            "item": [{"linkId": "resultat-eval", "answer": [{"valueCoding": gir_2}]}]}  # fmt: skip
    return {**made, **more}


def falls(day: str) -> Resource:
    return {"resourceType": "QuestionnaireResponse", "id": "chutes", "status": "completed", "subject": PERSON,
            "questionnaire": "urn:dui-fhir:questionnaire:chutes", "authored": day}  # fmt: skip


def interview(day: str) -> Resource:
    kind = {"coding": [{"system": "urn:dui-fhir:rendez-vous", "code": "entretien-contrat"}]}
    return {"resourceType": "Appointment", "id": "rdv", "status": "booked", "appointmentType": kind,
            "start": f"{day}T10:00:00+01:00", "end": f"{day}T11:00:00+01:00",
            "participant": [{"actor": PERSON, "status": "accepted"}]}  # fmt: skip


def event(day: str, **more: Any) -> Resource:
    return {"resourceType": "AdverseEvent", "id": "eig", "actuality": "actual", "subject": PERSON, "date": day, **more}


def coverage(id: str, end: str) -> Resource:
    return {"resourceType": "Coverage", "id": id, "status": "active", "beneficiary": PERSON,
            "payor": [{"display": "Caisse fictive"}], "period": {"end": end}}  # fmt: skip


def decision(id: str, **facts: Any) -> Resource:
    url = "https://interop.esante.gouv.fr/ig/fhir/tddui/StructureDefinition/tddui-decision"
    right = [{"url": k, "valueBoolean" if isinstance(v, bool) else "valueDate": v} for k, v in facts.items()]
    code = {
        "coding": [
            {"system": "https://interop.esante.gouv.fr/ig/fhir/tddui/CodeSystem/tddui-basic-type", "code": "DECISION"}
        ]
    }
    return {"resourceType": "Basic", "id": id, "code": code, "subject": PERSON,
            "extension": [{"url": url, "extension": [{"url": "droitPrestation", "extension": right}]}]}  # fmt: skip


def consent(kind: str) -> Resource:
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]}
    return {"resourceType": "Consent", "id": kind, "status": "active", "scope": scope, "patient": PERSON,
            "policyRule": {"text": "Fictive"},
            "category": [{"coding": [{"system": "urn:dui-fhir:consent", "code": kind}]}]}  # fmt: skip


def project(day: str) -> Resource:
    identifier = {
        "system": "https://identifiant-medicosocial-projetpersonnalise.esante.gouv.fr",
        "value": "3010000002/1-PPER-1",
    }
    return {"resourceType": "CarePlan", "id": "pp", "status": "draft", "intent": "plan", "identifier": [identifier],
            "subject": PERSON, "created": day}  # fmt: skip


def request(kind: str, **more: Any) -> Resource:
    category = [{"coding": [{"system": "urn:dui-fhir:demande", "code": kind}]}]
    return {"resourceType": "ServiceRequest", "id": kind, "status": "active", "intent": "order", "category": category,
            "subject": PERSON, **more}  # fmt: skip


def dates(**named: str) -> dict[str, Any]:
    return {"extension": [{"url": f"{EXT}{name.replace('_', '-')}", "valueDate": day} for name, day in named.items()]}


def review(day: str) -> Resource:
    kind = [{"coding": [{"system": "urn:dui-fhir:evenement", "code": "examen-situation"}]}]
    return {"resourceType": "Encounter", "id": "examen", "status": "finished", "type": kind, "subject": PERSON,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
            "period": {"start": f"{day}T10:00:00+01:00", "end": f"{day}T11:00:00+01:00"}}  # fmt: skip


def becomes(category: str) -> Callable[[Any], None]:
    return lambda tenant: tenant.register("dom", category)


def help_service(tenant: Any) -> None:
    tenant.register("dom", "460", number="030000000")


def with_convention(tenant: Any) -> None:
    stored = tenant.store.read("Organization", "finess-030000000").resource()
    signed_with = {"url": f"{EXT}convention-soins", "valueString": "SSIAD fictif"}
    tenant.put({**stored, "extension": [signed_with]})


def period(year: str) -> dict[str, Any]:
    return {"context": {"period": {"start": f"{year}-01-01", "end": f"{year}-12-31"}}}


PLACED = {"type": "placement", "dateDecision": "2026-01-28", "debut": "2026-01-31", "fin": "2027-12-31", **JUDGE}
TUTELLE = {"type": "tutelle", "portee": "biens-et-personne", **JUDGE}
FIRST = "2026-01-31"

STORIES = {
    "pa": Story(
        corridor="pa", born="1940-05-20",
        written=[
            ("2026-02-01", [interview("2026-02-20")]),
            ("2026-02-12", [document("dlu", "2026-02-12", type="74207-2")]),
            ("2026-02-14", [document("notice-personne-confiance", "2026-02-14")]),
            ("2026-02-20", [contract("2026-02-20")]),
            ("2026-03-01", [coverage("apa", "2026-12-31")]),
            ("2026-03-05", [aggir("2026-03-05")]),
            ("2026-03-10", [contract("2026-02-20", status="executed", **signed("2026-03-10"))]),
            ("2026-04-20", [aggir("2026-03-05", extension=[{"url": f"{EXT}validation-medecin", "valueString": "Médecin"}])]),
            ("2026-04-25", [falls("2026-04-25")]),
            ("2026-05-10", [event("2026-05-10")]),
            ("2026-05-13", [event("2026-05-10", **dates(declaration_autorite="2026-05-13"))]),
            ("2026-08-15", [contract("2026-08-15", id="av", status="amended", **signed("2026-08-15"))]),
            ("2026-11-15", [coverage("apa-2", "2027-12-31")]),
            ("2027-02-10", [message("acces-dossier", "2027-02-10")]),
            ("2027-02-20", [document("dlu", "2027-02-20", type="74207-2")]),
        ],
        timeline=[
            ("PA-07", "2026-02-08", "2026-02-12"), ("COM-21", "2026-02-13", "2026-02-14"),
            ("COM-11", "2026-02-16", "2026-02-20"), ("COM-12", "2026-03-01", "2026-03-10"),
            ("PA-05", "2026-04-05", "2026-04-20"), ("PA-11", "2026-04-05", "2026-04-25"),
            ("COM-33", "2026-05-12", "2026-05-13"), ("COM-13", "2026-08-01", "2026-08-15"),
            ("COM-36", "2026-10-03", "2026-11-15"), ("COM-29", "2027-02-01", "2027-02-10"),
            ("PA-07", "2027-02-13", "2027-02-20"),
        ],
    ),
    "dom": Story(
        corridor="dom", born="1940-05-20",
        written=[
            ("2026-02-01", [help_service]),
            ("2026-02-05", [contract("2026-02-05", "DIPC")]),
            ("2026-03-10", [document("dlu", "2026-03-10", type="74207-2")]),
            ("2026-04-01", [becomes("209")]),
            ("2026-06-01", [with_convention]),
            ("2026-12-01", [message("acces-dossier", "2026-12-01")]),
            ("2027-02-20", [project("2027-02-20")]),
        ],
        timeline=[
            ("DOM-07", FIRST, "2026-04-01"), ("DOM-06", "2026-02-01", "2026-06-01"),
            ("DOM-08", "2026-03-03", "2026-03-10"), ("COM-13", "2026-08-01", ""),
            ("COM-14", "2027-02-06", "2027-02-20"), ("DOM-08", "2027-03-11", ""),
        ],
    ),
    "ph": Story(
        corridor="ph", born="2014-06-15",
        written=[
            (FIRST, [decision("d1", dateOuverture="2024-01-01", dateEcheance="2026-12-31")]),
            *ON_TIME,
            ("2026-02-20", [consent("autorisation-soins-urgents")]),
            ("2026-08-10", [message("information-parents", "2026-08-10")]),
            ("2026-09-20", [document("bilan-orientation", "2026-09-20")]),
            ("2027-01-20", [decision("d2", dateOuverture="2027-01-01", dateEcheance="2029-12-31")]),
            ("2027-02-05", [document("bilan-pluridisciplinaire", "2027-02-05")]),
            ("2027-02-15", [message("information-parents", "2027-02-15")]),
        ],
        timeline=[
            ("PH-04", "2026-02-09", "2026-02-20"), ("PH-06", "2026-08-01", "2026-08-10"),
            ("PH-02", "2026-09-01", "2026-09-20"), ("COM-36", "2026-10-03", "2027-01-20"),
            ("PH-02", "2027-01-01", "2027-01-20"), ("PH-06", "2027-02-01", "2027-02-05"),
            ("PH-06", "2027-02-11", "2027-02-15"),
        ],
    ),
    "ph-creton": Story(
        corridor="ph", born="2006-03-15",
        written=[*ON_TIME, ("2026-04-10", [decision("d", dateOuverture="2026-04-01", creton=True)])],
        timeline=[("PH-03", "2026-03-16", "2026-04-10")],
    ),
    "ph-sorti": Story(
        corridor="ph", born="2007-06-15", stay=("2015-09-01", "2023-06-30"),
        written=[("2026-07-15", [message("suivi-sortie", "2026-07-15")])],
        timeline=[("COM-31", FIRST, "2026-07-15"), ("PH-11", "2026-07-01", "2026-07-15")],
    ),
    "pde": Story(
        corridor="pde", born="2024-05-10",
        written=[
            (FIRST, [measure(**PLACED)]),
            ("2026-02-05", [contract("2026-02-05", "DIPC")]),
            ("2026-03-20", [document("bilan-sante-enfant", "2026-03-20", type="68817-6")]),
            ("2026-05-15", [document("ppe", "2026-05-15")]),
            ("2026-06-10", [document("information-preoccupante", "2026-06-10")]),
            ("2026-06-15", [document("information-preoccupante", "2026-06-10", **dates(transmission_crip="2026-06-15"))]),
            ("2026-06-20", [document("signalement", "2026-06-20")]),
            ("2026-06-25", [document("signalement", "2026-06-20", **dates(copie_pcd="2026-06-25"))]),
            ("2026-08-20", [document("rapport-situation", "2026-08-20")]),
            ("2026-09-25", [document("rapport-situation", "2026-08-20", **dates(porte_a_connaissance="2026-09-25"))]),
            ("2026-10-01", [document("rapport-situation", "2026-08-20",
                                     **dates(porte_a_connaissance="2026-09-25", transmission_juge="2026-10-01"))]),
            ("2026-12-01", [message("acces-dossier", "2026-12-01")]),
            ("2027-03-01", [document("rapport-situation", "2027-03-01")]),
        ],
        timeline=[
            ("PDE-09", "2026-03-03", "2026-03-20"), ("PDE-03", "2026-05-01", "2026-05-15"),
            ("PDE-11", "2026-06-12", "2026-06-15"), ("PDE-19", "2026-06-22", "2026-06-25"),
            ("COM-13", "2026-08-01", ""), ("PDE-06", "2026-08-01", "2026-08-20"),
            ("PDE-08", "2026-09-20", "2026-09-25"), ("PDE-08", "2026-09-20", "2026-10-01"),
            ("COM-14", "2027-02-06", ""), ("PDE-06", "2027-02-21", "2027-03-01"),
        ],
    ),
    "pde-dix-sept-ans": Story(
        corridor="pde", born="2009-04-10",
        written=[
            *ON_TIME,
            ("2026-02-01", [document("bilan-sante-enfant", "2026-02-01", type="68817-6")]),
            ("2026-04-20", [document("entretien-autonomie", "2026-04-20")]),
        ],
        timeline=[("PDE-10", "2026-04-11", "2026-04-20")],
    ),
    "pde-entre-apres-dix-sept-ans": Story(
        corridor="pde", born="2008-12-01",
        written=[*ON_TIME, ("2026-02-01", [document("bilan-sante-enfant", "2026-02-01", type="68817-6")])],
        timeline=[("PDE-10", "2026-03-03", "2026-12-01")],
    ),
    "pde-jeune-majeur": Story(
        corridor="pde", born="2005-03-10",
        written=[
            (FIRST, [measure(**PLACED)]), *ON_TIME,
            ("2026-02-01", [document("bilan-sante-enfant", "2026-02-01", type="68817-6")]),
            ("2026-05-02", [measure(**PLACED, mainlevee="2026-05-01")]),
        ],
        timeline=[("PDE-18", "2026-03-11", "2026-05-02"), ("PDE-03", "2026-05-01", "2026-05-02")],
    ),
    "pds": Story(
        corridor="pds", born="1980-01-01",
        written=[
            ("2026-02-05", [contract("2026-02-05", "DIPC")]),
            ("2026-04-15", [lambda tenant: tenant.put(tenant.stay("pds", FIRST, "2026-04-15"))]),
        ],
        timeline=[("PDS-04", "2026-04-01", "2026-04-16")],
    ),
    "ahi": Story(
        corridor="ahi", born="1985-01-01",
        written=[
            (FIRST, [request("prise-en-charge", occurrencePeriod={"start": FIRST, "end": "2026-09-30"})]),
            *ON_TIME,
            ("2026-08-05", [document("examen-situation", "2026-08-05")]),
            ("2026-09-05", [request("prolongation", authoredOn="2026-09-05")]),
            ("2027-02-10", [review("2027-02-10")]),
        ],
        timeline=[
            ("AHI-04", "2026-08-01", "2026-08-05"), ("AHI-05", "2026-08-31", "2026-09-05"),
            ("AHI-04", "2027-02-06", "2027-02-10"),
        ],
    ),
    "pjm": Story(
        corridor="pjm", born="1950-01-01",
        written=[
            (FIRST, [measure(dateDecision="2026-01-20", debut="2026-01-20", fin="2027-06-30", notification=FIRST, **TUTELLE)]),
            ("2026-02-20", [document("notice-information", "2026-02-20", type="51851-4")]),
            ("2026-02-25", [document("notice-information", "2026-02-20", type="51851-4", **dates(recepisse="2026-02-25"))]),
            ("2026-04-28", [document("inventaire-meubles", "2026-04-28")]),
            ("2026-05-12", [document("dipm", "2026-05-12")]),
            ("2026-05-15", [document("dipm", "2026-05-12", **dates(remise="2026-05-15"))]),
            ("2026-07-25", [document("inventaire", "2026-07-25")]),
            ("2026-08-01", [document("budget", "2026-08-01")]),
            ("2026-12-01", [message("acces-dossier", "2026-12-01")]),
            ("2027-01-15", [document("requete-renouvellement", "2027-01-15")]),
            ("2027-02-10", [document("avenant-dipm", "2027-02-10")]),
        ],
        timeline=[
            ("PJM-04", "2026-02-16", "2026-02-25"), ("PJM-08", "2026-04-21", "2026-04-28"),
            ("PJM-05", "2026-05-01", "2026-05-15"), ("PJM-08", "2026-07-21", "2026-08-01"),
            ("PJM-03", "2026-12-31", "2027-01-15"), ("PJM-07", "2027-02-01", "2027-02-10"),
        ],
    ),
    "pjm-comptes": Story(
        corridor="pjm", born="1950-01-01", stay=("2024-03-05", ""),
        written=[
            (FIRST, [
                measure(dateDecision="2024-03-01", debut="2024-03-01", fin="2026-11-30", notification="2024-03-05", **TUTELLE),
                document("notice-information", "2024-03-10", type="51851-4", **dates(recepisse="2024-03-10")),
                document("dipm", "2024-05-01", **dates(remise="2024-05-01")),
                document("avenant-dipm", "2025-12-15"), document("inventaire", "2024-06-01"),
                document("budget", "2024-06-01"), document("requete-renouvellement", "2026-01-02"),
                message("acces-dossier", "2025-01-01"),
            ]),
            ("2026-02-10", [document("compte-gestion", "2026-02-10", **period("2024"), **dates(transmission="2026-02-10"))]),
            ("2026-07-10", [document("compte-gestion", "2026-07-10", **period("2025"), **dates(transmission="2026-07-10"))]),
            ("2027-03-10", [document("compte-final", "2027-03-10", **dates(transmission="2027-03-10"))]),
        ],
        timeline=[
            ("PJM-10", FIRST, "2026-02-10"), ("PJM-10", "2026-07-01", "2026-07-10"), ("PJM-10", "2027-03-01", "2027-03-10"),
        ],
    ),
    "pjm-termine": Story(
        corridor="pjm", born="1950-01-01", stay=("2018-01-01", "2021-05-31"),
        written=[(FIRST, [measure(type="curatelle-simple", portee="biens", dateDecision="2017-12-15", debut="2018-01-01",
                                  fin="2021-05-31", **JUDGE)])],
        timeline=[("COM-31", FIRST, ""), ("PJM-15", "2026-06-01", "")],
    ),
    "pjm-deces": Story(
        corridor="pjm", born="1950-01-01",
        written=[
            ("2026-02-11", [lambda t: t.put({**t.person("1950-01-01"), "deceasedDateTime": "2026-02-10"})]),
            ("2026-02-20", [lambda t: t.put(t.stay("pjm", FIRST, "2026-02-10"))]),
        ],
        timeline=[("COM-92", "2026-02-14", "2026-02-20")],
    ),
}  # fmt: skip


def days(story: Story, *, daily: bool) -> Iterator[date]:
    """Every day; or, for the further stories of a corridor, the days around those where something is to happen."""
    named = {date.fromisoformat(d) for _, *some in story.timeline for d in some if d}
    named |= {date.fromisoformat(d) for d, _ in story.written} | {START, END}
    near = {d + timedelta(days=n) for d in named for n in (-1, 0, 1)}
    for offset in range((END - START).days + 1):
        day = START + timedelta(days=offset)
        if daily or day in near:
            yield day


def live(tenant: Any, story: Story, *, daily: bool) -> list[tuple[str, str, str]]:
    """Run the pass every day; return (rule, first day open, first day closed) of each task, each time it was open."""
    by_day: dict[str, list[Any]] = {}
    for written_on, what in story.written:
        by_day.setdefault(written_on, []).extend(what)
    tenant.set(START)
    tenant.put(tenant.person(story.born), tenant.stay(story.corridor, *story.stay))
    open_since: dict[str, tuple[str, str]] = {}
    seen: list[tuple[str, str, str]] = []
    for day in days(story, daily=daily):
        tenant.set(day)
        for what in by_day.pop(day.isoformat(), ()):
            what(tenant) if callable(what) else tenant.put(what)
        report = tenant.day(day)
        assert report.failed == []
        if report.opened or report.closed:
            now_open = {t["id"]: tenant.rule_of(t) for t in tenant.tasks()}
            for id in [i for i in open_since if i not in now_open]:
                seen.append((*open_since.pop(id), day.isoformat()))
            open_since |= {i: (r, day.isoformat()) for i, r in now_open.items() if i not in open_since}
    assert by_day == {}
    return seen + [(*known, "") for known in open_since.values()]


@pytest.mark.parametrize("name", STORIES)
def test_fourteen_months__one_file__each_task_opens_and_closes_on_its_day(name: str, tenant: Make) -> None:
    story = STORIES[name]
    assert sorted(live(tenant(), story, daily=name == story.corridor)) == sorted(story.timeline)


def test_stories__all_together__show_every_periodic_rule(engine: Any) -> None:
    shown = {rule for story in STORIES.values() for rule, _, _ in story.timeline}
    assert {rule.id for rule in engine.host.clock_rules(["pa", "ph", "dom", "pde", "pds", "ahi", "pjm"])} == shown


def test_stories__declared_periodic_rules__all_run(engine: Any) -> None:
    run = {rule.id for rule in engine.host.clock_rules(["pa", "ph", "dom", "pde", "pds", "ahi", "pjm"])}
    assert {rule.id for rule in engine.host.rules() if rule.kind == "P"} <= run


CATEGORIES = {"pa": "500", "dom": "354", "ph": "186", "pde": "177", "pds": "180", "ahi": "214", "pjm": "340"}
STRINGS = ["", "x", "2026-13-45", "9999-12-31", "0001-01-01"]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if (*at, key) not in (("resourceType",), ("id",)):
            yield (*at, key)
            yield from places(child, (*at, key))


def spoiled(resource: Resource, chosen: random.Random) -> Resource:
    """Return a copy with one element left out, or one string that says nothing."""
    copied = copy.deepcopy(resource)
    *way, last = chosen.choice(list(places(copied)))
    parent: Any = copied
    for key in way:
        parent = parent[key]
    if isinstance(parent[last], str) and chosen.random() < 0.6:
        parent[last] = chosen.choice(STRINGS)
    else:
        del parent[last]
    return copied


@pytest.mark.parametrize("name", STORIES)
def test_rules__elements_missing_or_meaningless__none_fails(name: str, engine: Any) -> None:
    story, chosen = STORIES[name], random.Random(name)
    written = [r for _, some in story.written for r in some if isinstance(r, dict)]
    stay = {
        "resourceType": "Encounter",
        "id": "s",
        "status": "in-progress",
        "subject": PERSON,
        "period": {"start": story.stay[0]},
    }
    person = {"resourceType": "Patient", "id": "p", "birthDate": story.born}
    structure = Structure(finess="010000001", category=CATEGORIES[story.corridor], name="x", address="y")
    rules = engine.host.clock_rules([story.corridor])
    asked = 0
    for _ in range(40):
        kept = [person, stay, *(spoiled(r, chosen) if chosen.random() < 0.5 else r for r in written)]
        dossier = Dossier(
            today=chosen.choice([START, END]), reader=ExampleReader(kept), structure=structure, person="Patient/p",
            stays=(spoiled(stay, chosen),), parameters=engine.host.parameters(structure),
        )  # fmt: skip
        for rule in rules:
            asked += len(list(rule.find(dossier))) + 1
    assert asked >= 25 * len(rules)
