"""ANS, volets « Gestion du cercle de soins » 2.0.1, « Traçabilité d'évènements » 2.0.0, « Gestion d'agendas partagés »
3.0.0: search parameters. Source: guides/fr-fhir/cercle-de-soins.md, tracabilite.md, agendas.md.
"""

from typing import Any

import pytest

Fhir = Any
CDS = "https://interop.esante.gouv.fr/ig/fhir/cds/SearchParameter/cds-"


def _found(fhir: Fhir, query: str) -> int:
    answer = fhir.get(f"{query}&_summary=count", headers={"Prefer": "handling=strict"})
    assert answer.status_code == 200, answer.text
    return int(answer.json["total"])


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("start=2026-01-01", 1), ("start=gt2026-01-01", 0), ("end=2026-06-30", 1), ("end:missing=true", 0),
        ("participant-start=2026-02-01", 1), ("participant-start=lt2026-02-01", 0), ("participant-end=2026-03-01", 1),
    ],
)  # fmt: skip
def test_search__of_care_teams__by_the_dates_of_the_volet(fhir: Fhir, query: str, total: int) -> None:
    fhir.create(
        {
            "resourceType": "CareTeam",
            "status": "active",
            "period": {"start": "2026-01-01", "end": "2026-06-30"},
            "participant": [{"member": {"display": "X"}, "period": {"start": "2026-02-01", "end": "2026-03-01"}}],
        }
    )

    assert _found(fhir, f"CareTeam?{query}") == total


def test_search__of_care_teams__by_managing_organization(fhir: Fhir) -> None:
    organization = f"Organization/{fhir.create({'resourceType': 'Organization', 'name': 'SSIAD'})['id']}"
    fhir.create({"resourceType": "CareTeam", "status": "active", "managingOrganization": [{"reference": organization}]})

    assert _found(fhir, f"CareTeam?managingOrganization={organization}") == 1
    assert _found(fhir, "CareTeam?managingOrganization:Organization.name=ssiad") == 1


def test_search__of_patients__by_birthplace(fhir: Fhir) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
    fhir.create({"resourceType": "Patient", "extension": [{"url": url, "valueAddress": {"city": "Évreux"}}]})
    fhir.create({"resourceType": "Patient", "address": [{"city": "Évreux"}]})

    assert _found(fhir, "Patient?birthplace=evreux") == 1


def test_search__of_audit_events__by_period_start(fhir: Fhir) -> None:
    fhir.create(
        {
            "resourceType": "AuditEvent",
            "type": {"system": "urn:x", "code": "x"},
            "period": {"start": "2026-01-01"},
            "recorded": "2026-01-02T00:00:00Z",
            "agent": [{"requestor": True}],
            "source": {"observer": {"display": "x"}},
        }
    )

    assert _found(fhir, "AuditEvent?period-start=2026-01-01") == 1


@pytest.mark.parametrize(
    ("type", "name"),
    [("CareTeam", "careteam-start"), ("CareTeam", "careteam-managing-organization"), ("Patient", "patient-birthplace")],
)
def test_metadata__search_parameter_of_the_volet__is_declared(fhir: Fhir, type: str, name: str) -> None:
    resources = fhir.get("metadata").json["rest"][0]["resource"]

    (found,) = [r for r in resources if r["type"] == type]

    assert CDS + name in {p.get("definition") for p in found["searchParam"]}


def test_search__of_appointments__by_the_parameters_of_the_diaries(fhir: Fhir) -> None:
    fhir.create(
        {
            "resourceType": "Appointment",
            "status": "proposed",
            "created": "2026-01-01",
            "comment": "Fauteuil roulant",
            "participant": [{"actor": {"display": "X"}, "status": "needs-action"}],
        }
    )

    assert _found(fhir, "Appointment?created=2026-01-01") == 1
    assert _found(fhir, "Appointment?description=fauteuil") == 1
