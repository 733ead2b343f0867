"""A person's way through a structure of each corridor, over HTTP on a real server with the fictitious structures in it.

Admission, evaluation, project, signature, the DMP as the corridor decides, the structure's own indicators, exit.
"""

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dui_fhir.demo.sample import DOMAINS, finess

pytestmark = pytest.mark.e2e

Resource = dict[str, Any]
TDDUI = "https://interop.esante.gouv.fr/ig/fhir/tddui/Questionnaire"
OWN = "urn:dui-fhir:questionnaire"
STAY = "https://identifiant-medicosocial-sejour.esante.gouv.fr"
GOES_TO_DMP = frozenset({"pa", "dom", "ph"})
EVALUATION = {
    "pa": (f"{OWN}:chutes", {"chutes-douze-mois": {"valueInteger": 1}, "mesures": {"valueString": "Lit abaissé."}}),
    "dom": (f"{TDDUI}/tddui-questionnaire-situation-ssiad", {"aucun-motif": {"valueBoolean": True}}),
    "ph": (f"{TDDUI}/tddui-questionnaire-serafin", {"besoin-mobilite": {"valueInteger": 2}}),
    "pde": (f"{OWN}:evaluation-enfant", {"developpement-sante-evaluation": {"valueString": "Bonne santé."}}),
    "ahi": (f"{OWN}:evaluation-sociale", {"sociale-evaluation": {"valueString": "Sans ressources."}}),
}
"""Corridor → an evaluation that it ships, and some answers; PDS and PJM have none."""
INDICATOR = {
    "pa": "PA-DLU", "dom": "DOM-INTERVENTIONS", "ph": "PH-ORIENTATION", "pde": "PDE-PPE", "pds": "PDS-PASSAGES",
    "ahi": "AHI-EXAMENS", "pjm": "PJM-DIPM",
}  # fmt: skip


class Place:
    """A structure of the tenant, asked as one of its professionals would."""

    def __init__(self, server: Any, corridor: str) -> None:
        self.corridor, self.number = corridor, finess(list(DOMAINS).index(corridor) + 1)
        self._client = server.client

    def ask(self, method: str, path: str, body: Resource | None = None) -> Any:
        return self._client.request(
            method,
            f"/t/demo/fhir/{path}",
            json=body,
            headers={"X-Dui-Structure": self.number, "Prefer": "return=representation"},
        )

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Resource, status: int = 201) -> Any:
        answer = self.ask("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def first(self, query: str) -> Resource:
        return dict(self.get(query)["entry"][0]["resource"])


@pytest.fixture(scope="module")
def server(
    make_module_server: Callable[..., Any], cli: Callable[..., "subprocess.CompletedProcess[str]"]
) -> Iterator[Any]:
    server = make_module_server()
    filled = cli("sample", "--persons", "2", "--tenant", "demo", "--data", str(server.data))
    assert filled.returncode == 0, filled.stderr
    server.start()
    return server


@pytest.fixture(params=sorted(DOMAINS))
def place(request: pytest.FixtureRequest, server: Any) -> Place:
    return Place(server, request.param)


@pytest.fixture
def stay(place: Place) -> Resource:
    return place.first(
        f"Encounter?service-provider=Organization/finess-{place.number}&identifier={STAY}|&status=in-progress"
    )


def parameters(**given: Any) -> Resource:
    kinds = {"kind": "valueCode", "capacity": "valueCode", "signer": "valueReference"}
    return {"resourceType": "Parameters", "parameter": [{"name": n, kinds[n]: v} for n, v in given.items()]}


def codes(outcome: Resource) -> list[str]:
    return [i["details"]["coding"][0]["code"] for i in outcome.get("issue", [])]


@pytest.mark.parametrize("place", sorted(EVALUATION), indirect=True)
def test_evaluation__form_of_the_corridor__found_answered_and_kept_in_the_file(place: Place, stay: Resource) -> None:
    url, answers = EVALUATION[place.corridor]
    form = place.first(f"Questionnaire?url={url}")
    known = {item["linkId"] for item in _fields(form["item"])}
    assert answers.keys() <= known

    stored = place.post("QuestionnaireResponse", {
        "resourceType": "QuestionnaireResponse", "status": "in-progress", "questionnaire": url, "subject": stay["subject"],
        "encounter": {"reference": f"Encounter/{stay['id']}"}, "authored": "2026-01-12",
        "identifier": {"system": "https://identifiant-medicosocial-evaluation.esante.gouv.fr",
                       "value": f"3{place.number}/U00001-EVAL-9"},
        "item": [{"linkId": link, "answer": [answer]} for link, answer in answers.items()],
    })  # fmt: skip
    found = place.get(f"QuestionnaireResponse?patient={stay['subject']['reference']}&questionnaire={url}")
    assert [e["resource"]["id"] for e in found["entry"]] == [stored["id"]]


def _fields(items: list[Any]) -> Iterator[Any]:
    for item in items:
        yield item
        yield from _fields(item.get("item", []))


def test_project__laid_out_signed_and_offered_to_the_dmp__goes_where_the_corridor_lets_it(
    place: Place, stay: Resource
) -> None:
    plan = place.first(f"CarePlan?patient={stay['subject']['reference']}")
    made = place.post(f"CarePlan/{plan['id']}/$generate", parameters(kind="ppa"), 200)
    pdf = place.ask("GET", made["content"][0]["attachment"]["url"].removeprefix("/t/demo/fhir/"))
    assert pdf.status_code == 200
    director = {"reference": f"Practitioner/direction-{place.number}"}
    place.post(f"DocumentReference/{made['id']}/$sign", parameters(signer=director, capacity="directeur"), 200)

    sent = place.ask("POST", f"DocumentReference/{made['id']}/$dmp-submit", {"resourceType": "Parameters"})
    if place.corridor in GOES_TO_DMP:
        assert (sent.status_code, sent.json()["resourceType"]) == (200, "Task")
    else:
        assert sent.status_code == 422
        assert "COM-44" in codes(sent.json()), "closed until the direction opens it"


def test_indicators__of_the_structure__its_own_among_them(place: Place) -> None:
    reports = place.get(f"Organization/finess-{place.number}/$indicators")["entry"]
    told = {e["resource"]["measure"].removeprefix("urn:dui-fhir:measure:").partition("|")[0] for e in reports}

    assert {INDICATOR[place.corridor], "ESMS-4"} <= told
    others = set(INDICATOR.values()) - {INDICATOR[place.corridor]}
    assert not told & others


def test_exit__stay_and_file_closed__follow_up_is_still_written(place: Place) -> None:
    held = f"Encounter?service-provider=Organization/finess-{place.number}&identifier={STAY}|&status=in-progress"
    leaving = place.get(held)["entry"][-1]["resource"]
    ended = {**leaving, "status": "finished", "period": {**leaving["period"], "end": "2026-11-24"}}
    done = place.ask("PUT", f"Encounter/{leaving['id']}", ended)
    assert done.status_code == 200, done.text
    episode = place.first(f"EpisodeOfCare?patient={leaving['subject']['reference']}")
    closed = {**episode, "status": "finished", "period": {**episode.get("period", {}), "end": "2026-11-24"}}
    done = place.ask("PUT", f"EpisodeOfCare/{episode['id']}", closed)
    assert done.status_code == 200, done.text

    note = place.post("Communication", {
        "resourceType": "Communication", "status": "completed", "subject": leaving["subject"], "sent": "2026-11-25T10:00:00+01:00",
        "category": [{"coding": [{"system": "urn:dui-fhir:communication", "code": "transmission"}]}],
        "encounter": {"reference": f"Encounter/{leaving['id']}"}, "payload": [{"contentString": "Appel une semaine après."}],
        "sender": {"reference": f"Practitioner/educ-{place.number}"},
    })  # fmt: skip
    assert note["id"]
