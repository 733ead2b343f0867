"""May a document leave? COM-01, 05, 06, 43 to 47; decisions D14, D15."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dui_fhir.domain.context import Context
from dui_fhir.plugin_host import PluginHost

EXAMPLES = Path(__file__).parents[3] / "plugins/commun/examples/valid"
CONSENT = "urn:dui-fhir:consent"
Refusals = Callable[..., list[str]]


def qualified() -> dict[str, Any]:
    person: dict[str, Any] = json.loads((EXAMPLES / "patient-qualifie.json").read_text())
    return person


def document(code: str, system: str = "http://loinc.org", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "docStatus": "final",
        "type": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": "Patient/p"},
    } | more


def consent(category: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": category,
        "status": "active",
        "category": [{"coding": [{"system": CONSENT, "code": category}]}],
        "patient": {"reference": "Patient/p"},
    } | more


def override(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Provenance",
        "id": "pv",
        "target": [{"reference": "DocumentReference/d"}],
        "activity": {"coding": [{"system": "urn:dui-fhir:activity", "code": "passer-outre-opposition"}]},
        "reason": [{"text": "motif légal fictif"}],
        "agent": [{"who": {"reference": "Practitioner/pr"}}],
    } | more


def practitioner(number: str) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "id": "pr",
        "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": number}],
    }


DOCTOR = practitioner("810002918950")


@pytest.fixture
def refusals(corridors: PluginHost, context_of: Callable[..., Context]) -> Refusals:
    def ask(sent: dict[str, Any], *stored: dict[str, Any], channel: str = "dmp", **context: Any) -> list[str]:
        issues = corridors.check_sending(sent, channel, context_of(*stored, **context))
        return sorted({i.id for i in issues if i.blocking})

    return ask


@pytest.mark.parametrize("code", ["80788-3", "34842-5", "74207-2", "78341-5", "83981-1"])
def test_dmp__document_of_the_feed_and_qualified_identity__leaves(code: str, refusals: Refusals) -> None:
    assert refusals(document(code), qualified()) == []


@pytest.mark.parametrize("channel", ["dmp", "mssante-citoyen"])
def test_com_01__identity_not_qualified__refused_towards_the_person(channel: str, refusals: Refusals) -> None:
    person = {"resourceType": "Patient", "id": "p"}
    assert refusals(document("80788-3"), person, channel=channel) == ["COM-01"]
    assert refusals(document("80788-3"), channel=channel) == ["COM-01"]


def test_com_01__to_a_professional__identity_not_asked(refusals: Refusals) -> None:
    assert refusals(document("80788-3"), {"resourceType": "Patient", "id": "p"}, channel="mssante") == []


def test_com_01__evidence_missing__reason_names_it_without_personal_data(
    corridors: PluginHost, context_of: Callable[..., Context]
) -> None:
    person = qualified()
    del person["extension"][0]["extension"][1:]
    issue = corridors.check_sending(document("80788-3"), "dmp", context_of(person))[0]
    assert issue.id == "COM-01"
    assert "trace de l'appel au téléservice INSi" in issue.text
    assert "TCHITCHI" not in issue.text + issue.diagnostics
    assert "236066322083656" not in issue.text + issue.diagnostics


def test_com_05__type_absent_from_the_dmp_list__dmp_only(refusals: Refusals) -> None:
    assert refusals(document("10213-7"), qualified()) == ["COM-05"]
    assert refusals(document("10213-7"), qualified(), channel="mssante-citoyen") == []


@pytest.mark.parametrize("code", ["EXPORT_DUI", "PIECE-IDENTITE", "FICHE-CONTACTS", "51851-4", "56446-8"])
def test_com_06__five_types_of_the_ci_sis__never_to_the_dmp(code: str, refusals: Refusals) -> None:
    system = "urn:oid:1.2.250.1.213.1.1.4.12" if code[0].isalpha() else "http://loinc.org"
    assert refusals(document(code, system), qualified()) == ["COM-06"]
    assert refusals(document(code, system), qualified(), channel="mssante") == []


PPA_STANCES = [
    ("pa", True),
    ("ph", True),
    ("dom", True),
    ("pde", False),
    ("pds", False),
    ("ahi", False),
    ("pjm", False),
]


@pytest.mark.parametrize(("corridor", "open_"), PPA_STANCES)
def test_com_44__personalised_project__stance_of_the_corridor(corridor: str, open_: bool, refusals: Refusals) -> None:
    assert refusals(document("80788-3"), qualified(), active=(corridor,)) == ([] if open_ else ["COM-44"])


def test_com_44__opened_by_the_director_and_agreed__leaves(refusals: Refusals) -> None:
    opened = {"commun.dmp_types_ouverts": ["pde/ppa"]}
    ask = document("80788-3")
    assert refusals(ask, qualified(), active=("pde",), parameters=opened) == ["COM-44"]
    assert refusals(ask, qualified(), consent("accord-dmp"), active=("pde",)) == ["COM-44"]
    assert refusals(ask, qualified(), consent("accord-dmp"), active=("pde",), parameters=opened) == []


def test_com_44__type_that_no_active_corridor_declares__closed(refusals: Refusals) -> None:
    assert refusals(document("34842-5"), qualified(), active=("pjm",)) == ["COM-44"]


@pytest.mark.parametrize(
    ("corridor", "category"),
    [
        ("pde", "information-preoccupante"), ("pde", "signalement"), ("pde", "jugement"), ("pde", "rapport-juge"),
        ("pde", "ppe"), ("pjm", "dipm"), ("pjm", "inventaire"), ("pjm", "compte-gestion"), ("pjm", "rapport-juge"),
        ("pds", "acte-rdr"), ("ahi", "dossier-asile"),
    ],
)  # fmt: skip
def test_com_43__closed_list__never_even_when_opened_and_agreed(
    corridor: str, category: str, refusals: Refusals
) -> None:
    labelled = document("28653-4", category=[{"coding": [{"system": "urn:dui-fhir:document", "code": category}]}])
    opened = {"commun.dmp_types_ouverts": [f"{corridor}/{category}", f"{corridor}/social"]}
    stored = (qualified(), consent("accord-dmp"))
    assert refusals(labelled, *stored, active=(corridor,), parameters=opened) == ["COM-43"]


def test_com_43__protected_address__never(refusals: Refusals) -> None:
    label = [{"coding": [{"system": "urn:dui-fhir:label", "code": "adresse-protegee"}]}]
    assert refusals(document("80788-3", securityLabel=label), qualified()) == ["COM-43"]


@pytest.mark.parametrize("channel", ["dmp", "mssante-citoyen"])
def test_com_45__opposition__blocks_its_channel_only(channel: str, refusals: Refusals) -> None:
    other = {"dmp": "mssante-citoyen", "mssante-citoyen": "dmp"}[channel]
    stored = (qualified(), consent(f"opposition-{channel}"))
    assert refusals(document("80788-3"), *stored, channel=channel) == ["COM-45"]
    assert refusals(document("80788-3"), *stored, channel=other) == []


@pytest.mark.parametrize(
    ("period", "blocks"),
    [
        ({"start": "2025-01-01"}, True), ({"end": "2026-01-15"}, True), ({"end": "2026-01-14"}, False),
        ({"start": "2026-01-16"}, False), ({}, True),
    ],
)  # fmt: skip
def test_com_45__period_of_the_opposition__only_while_it_runs(
    period: dict[str, str], blocks: bool, refusals: Refusals
) -> None:
    opposed = consent("opposition-dmp", provision={"type": "deny", "period": period})
    assert refusals(document("80788-3"), qualified(), opposed) == (["COM-45"] if blocks else [])


def test_com_45__motive_of_a_health_professional__overrides_for_the_dmp_only(refusals: Refusals) -> None:
    stored = (qualified(), consent("opposition-dmp"), consent("opposition-mssante-citoyen"), override(), DOCTOR)
    assert refusals(document("80788-3"), *stored) == []
    assert refusals(document("80788-3"), *stored, channel="mssante-citoyen") == ["COM-45"]


@pytest.mark.parametrize(
    "act", [(override(reason=[]), DOCTOR), (override(), practitioner("3010000000/12")), (override(), practitioner("810002918951"))],
    ids=["no motive", "not a health professional", "wrong key"],
)  # fmt: skip
def test_com_45__override_without_motive_or_rpps__still_blocks(
    act: tuple[dict[str, Any], ...], refusals: Refusals
) -> None:
    assert refusals(document("80788-3"), qualified(), consent("opposition-dmp"), *act) == ["COM-45"]


def test_com_01__identity_not_qualified__never_overridden(refusals: Refusals) -> None:
    person = {"resourceType": "Patient", "id": "p"}
    assert refusals(document("80788-3"), person, consent("opposition-dmp"), override(), DOCTOR) == ["COM-01"]


@pytest.mark.parametrize(
    "changes", [{"docStatus": "preliminary"}, {"docStatus": None}, {"status": "superseded"}, {"status": "entered-in-error"}]
)  # fmt: skip
@pytest.mark.parametrize("channel", ["dmp", "mssante", "mssante-citoyen"])
def test_com_46__not_signed_or_not_in_force__refused(changes: dict[str, Any], channel: str, refusals: Refusals) -> None:
    assert refusals(document("80788-3", **changes), qualified(), channel=channel) == ["COM-46"]


def test_com_47__never_by_mssante__refused(refusals: Refusals) -> None:
    label = [{"coding": [{"system": "urn:dui-fhir:document", "code": "signalement"}]}]
    assert refusals(document("28653-4", category=label), qualified(), active=("pde",), channel="mssante") == ["COM-47"]


def test_check_sending__in_reprise__still_refuses(refusals: Refusals) -> None:
    assert refusals(document("80788-3"), reprise=True) == ["COM-01"]
