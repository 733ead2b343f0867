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
    "_filter=name%20co%20%22x%22%20and%20not(birthdate%20pr%20true)", "_filter=patient[gender%20eq%20male].name%20eq%20x",
    "_filter=((((", "_filter=a.b.c.d.e.f.g%20eq%201", "_list=a", "_list=$current-problems", "_list=%00", "near=1|2|3|km",
    "_include:iterate=*", "_elements=a.b,c", "_explain=true", "job=..", "file=../x", "_since=2020-01-01T00:00:00+01:00",
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
    {"Prefer": "respond-async"},
    {"Prefer": "respond-async, return=minimal", "If-Match": 'W/"1"'},
    {"Content-Type": "application/xml-patch+xml"},
    {"Content-Type": "application/fhir+ndjson"},
]


def _checked(answer: Any) -> None:
    assert answer.status_code < 500 or _is_full(answer), answer.text
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


PATHS = [
    "/name",
    "/name/0/given/-",
    "/",
    "",
    "/id",
    "/resourceType",
    "/meta/tag/0",
    "/a~1b~2",
    "/name/99",
    "Patient.name",
    "Patient",
]
JSON_STEP = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"]), "path": st.sampled_from(PATHS)},
    optional={"value": VALUES, "from": st.sampled_from(PATHS)},
)
SELECTORS = [
    "Patient/name", "Patient/name/@value", "f:Patient/f:gender/@value", "/Patient", "//*", "Patient/name[1]/text()", "*/*",
    "Patient/identifier[system/@value='x']", "", "Patient/name[", "x:y", "@id", "Patient/text/h:div",
]  # fmt: skip
XML_STEP = st.builds(
    lambda op, selector, extra, inner: f'<{op} sel="{selector}"{extra}>{inner}</{op}>',
    st.sampled_from(["add", "remove", "replace", "x"]),
    st.sampled_from(SELECTORS),
    st.sampled_from(["", ' type="@id"', ' pos="before"', ' pos="prepend"', ' ws="both"', ' type="namespace::a"']),
    st.sampled_from(
        ["", "x", '<gender value="male"/>', '<a value=""/>', '<name><given value="é"/></name>', "<!-- c -->", "&amp;"]
    ),
)
FHIRPATH_PART = st.fixed_dictionaries(
    {"name": st.sampled_from(["type", "path", "name", "value", "index", "x"])},
    optional={
        "valueCode": st.sampled_from(["add", "delete", "move"]),
        "valueString": st.sampled_from(PATHS),
        "valueInteger": SCALARS,
    },
)
PATCHES = (
    st.lists(JSON_STEP, max_size=3).map(lambda steps: ("application/json-patch+json", json.dumps(steps).encode()))
    | st.lists(XML_STEP, max_size=3).map(
        lambda s: ("application/xml-patch+xml", f'<diff xmlns="http://hl7.org/fhir">{"".join(s)}</diff>'.encode())
    )
    | st.lists(FHIRPATH_PART | VALUES, max_size=5).map(
        lambda parts: (
            "application/fhir+json",
            json.dumps({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}).encode(),
        )
    )
    | st.tuples(st.sampled_from(["application/xml-patch+xml", "application/json-patch+json"]), st.binary(max_size=30))
)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(patch=PATCHES, path=st.sampled_from(["Patient/p", "Patient?_id=p", "Patient/absent"]))
def test_any_patch__whatever__is_never_a_5xx_and_keeps_the_identity(
    fhir: Fhir, patch: tuple[str, bytes], path: str
) -> None:
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p", "gender": "female", "name": [{"given": ["A", "B"]}]})

    _checked(fhir.call("PATCH", path, patch[1], headers={"Content-Type": patch[0]}))

    found = fhir.get("Patient/p").json
    assert (found["resourceType"], found["id"]) == ("Patient", "p")


INPUTS = [
    "meta", "_since", "_type", "_typeFilter", "_elements", "patient", "input", "inputFormat", "url", "code", "system", "resource",
    "return", "max", "persist", "start", "name", "filter", "count", "job", "file", "mode", "profile", "x", "valueSet", "coding",
]  # fmt: skip
_INPUT = st.fixed_dictionaries(
    {"name": st.sampled_from(INPUTS)},
    optional={
        "valueString": SCALARS, "valueCode": st.sampled_from(TEXTS), "valueUri": st.sampled_from(TEXTS), "valueBoolean": SCALARS,
        "valueMeta": VALUES, "valueReference": VALUES, "valueInteger": SCALARS, "resource": VALUES, "part": VALUES,
        "valueCoding": VALUES, "valueInstant": st.sampled_from(TEXTS),
    },
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    number=st.integers(0, 200),
    inputs=st.lists(_INPUT | VALUES, max_size=3),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    params=st.lists(st.sampled_from(PARAMS), max_size=2),
)
def test_any_operation__whatever_its_inputs__is_never_a_5xx_but_a_full_queue(
    fhir: Fhir, number: int, inputs: list[Any], method: str, params: list[str]
) -> None:
    fhir.put("Patient/p", {"resourceType": "Patient", "id": "p"})
    definition = fhir.engine.operations[number % len(fhir.engine.operations)].definition
    type = (definition.get("resource") or ["Patient"])[0].replace("Resource", "Patient")
    level = next(level for level in ("instance", "type", "system") if definition.get(level))
    path = {"system": "", "type": f"{type}/", "instance": f"{type}/p/"}[level] + f"${definition['code']}"
    url = path + (f"?{'&'.join(params)}" if params else "")

    answer = fhir.call(method, url, {"resourceType": "Parameters", "parameter": inputs} if method == "POST" else None)

    _checked(answer)


def _is_full(answer: Any) -> bool:
    """Tell the one 5xx that is a right answer: this tenant asked for more work than may wait."""
    return answer.status_code == 503 and "core-bulk-busy" in answer.text


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]),
    path=st.sampled_from(
        ["", "Patient", "Patient/a", "Patient?name=x", "Patinet/a", "Patient/_search", "Patient/a/$meta-add"]
    ),
    headers=st.sampled_from(HEADERS),
    body=VALUES.map(lambda v: json.dumps(v).encode()) | st.binary(max_size=20),
)
def test_any_write_put_off__whatever__is_accepted_or_refused_and_its_status_answers(
    fhir: Fhir, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    answer = fhir.call(method, path, body, headers={**headers, "Prefer": "respond-async"})

    _checked(answer)
    if answer.status_code == 202:
        # another structure's work is not there for who asks
        same = {name: value for name, value in headers.items() if name == "X-Dui-Structure"}
        status = fhir.get(answer.headers["Content-Location"], headers=same)
        _checked(status)
        assert status.status_code != 404
        assert fhir.delete(answer.headers["Content-Location"], headers=same).status_code == 202


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
