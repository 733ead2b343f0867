"""A structure changes the severity of a rule and a delay: seen by a running server without restart, and by the daily pass."""

import time
from collections.abc import Callable
from typing import Any

ONE, TWO = "010000001", "010000002"


def _stay(finess: str, id: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter", "id": id, "status": "in-progress", "class": {"code": "IMP"},
        "identifier": [{"system": "https://identifiant-medicosocial-sejour.esante.gouv.fr", "value": f"3{finess}/{id}-SEJOUR-1"}],
        "subject": {"reference": "Patient/p"}, "serviceProvider": {"reference": f"Organization/finess-{finess}"},
        "period": {"start": "2026-01-05"},
    }  # fmt: skip


def test_parameter__severity_raised_for_one_structure__refuses_there_and_warns_elsewhere(
    make_server: Callable[..., Any], cli: Callable[..., Any]
) -> None:
    server = make_server()
    structures = [f"{finess},500,EHPAD {finess},1 rue fictive" for finess in (ONE, TWO)]
    data = ("--data", str(server.data))
    assert (
        cli("tenant", "add", "demo", "--structure", structures[0], "--structure", structures[1], *data).returncode == 0
    )
    server.start()
    server.client.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"})
    assert server.client.put("/fhir/Encounter/a", json=_stay(ONE, "a")).status_code == 201
    told = cli("tenant", "parameter", "demo", "pa.severity.PA-06", "error", "--structure", ONE, *data)
    assert (told.returncode, told.stdout) == (0, f"demo, structure {ONE} : pa.severity.PA-06 = error.\n"), told.stderr
    time.sleep(1.5)  # what another process sets counts within a second
    refused = server.client.put("/fhir/Encounter/b", json=_stay(ONE, "b"))
    assert refused.status_code == 422
    assert "PA-06" in refused.text
    assert server.client.put("/fhir/Encounter/c", json=_stay(TWO, "c")).status_code == 201
    assert (
        "010000003" in cli("tenant", "parameter", "demo", "pa.severity.PA-06", "--structure", "010000003", *data).stderr
    )
    shown = cli("tenant", "show", "demo", *data).stdout
    assert 'pa.severity.PA-06 "error"' in shown
