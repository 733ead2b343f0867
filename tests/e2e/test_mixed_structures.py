"""One organisme, several corridors at once: the rules that apply are those of the structure of the stay, else of the actor.

CMPP (handicap, children), service autonomie à domicile with help and care, IME and MECS of an association that is half one half
the other, a placement service that is both, an EHPAD: over HTTP, on a real server.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dui_fhir.domain import aggir_response

pytestmark = pytest.mark.e2e

CMPP, SAD, IME, MECS, CAFS, EHPAD = (f"3300000{n:02d}" for n in range(1, 7))
CATEGORIES = {CMPP: "189", SAD: "209", IME: "183", MECS: "177", EHPAD: "500"}
STAY = "https://identifiant-medicosocial-sejour.esante.gouv.fr"
CONTRACTS = "https://mos.esante.gouv.fr/NOS/TRE_R393-TypeContratSejour/FHIR/TRE-R393-TypeContratSejour"
ACTIVITIES = "urn:dui-fhir:activite"
OUTCOME = {"Prefer": "return=OperationOutcome"}
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def server(make_module_server: Callable[..., Any], cli: Callable[..., Any]) -> Iterator[Any]:
    server = make_module_server()
    data = ("--data", str(server.data))
    places = [word for f, c in CATEGORIES.items() for word in ("--structure", f"{f},{c},Structure {c},1 rue fictive")]
    for words in (places, ["--structure", f"{CAFS},238,CAFS,1 rue fictive", "--corridor", "ph", "--corridor", "pde"]):
        done = cli("tenant", "add", "demo", *words, *data)
        assert done.returncode == 0, done.stderr
    server.start()
    for id, born in (("enfant", "2014-05-01"), ("adulte", "1980-05-01"), ("agee", "1940-05-01")):
        put(server, {"resourceType": "Patient", "id": id, "birthDate": born})
    return server


def put(server: Any, resource: Resource, structure: str = "") -> set[str]:
    """Write a resource; return the ids of the rules that refused or remarked."""
    headers = {**OUTCOME, **({"X-Dui-Structure": structure} if structure else {})}
    answer = server.client.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource, headers=headers)
    assert answer.status_code in (200, 201, 422), answer.text
    issues = answer.json().get("issue", []) if answer.content else []
    found = {i["details"]["coding"][0]["code"] for i in issues if "coding" in i.get("details", {})}
    return {id for id in found if id[:1].isupper()} | ({"refused"} if answer.status_code == 422 else set())


def stay(finess: str, person: str, id: str = "", **more: Any) -> Resource:
    id = id or f"s{finess}-{person}"
    return {
        "resourceType": "Encounter", "id": id, "status": "in-progress", "class": {"code": "HH"},
        "identifier": [{"system": STAY, "value": f"3{finess}/1-SEJOUR-{id}"}], "subject": {"reference": f"Patient/{person}"},
        "serviceProvider": {"reference": f"Organization/finess-{finess}"}, "period": {"start": "2026-01-05"}, **more,
    }  # fmt: skip


def doing(*activities: str) -> Resource:
    return {"type": [{"coding": [{"system": ACTIVITIES, "code": activity}]} for activity in activities]}


def grid(id: str, **more: Any) -> Resource:
    """A grid whose answers deny the result sent."""
    made = aggir_response.build("CCCCCCCC", subject="Patient/agee", identifier=f"sans-structure-{id}", declared=4)
    return {**made, "id": id, "authored": "2026-01-12", **more}


@pytest.mark.parametrize(
    ("finess", "person", "rules"),
    [
        (IME, "enfant", {"PH-01"}),  # bound to an orientation
        (CMPP, "enfant", set()),  # handicap too, and open without one
        (MECS, "enfant", set()),
        (CAFS, "enfant", {"PH-01"}),  # both corridors
        (EHPAD, "agee", {"PA-06"}),
        (SAD, "agee", set()),
        (SAD, "adulte", {"DOM-05"}),
    ],
    ids=["IME", "CMPP", "MECS", "CAFS", "EHPAD", "SAD", "SAD-adult"],
)
def test_admission__of_each_structure__its_own_rules_only(
    server: Any, finess: str, person: str, rules: set[str]
) -> None:
    assert put(server, stay(finess, person)) & {"PH-01", "PA-06", "DOM-05", "PDE-01"} == rules


@pytest.mark.parametrize(
    ("activities", "rules"),
    [((), {"DOM-05"}), (("aide",), set()), (("soins",), {"DOM-05"}), (("aide", "soins"), {"DOM-05"})],
)
def test_mixed_service_at_home__help_alone__asks_for_no_reason_of_care(
    server: Any, activities: tuple[str, ...], rules: set[str]
) -> None:
    id = f"mixte-{'-'.join(activities) or 'rien'}"
    put(server, {"resourceType": "Patient", "id": id, "birthDate": "1990-01-01"})

    assert put(server, stay(SAD, id, id, **(doing(*activities) if activities else {}))) & {"DOM-05", "refused"} == rules


def test_mixed_service_at_home__help_and_care_as_two_stays__both_open(server: Any) -> None:
    put(server, {"resourceType": "Patient", "id": "deux", "birthDate": "1940-01-01"})

    assert "refused" not in put(server, stay(SAD, "deux", "aide", **doing("aide")))
    assert "refused" not in put(server, stay(SAD, "deux", "soins", **doing("soins")))
    assert {"COM-10", "refused"} <= put(server, stay(SAD, "deux", "soins-encore", **doing("soins")))


def test_evaluation__of_a_stay__judged_by_the_structure_of_the_stay_whoever_writes(server: Any) -> None:
    for finess in (EHPAD, SAD):
        put(server, stay(finess, "agee"))
    at_home, hosted, child = (
        {"encounter": {"reference": f"Encounter/s{f}-{p}"}}
        for f, p in ((SAD, "agee"), (EHPAD, "agee"), (MECS, "enfant"))
    )
    put(server, stay(MECS, "enfant"))
    known = {"PA-01", "DOM-12"}

    assert put(server, grid("g1", **at_home)) & known == {"DOM-12"}
    assert put(server, grid("g2", **hosted)) & known == {"PA-01"}
    assert put(server, grid("g3", **at_home), structure=EHPAD) & known == {"DOM-12"}
    assert put(server, grid("g4", **child), structure=EHPAD) & known == set()


def test_evaluation__of_no_stay__judged_by_the_structure_of_the_actor(server: Any) -> None:
    known = {"PA-01", "DOM-12"}

    assert put(server, grid("g5"), structure=EHPAD) & known == {"PA-01"}
    assert put(server, grid("g6"), structure=SAD) & known == {"DOM-12"}
    assert put(server, grid("g7"), structure=MECS) & known == set()
    assert put(server, grid("g8")) & known == set()


def test_stay__structure_told_by_its_finess_alone__its_rules_apply(server: Any) -> None:
    logical = {"identifier": {"system": "https://finess.esante.gouv.fr", "value": IME}}
    put(server, {"resourceType": "Patient", "id": "logique", "birthDate": "2014-01-01"})

    assert "PH-01" in put(server, stay("999999999", "logique", "logique", serviceProvider=logical))


def test_measure_and_contract__half_and_half__each_by_its_corridor(server: Any) -> None:
    """A judicial DIPC belongs to child protection, a contract of support by work to the ESAT: neither bothers the other."""
    contract = {
        "resourceType": "Contract", "id": "c", "status": "executed", "subject": [{"reference": "Patient/enfant"}],
        "type": {"coding": [{"system": CONTRACTS, "code": "CS"}]},
        "extension": [{"url": "urn:dui-fhir:extension:cadre", "valueCode": "judiciaire"}],
    }  # fmt: skip

    assert "PDE-16" in put(server, contract, structure=MECS)
    assert "PDE-16" in put(server, contract, structure=CAFS)
    assert "PDE-16" not in put(server, contract, structure=IME)
    assert "PDE-16" not in put(server, contract, structure=CMPP)


def test_daily_pass__one_child_in_two_structures__delays_of_both(server: Any, cli: Callable[..., Any]) -> None:
    put(server, {"resourceType": "Patient", "id": "deux-mondes", "birthDate": "2014-01-01"})
    for finess in (CMPP, MECS):
        put(server, stay(finess, "deux-mondes"))
    done = cli("clock", "--tenant", "demo", "--date", "2026-09-01", "--data", str(server.data))
    assert done.returncode == 0, done.stderr
    found = server.client.get("/fhir/Task?patient=Patient/deux-mondes&_count=200").json()
    rules = {c["code"] for e in found["entry"] for c in e["resource"].get("reasonCode", {}).get("coding", [])}

    assert {"PH-04", "PH-06", "PDE-09"} <= rules
    assert not any(rule.startswith(("PA-", "DOM-")) for rule in rules)
