"""AGGIR over HTTP: the server computes the GIR of each check vector and refuses any other (rules PA-01, PA-02)."""

from collections.abc import Callable
from typing import Any

import pytest

from dui_fhir.domain import aggir_response

pytestmark = pytest.mark.e2e

FINESS = "330785001"
VECTORS = [
    ("CCCCCCCC", 1), ("CCCCCCAA", 2), ("CCAAAAAA", 2), ("AACCCCCC", 2), ("AACCCCBB", 2), ("BBCCBBAA", 3), ("AACCBBAA", 3),
    ("BBBBBBBB", 4), ("AABBAAAA", 4), ("AABAAAAA", 5), ("AAAAAACC", 5), ("BAAAAAAA", 6), ("AAAAAAAB", 6), ("AAAAAAAA", 6),
]  # fmt: skip
"""Eight discriminating variables and the GIR of annexe 2-2 (CASF), computed by hand."""


def _ids(outcome: dict[str, Any]) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in outcome.get("issue", [])]


def test_aggir__check_vectors_posted__right_gir_is_stored_and_any_other_refused(
    make_server: Callable[..., Any], cli: Callable[..., Any]
) -> None:
    server = make_server()
    structure = f"{FINESS},500,EHPAD d'essai,1 rue des Lilas, 33000 Bordeaux"
    assert cli("tenant", "add", "demo", "--structure", structure, "--data", str(server.data)).returncode == 0
    server.start()
    patient = server.client.post("/fhir/Patient", json={"resourceType": "Patient", "birthDate": "1936-06-21"}).json()

    for number, (profile, gir) in enumerate(VECTORS):
        for declared in range(1, 7):
            response = aggir_response.build(
                profile,
                subject=f"Patient/{patient['id']}",
                identifier=f"3{FINESS}/E2E-EVAL-{number}{declared}",
                declared=declared,  # type: ignore[arg-type]
            )
            answer = server.client.post("/fhir/QuestionnaireResponse", json=response)
            if declared == gir:
                assert answer.status_code == 201, (profile, answer.text)
            else:
                assert answer.status_code == 422, (profile, declared)
                assert "PA-01" in _ids(answer.json())
    stored = server.client.get("/fhir/QuestionnaireResponse?_summary=count").json()
    assert stored["total"] == len(VECTORS)


def test_aggir__one_variable_missing__is_stored_as_a_draft_and_refused_as_final(
    make_server: Callable[..., Any], cli: Callable[..., Any]
) -> None:
    server = make_server()
    structure = f"{FINESS},500,EHPAD d'essai,1 rue des Lilas, 33000 Bordeaux"
    assert cli("tenant", "add", "demo", "--structure", structure, "--data", str(server.data)).returncode == 0
    server.start()
    partial = aggir_response.build("CCCCCCAA", subject="Patient/absent", identifier=f"3{FINESS}/E2E-EVAL-9")
    partial["item"][0]["answer"][0]["item"] = partial["item"][0]["answer"][0]["item"][1:]

    final = server.client.post("/fhir/QuestionnaireResponse", json=partial)
    draft = server.client.post("/fhir/QuestionnaireResponse", json={**partial, "status": "in-progress"})

    assert final.status_code == 422
    assert "PA-02" in _ids(final.json())
    assert draft.status_code == 201, draft.text
