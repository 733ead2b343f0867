"""A client that does anything: never a 5xx, every error an OperationOutcome, what was acknowledged is there.

Source of the rule: FHIR R4, http.html#Status-Codes (5xx are the server's own faults).
"""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

Fhir = Any
TYPES = ["Patient", "Task", "Consent", "Encounter", "Goal", "Patinet", "", "$op", "_history"]
IDS = ["a", "b", "c", "é", "a b", "x" * 65, ".", "_history"]
KEYS = [
    "resourceType", "id", "meta", "subject", "for", "patient", "basedOn", "reference", "extension", "url", "identifier",
    "system", "value", "name", "family", "status", "intent", "text", "div", "coding", "code", "period", "start", "entry",
    "request", "method", "fullUrl", "resource", "type", "contained", "valueReference", "supportingInfo", "encounter", "input",
    "profile", "tag", "serviceProvider", "birthDate", "_birthDate", "line", "_line", "given",
]  # fmt: skip
TEXTS = [
    "Patient/a",
    "Task/b",
    "#c",
    "urn:uuid:1",
    "transaction",
    "batch",
    "2020-02-30",
    "GET",
    "POST",
    "PUT",
    "3330785001/1",
    "Patient",
    "",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.sampled_from(TEXTS)
    | st.text(max_size=4)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=14,
)
PARAMS = [
    "_id=a", "name=x", "birthdate=ge2020-02-30", "_count=-1", "_count=0", "_sort=-birthdate", "_include=*", "_revinclude=*",
    "_has:Task:patient:code=x", "subject.name=x", "identifier=|", "_lastUpdated=gt1", "_page=x", "_summary=x", "_elements=",
    "_total=accurate", "_format=xml", "_since=x", "_at=2020", "a%00b=%ff", "_text=%27", "value-quantity=1|2|3|4", "date=ap2020",
]  # fmt: skip
HEADERS: list[dict[str, str]] = [
    {},
    {"If-Match": 'W/"1"'},
    {"If-Match": "x"},
    {"If-None-Exist": "identifier=a|b"},
    {"If-None-Exist": "?"},
    {"If-None-Match": "*"},
    {"Prefer": "return=OperationOutcome"},
    {"Accept": "application/fhir+xml"},
    {"Content-Type": "application/fhir+xml"},
    {"Content-Type": "application/json-patch+json"},
    {"Content-Encoding": "gzip"},
    {"X-Dui-Structure": "330785001"},
]


def _checked(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.data and answer.headers["Content-Type"].startswith("application/fhir+json"):
        outcome = json.loads(answer.data)
        assert outcome["resourceType"] == "OperationOutcome"
        for issue in outcome["issue"]:
            assert issue["details"]["coding"][0]["code"]
            assert issue["details"]["text"]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
    path=st.lists(st.sampled_from([*TYPES[:6], *IDS, "_history", "_search", "1", "$op", "*"]), max_size=4),
    params=st.lists(st.sampled_from(PARAMS), max_size=3),
    headers=st.sampled_from(HEADERS),
    body=st.binary(max_size=20) | VALUES.map(lambda v: json.dumps(v).encode()),
)  # fmt: skip
def test_any_request__whatever__is_never_a_5xx(
    fhir: Fhir, method: str, path: list[str], params: list[str], headers: dict[str, str], body: bytes
) -> None:
    url = "/".join(path) + (f"?{'&'.join(params)}" if params else "")

    _checked(fhir.call(method, url, body if method in ("POST", "PUT", "PATCH") else None, headers=headers))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(type=st.sampled_from(TYPES[:5]), elements=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_any_resource__whatever_its_content__is_never_a_5xx(fhir: Fhir, type: str, elements: dict[str, Any]) -> None:
    _checked(fhir.post(type, {**elements, "resourceType": type}))
    _checked(fhir.put(f"{type}/a", {**elements, "resourceType": type, "id": "a"}))


_URLS = ["Patient", "Patient/a", "Patient/b", "Task", "Patient?identifier=x", "TDDUIPatient", "Task/a", "/"]
_DRAFT = {"resourceType": "Task", "status": "draft", "intent": "plan"}
_RESOURCES = [
    {"resourceType": "Patient", "id": "a"},
    {"resourceType": "Patient", "identifier": [{"value": "x"}]},
    {**_DRAFT, "for": {"reference": "urn:uuid:1"}},
    {**_DRAFT, "id": "a", "for": {"reference": "Patient?identifier=x"}},
    {**_DRAFT, "basedOn": [{"reference": "Task/a"}]},
    {"resourceType": "Task", "status": 3},
]
_METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"])
_ENTRY = st.fixed_dictionaries(
    {
        "request": st.fixed_dictionaries(
            {
                "method": _METHODS,
                "url": st.sampled_from(_URLS),
            },
            optional={
                "ifMatch": st.sampled_from(['W/"1"', "x"]),
                "ifNoneExist": st.sampled_from(["identifier=x", "", "zz=1"]),
            },
        )
    },
    optional={
        "fullUrl": st.sampled_from(["urn:uuid:1", "urn:uuid:2", "https://x.example/fhir/Patient/a", "x"]),
        "resource": st.sampled_from(_RESOURCES),
    },
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(type=st.sampled_from(["transaction", "batch"]), entries=st.lists(_ENTRY | VALUES, max_size=4))
def test_any_bundle__whatever__is_never_a_5xx_and_a_refused_one_leaves_nothing(
    fhir: Fhir, type: str, entries: list[Any]
) -> None:
    before = fhir.get("_history?_count=1").json["total"]

    answer = fhir.post("", {"resourceType": "Bundle", "type": type, "entry": entries})

    _checked(answer)
    if answer.status_code >= 400:
        assert fhir.get("_history?_count=1").json["total"] == before
    else:
        assert [e["response"]["status"][0] for e in answer.json.get("entry", [])].count("5") == 0


def test_any_sequence__of_one_client__keeps_what_it_was_told(fhir: Fhir) -> None:
    class Client(RuleBasedStateMachine):
        """Knows what the server must hold: ``kept`` by id, ``versions`` so far."""

        @initialize()
        def start(self) -> None:
            self.kept: dict[str, tuple[str, int] | None] = {}
            self.versions: dict[str, int] = {}
            fhir.engine.stores.create(f"{fhir.tenant}-{id(self)}")
            self.fhir = type(fhir)(fhir.client, fhir.engine, f"{fhir.tenant}-{id(self)}")

        @rule(id=st.sampled_from("abc"), text=st.sampled_from(["x", "y"]))
        def put(self, id: str, text: str) -> None:
            answer = self.fhir.put(f"Basic/{id}", {"resourceType": "Basic", "id": id, "code": {"text": text}})
            current = self.kept.get(id)
            same = current is not None and current[0] == text
            number = self.versions.get(id, 0) + (0 if same else 1)
            assert answer.status_code == (200 if current else 201)
            assert answer.headers["ETag"] == f'W/"{number}"'
            self.kept[id], self.versions[id] = (text, number), number

        @rule(id=st.sampled_from("abc"))
        def delete(self, id: str) -> None:
            assert self.fhir.delete(f"Basic/{id}").status_code == 204
            if self.kept.get(id):
                self.versions[id] += 1
                self.kept[id] = None

        @rule(id=st.sampled_from("abc"), number=st.integers(1, 4))
        def put_if_match(self, id: str, number: int) -> None:
            body = {"resourceType": "Basic", "id": id, "code": {"text": "z"}}
            answer = self.fhir.put(f"Basic/{id}", body, headers={"If-Match": f'W/"{number}"'})
            current = self.kept.get(id)
            if current is None or current[1] != number:
                assert answer.status_code == 412
                return
            assert answer.status_code == 200
            self.versions[id] += 0 if current[0] == "z" else 1
            self.kept[id] = ("z", self.versions[id])

        @invariant()
        def told(self) -> None:
            for id, current in getattr(self, "kept", {}).items():
                answer = self.fhir.get(f"Basic/{id}")
                assert answer.status_code == (200 if current else 410)
                if current:
                    assert answer.json["code"]["text"] == current[0]

    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Client, settings=settings(max_examples=15, stateful_step_count=12, deadline=None))
