"""Document type × corridor × situation × channel: may it leave? The page docs/fr/envois.md says it; the rules must agree.

What a situation changes is written here a second time, from decisions D8, D12, D14 and D15.
"""

import json
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dui_fhir.domain.context import Context
from dui_fhir.plugin_host import DocumentType, PluginHost

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/fr/envois.md").read_text(encoding="utf-8")
CHANNELS = ("dmp", "mssante", "mssante-citoyen")
Resource = dict[str, Any]


class Row(NamedTuple):
    corridor: str
    document: str
    type: str
    dmp: str
    mssante: str
    citizen: str


ROWS = [
    Row(*map(str.strip, line.strip("| ").split("|")))
    for line in PAGE.splitlines()
    if re.match(r"\| [a-z]+ \| [a-z]+/", line)
]
SITUATIONS = (
    "in order", "not qualified", "anonymous", "opposed to the dmp", "opposed, overridden", "opposed to citizen mail",
    "opened only", "agreed only", "opened and agreed", "opened and agreed, opposed", "draft", "protected address",
    "by a health professional",
)  # fmt: skip


def leaves(row: Row, situation: str, channel: str) -> bool:
    """Return what the decisions say."""
    if situation == "draft":
        return False
    if channel == "mssante":
        nameless = situation == "anonymous" and row.corridor == "pds" and row.document == "commun/dlu"
        return row.mssante == "oui" and not nameless
    if situation == "not qualified" or (situation == "anonymous" and row.corridor == "pds"):
        return False
    if channel == "mssante-citoyen":
        return row.citizen == "oui" and situation not in ("opposed to citizen mail", "protected address")
    if situation in ("opposed to the dmp", "opened and agreed, opposed", "protected address"):
        return False
    opened = situation == "opened and agreed"
    health = situation in ("by a health professional", "opposed, overridden")
    return {"d'office": True, "sur décision": opened, "jamais": False, "professionnel de santé": health}[row.dmp]


QUALIFIED: Resource = json.loads((ROOT / "plugins/commun/examples/valid/patient-qualifie.json").read_text())
DOCTOR = {
    "resourceType": "Practitioner",
    "id": "pr",
    "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810002918950"}],
}
OVERRIDE = {
    "resourceType": "Provenance",
    "id": "pv",
    "target": [{"reference": "DocumentReference/d"}],
    "activity": {"coding": [{"system": "urn:dui-fhir:activity", "code": "passer-outre-opposition"}]},
    "reason": [{"text": "motif légal fictif"}],
    "agent": [{"who": {"reference": "Practitioner/pr"}}],
}


def consent(category: str) -> Resource:
    coding = [{"system": "urn:dui-fhir:consent", "code": category}]
    return {"resourceType": "Consent", "id": category, "status": "active", "category": [{"coding": coding}],
            "patient": {"reference": "Patient/p"}}  # fmt: skip


def sent(kind: DocumentType, situation: str) -> Resource:
    document: Resource = {
        "resourceType": "DocumentReference", "id": "d", "status": "current",
        "docStatus": "preliminary" if situation == "draft" else "final",
        "type": {"coding": [{"system": kind.type.system, "code": kind.type.code}]},
        "subject": {"reference": "Patient/p"},
    }  # fmt: skip
    if kind.category is not None:
        document["category"] = [{"coding": [{"system": kind.category.system, "code": kind.category.code}]}]
    if situation == "protected address":
        document["securityLabel"] = [{"coding": [{"system": "urn:dui-fhir:label", "code": "adresse-protegee"}]}]
    if situation in ("by a health professional", "opposed, overridden"):
        document["author"] = [{"reference": "Practitioner/pr"}]
    return document


def stored(situation: str) -> list[Resource]:
    person = {**QUALIFIED, "id": "p"}
    if situation == "not qualified":
        person = {"resourceType": "Patient", "id": "p"}
    if situation == "anonymous":
        person["meta"] = {"tag": [{"system": "urn:dui-fhir:tag", "code": "anonyme"}]}
    kept = [person, DOCTOR]
    if situation in ("opposed to the dmp", "opposed, overridden", "opened and agreed, opposed"):
        kept.append(consent("opposition-dmp"))
    if situation == "opposed, overridden":
        kept.append(OVERRIDE)
    if situation == "opposed to citizen mail":
        kept.append(consent("opposition-mssante-citoyen"))
    if situation in ("agreed only", "opened and agreed", "opened and agreed, opposed"):
        kept.append(consent("accord-dmp"))
    return kept


def kind_of(row: Row, host: PluginHost) -> DocumentType:
    return next(
        d
        for d in host.documents([row.corridor])
        if f"{d.plugin}/{d.id}" == row.document and d.type.code == row.type.split()[0]
    )


@pytest.mark.parametrize("corridor", sorted({row.corridor for row in ROWS}))
def test_sending__each_document_in_each_situation_by_each_channel__as_decided(
    corridor: str, corridors: PluginHost, context_of: Callable[..., Context]
) -> None:
    wrong = []
    for row, situation in product([r for r in ROWS if r.corridor == corridor], SITUATIONS):
        opened = [row.document] if situation.startswith("opened") else []
        active = [] if corridor == "commun" else [corridor]
        context = context_of(*stored(situation), active=active, parameters={"commun.dmp_types_ouverts": opened})
        for channel in CHANNELS:
            issues = corridors.check_sending(sent(kind_of(row, corridors), situation), channel, context)
            may_leave = not any(issue.blocking for issue in issues)
            if may_leave != leaves(row, situation, channel):
                wrong.append((row.document, situation, channel, [i.id for i in issues if i.blocking]))
    assert wrong == []


def test_page__rows__are_all_documents_that_codes_can_name(corridors: PluginHost) -> None:
    known = {row[:3] for row in ROWS}
    for corridor in ("commun", "pa", "ph", "dom", "pde", "pds", "ahi", "pjm"):
        for kind in corridors.documents([corridor] if corridor != "commun" else []):
            if corridors.document_of(sent(kind, ""), [corridor]) == kind:
                category = f" {kind.category.code}" if kind.category else ""
                assert (corridor, f"{kind.plugin}/{kind.id}", f"{kind.type.code}{category}") in known
    assert len(ROWS) == len(known)


def test_page__what_never_leaves_for_the_dmp__closed_list_of_d14() -> None:
    """D14: named natures are ``jamais`` wherever they are, and 28653-4 is nowhere ``d'office``."""
    closed = {
        "information-preoccupante",
        "signalement",
        "jugement",
        "rapport-juge",
        "dipm",
        "inventaire",
        "compte-gestion",
    }
    assert {r.dmp for r in ROWS if r.document.partition("/")[2] in closed} == {"jamais"}
    assert {r.dmp for r in ROWS if r.type.startswith("28653-4")} <= {"jamais", "sur décision"}
    assert {r.dmp for r in ROWS if r.corridor == "pjm"} <= {"jamais", "sur décision"}
